"""Small archives of every shape that an index must refuse, and sound ones that it must not.

The zips are laid out by hand (PKWARE's APPNOTE 6.3.10), so that each field can be lied about.
All are otherwise sound distributions of demo 1.0: take the one lie away, and they pass.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import struct
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

INFO = "demo-1.0.dist-info"
TOP = "demo-1.0"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
LICENSED = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-File: LICENSE\n"

STORED, DEFLATED, BZIP2, LZMA, ZSTANDARD = 0, 8, 12, 14, 93
ENCRYPTED, DATA_DESCRIPTOR, UTF8 = 0x0001, 0x0008, 0x0800
ZIP64_EXTRA, UNICODE_PATH_EXTRA, TIMESTAMP_EXTRA = 0x0001, 0x7075, 0x5455
IN_ZIP64, IN_ZIP64_SHORT = 0xFFFFFFFF, 0xFFFF


@dataclass(frozen=True, kw_only=True)
class Header:
    """What one of a member's two headers says."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    extra: bytes
    offset: int = 0
    mode: int = 0o100644
    comment: bytes = b""
    disk: int = 0
    signature: bytes = b""

    def local(self) -> bytes:
        return (
            struct.pack(
                "<4s5H3L2H",
                self.signature or b"PK\3\4",
                20,
                self.flags,
                self.method,
                0,
                0x5044,
                self.crc,
                self.compressed_size,
                self.size,
                len(self.name),
                len(self.extra),
            )
            + self.name
            + self.extra
        )

    def central(self) -> bytes:
        return (
            struct.pack(
                "<4s6H3L5H2L",
                self.signature or b"PK\1\2",
                3 << 8 | 20,
                20,
                self.flags,
                self.method,
                0,
                0x5044,
                self.crc,
                self.compressed_size,
                self.size,
                len(self.name),
                len(self.extra),
                len(self.comment),
                self.disk,
                0,
                self.mode << 16,
                self.offset,
            )
            + self.name
            + self.extra
            + self.comment
        )


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file in a zip.

    packed: what stands in the archive, if not the content by its method.
    both, local, central: fields of Header that say something else than the truth.
    listed, present: whether the central directory and the body have it.
    behind: bytes after its data.
    recorded: what RECORD says its content is.
    """

    name: str
    content: bytes = b""
    method: int = STORED
    packed: bytes | None = None
    both: Mapping[str, object] = field(default_factory=dict)
    local: Mapping[str, object] = field(default_factory=dict)
    central: Mapping[str, object] = field(default_factory=dict)
    listed: bool = True
    present: bool = True
    behind: bytes = b""

    def data(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.content) if self.method == DEFLATED else self.content

    def header(self, changes: Mapping[str, object]) -> Header:
        name = self.name.encode()
        truth = Header(
            name=name,
            flags=0 if name.isascii() else UTF8,
            method=self.method,
            crc=zlib.crc32(self.content),
            compressed_size=len(self.data()),
            size=len(self.content),
            extra=b"",
        )
        return replace(truth, **{**self.both, **changes})  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The end records of a zip, and what stands around them.

    end, end_64, locator: fields that say something else than the truth.
    """

    zip64: bool = False
    comment: bytes = b""
    prefix: bytes = b""
    before_directory: bytes = b""
    behind_directory: bytes = b""
    suffix: bytes = b""
    end: Mapping[str, int] = field(default_factory=dict)
    end_64: Mapping[str, int] = field(default_factory=dict)
    locator: Mapping[str, int] = field(default_factory=dict)
    without_locator: bool = False
    extensible: bytes = b""


def build_zip(members: Iterable[Member], ends: Ends | None = None) -> bytes:
    """The members as they say, in their order."""
    ends = ends or Ends()
    body, directory, count = bytearray(ends.prefix), bytearray(), 0
    for member in members:
        offset = len(body)
        if member.present:
            body += member.header(member.local).local() + member.data() + member.behind
        if member.listed:
            directory += member.header({"offset": offset, **member.central}).central()
            count += 1
    body += ends.before_directory
    start = len(body)
    body += directory + ends.behind_directory
    body += _end_records(ends, count, len(directory), start, len(body))
    return bytes(body) + ends.suffix


def _end_records(ends: Ends, count: int, size: int, offset: int, position: int) -> bytes:
    records = b""
    if ends.zip64:
        values = {
            "record_size": 44 + len(ends.extensible),
            "disk": 0,
            "first_disk": 0,
            "count_here": count,
            "count": count,
            "size": size,
            "offset": offset,
            **ends.end_64,
        }
        record = struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", values.pop("record_size"), 45, 45, *values.values()
        )
        records += record + ends.extensible
        where = {"disk": 0, "offset": position, "disks": 1, **ends.locator}
        if not ends.without_locator:
            records += struct.pack("<4sLQL", b"PK\6\7", *where.values())
        count, size, offset = IN_ZIP64_SHORT, IN_ZIP64, IN_ZIP64
    values = {
        "disk": 0,
        "first_disk": 0,
        "count_here": count,
        "count": count,
        "size": size,
        "offset": offset,
        "comment": len(ends.comment),
        **ends.end,
    }
    return records + struct.pack("<4s4H2LH", b"PK\5\6", *values.values()) + ends.comment


def deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def extra(kind: int, content: bytes) -> bytes:
    """One extra field."""
    return struct.pack("<2H", kind, len(content)) + content


def wheel_members(
    *more: Member,
    metadata: bytes = METADATA,
    wheel: bytes = WHEEL,
    record: bytes | None = None,
    info: str = INFO,
    without: str = "",
) -> list[Member]:
    """Those of a sound wheel, and `more`, all listed in RECORD.

    without: the name of a member that is left out, though RECORD has it.
    """
    members = [
        Member(name="demo/__init__.py", content=b"answer = 42\n", method=DEFLATED),
        *more,
        Member(name=f"{info}/METADATA", content=metadata, method=DEFLATED),
        Member(name=f"{info}/WHEEL", content=wheel),
    ]
    if record is None:
        record = b"".join(record_line(m.name, m.content) for m in members if m.name[-1:] != "/")
        record += f"{info}/RECORD,,\n".encode()
    members.append(Member(name=f"{info}/RECORD", content=record))
    return [member for member in members if not without or member.name != without]


def record_line(name: str, content: bytes, algorithm: str = "sha256") -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=")
    quoted = f'"{name}"' if "," in name else name
    return f"{quoted},{algorithm}={digest.decode()},{len(content)}\n".encode()


def build_wheel(
    *more: Member,
    ends: Ends | None = None,
    metadata: bytes = METADATA,
    wheel: bytes = WHEEL,
    record: bytes | None = None,
    without: str = "",
) -> bytes:
    """A wheel with `more` members; see `wheel_members`."""
    members = wheel_members(*more, metadata=metadata, wheel=wheel, record=record, without=without)
    return build_zip(members, ends)


def _numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


_PLAIN = Member(name="demo/more.py", content=b"more = True\n")
_SIZE = len(_PLAIN.content)
_IN_ZIP64_SIZES = {"size": IN_ZIP64, "compressed_size": IN_ZIP64}


def _lying(**fields: object) -> bytes:
    """A wheel with a member of which both headers say so."""
    return build_wheel(replace(_PLAIN, both=fields))


def _local_lie(**fields: object) -> bytes:
    return build_wheel(replace(_PLAIN, local=fields))


def _central_lie(**fields: object) -> bytes:
    return build_wheel(replace(_PLAIN, central=fields))


def _named(name: str, **changes: object) -> bytes:
    return build_wheel(replace(_PLAIN, name=name, **changes))  # type: ignore[arg-type]


def _ending(**ends: object) -> bytes:
    return build_wheel(_PLAIN, ends=Ends(**ends))  # type: ignore[arg-type]


def _end_lie(by: int, field_name: str) -> bytes:
    """One of the numbers of the end record is off by some."""
    sound = bytearray(build_wheel(_PLAIN))
    start = len(sound) - 22
    values = list(struct.unpack("<4s4H2LH", sound[start:]))
    place = {"count_here": 3, "count": 4, "size": 5, "offset": 6}[field_name]
    values[place] += by
    if field_name == "count":
        values[3] += by
    return bytes(sound[:start]) + struct.pack("<4s4H2LH", *values)


def _zip_in_zip() -> bytes:
    """A member whose stored data are a whole zip, closed by a directory of its own."""
    inner = build_zip([Member(name="demo/inner.py", content=b"evil = True\n")])
    return build_wheel(Member(name="demo/inner.zip", content=b"", packed=inner))


def _hidden_in_comment() -> bytes:
    """A second archive in the comment of the first."""
    return _ending(comment=build_wheel(Member(name="demo/evil.py", content=b"evil = True\n")))


def _concatenated() -> bytes:
    return build_wheel(_PLAIN) + build_wheel()


def _swapped_offsets() -> bytes:
    """The directory gives each of two members the other's place."""
    one = Member(name="demo/a.py", content=b"a = 111\n")
    two = Member(name="demo/b.py", content=b"b = 222\n")
    sound = build_wheel(one, two)
    first, second = sound.index(b"demo/a.py") - 30, sound.index(b"demo/b.py") - 30
    return build_wheel(
        replace(one, central={"offset": second}), replace(two, central={"offset": first})
    )


def _shared_place() -> bytes:
    first = build_wheel(_PLAIN).index(b"demo/more.py") - 30
    twin = Member(name="demo/twin.py", content=_PLAIN.content, present=False)
    return build_wheel(_PLAIN, replace(twin, central={"offset": first}))


def _overlapping() -> bytes:
    """Quoted headers: the data of one member begin with the header of the next."""
    inner = Member(name="demo/inner.py", content=b"evil = True\n")
    data = inner.header({}).local() + inner.content
    outer = Member(name="demo/outer.py", content=data)
    start = build_wheel(outer).index(b"demo/outer.py") - 30
    inside = start + 30 + len("demo/outer.py")
    return build_wheel(outer, replace(inner, present=False, central={"offset": inside}))


_SECOND_NAME = extra(
    UNICODE_PATH_EXTRA, b"\1" + struct.pack("<L", zlib.crc32(b"demo/more.py")) + b"demo/evil.py"
)
_SAME_NAME = extra(
    UNICODE_PATH_EXTRA, b"\1" + struct.pack("<L", zlib.crc32(b"demo/more.py")) + b"demo/more.py"
)

ZIPS_TO_REFUSE: Mapping[str, bytes] = {
    # Nothing, or too little (U62)
    "empty": b"",
    "text": b"this is no archive",
    "only an end signature": b"PK\5\6",
    "an end record that promises a directory": b"PK\5\6" + b"\xff" * 18,
    "cut in half": build_wheel(_PLAIN)[: len(build_wheel(_PLAIN)) // 2],
    "cut by one byte": build_wheel(_PLAIN)[:-1],
    "its beginning cut off": build_wheel(_PLAIN)[1:],
    # Compression (U64)
    "bzip2": _lying(method=BZIP2),
    "lzma": _lying(method=LZMA),
    "zstandard": _lying(method=ZSTANDARD),
    # Framing (U65)
    "data descriptor": _lying(flags=DATA_DESCRIPTOR),
    "data descriptor with its record": build_wheel(
        replace(
            _PLAIN,
            both={"flags": DATA_DESCRIPTOR},
            local={"crc": 0, "compressed_size": 0, "size": 0},
            behind=struct.pack("<4s3L", b"PK\7\x08", zlib.crc32(_PLAIN.content), _SIZE, _SIZE),
        )
    ),
    "data descriptor in the local header only": _local_lie(flags=DATA_DESCRIPTOR),
    "data descriptor in the directory only": _central_lie(flags=DATA_DESCRIPTOR),
    "local member that the directory lacks": build_wheel(replace(_PLAIN, listed=False)),
    "listed member that the body lacks": build_wheel(replace(_PLAIN, present=False)),
    "other name in the local header": _local_lie(name=b"demo/evil.py"),
    "other name in the directory": _central_lie(name=b"demo/evil.py"),
    "one name twice": build_wheel(_PLAIN, replace(_PLAIN, content=b"more = False\n")),
    "one name twice in the directory": build_wheel(
        _PLAIN, replace(_PLAIN, local={"name": b"demo/evil.py"})
    ),
    "one name twice in the body": build_wheel(
        _PLAIN, replace(_PLAIN, central={"name": b"demo/evil.py"})
    ),
    "one member listed twice": _shared_place(),
    "directory in another order than it says": _swapped_offsets(),
    "overlapping members": _overlapping(),
    "size differs locally": _local_lie(size=_SIZE - 1),
    "compressed size differs locally": _local_lie(compressed_size=_SIZE - 1),
    "checksum differs locally": _local_lie(crc=1),
    "method differs locally": _local_lie(method=DEFLATED),
    "stored with two sizes": _lying(size=_SIZE + 1),
    "compressed size beyond the end": _lying(compressed_size=1 << 30, size=1 << 30),
    "compressed size that ends early": build_wheel(
        replace(_PLAIN, method=DEFLATED, both={"compressed_size": 3})
    ),
    "unknown record": build_wheel(replace(_PLAIN, behind=b"PK\6\x08" + b"\0" * 8)),
    "archive extra data record": _ending(before_directory=b"PK\6\x08" + b"\0" * 4),
    "digital signature record": _ending(behind_directory=b"PK\5\5" + b"\0\0"),
    "local header with another signature": _local_lie(signature=b"PK\3\5"),
    "directory entry with another signature": _central_lie(signature=b"PK\1\3"),
    "prefix": _ending(prefix=b"#!/bin/sh\n"),
    "prefix that the offsets do not count": b"#!/bin/sh\n" + build_wheel(_PLAIN),
    "bytes between members": build_wheel(replace(_PLAIN, behind=b"\0")),
    "bytes before the directory": _ending(before_directory=b"\0" * 7),
    "bytes behind the directory": _ending(behind_directory=b"\0" * 7),
    "suffix": _ending(suffix=b"\0"),
    "suffix longer than any comment": _ending(suffix=b"\0" * 70_000),
    "two archives in a row": _concatenated(),
    "two end records": build_wheel(_PLAIN) + b"PK\5\6" + b"\0" * 18,
    "archive within a member": _zip_in_zip(),
    "archive within the comment": _hidden_in_comment(),
    "comment longer than it is": _ending(comment=b"abc", end={"comment": 9}),
    "comment shorter than it is": _ending(comment=b"abc", end={"comment": 2}),
    "comment in the directory": _central_lie(comment=b"note"),
    "end record counts too few": _end_lie(-1, "count"),
    "end record counts too many": _end_lie(1, "count"),
    "end record contradicts itself": _end_lie(1, "count_here"),
    "directory offset too small": _end_lie(-1, "offset"),
    "directory offset too large": _end_lie(1, "offset"),
    "directory size too small": _end_lie(-1, "size"),
    "directory size too large": _end_lie(1, "size"),
    "end record on the second disk": _ending(end={"disk": 1}),
    "directory on the second disk": _ending(end={"first_disk": 1}),
    "member on the second disk": _central_lie(disk=1),
    "ZIP64 end record without locator": _ending(zip64=True, without_locator=True),
    "ZIP64 end record that nobody needs, without locator": _ending(
        behind_directory=struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 0, 0, 0, 0)
    ),
    "numbers promised in ZIP64 that is not there": _ending(
        end={"count": IN_ZIP64_SHORT, "count_here": IN_ZIP64_SHORT}
    ),
    "ZIP64 locator that points elsewhere": _ending(zip64=True, locator={"offset": 0}),
    "ZIP64 locator for several disks": _ending(zip64=True, locator={"disks": 2}),
    "ZIP64 locator for another disk": _ending(zip64=True, locator={"disk": 1}),
    "ZIP64 extensible data": _ending(zip64=True, extensible=b"evil"),
    "ZIP64 extensible data, hidden": _ending(
        zip64=True, extensible=b"evil", end_64={"record_size": 44}
    ),
    "ZIP64 end record counts too many": _ending(zip64=True, end_64={"count": 9, "count_here": 9}),
    "ZIP64 end record contradicts itself": _ending(zip64=True, end_64={"count_here": 9}),
    "ZIP64 end record on the second disk": _ending(zip64=True, end_64={"disk": 1}),
    "ZIP64 directory offset wrong": _ending(zip64=True, end_64={"offset": 1}),
    "ZIP64 directory size wrong": _ending(zip64=True, end_64={"size": 1}),
    "end records that disagree": _ending(zip64=True, end={"count": 1, "count_here": 1}),
    "end records with two offsets": _ending(zip64=True, end={"offset": 30}),
    "ZIP64 extra twice": _lying(extra=2 * extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE))),
    "ZIP64 extra that is missing": _lying(size=IN_ZIP64, compressed_size=IN_ZIP64),
    "ZIP64 extra too short": _lying(**_IN_ZIP64_SIZES, extra=extra(ZIP64_EXTRA, _numbers(_SIZE))),
    "ZIP64 extra of half a number": _lying(size=IN_ZIP64, extra=extra(ZIP64_EXTRA, b"\0" * 4)),
    "ZIP64 sizes that nothing asks for": _lying(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE + 9, _SIZE + 9))
    ),
    "ZIP64 size that nothing asks for": _lying(extra=extra(ZIP64_EXTRA, _numbers(_SIZE + 9))),
    "ZIP64 compressed size that nothing asks for": _lying(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE + 9))
    ),
    "ZIP64 sizes that nothing asks for, locally": _local_lie(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE - 1, _SIZE - 1))
    ),
    "ZIP64 sizes that nothing asks for, in the directory": _central_lie(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE - 1, _SIZE - 1))
    ),
    "ZIP64 offset that nothing asks for": _central_lie(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE, 1))
    ),
    "ZIP64 sizes before the offset that is asked for": _central_lie(
        offset=IN_ZIP64,
        extra=extra(
            ZIP64_EXTRA, _numbers(_SIZE, _SIZE, build_wheel(_PLAIN).index(b"demo/more") - 30)
        ),
    ),
    "ZIP64 compressed size in the place of the size": _lying(
        compressed_size=IN_ZIP64, extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE + 9))
    ),
    "ZIP64 offset in a local header": _local_lie(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE, 0))
    ),
    "ZIP64 sizes repeated by half": _lying(extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE)[:-4])),
    "ZIP64 extra too long": _lying(
        **_IN_ZIP64_SIZES, extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE, 0, 0))
    ),
    "ZIP64 sizes that differ locally": build_wheel(
        replace(
            _PLAIN,
            both={**_IN_ZIP64_SIZES, "extra": extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE))},
            local={"extra": extra(ZIP64_EXTRA, _numbers(_SIZE - 1, _SIZE - 1))},
        )
    ),
    "ZIP64 size without end": _lying(
        **_IN_ZIP64_SIZES, extra=extra(ZIP64_EXTRA, _numbers(2**64 - 1, 2**64 - 1))
    ),
    "Unicode path twice": _lying(extra=_SAME_NAME * 2),
    "Unicode path that is another": _lying(extra=_SECOND_NAME),
    "Unicode path that is another, locally": _local_lie(extra=_SECOND_NAME),
    "Unicode path that is another, in the directory": _central_lie(extra=_SECOND_NAME),
    "Unicode path that is not UTF-8": _lying(extra=extra(UNICODE_PATH_EXTRA, b"\1\0\0\0\0\xf7")),
    "Unicode path of nothing": _lying(extra=extra(UNICODE_PATH_EXTRA, b"\1")),
    "extra of three bytes": _lying(extra=b"\1\0\0"),
    "extra longer than its place": _lying(extra=struct.pack("<2H", 0x9999, 100) + b"abc"),
    "extra followed by two bytes": _local_lie(extra=extra(TIMESTAMP_EXTRA, b"\0" * 5) + b"\0\0"),
    "name that is not UTF-8": _lying(name=b"demo/\xff.py", flags=UTF8),
    "name in another encoding": _lying(name="demo/\xe9.py".encode("cp437")),
    "name without its UTF-8 mark": _lying(name="demo/\xe9.py".encode()),
    "empty name": _lying(name=b""),
    "line end in a name": _named("demo/a\n.py"),
    "NUL in a name": _named("demo/a.py\0.txt"),
    "delete character in a name": _named("demo/a\x7f.py"),
    # Paths (U66)
    "absolute path": _named("/etc/passwd"),
    "two slashes": _named("demo//a.py"),
    "drive letter": _named("C:/windows/a.py"),
    "drive letter without a slash": _named("C:a.py"),
    "parent folder": _named("../a.py"),
    "parent folder, deeper": _named("demo/../../a.py"),
    "parent folder at the end": _named("demo/.."),
    "folder that is the parent": _named("demo/../", content=b""),
    "the same folder": _named("./demo/a.py"),
    "backslashes": _named("demo\\a.py"),
    "parent folder with backslashes": _named("..\\a.py"),
    "symbolic link": _lying(mode=0o120777),
    "encrypted": _lying(flags=ENCRYPTED),
    "file and folder of one name": build_wheel(_PLAIN, Member(name="demo/more.py/")),
}
"""U62, U64 to U66: no profile takes any of them."""

_ZIP64_MEMBER = Member(
    name="demo/large.py",
    content=_PLAIN.content,
    both={**_IN_ZIP64_SIZES, "extra": extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE))},
)

ALIKE_NAMES = {
    "case": ("demo/more.py", "demo/MORE.py"),
    "case of a folder": ("demo/more.py", "Demo/more.py"),
    "normalisation": ("demo/\xe9.py", "demo/e\u0301.py"),
    "case folding": ("demo/stra\xdfe.py", "demo/STRASSE.py"),
}
"""U66: what some file systems take for one name."""

_JWS = Member(name=f"{INFO}/RECORD.jws", content=b"{}")

ZIPS_TO_ACCEPT: Mapping[str, bytes] = {
    "plain": build_wheel(),
    "stored and deflated members": build_wheel(_PLAIN, replace(_PLAIN, name="demo/x.py", method=8)),
    "empty members": build_wheel(
        Member(name="demo/py.typed"), Member(name="demo/empty.py", method=DEFLATED)
    ),
    "folder entries": build_wheel(
        Member(name="demo/data/", both={"mode": 0o040755}),
        Member(name="demo/data/a.txt", content=b"a"),
    ),
    "ZIP64 members": build_wheel(_ZIP64_MEMBER),
    "ZIP64 local header only": build_wheel(
        replace(_ZIP64_MEMBER, central={"size": _SIZE, "compressed_size": _SIZE, "extra": b""})
    ),
    "ZIP64 extra that repeats the sizes": _lying(extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE))),
    "ZIP64 extra that repeats the sizes, locally": _local_lie(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE))
    ),
    "ZIP64 extra that repeats the sizes, in the directory": _central_lie(
        extra=extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE))
    ),
    "ZIP64 extra that repeats one size": _lying(extra=extra(ZIP64_EXTRA, _numbers(_SIZE))),
    "ZIP64 extra that repeats a compressed size": build_wheel(
        replace(
            _PLAIN,
            both={
                "size": IN_ZIP64,
                "extra": extra(ZIP64_EXTRA, _numbers(_SIZE, _SIZE)),
            },
        )
    ),
    "ZIP64 extra that repeats the offset": _central_lie(
        extra=extra(
            ZIP64_EXTRA, _numbers(_SIZE, _SIZE, build_wheel(_PLAIN).index(b"demo/more") - 30)
        )
    ),
    "ZIP64 offset": build_wheel(
        replace(
            _PLAIN,
            central={
                "offset": IN_ZIP64,
                "extra": extra(ZIP64_EXTRA, _numbers(build_wheel(_PLAIN).index(b"demo/more") - 30)),
            },
        )
    ),
    "ZIP64 end record": _ending(zip64=True),
    "ZIP64 end record beside true numbers": _ending(zip64=True, end={"count": 5, "count_here": 5}),
    "archive comment": _ending(comment=b"built by hand"),
    "longest archive comment": _ending(comment=b"x" * 0xFFFF),
    "UTF-8 names": build_wheel(replace(_PLAIN, name="demo/\u65e5\u672c\u8a9e.py")),
    "same file names in two folders": build_wheel(_PLAIN, replace(_PLAIN, name="demo/sub/more.py")),
    "Unicode path that is the same": _lying(extra=_SAME_NAME),
    "time stamps": _lying(extra=extra(TIMESTAMP_EXTRA, b"\1\0\0\0\0")),
    "two extras of another kind": _lying(extra=2 * extra(0x9999, b"")),
    "executable": _lying(mode=0o100755),
    "no mode": _lying(mode=0),
    "dots and colons within names": build_wheel(
        replace(_PLAIN, name="demo/..a.py"), replace(_PLAIN, name="demo/a:b.py")
    ),
    "comma in a name": build_wheel(replace(_PLAIN, name="demo/a,b.py")),
}
"""Sound wheels, without a warning in any profile."""


def zeros(name: str, size: int, declared: int | None = None) -> Member:
    """A deflated member of whole MiB of zeros, made without unpacking it here."""
    block = bytes(1 << 20)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A flushed block depends on nothing before it, so it can be repeated.
    packed = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(size >> 20):
        crc = zlib.crc32(block, crc)
    return Member(
        name=name,
        method=DEFLATED,
        packed=packed * (size >> 20) + b"\3\0",
        both={"crc": crc, "size": size if declared is None else declared},
    )


def deep_bomb(declared: int, unpacked: int) -> bytes:
    """A wheel with a member that unpacks to zeros, and says that it is smaller (U63)."""
    return build_wheel(zeros("demo/zeros.bin", unpacked, declared))


def empty_members(count: int) -> bytes:
    """A zip of so many members without content."""
    body, directory = bytearray(), bytearray()
    for number in range(count):
        name = b"%d" % number
        head = Header(
            name=name,
            flags=0,
            method=STORED,
            crc=0,
            compressed_size=0,
            size=0,
            extra=b"",
            offset=len(body),
        )
        body += head.local()
        directory += head.central()
    ends = _end_records(Ends(zip64=True), count, len(directory), len(body), len(body + directory))
    return bytes(body + directory) + ends


# Source distributions


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a tar.

    size: what the header says, if not the truth.
    pax: extended headers of its own.
    raw: takes the place of everything else.
    """

    name: str = ""
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    size: int | None = None
    pax: Mapping[str, str] = field(default_factory=dict)
    format: Literal[0, 1, 2] = tarfile.PAX_FORMAT
    raw: bytes | None = None

    def to_bytes(self) -> bytes:
        if self.raw is not None:
            return self.raw
        info = tarfile.TarInfo(self.name)
        info.type, info.linkname, info.pax_headers = self.kind, self.target, dict(self.pax)
        info.size = len(self.content) if self.size is None else self.size
        return info.tobuf(self.format) + padded(self.content)


def padded(content: bytes) -> bytes:
    """To whole blocks of a tar."""
    return content + b"\0" * (-len(content) % tarfile.BLOCKSIZE)


def header(kind: bytes, size: int, content: bytes = b"", name: str = "././@PaxHeader") -> Entry:
    """An entry that says it has `size` bytes, and has `content`."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return Entry(raw=info.tobuf(tarfile.GNU_FORMAT) + padded(content))


def pax_record(keyword: str, value: str) -> bytes:
    length = len(keyword.encode()) + len(value.encode()) + 3
    total = length + len(str(length))
    total = length + len(str(total))
    return f"{total} {keyword}={value}\n".encode()


_PKG_INFO = Entry(name=f"{TOP}/PKG-INFO", content=METADATA)
_PYPROJECT = Entry(name=f"{TOP}/pyproject.toml", content=b"[build-system]\nrequires = []\n")
_MODULE = Entry(name=f"{TOP}/demo.py", content=b"answer = 42\n")


def build_tar(entries: Iterable[Entry]) -> bytes:
    return b"".join(entry.to_bytes() for entry in entries) + b"\0" * 2 * tarfile.BLOCKSIZE


def build_sdist(*more: Entry, pkg_info: Entry = _PKG_INFO, behind: bytes = b"") -> bytes:
    """A sound sdist with `more` entries."""
    tar = build_tar([_MODULE, pkg_info, _PYPROJECT, *more])
    return gzip.compress(tar + behind, 9, mtime=0)


def _linked(target: str, name: str = f"{TOP}/link", kind: bytes = tarfile.SYMTYPE) -> bytes:
    return build_sdist(Entry(name=name, target=target, kind=kind))


def _special(kind: bytes) -> bytes:
    return build_sdist(Entry(name=f"{TOP}/special", kind=kind))


def _damaged_header() -> bytes:
    """Behind a header with a wrong checksum comes another member."""
    bad = bytearray(Entry(name=f"{TOP}/bad.py").to_bytes())
    bad[0:4] = b"EVIL"
    return build_sdist(Entry(raw=bytes(bad)), Entry(name=f"{TOP}/evil.py", content=b"evil"))


_SOUND_SDIST = build_sdist()
_SPARSE_PAX = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}

SDISTS_TO_REFUSE: Mapping[str, bytes] = {
    # Nothing, or too little (U75)
    "empty": b"",
    "text": b"this is no archive",
    "tar that is not compressed": build_tar([_PKG_INFO]),
    "gzip's signature": b"\x1f\x8b",
    "empty gzip": gzip.compress(b""),
    "gzip of text": gzip.compress(b"this is no tar"),
    "tar without members": gzip.compress(build_tar([])),
    "cut in half": _SOUND_SDIST[: len(_SOUND_SDIST) // 2],
    "cut by one byte": _SOUND_SDIST[:-1],
    "wrong checksum": _SOUND_SDIST[:-8] + b"\0\0\0\0" + _SOUND_SDIST[-4:],
    "wrong length": _SOUND_SDIST[:-4] + b"\0\0\0\0",
    "bad deflate": _SOUND_SDIST[:20] + b"\xff" * 20 + _SOUND_SDIST[40:],
    "bytes behind the gzip": _SOUND_SDIST + b"evil",
    "bzip2 or xz by another name": b"\xfd7zXZ\0" + b"\0" * 100,
    "tar cut within a member": gzip.compress(
        build_tar([_PKG_INFO, _PYPROJECT])[: -3 * tarfile.BLOCKSIZE + 5]
    ),
    "damaged header before another member": _damaged_header(),
    "second archive behind the end": build_sdist(
        behind=build_tar([Entry(name=f"{TOP}/evil.py", content=b"evil")])
    ),
    # One top-level folder (U76)
    "file at the top": build_sdist(Entry(name="setup.py")),
    "two top-level folders": build_sdist(Entry(name="other/setup.py")),
    "everything at the top": gzip.compress(
        build_tar([replace(_PKG_INFO, name="PKG-INFO"), replace(_MODULE, name="demo.py")])
    ),
    "everything in a dot": gzip.compress(
        build_tar([replace(_PKG_INFO, name="./PKG-INFO"), replace(_MODULE, name="./demo.py")])
    ),
    "everything at the root": gzip.compress(build_tar([replace(_PKG_INFO, name="/PKG-INFO")])),
    "without PKG-INFO": gzip.compress(build_tar([_MODULE, _PYPROJECT])),
    "PKG-INFO too deep": build_sdist(pkg_info=replace(_PKG_INFO, name=f"{TOP}/demo/PKG-INFO")),
    "PKG-INFO that is a folder": build_sdist(
        pkg_info=Entry(name=f"{TOP}/PKG-INFO", kind=tarfile.DIRTYPE)
    ),
    "PKG-INFO that is a link": build_sdist(
        pkg_info=Entry(name=f"{TOP}/PKG-INFO", target="demo.py", kind=tarfile.SYMTYPE)
    ),
    "PKG-INFO twice": build_sdist(replace(_PKG_INFO, content=METADATA + b"Summary: other\n")),
    "PKG-INFO twice, by a detour": build_sdist(replace(_PKG_INFO, name=f"{TOP}/./PKG-INFO")),
    "PKG-INFO twice, by two slashes": build_sdist(replace(_PKG_INFO, name=f"{TOP}//PKG-INFO")),
    "PKG-INFO once more as a link": build_sdist(
        Entry(name=f"{TOP}/PKG-INFO", target="demo.py", kind=tarfile.SYMTYPE)
    ),
    "file within the first file's name": build_sdist(Entry(name="demo-1.0.evil/a.py")),
    # Sparse members (U77)
    "GNU sparse member": _special(tarfile.GNUTYPE_SPARSE),
    "pax sparse member 1.0": build_sdist(
        Entry(name=f"{TOP}/sparse", content=b"1\n0\n5\n" + b"\0" * 506 + b"abcde", pax=_SPARSE_PAX)
    ),
    "pax sparse member 0.1": build_sdist(
        Entry(
            name=f"{TOP}/sparse",
            content=b"abcde",
            pax={"GNU.sparse.map": "0,5", "GNU.sparse.size": "9", "GNU.sparse.numblocks": "1"},
        )
    ),
    # Members that must not be unpacked (U79)
    "absolute member": build_sdist(Entry(name="/etc/passwd")),
    "member of the parent folder": build_sdist(Entry(name="../evil.py")),
    "parent folder within the name": build_sdist(Entry(name=f"{TOP}/../../evil.py")),
    "parent folder and back": build_sdist(Entry(name=f"{TOP}/../{TOP}/evil.py")),
    "backslashes": build_sdist(Entry(name=f"{TOP}/..\\..\\evil.py")),
    "symbolic link to a file elsewhere": _linked("/etc/passwd"),
    "symbolic link upwards": _linked("../../evil"),
    "symbolic link to the top's parent": _linked(".."),
    "symbolic link to a neighbour": _linked("../demo-1.0.evil/a"),
    "symbolic link with backslashes": _linked("..\\..\\evil"),
    "symbolic link through another": build_sdist(
        Entry(name=f"{TOP}/deep/up", target="..", kind=tarfile.SYMTYPE),
        Entry(name=f"{TOP}/out", target="deep/up/..", kind=tarfile.SYMTYPE),
    ),
    "file below a symbolic link": build_sdist(
        Entry(name=f"{TOP}/a/b/link", target="../..", kind=tarfile.SYMTYPE),
        Entry(name=f"{TOP}/a/b/link/out", target="../../..", kind=tarfile.SYMTYPE),
    ),
    "hard link to a file elsewhere": _linked("/etc/passwd", kind=tarfile.LNKTYPE),
    "hard link upwards": _linked("../evil", kind=tarfile.LNKTYPE),
    "hard link from the link's own folder": _linked("PKG-INFO", kind=tarfile.LNKTYPE),
    "character device": _special(tarfile.CHRTYPE),
    "block device": _special(tarfile.BLKTYPE),
    "named pipe": _special(tarfile.FIFOTYPE),
    "size below nothing": build_sdist(header(tarfile.REGTYPE, -1024, name=f"{TOP}/evil.py")),
    "size of exabytes": build_sdist(header(tarfile.REGTYPE, 1 << 60, name=f"{TOP}/evil.py")),
    "extended header of 3 GiB": build_sdist(header(tarfile.XHDTYPE, 3 << 30)),
    "global header of 3 GiB": build_sdist(header(tarfile.XGLTYPE, 3 << 30)),
    "long name of 3 GiB": build_sdist(header(tarfile.GNUTYPE_LONGNAME, 3 << 30)),
    "size in an extended header that is no number": build_sdist(
        Entry(name=f"{TOP}/evil.py", pax={"size": "many"}), Entry(name="out.py")
    ),
}
"""U75 to U79: no profile takes any of them."""

SDISTS_TO_ACCEPT: Mapping[str, bytes] = {
    "plain": _SOUND_SDIST,
    "folder entries": build_sdist(
        Entry(name=TOP, kind=tarfile.DIRTYPE), Entry(name=f"{TOP}/data", kind=tarfile.DIRTYPE)
    ),
    "empty member": build_sdist(Entry(name=f"{TOP}/py.typed")),
    "member of whole blocks": build_sdist(Entry(name=f"{TOP}/block", content=b"x" * 1024)),
    "symbolic link": _linked("demo.py"),
    "symbolic link to a folder above": _linked("../../demo.py", name=f"{TOP}/a/b/link"),
    "symbolic link to nothing yet": _linked("missing.py"),
    "hard link": _linked(f"{TOP}/demo.py", kind=tarfile.LNKTYPE),
    "long name in pax": build_sdist(Entry(name=f"{TOP}/{'long/' * 40}a.py")),
    "long name in GNU format": build_sdist(
        Entry(name=f"{TOP}/{'long/' * 40}a.py", format=tarfile.GNU_FORMAT)
    ),
    "name that is not ASCII": build_sdist(Entry(name=f"{TOP}/\u65e5\u672c\u8a9e.py")),
    "global header": build_sdist(
        header(tarfile.XGLTYPE, 52, pax_record("comment", "0123456789" * 4)),
        Entry(name=f"{TOP}/last.py"),
    ),
    "old format": build_sdist(Entry(name=f"{TOP}/a.py", format=tarfile.USTAR_FORMAT)),
    "dots within names": build_sdist(Entry(name=f"{TOP}/..a.py"), Entry(name=f"{TOP}/a..b")),
    "padding behind the end": build_sdist(behind=b"\0" * 9216),
    "gzip of two parts": gzip.compress(build_tar([_PKG_INFO, _PYPROJECT])[:700], mtime=0)
    + gzip.compress(build_tar([_PKG_INFO, _PYPROJECT])[700:], mtime=0),
}
"""Sound sdists, without a warning in any profile."""


def polyglots() -> Mapping[str, tuple[str, bytes]]:
    """A zip to some and a tar to others: filename and content (U62)."""
    start = Entry(name=f"{TOP}/PKG-INFO", content=METADATA).to_bytes()
    padded_wheel = build_wheel(ends=Ends(prefix=start))
    return {
        "wheel that begins as a tar": ("demo-1.0-py3-none-any.whl", padded_wheel),
        "zip sdist that begins as a tar": ("demo-1.0.zip", padded_wheel),
        "sdist that ends as a zip": ("demo-1.0.tar.gz", _SOUND_SDIST + build_wheel()),
    }
