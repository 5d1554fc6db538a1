"""The end records and the central directory, in which a zip archive describes its members.

The layout is that of PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

import struct
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.errors import InvalidArchive

_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")

_LONGEST_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF  # a 32-bit size or offset whose value stands in the ZIP64 extra field
_IN_ZIP64_SHORT = 0xFFFF
_EXTRA_ZIP64 = 0x0001
_EXTRA_UNICODE_PATH = 0x7075


@dataclass(frozen=True, slots=True)
class Directory:
    """The location of the central directory, as the end records state it."""

    offset: int
    size: int
    count: int
    end: int  # where the first end record begins


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the central directory describes it."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    header_offset: int
    mode: int


def find_directory(file: IO[bytes], size: int) -> Directory:
    """Finds the central directory.

    size: the size of the file, in bytes.

    Raises InvalidArchive if the end records are missing or contradict each other.
    """
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
    return Directory(offset, length, count, end)


def _has_locator(file: IO[bytes], end: int) -> bool:
    if end < _LOCATOR_64.size:
        return False
    file.seek(end - _LOCATOR_64.size)
    return file.read(4) == b"PK\x06\x07"


def _find_directory_64(
    file: IO[bytes], end: int, count: int, length: int, offset: int
) -> Directory:
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
    return Directory(offset_64, length_64, count_64, position)


def read_directory(file: IO[bytes], directory: Directory) -> dict[int, Entry]:
    """Returns the entries by the position at which their local header should be."""
    file.seek(directory.offset)
    data = file.read(directory.size)
    entries: dict[int, Entry] = {}
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
        extra = extra_fields(data[extra_start : extra_start + extra_length], name)
        size, compressed_size, header_offset = zip64_numbers(
            extra, size, compressed_size, header_offset
        )
        if header_offset in entries:
            raise InvalidArchive("Two members of the wheel share one place.")
        entries[header_offset] = Entry(
            name, flags, method, crc, compressed_size, size, header_offset, external >> 16
        )
    if position != len(data):
        raise InvalidArchive("The wheel's central directory has more than its members.")
    return entries


def extra_fields(data: bytes, name: bytes) -> dict[int, bytes]:
    """Splits the extra data of a header into its fields, by their ids.

    name: the name of the member, which an extra field must not contradict.

    Raises InvalidArchive if the data is malformed or ambiguous.
    """
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


def zip64_numbers(extra: dict[int, bytes], *numbers: int) -> list[int]:
    """Returns the numbers of a header; those that do not fit into 32 bits are in the extra field.

    Some writers repeat in the extra field what the header says itself (Bazel's rules for Python,
    and Python before 3.11.4 if ZIP64 is forced). Readers may use either, so both must be equal.

    numbers: the size and the compressed size of a local header; for the central directory, also the
        offset.

    Raises InvalidArchive if a number is missing or contradicts another.
    """
    field = extra.get(_EXTRA_ZIP64, b"")
    believed = list(numbers)
    used = 0
    for index, number in enumerate(numbers):
        if number == _IN_ZIP64:
            if len(field) < used + 8:
                raise InvalidArchive("A member lacks its ZIP64 sizes.")
            (believed[index],) = struct.unpack_from("<Q", field, used)
            used += 8
    repeated = struct.pack(f"<{len(believed)}Q", *believed)
    if len(field) != used and (len(field) % 8 or not repeated.startswith(field)):
        raise InvalidArchive("A member has ZIP64 sizes that are not those of its header.")
    return believed
