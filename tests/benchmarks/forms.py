"""Uploads to send: small wheels by the hundred, and wheels too large to be held in memory."""

from __future__ import annotations

import hashlib
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.client import Form
from tests.support.distributions import Distribution, multipart, upload_form, wheel

_BLOCK = 1024 * 1024
_OVERHEAD = 900  # bytes of a wheel beside its padding
_FILES_PER_PROJECT = 10


def form_of(distribution: Distribution) -> Form:
    """The upload of a distribution that is held in memory."""
    content = ("content", distribution.filename, distribution.content, "application/octet-stream")
    body, content_type = multipart(upload_form(distribution), [content])
    return Form(content_type, body)


def small_files(label: str, count: int, size: int) -> Iterator[Distribution]:
    """Wheels of about `size` bytes, ten to a project, none of which any other label has."""
    for number in range(count):
        yield wheel(
            f"{label}-{number // _FILES_PER_PROJECT}",
            f"1.{number % _FILES_PER_PROJECT}",
            padding=size - _OVERHEAD,
        )


def small_wheels(label: str, count: int, size: int) -> list[Form]:
    """The uploads of `small_files`."""
    return [form_of(file) for file in small_files(label, count, size)]


def releases(project: str, count: int, *, first: int = 1) -> list[Form]:
    """`count` wheels of one project, as small as they get, with what a page usually tells.

    first: of all parts of their versions.
    """
    return [
        form_of(wheel(project, f"{first}.{number}", requires_python=">=3.9"))
        for number in range(count)
    ]


def large_wheel(folder: Path, project: str, version: str, size: int) -> tuple[Path, Form]:
    """A wheel of at least `size` bytes as a file, and the form around it."""
    small = wheel(project, version)
    path = small.save(folder)
    with zipfile.ZipFile(path, "a") as archive:
        padding = zipfile.ZipInfo(f"{project}/padding.bin")
        with archive.open(padding, "w", force_zip64=True) as member:
            for block in _blocks(f"{project} {version}", size):
                member.write(block)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    fields = upload_form(small, sha256_digest=sha256, blake2_256_digest=None)
    marker = b"the file goes here"
    body, content_type = multipart(fields, [("content", path.name, marker, None)])
    start, _marker, end = body.rpartition(marker)
    return path, Form(content_type, start, path, end)


def _blocks(seed: str, size: int) -> Iterator[bytes]:
    block = random.Random(seed).randbytes(_BLOCK)
    for _ in range(-(-size // _BLOCK)):
        yield block
