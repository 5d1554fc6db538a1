"""Zips that no two readers may understand differently: all or nothing, in every profile."""

import io
import itertools
import struct
import time
import zipfile
from dataclasses import replace

import pytest

from pypi_repo.domain.archives.zip_archive import read_member, read_members
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.validation.profiles import Profile
from pypi_repo.settings import GIB, KIB, MIB, Limits
from tests.support.hostile_archives import (
    ALIKE_NAMES,
    DEFLATED,
    INFO,
    ZIP64_EXTRA,
    ZIPS_TO_ACCEPT,
    ZIPS_TO_REFUSE,
    Ends,
    Member,
    build_wheel,
    build_zip,
    deep_bomb,
    deflate,
    empty_members,
    extra,
    wheel_members,
    zeros,
)
from tests.support.inspecting import ALL, NO_RULES, bounded, inspected, slowness


def _contents(file: io.BytesIO) -> dict[str, bytes]:
    members = read_members(file, Limits())
    return {member.name: b"".join(read_member(file, member)) for member in members}


@pytest.mark.parametrize("shape", ZIPS_TO_REFUSE)
def test_hostile_zips_are_refused(shape: str) -> None:
    """U62, U64, U65, U66"""
    with pytest.raises(InvalidArchive) as refused:
        inspected(ZIPS_TO_REFUSE[shape], rules=NO_RULES)
    assert refused.value.message.endswith((".", "cut off: empty file"))
    assert " " in refused.value.message


@pytest.mark.parametrize("shape", ZIPS_TO_REFUSE)
def test_the_reader_alone_refuses_them(shape: str) -> None:
    """U65, U81: so a zip is no safer for being an sdist."""
    with pytest.raises(InvalidArchive):
        _contents(io.BytesIO(ZIPS_TO_REFUSE[shape]))


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("shape", ZIPS_TO_ACCEPT)
def test_sound_zips_are_accepted(shape: str, profile: Profile) -> None:
    """U64, U65: without a warning."""
    inspection = inspected(ZIPS_TO_ACCEPT[shape], profile=profile)
    assert b"Name: demo" in inspection.metadata
    assert inspection.warnings == ()


@pytest.mark.parametrize("shape", ALIKE_NAMES)
def test_names_that_are_one_name_elsewhere(shape: str) -> None:
    """U66: a warning, except for publishing onwards."""
    one, other = (Member(name=name) for name in ALIKE_NAMES[shape])
    content = build_wheel(one, other)
    for profile in ("private", "lenient"):
        (warning,) = inspected(content, profile=profile).warnings
        assert warning == f"Only case tells {other.name} from other members."
    with pytest.raises(InvalidArchive, match="only by case; rename"):
        inspected(content, profile="pypi")


@pytest.mark.parametrize("profile", ALL)
def test_metadata_are_alone_whatever_the_case(profile: Profile) -> None:
    """U66: or what is installed might not be what the index says."""
    for name in ("metadata", "Metadata", "RECORD/", "licenses/a", "LICENSES/A"):
        twins = [Member(name=f"{INFO}/{name}"), Member(name=f"{INFO}/licenses/A")]
        with pytest.raises(InvalidArchive, match=r"only by case|named"):
            inspected(build_wheel(*twins), profile=profile)


def test_a_streamed_zip_is_refused_for_what_it_is() -> None:
    """U65: as jar, Go and Node write them."""

    class OneWay(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    buffer = OneWay()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in wheel_members():
            archive.writestr(member.name, member.content)
    with pytest.raises(InvalidArchive, match=r"data descriptor"):
        inspected(buffer.getvalue(), rules=NO_RULES)


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip64_forced_by_old_pythons(method: int, profile: Profile) -> None:
    """U65: the sizes in the header, and once more in its extra field."""
    members = [
        replace(
            member,
            method=method,
            local={
                "extra": extra(
                    ZIP64_EXTRA,
                    struct.pack(
                        "<2Q", len(member.content), len(replace(member, method=method).data())
                    ),
                )
            },
        )
        for member in wheel_members()
    ]
    assert inspected(build_zip(members), profile=profile).warnings == ()


@pytest.mark.parametrize("shape", ZIPS_TO_ACCEPT)
def test_what_is_read_is_what_others_read(shape: str) -> None:
    """U65: the standard library sees the same members with the same content."""
    file = io.BytesIO(ZIPS_TO_ACCEPT[shape])
    ours = _contents(file)
    with zipfile.ZipFile(file) as archive:
        theirs = {name: archive.read(name) for name in archive.namelist()}
    assert ours == theirs


def test_a_zip_of_the_standard_library_is_sound() -> None:
    """U65: ZIP64 forced, folders, comment, both methods."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"made by the standard library"
        archive.mkdir("demo")
        with archive.open(zipfile.ZipInfo("demo/large.bin"), "w", force_zip64=True) as member:
            member.write(b"large")
        archive.writestr("demo/\xe9.txt", "text", zipfile.ZIP_DEFLATED)
    members = read_members(buffer, Limits())
    assert [member.name for member in members] == ["demo/", "demo/large.bin", "demo/\xe9.txt"]
    assert [b"".join(read_member(buffer, member)) for member in members] == [b"", b"large", b"text"]


_DAMAGED = {
    "checksum": Member(name="demo/a.bin", content=b"abc", both={"crc": 1}),
    "stored checksum": Member(name="demo/a.bin", content=b"abc", packed=b"abd"),
    "smaller than it claims": Member(
        name="demo/a.bin", content=b"abc", method=DEFLATED, both={"size": 9}
    ),
    "larger than it claims": Member(
        name="demo/a.bin", content=b"abc" * 99, method=DEFLATED, both={"size": 9}
    ),
    "no deflate": Member(name="demo/a.bin", content=b"abc", method=DEFLATED, packed=b"\xff" * 9),
    "deflate cut off": Member(
        name="demo/a.bin", content=b"abc", method=DEFLATED, packed=deflate(b"abc")[:-1]
    ),
    "deflate with bytes behind it": Member(
        name="demo/a.bin", content=b"abc", method=DEFLATED, packed=deflate(b"abc") + b"evil"
    ),
    "no deflate at all": Member(name="demo/a.bin", method=DEFLATED, packed=b""),
}


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("damage", _DAMAGED)
def test_every_member_is_read(damage: str, profile: Profile) -> None:
    """U63, U65: what a member claims is checked, whether or not RECORD lists it."""
    record = f"{INFO}/METADATA,,\n{INFO}/WHEEL,,\n{INFO}/RECORD,,\ndemo/__init__.py,,\n".encode()
    for content in (
        build_wheel(_DAMAGED[damage]),
        build_wheel(_DAMAGED[damage], record=record.replace(b",,", b",sha256=,")),
    ):
        with pytest.raises(InvalidArchive):
            inspected(content, profile=profile)


@pytest.mark.parametrize("profile", ALL)
def test_a_member_that_unpacks_to_more_than_it_says_costs_nothing(profile: Profile) -> None:
    """U63: a gigabyte of zeros that claims to be ten bytes."""
    content = deep_bomb(declared=10, unpacked=GIB)
    assert len(content) < 2 * MIB
    with bounded(memory=8 * MIB, seconds=2), pytest.raises(InvalidArchive, match="more than it"):
        inspected(content, profile=profile)


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("declared", [GIB, 0xFFFFFFFE])
def test_a_bomb_that_says_so_is_not_unpacked(declared: int, profile: Profile) -> None:
    """U63"""
    content = deep_bomb(declared=declared, unpacked=64 * MIB)
    with bounded(memory=8 * MIB, seconds=1), pytest.raises(InvalidArchive, match="unpacks to far"):
        inspected(content, profile=profile)


@pytest.mark.parametrize("profile", ALL)
def test_many_members_together_can_be_a_bomb(profile: Profile) -> None:
    """U63: it is the sum that counts."""
    parts = [zeros(f"demo/{number}.bin", 8 * MIB) for number in range(9)]
    with bounded(memory=8 * MIB, seconds=1), pytest.raises(InvalidArchive, match="unpacks to far"):
        inspected(build_wheel(*parts), profile=profile)
    inspected(build_wheel(*parts[:7], record=b""), profile="lenient")  # 56 MiB are no bomb yet


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("member", ["METADATA", "WHEEL", "entry_points.txt", "RECORD"])
def test_small_files_are_read_under_a_cap(member: str, profile: Profile) -> None:
    """U63, U69, U74: 60 MiB of METADATA are no bomb by their size alone."""
    name, size = f"{INFO}/{member}", 60 * MIB
    huge = zeros(name, size)
    sound = [
        other
        for other in (
            Member(name=f"{INFO}/METADATA", content=b"Metadata-Version: 2.1\n"),
            Member(name=f"{INFO}/WHEEL", content=b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"),
            Member(name=f"{INFO}/RECORD", content=b""),
        )
        if other.name != name
    ]
    content = build_zip([*sound, huge])
    read = {"METADATA": ALL, "WHEEL": ("private",), "entry_points.txt": ALL, "RECORD": ALL[:2]}
    with bounded(memory=70 * MIB if member == "RECORD" else 24 * MIB, seconds=3):
        if profile in read[member]:
            with pytest.raises(InvalidArchive, match=r"larger than|not three columns"):
                inspected(content, profile=profile)
        else:
            inspected(content, profile=profile)


@pytest.mark.parametrize("profile", ["private", "pypi"])
@pytest.mark.parametrize("line", [b"%d,,\n", b"%d,,\r"])
def test_a_record_of_countless_lines_is_refused(line: bytes, profile: Profile) -> None:
    """U63, U68"""
    record = b"".join(line % number for number in range(200_000))
    content = build_zip(
        [
            Member(name=f"{INFO}/METADATA", content=b"Metadata-Version: 2.1\n"),
            Member(name=f"{INFO}/WHEEL", content=b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"),
            Member(name=f"{INFO}/RECORD", content=record, method=DEFLATED),
        ]
    )
    with bounded(memory=8 * MIB, seconds=2), pytest.raises(InvalidArchive, match="lines"):
        inspected(content, profile=profile)


def test_a_hundred_thousand_members_are_not_too_many() -> None:
    """U63"""
    count = Limits().archive_members
    file = io.BytesIO(empty_members(count))
    start = time.process_time()
    assert len(read_members(file, Limits())) == count
    assert time.process_time() - start < 15 * slowness()


def test_a_member_costs_little_memory() -> None:
    """U63: a hundred thousand of them stay below 150 MiB."""
    file = io.BytesIO(empty_members(5000))
    with bounded(memory=7 * MIB, seconds=10):
        read_members(file, Limits())


@pytest.mark.parametrize("zip64", [False, True])
def test_more_members_than_allowed_are_refused_before_they_are_read(zip64: bool) -> None:
    """U63: the end record is enough."""
    limits = Limits(archive_members=10)
    members = [Member(name=f"{number}") for number in range(11)]
    read_members(io.BytesIO(build_zip(members[:10], Ends(zip64=zip64))), limits)
    with pytest.raises(InvalidArchive, match="more than 10 members"):
        read_members(io.BytesIO(build_zip(members, Ends(zip64=zip64))), limits)


def test_a_count_of_billions_costs_nothing() -> None:
    """U63: what the end record says of the directory is not believed."""
    content = build_zip(
        [Member(name="a")], Ends(zip64=True, end_64={"count": 2**62, "count_here": 2**62})
    )
    with bounded(memory=MIB, seconds=1), pytest.raises(InvalidArchive):
        read_members(io.BytesIO(content), Limits())


def test_a_directory_larger_than_its_members_need_is_not_read() -> None:
    """U63: 64 MiB of directory for two members."""
    long = {"comment": b"x" * 0xFFFF}
    members = [Member(name="a", central=long), Member(name="b", central=long)]
    with bounded(memory=MIB, seconds=1), pytest.raises(InvalidArchive, match="unreasonably"):
        read_members(io.BytesIO(build_zip(members)), Limits())


def test_content_comes_in_small_chunks() -> None:
    """U63: deflated 1000 to 1, stored or in pieces, memory stays flat."""
    file = io.BytesIO(build_zip([zeros("a", 48 * MIB)]))
    with bounded(memory=2 * MIB, seconds=3):
        (found,) = read_members(file, Limits())
        sizes = [len(chunk) for chunk in read_member(file, found)]
    assert sum(sizes) == 48 * MIB
    assert max(sizes) <= 256 * KIB


@pytest.mark.parametrize("size", [0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 512 * KIB])
@pytest.mark.parametrize("method", [0, DEFLATED])
def test_content_is_whole_at_the_edges_of_chunks(size: int, method: int) -> None:
    """U63"""
    content = bytes(itertools.islice(itertools.cycle(range(251)), size))
    file = io.BytesIO(build_zip([Member(name="a", content=content, method=method)]))
    (found,) = read_members(file, Limits())
    assert b"".join(read_member(file, found)) == content
