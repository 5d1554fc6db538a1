"""Small uploads that once took seconds or gigabytes to read are refused by a real server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.serve.conftest import publisher_of
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, multipart, sdist, upload_form, wheel
from tests.support.hostile_archives import (
    DEFLATED,
    INFO,
    METADATA,
    TOP,
    Entry,
    Member,
    build_sdist,
    build_wheel,
)
from tests.support.live import ServeProcess

MIB = 1024 * 1024
ALLOWED_GROWTH = 48 * MIB
SOUND = wheel("sound")


def _wheel(*more: Member, metadata: bytes = METADATA) -> Distribution:
    return replace(wheel(), content=build_wheel(*more, metadata=metadata))


def _entry_points(content: bytes) -> Distribution:
    name = f"{INFO}/entry_points.txt"
    return _wheel(Member(name=name, content=content, method=DEFLATED))


def _long_names() -> Distribution:
    members = (Entry(name=f"{TOP}/{number}{'x' * 60_000}") for number in range(900))
    return replace(sdist(), content=build_sdist(*members))


def _hostile() -> dict[str, Distribution]:
    """By shape; not made before they are needed."""
    return {
        "a line of blanks": _entry_points(b"[console_scripts]\na =" + b" " * 400_000 + b"b\n"),
        "lines without end": _entry_points(b"[console_scripts]\n" + b"a=b\n" * 1_000_000),
        "headers without end": _wheel(
            metadata=METADATA + b"".join(b"X-%d: 1\n" % number for number in range(100_000))
        ),
        "messages within messages": _wheel(
            metadata=METADATA + b"Content-Type: message/rfc822\n" * 100_000
        ),
        "comments within comments": _wheel(
            metadata=METADATA + b"Description-Content-Type: text/plain" + b"(" * 100_000 + b"\n"
        ),
        "names without end": _long_names(),
        "a name that is not UTF-8": replace(
            sdist(), content=build_sdist(Entry(name=f"{TOP}/\udce9\n.py", format=1))
        ),
        "tags without end": replace(
            wheel(), filename="-".join(["demo-1.0", *[".".join(["a"] * 34)] * 3]) + ".whl"
        ),
    }


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
def test_hostile_archives_are_refused_in_little_memory(server: ServeProcess) -> None:
    """U113"""
    with publisher_of(server) as publisher:
        assert publisher.upload(SOUND).status == 200  # everything is loaded
        before = server.peak_memory()
        for shape, dist in _hostile().items():
            answer = publisher.upload(dist)
            assert answer.status == 400, (shape, answer.text)
            assert len(answer.text) < 1000, shape
        assert _with_attestations(server) == 413
        assert publisher.get("/repositories/main/simple/demo/").status == 404
        assert publisher.get("/repositories/main/simple/sound/").status == 200
    assert server.peak_memory() - before < ALLOWED_GROWTH


def _with_attestations(server: ServeProcess) -> int:
    """What is answered to 12 MB of them."""
    document = json.dumps([attestation(SOUND, entry={"a": [[]] * 3_000_000})])
    other = wheel("sound", tag="py2-none-any")
    content = ("content", other.filename, other.content, "application/octet-stream")
    body, kind = multipart(upload_form(other, attestations=document), [content])
    with publisher_of(server) as publisher:
        return publisher.request("POST", "/repositories/main/", {"Content-Type": kind}, body).status
