"""Reads a zip archive strictly, so that no two readers can find different contents in it.

If a zip archive contradicts itself, installers disagree about what to believe: some follow the
local headers, some trust the central directory, and some look for the last end record. So
everything that an archive says twice must be the same, its parts must follow each other without
gaps, and nothing may be before, between or after them. The layout is that of PKWARE's APPNOTE
6.3.10, sections 4.3 to 4.5.
"""

import io
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.archives.zip_directory import (
    Entry,
    extra_fields,
    find_directory,
    read_directory,
    zip64_numbers,
)
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.settings import Limits

_LOCAL = struct.Struct("<4s5H3L2H")

_ENCRYPTED = 0x0001
_DATA_DESCRIPTOR = 0x0008
_UTF8 = 0x0800

STORED, DEFLATED = 0, 8

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")

_CHUNK = 256 * 1024
LONGEST_NAME = 1024
"""Bytes of a member's name; more than that is no path on macOS, and hardly one elsewhere."""

_BESIDE_THE_NAME = 128  # bytes of central directory for a member
_ENTRY_ALLOWANCE = 512  # bytes of central directory for a member: a long name and its extras


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member whose two headers agree.

    size: the unpacked size that the headers state, in bytes.
    """

    name: str
    method: int
    crc: int
    compressed_size: int
    size: int
    header_offset: int
    data_offset: int

    @property
    def is_folder(self) -> bool:
        """Whether the member is a folder."""
        return self.name.endswith("/")


def read_members(file: IO[bytes], limits: Limits) -> list[ZipMember]:
    """Returns all members in their order.

    It takes time and memory in proportion to the number of members, not to their size.

    Raises InvalidArchive if the archive contradicts itself or exceeds a limit.
    """
    size = file.seek(0, io.SEEK_END)
    directory = find_directory(file, size)
    if directory.count > limits.archive_members:
        raise InvalidArchive(f"The archive has more than {limits.archive_members} members.")
    if directory.size > (directory.count + 1) * _ENTRY_ALLOWANCE:
        raise InvalidArchive("The wheel's central directory is unreasonably large.")
    if directory.size > limits.archive_names + directory.count * _BESIDE_THE_NAME:
        raise InvalidArchive(
            f"The names in the archive are longer than {limits.archive_names} bytes."
        )
    entries = read_directory(file, directory)
    members = list(_walk(file, entries, directory.offset))
    _refuse_twins(members)
    return members


def read_member(file: IO[bytes], member: ZipMember) -> Iterator[bytes]:
    """Yields the content of a member in chunks.

    Raises InvalidArchive unless the content is what the headers state.
    """
    file.seek(member.data_offset)
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == DEFLATED else None
    remaining, size, crc = member.compressed_size, 0, 0
    while remaining:
        raw = file.read(min(_CHUNK, remaining))
        if not raw:
            raise InvalidArchive(f"{member.name} is cut off.")
        remaining -= len(raw)
        for chunk in [raw] if decompressor is None else _inflate(decompressor, raw, member):
            size += len(chunk)
            if size > member.size:
                raise InvalidArchive(f"{member.name} unpacks to more than it claims.")
            crc = zlib.crc32(chunk, crc)
            yield chunk
    if size != member.size or crc != member.crc:
        raise InvalidArchive(f"{member.name} is damaged: its size or checksum is wrong.")
    if decompressor is not None and not decompressor.eof:
        raise InvalidArchive(f"{member.name} is cut off.")


def _inflate(decompressor: "zlib._Decompress", raw: bytes, member: ZipMember) -> Iterator[bytes]:
    while True:
        try:
            chunk = decompressor.decompress(raw, _CHUNK)
        except zlib.error as error:
            raise InvalidArchive(f"{member.name} is damaged: {error}.") from error
        if decompressor.unused_data:
            raise InvalidArchive(f"{member.name} has bytes behind its end.")
        raw = decompressor.unconsumed_tail
        if chunk:
            yield chunk
        # A full chunk may have more behind it, even where all input is used up.
        if not raw and len(chunk) < _CHUNK:
            return


def _walk(file: IO[bytes], entries: dict[int, Entry], end: int) -> Iterator[ZipMember]:
    """Reads the local headers one after the other, from the first byte to the central directory."""
    position = 0
    while position < end:
        entry = entries.pop(position, None)
        if entry is None:
            raise InvalidArchive("The wheel holds bytes that its central directory does not list.")
        file.seek(position)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise InvalidArchive("The wheel is cut off.")
        (
            signature,
            _needed,
            flags,
            method,
            _time,
            _date,
            crc,
            compressed_size,
            size,
            name_length,
            extra_length,
        ) = _LOCAL.unpack(header)
        if signature != b"PK\x03\x04":
            raise InvalidArchive("The wheel holds a record that is no member.")
        name = file.read(name_length)
        extra = extra_fields(file.read(extra_length), name)
        if (flags | entry.flags) & _DATA_DESCRIPTOR:
            raise InvalidArchive(
                f"The member {_shown(name)} has a data descriptor, as zip writers make it that "
                "cannot go back in their output; pack it with one that can."
            )
        size, compressed_size = zip64_numbers(extra, size, compressed_size)
        local = (name, flags, method, crc, compressed_size, size)
        listed = (
            entry.name,
            entry.flags,
            entry.method,
            entry.crc,
            entry.compressed_size,
            entry.size,
        )
        if local != listed:
            raise InvalidArchive("The wheel's local headers and central directory disagree.")
        data_offset = position + _LOCAL.size + name_length + extra_length
        yield _checked(entry, data_offset)
        position = data_offset + compressed_size
    if entries or position != end:
        raise InvalidArchive("The wheel's members do not fill the place that is theirs.")


def _checked(entry: Entry, data_offset: int) -> ZipMember:
    try:
        name = entry.name.decode("utf-8" if entry.flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise InvalidArchive("A member's name is not UTF-8, or not marked as such.") from None
    shown = name[:80]
    if len(entry.name) > LONGEST_NAME:
        raise InvalidArchive(f"The name {shown!r}... has more than {LONGEST_NAME} bytes.")
    if not name or _CONTROL_CHARACTER.search(name):
        raise InvalidArchive("A member's name is empty or holds control characters.")
    parts = name.removesuffix("/").split("/")
    if "\\" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise InvalidArchive(f"The member {shown!r} would not stay in the folder it belongs to.")
    if entry.flags & _ENCRYPTED:
        raise InvalidArchive(f"The member {shown!r} is encrypted.")
    if entry.method not in (STORED, DEFLATED):
        raise InvalidArchive(f"The member {shown!r} is compressed by a method other than deflate.")
    if entry.method == STORED and entry.size != entry.compressed_size:
        raise InvalidArchive(f"The member {shown!r} is stored with two sizes.")
    if stat.S_ISLNK(entry.mode):
        raise InvalidArchive(f"The member {shown!r} is a symbolic link.")
    return ZipMember(
        name=name,
        method=entry.method,
        crc=entry.crc,
        compressed_size=entry.compressed_size,
        size=entry.size,
        header_offset=entry.header_offset,
        data_offset=data_offset,
    )


def _shown(name: bytes) -> str:
    return repr(name[:80].decode("utf-8", "replace"))


def _refuse_twins(members: list[ZipMember]) -> None:
    seen: set[str] = set()
    for member in members:
        key = member.name.removesuffix("/")
        if key in seen:
            raise InvalidArchive(f"Two members of the wheel are named {member.name[:80]!r}.")
        seen.add(key)
