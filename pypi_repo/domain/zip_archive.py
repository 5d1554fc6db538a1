"""Reads a zip archive so that no two readers can see two different archives in it.

Installers disagree about what to believe when a zip contradicts itself: some walk the local
headers, some trust the central directory, some look for the last end record. So everything that
is said twice must be said the same way, byte after byte from the first to the last, with nothing
before, between or behind. The layout is that of PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

import io
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.settings import Limits

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")

_LONGEST_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF  # a 32-bit size or offset whose value stands in the ZIP64 extra field
_IN_ZIP64_SHORT = 0xFFFF

_ENCRYPTED = 0x0001
_DATA_DESCRIPTOR = 0x0008
_UTF8 = 0x0800
_EXTRA_ZIP64 = 0x0001
_EXTRA_UNICODE_PATH = 0x7075

STORED, DEFLATED = 0, 8

_CHUNK = 256 * 1024
_ENTRY_ALLOWANCE = 512  # bytes of central directory for a member: a long name and its extras


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member whose two headers agree. `size` is what it claims to unpack to."""

    name: str
    method: int
    crc: int
    compressed_size: int
    size: int
    header_offset: int
    data_offset: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory is, by the end records."""

    offset: int
    size: int
    count: int
    end: int  # where the first end record begins


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the central directory says of a member."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    header_offset: int
    mode: int


def read_members(file: IO[bytes], limits: Limits) -> list[ZipMember]:
    """All members in their order; raises InvalidArchive for any contradiction or danger.

    Costs time and memory in proportion to the number of members, not to their size.
    """
    size = file.seek(0, io.SEEK_END)
    directory = _find_directory(file, size)
    if directory.count > limits.archive_members:
        raise InvalidArchive(f"The archive has more than {limits.archive_members} members.")
    if directory.size > (directory.count + 1) * _ENTRY_ALLOWANCE:
        raise InvalidArchive("The wheel's central directory is unreasonably large.")
    entries = _read_directory(file, directory)
    members = list(_walk(file, entries, directory.offset))
    _refuse_twins(members)
    return members


def read_member(file: IO[bytes], member: ZipMember) -> Iterator[bytes]:
    """The member's content in chunks; raises InvalidArchive unless it is what was claimed."""
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


def _find_directory(file: IO[bytes], size: int) -> _Directory:
    start = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        raise InvalidArchive("The wheel is not a zip archive, or it is cut off.")
    _sig, disk, first_disk, count_here, count, length, offset, comment = _END.unpack_from(
        tail, found
    )
    end = start + found
    if end + _END.size + comment != size:
        raise InvalidArchive("The wheel has bytes behind its end record.")
    if disk or first_disk or count_here != count:
        raise InvalidArchive("The wheel is spread over several disks.")
    if count == _IN_ZIP64_SHORT or _IN_ZIP64 in (length, offset) or _has_locator(file, end):
        return _find_directory_64(file, end, count, length, offset)
    if offset + length != end:
        raise InvalidArchive("The wheel's end record does not fit its central directory.")
    return _Directory(offset, length, count, end)


def _has_locator(file: IO[bytes], end: int) -> bool:
    if end < _LOCATOR_64.size:
        return False
    file.seek(end - _LOCATOR_64.size)
    return file.read(4) == b"PK\x06\x07"


def _find_directory_64(
    file: IO[bytes], end: int, count: int, length: int, offset: int
) -> _Directory:
    position = end - _LOCATOR_64.size - _END_64.size
    if position < 0 or not _has_locator(file, end):
        raise InvalidArchive("The wheel lacks its ZIP64 end record locator.")
    file.seek(position)
    records = file.read(_END_64.size + _LOCATOR_64.size)
    (
        signature,
        record_size,
        _made_by,
        _needed,
        disk,
        first_disk,
        count_here_64,
        count_64,
        length_64,
        offset_64,
    ) = _END_64.unpack_from(records)
    _sig, locator_disk, locator_offset, disks = _LOCATOR_64.unpack_from(records, _END_64.size)
    if signature != b"PK\x06\x06" or locator_offset != position:
        raise InvalidArchive("The wheel's ZIP64 locator points elsewhere.")
    if record_size != _END_64.size - 12:
        raise InvalidArchive("The wheel's ZIP64 end record has extensible data.")
    if disk or first_disk or locator_disk or disks > 1 or count_here_64 != count_64:
        raise InvalidArchive("The wheel is spread over several disks.")
    agree = (
        count in (count_64, _IN_ZIP64_SHORT)
        and length in (length_64, _IN_ZIP64)
        and offset in (offset_64, _IN_ZIP64)
    )
    if not agree or offset_64 + length_64 != position:
        raise InvalidArchive("The wheel's end records contradict each other.")
    return _Directory(offset_64, length_64, count_64, position)


def _read_directory(file: IO[bytes], directory: _Directory) -> dict[int, _Entry]:
    """Entries by where their local header should be."""
    file.seek(directory.offset)
    data = file.read(directory.size)
    entries: dict[int, _Entry] = {}
    position = 0
    for _ in range(directory.count):
        if len(data) - position < _CENTRAL.size:
            raise InvalidArchive("The wheel's central directory is cut off.")
        (
            signature,
            _made_by,
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
            comment_length,
            disk,
            _internal,
            external,
            header_offset,
        ) = _CENTRAL.unpack_from(data, position)
        name_start = position + _CENTRAL.size
        extra_start = name_start + name_length
        position = extra_start + extra_length + comment_length
        if signature != b"PK\x01\x02" or position > len(data):
            raise InvalidArchive("The wheel's central directory is damaged.")
        if comment_length or disk:
            raise InvalidArchive("A member of the wheel has a comment or is on another disk.")
        name = data[name_start:extra_start]
        extra = _extra_fields(data[extra_start : extra_start + extra_length], name)
        size, compressed_size, header_offset = _zip64(extra, size, compressed_size, header_offset)
        if header_offset in entries:
            raise InvalidArchive("Two members of the wheel share one place.")
        entries[header_offset] = _Entry(
            name, flags, method, crc, compressed_size, size, header_offset, external >> 16
        )
    if position != len(data):
        raise InvalidArchive("The wheel's central directory has more than its members.")
    return entries


def _walk(file: IO[bytes], entries: dict[int, _Entry], end: int) -> Iterator[ZipMember]:
    """From the first byte to the central directory, header after header."""
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
        extra = _extra_fields(file.read(extra_length), name)
        size, compressed_size, _offset = _zip64(extra, size, compressed_size, 0)
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


def _checked(entry: _Entry, data_offset: int) -> ZipMember:
    try:
        name = entry.name.decode("utf-8" if entry.flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise InvalidArchive("A member's name is not UTF-8, or not marked as such.") from None
    shown = name[:80]
    if not name or any(character < " " or character == "\x7f" for character in name):
        raise InvalidArchive("A member's name is empty or holds control characters.")
    parts = name.removesuffix("/").split("/")
    if "\\" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise InvalidArchive(f"The member {shown!r} would not stay in the folder it belongs to.")
    if entry.flags & _ENCRYPTED:
        raise InvalidArchive(f"The member {shown!r} is encrypted.")
    if entry.flags & _DATA_DESCRIPTOR:
        raise InvalidArchive(f"The member {shown!r} has a data descriptor.")
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


def _refuse_twins(members: list[ZipMember]) -> None:
    seen: set[str] = set()
    for member in members:
        # What is one file on macOS or Windows must not be two in the archive.
        key = unicodedata.normalize("NFC", member.name).casefold().removesuffix("/")
        if key in seen:
            raise InvalidArchive(f"Two members of the wheel are named {member.name[:80]!r}.")
        seen.add(key)


def _extra_fields(data: bytes, name: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        if len(data) - position < 4:
            raise InvalidArchive("A member's extra field is malformed.")
        kind, length = struct.unpack_from("<2H", data, position)
        position += 4 + length
        if position > len(data):
            raise InvalidArchive("A member's extra field is malformed.")
        if kind in fields and kind in (_EXTRA_ZIP64, _EXTRA_UNICODE_PATH):
            raise InvalidArchive("A member has an extra field twice.")
        fields[kind] = data[position - length : position]
    # 1 byte version, 4 bytes checksum, then the name once more.
    if _EXTRA_UNICODE_PATH in fields and fields[_EXTRA_UNICODE_PATH][5:] != name:
        raise InvalidArchive("A member has two names.")
    return fields


def _zip64(
    extra: dict[int, bytes], size: int, compressed_size: int, header_offset: int
) -> tuple[int, int, int]:
    """The three numbers, those that do not fit 32 bits taken from the extra field."""
    numbers = [size, compressed_size, header_offset]
    field = extra.get(_EXTRA_ZIP64, b"")
    for index, number in enumerate(numbers):
        if number == _IN_ZIP64:
            if len(field) < 8:
                raise InvalidArchive("A member lacks its ZIP64 sizes.")
            numbers[index] = struct.unpack_from("<Q", field)[0]
            field = field[8:]
    if field:
        # Some readers believe it all the same.
        raise InvalidArchive("A member has ZIP64 sizes that its header does not ask for.")
    return numbers[0], numbers[1], numbers[2]
