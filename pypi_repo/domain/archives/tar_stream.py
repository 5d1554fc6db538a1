"""The decompressed tar of an sdist, read from its beginning to its end, within limits.

tarfile reads an extended header of any size at once, searches it with regular expressions that take
quadratic time for digits (CVE-2024-6232), and builds the map of a sparse file before it can be
refused. So this module looks at the data before tarfile gets it.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterator

from pypi_repo.domain.archives.unpacking import refuse_bomb
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.settings import Limits

_CHUNK = 64 * 1024
_KIND = slice(156, 157)  # of a header, POSIX.1-2008 pax section "ustar Interchange Format"
_PAX = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE})
_EXTENDED = _PAX | {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
_USUAL_EXTENSION = 1024  # bytes: a long name, or a few moments and owners
_TOO_MANY_DIGITS = re.compile(rb"[0-9]{65}")


class TarStream(io.RawIOBase):
    """The file object from which tarfile reads headers; `content` reads the contents of members."""

    def __init__(self, source: gzip.GzipFile, packed: int, limits: Limits) -> None:
        self._source = source
        self._packed = packed
        self._limits = limits
        self._extends = b""  # the kind of the header whose content is read next
        self._large_extensions = 0  # bytes
        self._last = b""

    def read(self, size: int = -1, /) -> bytes:
        """Returns a header, or the content of a header that extends the next one, for tarfile."""
        if not 0 <= size <= _CHUNK:
            raise InvalidArchive("The sdist has a header of unreasonable size.")
        data = self._read(size)
        if self._extends:
            self._large_extensions += max(0, size - _USUAL_EXTENSION)
            if self._large_extensions > self._limits.archive_names:
                raise InvalidArchive("The sdist has too much in extended headers.")
            if self._extends in _PAX:
                _check_pax(data)
            self._extends = b""
        elif size == tarfile.BLOCKSIZE:
            kind = data[_KIND]
            if kind == tarfile.GNUTYPE_SPARSE:
                raise _sparse()
            self._extends = kind if kind in _EXTENDED else b""
        return data

    def content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """Yields the content of the regular file that tarfile has just found."""
        self.seek(member.offset_data)
        remaining = member.size
        while remaining:
            data = self._read(min(remaining, _CHUNK))
            if not data:
                raise EOFError("the tar ends within a member")
            remaining -= len(data)
            yield data

    def finish(self) -> None:
        """Raises InvalidArchive unless only zeros follow what tarfile has read last.

        tarfile takes a damaged header for the end of the archive, but other tools continue after
        it. At the end of the file, gzip also checks its own length and checksum.
        """
        rest = self._last
        while rest and not rest.strip(b"\0"):
            rest = self._read(_CHUNK)
        if rest:
            raise InvalidArchive("The sdist has a damaged header, or bytes behind its end.")

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if offset < self._source.tell():
            raise InvalidArchive("A member of the sdist has a negative size.")
        refuse_bomb(offset, self._packed, self._limits)
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def _read(self, size: int) -> bytes:
        refuse_bomb(self._source.tell() + size, self._packed, self._limits)
        self._last = self._source.read(size)
        return self._last


def _check_pax(content: bytes) -> None:
    if b" GNU.sparse." in content:
        raise _sparse()
    if _TOO_MANY_DIGITS.search(content):
        raise InvalidArchive("The sdist has an extended header with a number of over 64 digits.")


def _sparse() -> InvalidArchive:
    return InvalidArchive("A member of the sdist is a sparse file.")
