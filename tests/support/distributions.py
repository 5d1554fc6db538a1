"""Real wheels and sdists, built in memory: the same arguments give the same bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from packaging.metadata import parse_email
from packaging.utils import canonicalize_version

_EPOCH = (2020, 2, 2, 0, 0, 0)
_EPOCH_SECONDS = 1580601600

# An sdist carries its own build backend, so that it installs without a network.
_BACKEND = """\
import os
import zipfile

NAME, VERSION = {name!r}, {version!r}


def build_wheel(folder, config_settings=None, metadata_directory=None):
    filename = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    wheel = "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    written = []
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for parent, _, names in os.walk(NAME):
            for name in sorted(names):
                written.append(os.path.join(parent, name).replace(os.sep, "/"))
                archive.write(written[-1])
        archive.write("PKG-INFO", f"{{info}}/METADATA")
        archive.writestr(f"{{info}}/WHEEL", wheel)
        written += [f"{{info}}/{{name}}" for name in ("METADATA", "WHEEL", "RECORD")]
        archive.writestr(f"{{info}}/RECORD", "".join(f"{{path}},,\\n" for path in written))
    return filename


def build_sdist(folder, config_settings=None):
    raise NotImplementedError("this tree is an sdist already")
"""

_BUILD_SYSTEM = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# Metadata fields whose form field has another name.
_FORM_NAMES = {
    "platforms": "platform",
    "supported_platforms": "supported_platform",
    "license_files": "license_file",
}
_NEVER_SENT = {"import_names", "import_namespaces"}


@dataclass(frozen=True)
class Distribution:
    """A distribution file and what an index would say about it."""

    filename: str
    content: bytes
    name: str
    version: str
    filetype: Literal["bdist_wheel", "sdist"]
    pyversion: str
    metadata: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @property
    def blake2_256(self) -> str:
        return hashlib.blake2b(self.content, digest_size=32).hexdigest()

    @property
    def path(self) -> str:
        """Where an index has it, below `files/`."""
        return f"{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256[4:]}/{self.filename}"

    def save(self, folder: Path) -> Path:
        """Write the file into the folder, under its own name."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


def wheel(
    name: str = "demo",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    build: str | None = None,
    requires_python: str | None = None,
    requires_dist: Iterable[str] = (),
    extra_metadata: str = "",
    description: str = "",
    files: Mapping[str, bytes] | None = None,
    metadata_version: str = "2.1",
    filename: str | None = None,
    padding: int = 0,
) -> Distribution:
    """A wheel with one importable package.

    `extra_metadata` is added to the headers of METADATA as it stands, `files` to the
    archive (or replaces a file of that path), `padding` is a number of incompressible bytes.
    """
    escaped, escaped_version = _escape(name), _escape_version(version)
    info = f"{escaped}-{escaped_version}.dist-info"
    metadata = _metadata(
        metadata_version, name, version, requires_python, requires_dist, extra_metadata, description
    )
    contents = {
        f"{escaped}/__init__.py": _module(version),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": _wheel_file(tag, build),
        **_padding_file(f"{escaped}/padding.bin", name, version, padding),
        **(files or {}),
    }
    contents.setdefault(f"{info}/RECORD", _record(contents, f"{info}/RECORD"))
    parts = [escaped, escaped_version, *([build] if build else []), tag]
    return Distribution(
        filename=filename or "-".join(parts) + ".whl",
        content=_zip(contents),
        name=name,
        version=version,
        filetype="bdist_wheel",
        pyversion=tag.split("-")[0],
        metadata=contents[f"{info}/METADATA"],
    )


def sdist(
    name: str = "demo",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    requires_dist: Iterable[str] = (),
    extra_metadata: str = "",
    description: str = "",
    files: Mapping[str, bytes] | None = None,
    metadata_version: str = "2.1",
    filename: str | None = None,
    padding: int = 0,
) -> Distribution:
    """A source distribution that pip can install offline; see `wheel` for the arguments.

    The paths in `files` are relative to the archive's one top folder.
    """
    escaped, escaped_version = _escape(name), _escape_version(version)
    metadata = _metadata(
        metadata_version, name, version, requires_python, requires_dist, extra_metadata, description
    )
    contents = {
        "PKG-INFO": metadata,
        "pyproject.toml": _BUILD_SYSTEM.encode(),
        "backend.py": _BACKEND.format(name=escaped, version=escaped_version).encode(),
        f"{escaped}/__init__.py": _module(version),
        **_padding_file(f"{escaped}/padding.bin", name, version, padding),
        **(files or {}),
    }
    top = f"{escaped}-{escaped_version}"
    return Distribution(
        filename=filename or f"{top}.tar.gz",
        content=_tar_gz(
            {f"{top}/{path}": content for path, content in contents.items()},
            compresslevel=0 if padding else 6,
        ),
        name=name,
        version=version,
        filetype="sdist",
        pyversion="source",
        metadata=contents["PKG-INFO"],
    )


def upload_form(
    dist: Distribution, **overrides: str | list[str] | None
) -> dict[str, str | list[str]]:
    """The text fields of a legacy upload, as twine sends them.

    An override of None drops the field; `**{":action": ...}` overrides the action.
    """
    form: dict[str, str | list[str] | None] = {
        ":action": "file_upload",
        "protocol_version": "1",
        **dict(_metadata_fields(dist.metadata)),
        "name": re.sub(r"[^A-Za-z0-9.]+", "-", dist.name),
        "version": dist.version,
        "filetype": dist.filetype,
        "pyversion": dist.pyversion,
        "sha256_digest": dist.sha256,
        "blake2_256_digest": dist.blake2_256,
        **overrides,
    }
    return {field: value for field, value in form.items() if value is not None}


def multipart(
    fields: Mapping[str, str | list[str]],
    files: Iterable[tuple[str, str, bytes, str | None]],
) -> tuple[bytes, str]:
    """A multipart/form-data body and its Content-Type.

    A file is (field, filename, content, content type); without a content type the part
    has no Content-Type header, as uv and flit send it.
    """
    boundary = uuid4().hex
    body = bytearray()

    def add(disposition: str, content: bytes, content_type: str | None = None) -> None:
        headers = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
        if content_type is not None:
            headers += f"Content-Type: {content_type}\r\n"
        body.extend(headers.encode() + b"\r\n" + content + b"\r\n")

    for field, value in fields.items():
        for text in [value] if isinstance(value, str) else value:
            add(f'name="{field}"', text.encode())
    for field, filename, content, content_type in files:
        add(f'name="{field}"; filename="{filename}"', content, content_type)
    body.extend(f"--{boundary}--\r\n".encode())
    return bytes(body), f"multipart/form-data; boundary={boundary}"


def _metadata(
    metadata_version: str,
    name: str,
    version: str,
    requires_python: str | None,
    requires_dist: Iterable[str],
    extra_metadata: str,
    description: str,
) -> bytes:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires_dist]
    lines += extra_metadata.strip("\n").splitlines()
    text = "\n".join(lines) + "\n"
    return (text + f"\n{description}" if description else text).encode()


def _metadata_fields(metadata: bytes) -> Iterator[tuple[str, str | list[str]]]:
    raw, _ = parse_email(metadata)
    for key, value in raw.items():
        if key in _NEVER_SENT:
            continue
        field = _FORM_NAMES.get(key, key)
        if key == "keywords" and isinstance(value, list):
            yield field, ", ".join(value)
        elif isinstance(value, dict):
            yield field, [f"{label}, {url}" for label, url in value.items()]
        elif isinstance(value, str | list):
            yield field, value


def _wheel_file(tag: str, build: str | None) -> bytes:
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    lines = ["Wheel-Version: 1.0", "Generator: tests", "Root-Is-Purelib: true"]
    lines += [f"Tag: {py}-{abi}-{plat}" for py in pythons for abi in abis for plat in platforms]
    lines += [f"Build: {build}"] if build else []
    return ("\n".join(lines) + "\n").encode()


def _record(contents: Mapping[str, bytes], own_path: str) -> bytes:
    def digest(content: bytes) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

    lines = [
        f"{path},sha256={digest(content)},{len(content)}" for path, content in contents.items()
    ]
    return "\n".join([*lines, f"{own_path},,", ""]).encode()


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in contents.items():
            member = zipfile.ZipInfo(path, _EPOCH)
            member.external_attr = 0o100644 << 16
            padding = path.endswith(".bin")
            member.compress_type = zipfile.ZIP_STORED if padding else zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return buffer.getvalue()


def _tar_gz(contents: Mapping[str, bytes], compresslevel: int) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", compresslevel, buffer, mtime=_EPOCH_SECONDS) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in contents.items():
            member = tarfile.TarInfo(path)
            member.size, member.mtime = len(content), _EPOCH_SECONDS
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _padding_file(path: str, name: str, version: str, size: int) -> dict[str, bytes]:
    return {path: random.Random(f"{name} {version}").randbytes(size)} if size else {}


def _module(version: str) -> bytes:
    return f'__version__ = "{version}"\n'.encode()


def _escape(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _escape_version(version: str) -> str:
    return canonicalize_version(version, strip_trailing_zero=False).replace("-", "_")
