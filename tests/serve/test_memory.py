"""A large file goes in and out through a server that stays as small as it was."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import publisher_of
from tests.support.distributions import multipart, wheel
from tests.support.http import basic
from tests.support.live import ServeProcess

MIB = 1024 * 1024
SIZE = 512 * MIB  # no part of the server treats a larger one in another way
ALLOWED_GROWTH = SIZE // 16
CHUNK = bytes(MIB)
NAME = "big-1.0-py3-none-any.whl"


class SparseFile(io.FileIO):
    """Zeros written in whole chunks take no room on the disk."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if data == CHUNK:
            self.seek(len(data), io.SEEK_CUR)
            return len(data)
        return super().write(data)


def big_wheel(path: Path) -> None:
    """A real wheel whose one large member is stored, not compressed."""
    small = wheel("big")
    with SparseFile(path, "w+") as file, zipfile.ZipFile(file, "w") as archive:
        member = zipfile.ZipInfo("big/zeros.bin", (2020, 2, 2, 0, 0, 0))
        member.file_size = SIZE
        with archive.open(member, "w") as stream:
            for _ in range(SIZE // MIB):
                stream.write(CHUNK)
        with zipfile.ZipFile(io.BytesIO(small.content)) as source:
            for name in source.namelist():
                archive.writestr(name, source.read(name))


def send(connection: HTTPConnection, path: Path, sha256: str) -> HTTPResponse:
    """The upload as a generator: this process holds no more of it than the other."""
    form = {
        ":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1",
        "name": "big", "version": "1.0", "filetype": "bdist_wheel", "pyversion": "py3",
        "sha256_digest": sha256,
    }  # fmt: skip
    marker = b"the content goes here"
    frame, content_type = multipart(form, [("content", NAME, marker, None)])
    before, _, after = frame.partition(marker)

    def body() -> Iterator[bytes]:
        yield before
        with path.open("rb") as file:
            while chunk := file.read(MIB):
                yield chunk
        yield after

    length = len(before) + path.stat().st_size + len(after)
    headers = {"Content-Type": content_type, "Content-Length": str(length)}
    connection.request("POST", "/repositories/main/", body(), {**basic(USER, PASSWORD), **headers})
    return connection.getresponse()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
def test_half_a_gibibyte(server: ServeProcess, tmp_path: Path) -> None:
    path = tmp_path / NAME
    big_wheel(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with publisher_of(server) as publisher:
        assert publisher.upload(wheel("small", padding=MIB)).status == 200  # everything is loaded
        publisher.get("/repositories/main/simple/small/")
    before = server.peak_memory()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        answer = send(connection, path, sha256)
        text = answer.read()
        after_upload = server.peak_memory()
        location = f"{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{NAME}"
        connection.request(
            "GET", f"/repositories/main/files/{location}", headers=basic(USER, PASSWORD)
        )
        download = connection.getresponse()
        with path.open("rb") as file:
            while chunk := download.read(MIB):
                assert chunk == file.read(MIB)
            assert file.read() == b""
        after_download = server.peak_memory()
    finally:
        connection.close()
        for stored in tmp_path.rglob(NAME):
            stored.unlink()  # pytest would keep it for three more runs

    assert answer.status == 200, text
    assert download.status == 200
    assert after_upload - before < ALLOWED_GROWTH
    assert after_download - before < ALLOWED_GROWTH
