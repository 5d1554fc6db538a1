"""Wheels and sdists, sound, broken and hostile: their metadata, or InvalidArchive."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.archives.inspection import inspect
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.settings import KIB, MIB, Limits
from tests.support.distributions import Distribution, sdist, wheel

WHEEL = wheel()
SDIST = sdist()
INFO = "demo-1.0.dist-info"


def _metadata(content: bytes, filename: str, limits: Limits | None = None) -> bytes:
    """From a real file, as uploads have it."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        name = DistributionFilename.parse(filename)
        return inspect(file, name, RULES["private"], limits or Limits()).metadata


def _wheel_metadata(content: bytes, limits: Limits | None = None) -> bytes:
    return _metadata(content, WHEEL.filename, limits)


def _sdist_metadata(content: bytes, limits: Limits | None = None) -> bytes:
    return _metadata(content, SDIST.filename, limits)


def _zip(names: Iterable[str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in names:
            archive.writestr(name, WHEEL.metadata)
    return buffer.getvalue()


def _tar(
    members: Iterable[tuple[str, bytes]], compress: Callable[[bytes], bytes] = gzip.compress
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return compress(buffer.getvalue())


def _block(name: str, size: int, kind: bytes) -> bytes:
    """A tar header that declares a size, whatever follows."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("distribution", [WHEEL, SDIST])
def test_the_metadata_come_out_byte_for_byte(distribution: Distribution) -> None:
    """U74"""
    assert _metadata(distribution.content, distribution.filename) == distribution.metadata


@pytest.mark.parametrize("build", [wheel, sdist])
def test_metadata_are_not_rewritten(build: Callable[..., Distribution]) -> None:
    """U74: not even where line ends and encodings are unusual."""
    odd = b"Metadata-Version: 2.1\r\nName: demo\r\nVersion: 1.0\nAuthor: Zo\xeb\r\n\r\n\r\ntext"
    path = f"{INFO}/METADATA" if build is wheel else "PKG-INFO"
    distribution = build(files={path: odd})
    assert _metadata(distribution.content, distribution.filename) == odd


def test_folders_and_padding_do_no_harm() -> None:
    """U67, U76"""
    big = wheel(padding=300 * KIB)
    assert _wheel_metadata(big.content) == big.metadata
    big = sdist(padding=300 * KIB)
    assert _sdist_metadata(big.content) == big.metadata
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo("demo-1.0")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member = tarfile.TarInfo("demo-1.0/PKG-INFO")
        member.size = len(SDIST.metadata)
        archive.addfile(member, io.BytesIO(SDIST.metadata))
    assert _sdist_metadata(buffer.getvalue()) == SDIST.metadata


_NO_ARCHIVES = {
    "nothing": b"",
    "a line end": b"\n",
    "text": b"not an archive",
    "a zip's signature": b"PK\5\6",
    "a wild end record": b"PK\5\6" + b"\xff" * 18,
    "a local header": b"PK\3\4" + b"\0" * 60,
    "a gzip's signature": b"\x1f\x8b",
    "a gzip's header": b"\x1f\x8b\x08" + b"\0" * 60,
    "an empty gzip": gzip.compress(b""),
    "text in a gzip": gzip.compress(b"no tar in here"),
    "an empty tar in a gzip": gzip.compress(b"\0" * 10240),
    "an empty tar": b"\0" * 10240,
    "another compression": zlib.compress(SDIST.content),
}


@pytest.mark.parametrize("filename", [WHEEL.filename, SDIST.filename])
@pytest.mark.parametrize("what", _NO_ARCHIVES)
def test_what_is_no_archive(what: str, filename: str) -> None:
    """U16, U62, U75"""
    with pytest.raises(InvalidArchive):
        _metadata(_NO_ARCHIVES[what], filename)


def test_the_wrong_kind_of_archive() -> None:
    """U62, U75"""
    with pytest.raises(InvalidArchive):
        _wheel_metadata(SDIST.content)
    with pytest.raises(InvalidArchive):
        _sdist_metadata(WHEEL.content)


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, bytes])
def test_a_tar_in_another_wrapping_than_gzip(compress: Callable[[bytes], bytes]) -> None:
    """U75"""
    with pytest.raises(InvalidArchive):
        _sdist_metadata(_tar([("demo-1.0/PKG-INFO", SDIST.metadata)], compress))


def test_an_archive_that_is_zip_and_tar_at_once() -> None:
    """U62: two tools would see two different packages."""
    plain_tar = gzip.decompress(SDIST.content)
    with pytest.raises(InvalidArchive):
        _wheel_metadata(plain_tar + WHEEL.content)
    with pytest.raises(InvalidArchive):
        _sdist_metadata(SDIST.content + WHEEL.content)


@pytest.mark.parametrize("name", ["WHEEL", "METADATA", "RECORD"])
def test_a_wheel_needs_its_three_files(name: str) -> None:
    """U67"""
    names = [f"{INFO}/{each}" for each in ("WHEEL", "METADATA", "RECORD") if each != name]
    with pytest.raises(InvalidArchive, match=f"lacks {INFO}/{name}"):
        _wheel_metadata(_zip(names))


@pytest.mark.parametrize(
    "info",
    ["Demo-1.0.dist-info", "demo-1.0.0.dist-info", "demo-1.dist-info", "x/demo-1.0.dist-info"],
)
def test_the_info_folder_is_spelled_like_the_filename(info: str) -> None:
    """U67"""
    with pytest.raises(InvalidArchive, match="lacks"):
        _wheel_metadata(_zip(f"{info}/{name}" for name in ("WHEEL", "METADATA", "RECORD")))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_installers_do_not_know(compression: int) -> None:
    """U64"""
    names = [f"{INFO}/{name}" for name in ("WHEEL", "METADATA", "RECORD")]
    with pytest.raises(InvalidArchive):
        _wheel_metadata(_zip(names, compression))


@pytest.mark.parametrize(
    "names",
    [
        ["demo-1.0/PKG-INFO", "other/file"],
        ["PKG-INFO"],
        ["demo-1.0/PKG-INFO", "setup.py"],
        ["/demo-1.0/PKG-INFO"],
        ["./demo-1.0/PKG-INFO"],
        ["./PKG-INFO"],
        ["../demo-1.0/PKG-INFO"],
        ["/PKG-INFO"],
    ],
)
def test_an_sdist_has_one_top_folder(names: list[str]) -> None:
    """U76"""
    with pytest.raises(InvalidArchive):
        _sdist_metadata(_tar((name, SDIST.metadata) for name in names))


@pytest.mark.parametrize(
    "names", [[], ["demo-1.0/setup.py"], ["demo-1.0/demo.egg-info/PKG-INFO"], ["demo-1.0/pkg-info"]]
)
def test_an_sdist_needs_its_metadata(names: list[str]) -> None:
    """U76"""
    with pytest.raises(InvalidArchive):
        _sdist_metadata(_tar((name, SDIST.metadata) for name in names))


def test_metadata_that_are_a_link_are_not_followed() -> None:
    """U76"""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, target in [("demo-1.0/PKG-INFO", "/etc/passwd"), ("demo-1.0/a", "b")]:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    with pytest.raises(InvalidArchive):
        _sdist_metadata(buffer.getvalue())


@pytest.mark.parametrize("distribution", [WHEEL, SDIST])
def test_cut_off_anywhere(distribution: Distribution) -> None:
    """U17, U62, U75: every single length; the last eight bytes of a gzip are its checksum."""
    for length in range(len(distribution.content)):
        with pytest.raises(InvalidArchive):
            _metadata(distribution.content[:length], distribution.filename)


@given(
    distribution=st.sampled_from([WHEEL, SDIST]),
    flips=st.lists(
        st.tuples(st.integers(min_value=0), st.integers(1, 255)), min_size=1, max_size=3
    ),
)
def test_flipped_bytes_are_refused_or_harmless(
    distribution: Distribution, flips: list[tuple[int, int]]
) -> None:
    """U62, U75"""
    content = bytearray(distribution.content)
    for position, bits in flips:
        content[position % len(content)] ^= bits
    try:
        document = _metadata(bytes(content), distribution.filename)
    except InvalidArchive:
        return
    assert document == distribution.metadata


@given(
    flips=st.lists(st.tuples(st.integers(min_value=0), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_flipped_bytes_below_the_gzip_layer(flips: list[tuple[int, int]]) -> None:
    """U75: the tar itself is hostile, though its wrapping is sound."""
    content = bytearray(gzip.decompress(SDIST.content))
    for position, bits in flips:
        content[position % len(content)] ^= bits
    try:
        document = _sdist_metadata(gzip.compress(bytes(content), 1))
    except InvalidArchive:
        return
    assert document in bytes(content)


@given(field=st.integers(0, 17), value=st.binary(min_size=4, max_size=4))
def test_any_end_record_of_a_zip(field: int, value: bytes) -> None:
    """U62, U65: counts, offsets and sizes of the central directory that lie."""
    content = bytearray(WHEEL.content)
    start = content.rindex(b"PK\5\6") + 4 + field
    content[start : start + 4] = value
    try:
        document = _wheel_metadata(bytes(content))
    except InvalidArchive:
        return
    assert document == WHEEL.metadata


@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused(content: bytes) -> None:
    """U62, U75"""
    for filename in (WHEEL.filename, SDIST.filename):
        with pytest.raises(InvalidArchive):
            _metadata(content, filename)


@pytest.mark.parametrize("build", [wheel, sdist])
def test_metadata_up_to_their_limit(build: Callable[..., Distribution]) -> None:
    """U63, U79: a limit of our own, whatever the archive declares."""
    distribution = build(description="x" * 100_000)
    size = len(distribution.metadata)
    exactly = Limits(metadata_size=size)
    assert _metadata(distribution.content, distribution.filename, exactly) == distribution.metadata
    with pytest.raises(InvalidArchive):
        _metadata(distribution.content, distribution.filename, Limits(metadata_size=size - 1))


@pytest.mark.parametrize("build", [wheel, sdist])
def test_members_up_to_their_limit(build: Callable[..., Distribution]) -> None:
    """U63, U79"""
    distribution = build(files={f"demo/{number}.py": b"" for number in range(20)})
    with pytest.raises(InvalidArchive):
        _metadata(distribution.content, distribution.filename, Limits(archive_members=20))
    assert _metadata(distribution.content, distribution.filename, Limits(archive_members=30))


def _deflated_zeros(size: int) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as archive:
        archive.write(_block("demo-1.0/PKG-INFO", len(SDIST.metadata), tarfile.REGTYPE))
        archive.write(SDIST.metadata.ljust(512, b"\0"))
        archive.write(_block("demo-1.0/zeros", size, tarfile.REGTYPE))
        for _ in range(size // MIB):
            archive.write(bytes(MIB))
        archive.write(bytes(1024))
    return buffer.getvalue()


def test_a_tar_bomb_is_refused() -> None:
    """U79: 70 MiB of zeros in less than a hundredth of that."""
    with pytest.raises(InvalidArchive, match="unpacks to far more"):
        _sdist_metadata(_deflated_zeros(70 * MIB))


def test_a_well_compressed_sdist_is_no_bomb() -> None:
    """U79: below the floor, any ratio will do."""
    assert _sdist_metadata(_deflated_zeros(20 * MIB)) == SDIST.metadata


def test_a_bomb_hidden_behind_the_end_of_the_tar_is_refused() -> None:
    """U79: what follows the last member is unpacked to check the gzip, so it counts too."""
    with pytest.raises(InvalidArchive):
        _sdist_metadata(gzip.compress(gzip.decompress(SDIST.content) + bytes(70 * MIB), 1))


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
@pytest.mark.parametrize("size", [5 * MIB, 8 * 1024 * MIB])
def test_an_extended_header_of_absurd_size_costs_no_memory(kind: bytes, size: int) -> None:
    """U79: tarfile would read it in one go."""
    content = gzip.compress(_block("x", size, kind) + bytes(64 * KIB), 1)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArchive):
            _sdist_metadata(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * MIB


@pytest.mark.parametrize("size", [-512, -(2**62), 2**62])
def test_a_member_of_absurd_size_is_refused(size: int) -> None:
    """U75, U79: negative sizes would send a reader backwards, for ever."""
    header = bytearray(_block("demo-1.0/x", 0, tarfile.REGTYPE))
    header[124:136] = b"\xff" + (size & (256**11 - 1)).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    body = _block("demo-1.0/PKG-INFO", 0, tarfile.REGTYPE) + bytes(header) + bytes(1024)
    with pytest.raises(InvalidArchive):
        _sdist_metadata(gzip.compress(body), Limits(archive_members=1000))


def test_a_chain_of_extended_headers_ends_in_a_refusal() -> None:
    """U75: each level is read by a recursion."""
    body = (_block("x", 1, tarfile.GNUTYPE_LONGNAME) + b"a".ljust(512, b"\0")) * 3000
    with pytest.raises(InvalidArchive):
        _sdist_metadata(gzip.compress(body))


def test_a_wheel_whose_metadata_expand_enormously() -> None:
    """U63: read up to the limit only, whatever size it declares."""
    distribution = wheel(description=" " * (20 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArchive):
            _wheel_metadata(distribution.content, Limits(metadata_size=MIB))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * MIB


def test_a_central_directory_of_absurd_size_is_refused_unread() -> None:
    """U63"""
    content = bytearray(WHEEL.content)
    struct.pack_into("<L", content, content.rindex(b"PK\5\6") + 12, 0xFFFF_FFF0)
    with pytest.raises(InvalidArchive):
        _wheel_metadata(bytes(content))


def test_an_encrypted_wheel_is_refused() -> None:
    """U66"""
    content = bytearray(WHEEL.content)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        position = content.find(signature)
        while position >= 0:
            content[position + offset] |= 1
            position = content.find(signature, position + 4)
    with pytest.raises(InvalidArchive):
        _wheel_metadata(bytes(content))


def test_a_gzipped_tar_in_front_of_a_zip_is_both() -> None:
    """U62: tarfile.is_tarfile() says yes to it, and so does zipfile."""
    with pytest.raises(InvalidArchive):
        _wheel_metadata(SDIST.content + WHEEL.content)


@pytest.mark.parametrize("size", [-1, -1024])
def test_a_member_of_small_negative_size_is_refused(size: int) -> None:
    """U75, U79: the tar reader would go backwards."""
    header = bytearray(_block("demo-1.0/x", 0, tarfile.REGTYPE))
    header[124:136] = b"\xff" + (size & (256**11 - 1)).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    body = _block("demo-1.0/PKG-INFO", 0, tarfile.REGTYPE) + bytes(header) + bytes(1024)
    with pytest.raises(InvalidArchive):
        _sdist_metadata(gzip.compress(body), Limits(archive_members=1000))


def test_global_pax_headers_do_not_pile_up_in_memory() -> None:
    """U79: 14 headers of under 4 MiB each; tarfile keeps every record (+618 MB measured)."""
    number = 0
    body = io.BytesIO()
    for _ in range(4):
        records = bytearray()
        while len(records) < 4 * MIB - 100:
            records += b"12 %07x=\n" % number
            number += 1
        body.write(_block("x", len(records), tarfile.XGLTYPE))
        body.write(bytes(records) + bytes(-len(records) % 512))
    body.write(_block("demo-1.0/PKG-INFO", 0, tarfile.REGTYPE) + bytes(1024))
    content = gzip.compress(body.getvalue(), 1)
    del body, records
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArchive):
            _sdist_metadata(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


def _central_directory(size: int) -> bytes:
    fixed = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0
    )
    return (fixed + b"a") * (size // (len(fixed) + 1))


@pytest.mark.parametrize("zip64", [False, True])
def test_a_central_directory_of_very_many_members_costs_no_memory(zip64: bool) -> None:
    """U63: counted before zipfile makes an object of each; zip64 must not go round that."""
    directory = _central_directory(40 * MIB if not zip64 else 60 * MIB)
    count, size = len(directory) // 47, len(directory)
    if zip64:
        directory += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, 0)
        directory += struct.pack("<4sLQL", b"PK\6\7", 0, size, 1)
        count, size = 1, 100
    count = min(count, 0xFFFF)
    content = directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, 0, 0)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArchive):
            _wheel_metadata(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB
