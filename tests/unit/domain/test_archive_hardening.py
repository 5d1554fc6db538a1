"""Whatever the bytes are: a distribution, or a sentence why not. Never anything else."""

import gzip
import io
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidArchive, InvalidMetadata
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.validation.profiles import RULES, Profile
from pypi_repo.settings import MIB
from tests.support.distributions import sdist, wheel
from tests.support.hostile_archives import (
    INFO,
    METADATA,
    TOP,
    Entry,
    Member,
    build_sdist,
    build_tar,
    build_wheel,
    polyglots,
)
from tests.support.inspecting import ALL, NO_RULES, SDIST_NAME, WHEEL_NAME, bounded, inspected

ENTRY_POINTS = Member(name=f"{INFO}/entry_points.txt", content=b"[console_scripts]\na = b:c\n")
ARCHIVES: Mapping[str, tuple[str, bytes]] = {
    "wheel": (WHEEL_NAME, wheel(requires_dist=["other >=1"], description="text").content),
    "wheel, stored": (WHEEL_NAME, build_wheel(ENTRY_POINTS)),
    "sdist": (SDIST_NAME, sdist(requires_python=">=3.8").content),
    "sdist with links": (
        SDIST_NAME,
        build_sdist(Entry(name=f"{TOP}/link", target="demo.py", kind=b"2", pax={"comment": "x"})),
    ),
}
# The shrinker would need minutes where each example reads an archive.
_quickly = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)
profiles = st.sampled_from(ALL)


def _survives(filename: str, content: bytes, profile: Profile) -> bool:
    """Whether it is accepted. Anything but our own two errors fails the test."""
    name = DistributionFilename.parse(filename)
    try:
        inspection = inspected(content, filename, profile)
        CoreMetadata.parse(inspection.metadata, RULES[profile]).check_against(name)
    except (InvalidArchive, InvalidMetadata):
        return False
    return True


@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize("profile", ALL)
def test_they_are_sound_to_begin_with(archive: str, profile: Profile) -> None:
    assert _survives(*ARCHIVES[archive], profile)


@pytest.mark.parametrize("archive", ARCHIVES)
@_quickly
@given(st.data(), profiles)
def test_whatever_is_cut_off_is_refused(
    archive: str, data: st.DataObject, profile: Profile
) -> None:
    """U62, U75: at either end."""
    filename, content = ARCHIVES[archive]
    cut = data.draw(st.integers(1, len(content)))
    assert not _survives(filename, content[:-cut], profile)
    assert not _survives(filename, content[cut:], profile)


@pytest.mark.parametrize("archive", ARCHIVES)
@_quickly
@given(st.data(), profiles)
def test_flipped_bytes_do_no_harm(archive: str, data: st.DataObject, profile: Profile) -> None:
    """U62, U65, U75"""
    filename, content = ARCHIVES[archive]
    changed = bytearray(content)
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        changed[place] ^= data.draw(st.integers(1, 255))
    _survives(filename, bytes(changed), profile)


@pytest.mark.parametrize("archive", ARCHIVES)
@_quickly
@given(st.data(), profiles)
def test_moved_bytes_do_no_harm(archive: str, data: st.DataObject, profile: Profile) -> None:
    """U65, U75: a piece of the archive once more, or something foreign, in any place."""
    filename, content = ARCHIVES[archive]
    place, start, stop = (data.draw(st.integers(0, len(content))) for _ in range(3))
    piece = data.draw(st.one_of(st.just(content[start:stop]), st.binary(max_size=40)))
    _survives(filename, content[:place] + piece + content[place:], profile)


@pytest.mark.parametrize("profile", ALL)
@_quickly
@given(st.data())
def test_a_tar_may_hold_anything(profile: Profile, data: st.DataObject) -> None:
    """U75, U79: flipped before it is compressed, so that gzip notices nothing."""
    tar = bytearray(
        build_tar(
            [
                Entry(name=f"{TOP}/PKG-INFO", content=METADATA),
                Entry(name=f"{TOP}/{'long' * 40}", content=b"x", pax={"comment": "text"}),
                Entry(name=f"{TOP}/link", target="PKG-INFO", kind=b"2", format=1),
            ]
        )
    )
    places = st.integers(0, len(tar) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        tar[place] = data.draw(st.integers(0, 255))
        # With a right checksum, the header is believed.
        block = place - place % 512
        header = tar[block : block + 512]
        header[148:156] = b" " * 8
        tar[block + 148 : block + 156] = b"%06o\0 " % sum(header)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as zipped:
        zipped.write(tar)
    _survives(SDIST_NAME, buffer.getvalue(), profile)


@pytest.mark.parametrize("filename", [WHEEL_NAME, SDIST_NAME])
@_quickly
@given(st.binary(max_size=300), profiles)
def test_bytes_without_sense_are_refused(filename: str, content: bytes, profile: Profile) -> None:
    """U62, U75"""
    for start in (b"", b"PK\3\4", b"\x1f\x8b\x08\0"):
        assert not _survives(filename, start + content, profile)


@pytest.mark.parametrize("member", ["WHEEL", "RECORD", "entry_points.txt", "METADATA"])
@_quickly
@given(
    text=st.one_of(st.binary(max_size=200), st.text(max_size=99).map(str.encode)), profile=profiles
)
def test_small_files_may_hold_anything(member: str, text: bytes, profile: Profile) -> None:
    """U67 to U71"""
    if member == "entry_points.txt":
        content = build_wheel(Member(name=f"{INFO}/entry_points.txt", content=text))
    else:
        content = build_wheel(**{"wheel" if member == "WHEEL" else member.lower(): text})
    _survives(WHEEL_NAME, content, profile)


@pytest.mark.parametrize("profile", ALL)
@_quickly
@given(text=st.binary(max_size=300))
def test_metadata_may_hold_anything(profile: Profile, text: bytes) -> None:
    """U30, U72"""
    document = METADATA + text
    with suppress(InvalidMetadata):
        assert CoreMetadata.parse(document, RULES[profile]).name == "demo"


@pytest.mark.parametrize("shape", polyglots())
def test_polyglots_are_refused(shape: str) -> None:
    """U62"""
    filename, content = polyglots()[shape]
    with pytest.raises(InvalidArchive, match="at once"):
        inspected(content, filename, rules=NO_RULES)


@pytest.mark.parametrize(
    ("filename", "content"),
    [(SDIST_NAME, ARCHIVES["wheel"][1]), (WHEEL_NAME, ARCHIVES["sdist"][1])],
)
def test_one_kind_by_the_name_of_the_other_is_refused(filename: str, content: bytes) -> None:
    """U44, U62, U75"""
    for profile in ALL:
        assert not _survives(filename, content, profile)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
@pytest.mark.parametrize("header", [b"multipart/mixed; boundary=x", b"message/rfc822"])
def test_messages_within_messages_end_somewhere(kind: str, header: bytes) -> None:
    """U74: core metadata are e-mail headers, and the standard library parses them so."""
    nested = METADATA + b"".join(b"Content-Type: " + header + b"\n\n--x\n" for _ in range(3000))
    if kind == "wheel":
        filename, content = WHEEL_NAME, build_wheel(metadata=nested)
    else:
        info = Entry(name=f"{TOP}/PKG-INFO", content=nested)
        filename, content = SDIST_NAME, build_sdist(pkg_info=info)
    for profile in ALL:
        _survives(filename, content, profile)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_nothing_is_written_anywhere(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """U79: never extracted to disk; whoever tried would find no way to open a file."""
    filename, content = ARCHIVES[archive]
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("os.open", None)
    monkeypatch.setattr("os.mkdir", None)
    file = io.BytesIO(content)
    inspected(file, filename)
    assert file.getvalue() == content


@pytest.mark.parametrize("archive", ARCHIVES)
def test_where_the_file_stands_does_not_matter(archive: str) -> None:
    """U62: after an upload it stands at its end."""
    filename, content = ARCHIVES[archive]
    file = io.BytesIO(content)
    file.seek(0, io.SEEK_END)
    inspected(file, filename)


def test_a_large_sound_archive_costs_no_memory() -> None:
    """U63, U79"""
    for large in (wheel(padding=9 * MIB), sdist(padding=9 * MIB)):
        file = io.BytesIO(large.content)
        with bounded(memory=3 * MIB, seconds=5):
            inspected(file, large.filename)
