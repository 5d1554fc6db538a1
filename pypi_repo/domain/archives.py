"""Opens a wheel or an sdist within limits and hands back its core metadata, byte for byte.

Nothing is ever extracted to disk, and nothing an archive declares about itself is believed
before it has been counted.
"""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from typing import IO

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.settings import Limits

_BROKEN = (
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    gzip.BadGzipFile,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the standard library's readers raise on bytes that are no archive, or a broken one."""

_CHUNK = 64 * 1024
_END_RECORD_SIZE = 22  # of a zip archive's end-of-central-directory record


def read_core_metadata(file: IO[bytes], filename: DistributionFilename, limits: Limits) -> bytes:
    """The METADATA of a wheel or the PKG-INFO of an sdist.

    file: seekable, its position does not matter.

    Raises InvalidArchive where the archive cannot be read, breaks the format in a way that
    installers would stumble over, or exceeds the limits.
    """
    reader = _wheel_metadata if filename.kind == "bdist_wheel" else _sdist_metadata
    try:
        return reader(file, filename, limits)
    except _BROKEN as error:
        raise InvalidArchive(f"{filename.filename} is broken or cut off: {error}") from error


def _wheel_metadata(file: IO[bytes], filename: DistributionFilename, limits: Limits) -> bytes:
    _refuse_oversized_directory(file, limits)
    if _is_tar(file):
        raise InvalidArchive(f"{filename.filename} is a tar archive as well as a zip archive.")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_count(len(members), limits)
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InvalidArchive(
                    f"{member.filename[:80]!r} is compressed by a method other than deflate, which "
                    "wheels may not use."
                )
        names = {member.filename for member in members}
        for required in ("WHEEL", "METADATA", "RECORD"):
            if f"{filename.stem}.dist-info/{required}" not in names:
                raise InvalidArchive(f"The wheel lacks {filename.stem}.dist-info/{required}.")
        with archive.open(f"{filename.stem}.dist-info/METADATA") as metadata:
            return _read_capped(metadata, limits)


def _sdist_metadata(file: IO[bytes], filename: DistributionFilename, limits: Limits) -> bytes:
    if zipfile.is_zipfile(file):
        raise InvalidArchive(f"{filename.filename} is a zip archive as well as a tar archive.")
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    ceiling = max(limits.archive_expansion_floor, size * limits.archive_expansion)
    top: str | None = None
    found: bytes | None = None
    with (
        gzip.GzipFile(fileobj=file) as unzipped,
        _Bounded(unzipped, ceiling, limits.metadata_size) as bounded,
        tarfile.open(fileobj=bounded, mode="r:") as tar,
    ):
        for count, member in enumerate(tar, start=1):
            _check_count(count, limits)
            tar.members = []  # type: ignore[attr-defined]  # or it keeps all that it has seen
            folder = member.name.partition("/")[0]
            if folder in ("", ".", "..") or (top is not None and folder != top):
                raise InvalidArchive("Everything in an sdist must be in one top-level folder.")
            top = folder
            if member.name == f"{top}/PKG-INFO" and member.isreg():
                content = tar.extractfile(member)
                found = _read_capped(content, limits) if content else None
        while bounded.read(_CHUNK):
            pass  # up to the end, where gzip checks its own length and checksum
    if found is None:
        raise InvalidArchive(f"The sdist lacks {top or filename.stem}/PKG-INFO.")
    return found


class _Bounded(io.RawIOBase):
    """The decompressed tar, readable up to `ceiling` bytes, at most `largest_read` at once.

    tarfile reads whatever size an extended header declares in one go; the second bound keeps
    that from becoming memory.
    """

    def __init__(self, source: gzip.GzipFile, ceiling: int, largest_read: int) -> None:
        self._source = source
        self._ceiling = ceiling
        self._largest_read = largest_read

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= self._largest_read:
            raise InvalidArchive("The sdist has a header of unreasonable size.")
        self._refuse_beyond(self._source.tell() + size)
        return self._source.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._refuse_beyond(offset)
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def _refuse_beyond(self, position: int) -> None:
        if position > self._ceiling:
            raise InvalidArchive("The sdist unpacks to far more than its size allows for.")


def _refuse_oversized_directory(file: IO[bytes], limits: Limits) -> None:
    """zipfile loads the whole central directory, so its size is looked at before."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_RECORD_SIZE - 0xFFFF))  # 0xFFFF: the longest archive comment
    tail = file.read()
    start = tail.rfind(b"PK\5\6")
    if start < 0 or len(tail) - start < _END_RECORD_SIZE:
        raise zipfile.BadZipFile("it is not a zip archive")
    directory_size = struct.unpack_from("<L", tail, start + 12)[0]
    # A name of 255 bytes and its extras for each member is already generous.
    if directory_size > limits.archive_members * 512:
        raise InvalidArchive("The wheel's central directory is unreasonably large.")


def _is_tar(file: IO[bytes]) -> bool:
    file.seek(0)
    header = file.read(512)
    return header[257:262] == b"ustar"


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.archive_members:
        raise InvalidArchive(f"The archive has more than {limits.archive_members} members.")


def _read_capped(member: IO[bytes], limits: Limits) -> bytes:
    content = member.read(limits.metadata_size + 1)
    if len(content) > limits.metadata_size:
        raise InvalidArchive(f"The core metadata is larger than {limits.metadata_size} bytes.")
    return content
