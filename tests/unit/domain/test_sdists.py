"""Source distributions: nothing that tools must not unpack, and nothing that costs too much."""

import gzip
import tarfile
import zlib

import pytest

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.validation.profiles import Profile
from pypi_repo.settings import MIB, Limits
from tests.support.distributions import sdist
from tests.support.hostile_archives import (
    ALIKE_NAMES,
    LICENSED,
    METADATA,
    SDISTS_TO_ACCEPT,
    SDISTS_TO_REFUSE,
    TOP,
    Entry,
    Member,
    build_sdist,
    build_tar,
    build_zip,
    header,
    pax_record,
    zeros,
)
from tests.support.inspecting import ALL, NO_RULES, SDIST_NAME, STRICT, bounded, inspected

PKG_INFO = Entry(name=f"{TOP}/PKG-INFO", content=METADATA)


def _zeros(size: int) -> bytes:
    """The gzip of whole MiB of zeros behind the first members of an sdist, without its end."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    large = tarfile.TarInfo(f"{TOP}/zeros.bin")
    large.size = size
    start = build_tar([PKG_INFO])[: -2 * tarfile.BLOCKSIZE] + large.tobuf()
    packed = compressor.compress(start) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return packed + block * (size // MIB)


@pytest.mark.parametrize("shape", SDISTS_TO_REFUSE)
def test_hostile_sdists_are_refused(shape: str) -> None:
    """U75, U76, U77, U79"""
    with pytest.raises(InvalidArchive) as refused:
        inspected(SDISTS_TO_REFUSE[shape], SDIST_NAME, rules=NO_RULES)
    assert " " in refused.value.message


def _licensed(path: str, *entries: Entry) -> bytes:
    content = LICENSED.replace(b"File: LICENSE", f"File: {path}".encode())
    return build_sdist(*entries, pkg_info=Entry(name=f"{TOP}/PKG-INFO", content=content))


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Entry:
    return Entry(name=f"{TOP}/{name}", target=target, kind=kind)


LICENCE = Entry(name=f"{TOP}/LICENSES/MIT.txt", content=b"permission is granted")


@pytest.mark.parametrize("profile", STRICT)
@pytest.mark.parametrize(
    ("path", "links"),
    [
        ("LICENSE", [_link("LICENSE", "LICENSES/MIT.txt")]),
        ("LICENSE", [_link("LICENSE", "./LICENSES/MIT.txt")]),
        ("LICENSE", [_link("LICENSE", f"{TOP}/LICENSES/MIT.txt", tarfile.LNKTYPE)]),
        ("docs/LICENSE", [_link("docs/LICENSE", "../LICENSES/MIT.txt")]),
        ("legal/MIT.txt", [_link("legal", "LICENSES")]),
        ("a/b/MIT.txt", [_link("a/b", "../LICENSES")]),
        ("one", [_link("one", "two"), _link("two", "LICENSES/MIT.txt")]),
        ("one/MIT.txt", [_link("one", "two"), _link("two", "three"), _link("three", "LICENSES")]),
        ("COPYING", [_link("COPYING", "legal/MIT.txt"), _link("legal", "LICENSES")]),
    ],
)
def test_a_licence_that_is_a_link_is_what_it_leads_to(
    path: str, links: list[Entry], profile: Profile
) -> None:
    """U78: whichever stands first in the archive."""
    inspected(_licensed(path, LICENCE, *links), SDIST_NAME, profile)
    inspected(_licensed(path, *links, LICENCE), SDIST_NAME, profile)


@pytest.mark.parametrize("profile", STRICT)
@pytest.mark.parametrize(
    ("path", "links"),
    [
        ("LICENSE", [_link("LICENSE", "MIT.txt")]),
        ("LICENSE", [_link("LICENSE", "LICENSES")]),
        ("LICENSE", [_link("LICENSE", "LICENSE")]),
        ("one", [_link("one", "two"), _link("two", "one")]),
        ("one/x", [_link("one", "one/x")]),
        ("one/x", [_link("one", "two/x"), _link("two", "one/x")]),
        ("legal/GPL.txt", [_link("legal", "LICENSES")]),
        ("LICENSE/MIT.txt", [_link("LICENSE", "LICENSES/MIT.txt")]),
        ("/".join("abcd" * 30), []),
    ],
)
def test_a_link_that_leads_to_no_file_is_no_licence(
    path: str, links: list[Entry], profile: Profile
) -> None:
    """U78: nothing, a folder, or in circles."""
    with pytest.raises(InvalidArchive, match="lacks the licence file"):
        inspected(_licensed(path, LICENCE, *links), SDIST_NAME, profile)


@pytest.mark.parametrize("shape", ALIKE_NAMES)
def test_names_that_are_one_name_elsewhere(shape: str) -> None:
    """U66: as in wheels."""
    content = build_sdist(*(Entry(name=f"{TOP}/{name}") for name in ALIKE_NAMES[shape]))
    for profile in ("private", "lenient"):
        (warning,) = inspected(content, SDIST_NAME, profile).warnings
        assert warning.startswith("Only case tells ")
    with pytest.raises(InvalidArchive, match="only by case; rename"):
        inspected(content, SDIST_NAME, "pypi")


@pytest.mark.parametrize("profile", ALL)
def test_metadata_are_alone_whatever_the_case(profile: Profile) -> None:
    """U66"""
    with pytest.raises(InvalidArchive, match="only by case"):
        inspected(build_sdist(Entry(name=f"{TOP}/pkg-info")), SDIST_NAME, profile)


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("shape", SDISTS_TO_ACCEPT)
def test_sound_sdists_are_accepted(shape: str, profile: Profile) -> None:
    """U75, U79: without a warning."""
    inspection = inspected(SDISTS_TO_ACCEPT[shape], SDIST_NAME, profile)
    assert inspection.metadata == METADATA
    assert inspection.warnings == ()


def test_what_is_odd_is_accepted_with_a_warning() -> None:
    """U80: an unusual folder, no pyproject.toml."""
    odd = gzip.compress(build_tar([Entry(name="Demo-1/PKG-INFO", content=METADATA)]))
    folder, project = inspected(odd, SDIST_NAME).warnings
    assert folder == "The sdist's folder should be named demo-1.0."
    assert project == "The sdist has no pyproject.toml."


def test_old_metadata_are_no_reason_to_refuse() -> None:
    """U80: setuptools wrote 1.0 to 2.1 for a long time."""
    old = Entry(name=f"{TOP}/PKG-INFO", content=METADATA.replace(b"2.1", b"1.0"))
    assert b"1.0" in inspected(build_sdist(pkg_info=old), SDIST_NAME, "pypi").metadata


@pytest.mark.parametrize("profile", STRICT)
def test_licence_files_must_be_there(profile: Profile) -> None:
    """U78: under the top folder, as files."""
    licensed = Entry(name=f"{TOP}/PKG-INFO", content=LICENSED)
    licence = Entry(name=f"{TOP}/LICENSE", content=b"MIT")
    assert inspected(build_sdist(licence, pkg_info=licensed), SDIST_NAME, profile).warnings == ()
    for other in (
        Entry(name=f"{TOP}/docs/LICENSE", content=b"MIT"),
        Entry(name=f"{TOP}/LICENSE", kind=tarfile.DIRTYPE),
    ):
        with pytest.raises(InvalidArchive, match="licence file 'LICENSE'"):
            inspected(build_sdist(other, pkg_info=licensed), SDIST_NAME, profile)


def test_licence_files_of_old_metadata_mean_nothing() -> None:
    """U78: before 2.4 the field was a hint of setuptools."""
    early = Entry(name=f"{TOP}/PKG-INFO", content=LICENSED.replace(b"2.4", b"2.1"))
    inspected(build_sdist(pkg_info=early), SDIST_NAME)


def test_lenient_asks_for_no_licence_files() -> None:
    """U78"""
    licensed = Entry(name=f"{TOP}/PKG-INFO", content=LICENSED)
    inspected(build_sdist(pkg_info=licensed), SDIST_NAME, "lenient")


def test_lenient_takes_zip_sdists() -> None:
    """U81: one top folder with PKG-INFO."""
    members = [
        Member(name="Demo-1.0/PKG-INFO", content=METADATA),
        Member(name="Demo-1.0/demo.py", content=b"answer = 42\n"),
        Member(name="Demo-1.0/demo/"),
    ]
    inspection = inspected(build_zip(members), "Demo-1.0.zip", "lenient")
    assert inspection.metadata == METADATA
    assert inspection.warnings == ("The sdist has no pyproject.toml.",)


_ZIP_PKG_INFO = Member(name=f"{TOP}/PKG-INFO", content=METADATA)
_ZIP_SDISTS = {
    "without PKG-INFO": [Member(name=f"{TOP}/demo.py")],
    "two folders": [_ZIP_PKG_INFO, Member(name="other/demo.py")],
    "file at the top": [_ZIP_PKG_INFO, Member(name="setup.py")],
    "parent folder": [_ZIP_PKG_INFO, Member(name=f"{TOP}/../../evil.py")],
    "symbolic link": [_ZIP_PKG_INFO, Member(name=f"{TOP}/link", both={"mode": 0o120777})],
    "PKG-INFO twice": [_ZIP_PKG_INFO, _ZIP_PKG_INFO],
    "wrong checksum": [_ZIP_PKG_INFO, Member(name=f"{TOP}/a", content=b"a", packed=b"b")],
    "bomb": [_ZIP_PKG_INFO, zeros(f"{TOP}/zeros", 65 * MIB)],
    "bomb that lies": [_ZIP_PKG_INFO, zeros(f"{TOP}/zeros", 65 * MIB, 10)],
    "PKG-INFO too large": [zeros(f"{TOP}/PKG-INFO", 60 * MIB)],
    "nothing": [],
}


@pytest.mark.parametrize("shape", _ZIP_SDISTS)
def test_hostile_zip_sdists_are_refused(shape: str) -> None:
    """U63, U66, U81"""
    content = build_zip(_ZIP_SDISTS[shape])
    with bounded(memory=16 * MIB, seconds=3), pytest.raises(InvalidArchive):
        inspected(content, "demo-1.0.zip", "lenient")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [3 << 30, 1 << 40, 65 * 1024])
def test_extended_headers_cost_no_memory(kind: bytes, size: int) -> None:
    """U79: tarfile would read 3 GiB of them at once."""
    content = build_sdist(header(kind, size), Entry(name=f"{TOP}/more", content=bytes(100_000)))
    with bounded(memory=2 * MIB, seconds=1), pytest.raises(InvalidArchive):
        inspected(content, SDIST_NAME)


def test_extended_headers_of_some_size_are_read() -> None:
    """U79: 40 KiB of them are odd and harmless."""
    comment = pax_record("comment", "x" * 40_000)
    content = build_sdist(
        header(tarfile.XHDTYPE, len(comment), comment), Entry(name=f"{TOP}/last.py")
    )
    assert inspected(content, SDIST_NAME).warnings == ()


def test_global_headers_are_not_copied_without_end() -> None:
    """U79: tarfile hands a copy of all of them to each member."""
    records = b"".join(pax_record(f"key{number}", "value") for number in range(2000))
    more = [Entry(name=f"{TOP}/{number}") for number in range(200)]
    content = build_sdist(header(tarfile.XGLTYPE, len(records), records), *more)
    with bounded(memory=4 * MIB, seconds=1), pytest.raises(InvalidArchive, match="global headers"):
        inspected(content, SDIST_NAME)


@pytest.mark.parametrize("size", [1 << 30, 1 << 40])
def test_a_bomb_is_not_unpacked(size: int) -> None:
    """U63, U79: 1 GiB of zeros is refused by what the header says."""
    content = _zeros(1 << 30) if size == 1 << 30 else _zeros(MIB)
    with bounded(memory=4 * MIB, seconds=2), pytest.raises(InvalidArchive):
        inspected(content, SDIST_NAME)


def test_a_bomb_of_many_members_is_stopped() -> None:
    """U79: 70 MiB in small members."""
    block = zeros("", 1 * MIB)
    member = tarfile.TarInfo(f"{TOP}/zeros.bin")
    member.size = MIB
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = compressor.compress(member.tobuf()) + compressor.flush(zlib.Z_FULL_FLUSH)
    assert block.packed is not None
    each = start + block.packed[:-2]
    raw = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = raw.compress(PKG_INFO.to_bytes()) + raw.flush(zlib.Z_FULL_FLUSH)
    content = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + first + each * 70
    with bounded(memory=4 * MIB, seconds=5), pytest.raises(InvalidArchive, match="unpacks to far"):
        inspected(content, SDIST_NAME)


def test_padding_can_be_a_bomb_too() -> None:
    """U79: nothing but zeros behind the end, and they are read up to the limit only."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    tar = build_tar([PKG_INFO])
    packed = compressor.compress(tar) + compressor.flush(zlib.Z_FULL_FLUSH)
    packed += (compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)) * 200
    with bounded(memory=4 * MIB, seconds=5), pytest.raises(InvalidArchive, match="unpacks to far"):
        inspected(packed, SDIST_NAME)


def test_pkg_info_is_read_under_a_cap() -> None:
    """U79"""
    huge = Entry(name=f"{TOP}/PKG-INFO", content=bytes(5 * MIB))
    content = build_sdist(pkg_info=huge)
    del huge
    with bounded(memory=4 * MIB, seconds=2), pytest.raises(InvalidArchive, match="larger than"):
        inspected(content, SDIST_NAME)


def test_a_large_pkg_info_comes_out_whole() -> None:
    """U74: several chunks of it."""
    large = METADATA + b"\n" + b"text of a long description\n" * 20_000
    assert inspected(sdist(files={"PKG-INFO": large}).content, SDIST_NAME).metadata == large


def test_too_many_members_are_refused() -> None:
    """U79"""
    limits = Limits(archive_members=10)
    more = [Entry(name=f"{TOP}/{number}") for number in range(8)]
    inspected(build_sdist(*more[:7]), SDIST_NAME, limits=limits)
    with pytest.raises(InvalidArchive, match="more than 10 members"):
        inspected(build_sdist(*more), SDIST_NAME, limits=limits)


def test_members_cost_no_memory_to_speak_of() -> None:
    """U79: their names are kept, and no more than those."""
    content = build_sdist(*(Entry(name=f"{TOP}/{number}") for number in range(2000)))
    with bounded(memory=2 * MIB, seconds=5):
        inspected(content, SDIST_NAME)


def test_folders_do_not_nest_without_end() -> None:
    """U79"""
    inspected(build_sdist(Entry(name=f"{TOP}/{'a/' * 98}b")), SDIST_NAME)
    with pytest.raises(InvalidArchive, match="too deep"):
        inspected(build_sdist(Entry(name=f"{TOP}/{'a/' * 99}b")), SDIST_NAME)
