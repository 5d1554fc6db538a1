"""Wheels: what installers need, said once and truly."""

from dataclasses import replace

import pytest

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.validation.profiles import Profile
from pypi_repo.settings import MIB
from tests.support.distributions import wheel
from tests.support.hostile_archives import (
    INFO,
    LICENSED,
    METADATA,
    WHEEL,
    Member,
    build_wheel,
    build_zip,
    record_line,
    wheel_members,
)
from tests.support.inspecting import ALL, STRICT, WHEEL_NAME, bounded, inspected

MODULE = b"answer = 42\n"
OWN = f"{INFO}/RECORD,,\n".encode()


def _record(*lines: bytes) -> bytes:
    """A RECORD of the sound wheel, the line of its module replaced by `lines`."""
    rest = record_line(f"{INFO}/METADATA", METADATA) + record_line(f"{INFO}/WHEEL", WHEEL)
    return b"".join(lines) + rest + OWN


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("name", ["METADATA", "WHEEL", "RECORD"])
def test_the_three_files_must_be_there(name: str, profile: Profile) -> None:
    """U67: of old wheels, RECORD may be missing."""
    content = build_wheel(without=f"{INFO}/{name}")
    if profile == "lenient" and name == "RECORD":
        inspected(content, profile=profile)
        return
    with pytest.raises(InvalidArchive, match=f"The wheel lacks {INFO}/{name}."):
        inspected(content, profile=profile)


@pytest.mark.parametrize("profile", STRICT)
@pytest.mark.parametrize("info", ["Demo-1.0.dist-info", "demo-1.dist-info", "demo-1.0.DIST-INFO"])
def test_the_folder_is_spelled_as_in_the_filename(info: str, profile: Profile) -> None:
    """U67"""
    with pytest.raises(InvalidArchive, match=f"The wheel lacks {INFO}/WHEEL."):
        inspected(build_zip(wheel_members(info=info)), profile=profile)


@pytest.mark.parametrize(
    ("filename", "info"),
    [
        (WHEEL_NAME, "Demo-1.0"),
        (WHEEL_NAME, "demo-1.0.0"),
        (WHEEL_NAME, "demo-v1"),
        ("Demo-1.0-py3-none-any.whl", "demo-1.0"),
        ("demo_pkg-1.0-py3-none-any.whl", "Demo.Pkg-1.0"),
        ("demo_pkg-1.0-py3-none-any.whl", "demo-pkg-1.0"),
        ("demo_pkg-1.0.post9-py3-none-any.whl", "demo-pkg-1.0-9"),
        ("demo_1-1.0-py3-none-any.whl", "demo-1-1.0"),
    ],
)
def test_lenient_takes_the_one_folder_of_the_same_project_and_version(
    filename: str, info: str
) -> None:
    """U67: Poetry 1.1 spelled it unlike the filename, and installers compare the values."""
    content = build_zip(wheel_members(info=f"{info}.dist-info"))
    inspection = inspected(content, filename, "lenient")
    assert inspection.metadata == METADATA
    stem = "-".join(filename.split("-")[:2])
    assert inspection.warnings == (
        f"The folder {info}.dist-info should be named {stem}.dist-info.",
    )


@pytest.mark.parametrize(
    "info",
    [
        "other-1.0",
        "demo-2.0",
        "demo",
        "demo-",
        "-1.0",
        "demo-1.0-py3",
        "x" * 250 + "-1.0",
        "-" * 9,
    ],
)
def test_lenient_takes_no_folder_of_something_else(info: str) -> None:
    """U67"""
    content = build_zip(wheel_members(info=f"{info}.dist-info"))
    with pytest.raises(InvalidArchive, match=f"The wheel lacks {INFO}/WHEEL."):
        inspected(content, profile="lenient")


def test_lenient_takes_no_two_folders() -> None:
    """U67"""
    members = [*wheel_members(), *wheel_members(info="Demo-1.0.0.dist-info")[1:]]
    with pytest.raises(InvalidArchive, match=r"more than one \.dist-info"):
        inspected(build_zip(members), profile="lenient")


def test_lenient_takes_the_spelling_of_the_filename_too() -> None:
    """U67"""
    content = build_zip(wheel_members(info="Demo.Pkg-1.0.0.dist-info"))
    assert inspected(content, "Demo.Pkg-1.0.0-py3-none-any.whl", "lenient").metadata == METADATA


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("other", ["other-1.0.dist-info/METADATA", "demo-2.0.dist-info/"])
def test_only_one_distribution_is_in_it(other: str, profile: Profile) -> None:
    """U67"""
    with pytest.raises(InvalidArchive, match="more than one"):
        inspected(build_wheel(Member(name=other)), profile=profile)


def test_dist_info_deeper_down_is_no_second_one() -> None:
    """U67: as in wheels that vendor others."""
    vendored = Member(name="demo/_vendor/other-1.0.dist-info/METADATA", content=b"x")
    assert inspected(build_wheel(vendored)).warnings == ()


@pytest.mark.parametrize("profile", STRICT)
def test_files_that_record_does_not_know_are_a_warning(profile: Profile) -> None:
    """U68: in either direction; installers say more."""
    extra, missing = inspected(
        build_wheel(record=_record(record_line("demo/lost.py", b""))),
        profile=profile,
    ).warnings
    assert extra == "RECORD does not list demo/__init__.py."
    assert missing == "RECORD lists, but the wheel lacks, demo/lost.py."


def test_long_lists_of_files_are_cut_short() -> None:
    """U68"""
    lines = [record_line("demo/__init__.py", MODULE)]
    lines += [record_line(f"demo/{number}.py", b"") for number in range(9)]
    (warning,) = inspected(build_wheel(record=_record(*lines))).warnings
    assert warning.endswith("demo/0.py, demo/1.py, demo/2.py and 6 more.")


def test_lenient_does_not_look_at_record() -> None:
    """U68"""
    content = build_wheel(record=b"no,record\n")
    assert inspected(content, profile="lenient").warnings == ()


@pytest.mark.parametrize("suffix", [".jws", ".p7s"])
def test_signatures_of_record_need_not_be_listed(suffix: str) -> None:
    """U68"""
    signature = Member(name=f"{INFO}/RECORD{suffix}", content=b"{}")
    record = _record(record_line("demo/__init__.py", MODULE))
    assert inspected(build_wheel(signature, record=record)).warnings == ()


def test_backslashes_and_folders_in_record_do_not_matter() -> None:
    """U68"""
    record = _record(record_line("demo/__init__.py", MODULE).replace(b"/", b"\\", 1))
    content = build_wheel(Member(name="demo/data/"), record=record)
    assert inspected(content).warnings == ()


_BAD_LINES = {
    "other content": record_line("demo/__init__.py", b"answer = 43\n"),
    "other size": record_line("demo/__init__.py", MODULE).replace(b",12\n", b",13\n"),
    "no hash": b"demo/__init__.py,,\n",
    "no digest": b"demo/__init__.py,sha256=,12\n",
    "no algorithm": b"demo/__init__.py,abc,12\n",
    "unknown algorithm": b"demo/__init__.py,crc32=abc,12\n",
    "algorithm without a length": b"demo/__init__.py,shake_128=abc,12\n",
    "md5": record_line("demo/__init__.py", MODULE, "md5"),
    "sha1": record_line("demo/__init__.py", MODULE, "sha1"),
    "sha224": record_line("demo/__init__.py", MODULE, "sha224"),
    "upper case": record_line("demo/__init__.py", MODULE).replace(b"sha256", b"SHA256"),
}


@pytest.mark.parametrize("lie", _BAD_LINES)
def test_hashes_are_verified_in_private(lie: str) -> None:
    """U68: and not where the public index does not, nor in old files."""
    content = build_wheel(record=_record(_BAD_LINES[lie]))
    with pytest.raises(InvalidArchive, match=r"'demo/__init__\.py'"):
        inspected(content)
    assert inspected(content, profile="pypi").warnings == ()
    assert inspected(content, profile="lenient").warnings == ()


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "blake2b", "sha3_256"])
def test_sha256_or_better_will_do(algorithm: str) -> None:
    """U68"""
    record = _record(record_line("demo/__init__.py", MODULE, algorithm))
    assert inspected(build_wheel(record=record)).warnings == ()


def test_padded_digests_and_missing_sizes_are_taken() -> None:
    """U68: some builders pad, and the size is optional."""
    line = record_line("demo/__init__.py", MODULE)
    padded = line.replace(b",12\n", b"=,\n")
    assert inspected(build_wheel(record=_record(padded))).warnings == ()


@pytest.mark.parametrize("profile", STRICT)
@pytest.mark.parametrize(
    "record",
    [
        b"demo/__init__.py\n",
        b"a,b,c,d\n",
        b"\xff,,\n",
        b'"' + b"x" * 200_000 + b'",,\n',
        b'"a\n",,\n',
    ],
    ids=["one column", "four columns", "not UTF-8", "an endless field", "a row of many lines"],
)
def test_a_record_that_is_none_is_refused(record: bytes, profile: Profile) -> None:
    """U68"""
    with pytest.raises(InvalidArchive, match="RECORD"):
        inspected(build_wheel(record=record), profile=profile)


_WHEEL_FILES = {
    "empty": b"",
    "without Wheel-Version": WHEEL.replace(b"Wheel-Version: 1.0\n", b""),
    "version 2": WHEEL.replace(b"1.0", b"2.0"),
    "version 10": WHEEL.replace(b"1.0", b"10.0"),
    "version that is no number": WHEEL.replace(b"1.0", b"one"),
    "version that is not ASCII": WHEEL.replace(b"1.0", b"\xff"),
    "without Root-Is-Purelib": WHEEL.replace(b"Root-Is-Purelib: true\n", b""),
    "another build": WHEEL + b"Build: 7\n",
}


@pytest.mark.parametrize("shape", _WHEEL_FILES)
def test_wheel_files_are_checked_in_private(shape: str) -> None:
    """U71"""
    content = build_wheel(wheel=_WHEEL_FILES[shape])
    with pytest.raises(InvalidArchive, match=r"WHEEL|Wheel-Version"):
        inspected(content)
    inspected(content, profile="pypi")
    inspected(content, profile="lenient")


@pytest.mark.parametrize("version", [b"1.0", b"1.9", b"1.0\xff"])
def test_minor_wheel_versions_are_taken(version: bytes) -> None:
    """U71"""
    assert inspected(build_wheel(wheel=WHEEL.replace(b"1.0", version))).warnings == ()


@pytest.mark.parametrize("tag", [b"py2-none-any", b"py2.py3-none-any", b"none", b"", b"a-b-c-d"])
def test_other_tags_than_those_of_the_filename_are_a_warning(tag: bytes) -> None:
    """U71"""
    (warning,) = inspected(build_wheel(wheel=WHEEL.replace(b"py3-none-any", tag))).warnings
    assert warning == "The tags in the file WHEEL are not those of the filename."


def test_tags_may_stand_alone_or_together() -> None:
    """U71"""
    name = "demo-1.0-py2.py3-none-any.whl"
    apart = WHEEL + b"Tag: py2-none-any\n"
    together = WHEEL.replace(b"py3", b"py2.py3")
    assert inspected(build_wheel(wheel=apart), name).warnings == ()
    assert inspected(build_wheel(wheel=together), name).warnings == ()


@pytest.mark.parametrize("count", [100, 10_000])
def test_tags_are_not_expanded_without_end(count: int) -> None:
    """U63, U71: a million, or 10**12 of them."""
    part = ".".join(f"a{number}" for number in range(count)).encode()
    content = build_wheel(wheel=WHEEL + b"Tag: " + b"-".join([part] * 3) + b"\n")
    with bounded(memory=32 * MIB, seconds=3):
        (warning,) = inspected(content).warnings
    assert "tags" in warning


def test_a_build_tag_is_the_same_in_both_places() -> None:
    """U71"""
    assert inspected(wheel(build="7").content, "demo-1.0-7-py3-none-any.whl").warnings == ()
    with pytest.raises(InvalidArchive, match="Build"):
        inspected(wheel(build="7").content, "demo-1.0-8-py3-none-any.whl")


_ENTRY_POINTS = {
    "not UTF-8": b"[console_scripts]\na = \xff\n",
    "no section": b"demo = demo:main\n",
    "no INI at all": b"[console_scripts\n",
    "a colon for a delimiter": b"[console_scripts]\ndemo: demo:main\n",
    "a path": b"[console_scripts]\n../demo = demo:main\n",
    "an absolute path": b"[console_scripts]\n/bin/demo = demo:main\n",
    "a path in Windows": b"[gui_scripts]\n..\\demo = demo:main\n",
    "a path behind what some take for a comment": b"[gui_scripts]\n;/../../demo = demo:main\n",
    "a path on a line that continues another": b"[gui_scripts]\na = b\n  ../demo = demo:main\n",
    "a path after the end of a line": "[gui_scripts]\na = b\x85../demo = demo:main\n".encode(),
    "a path for all sections": b"[DEFAULT]\n../demo = demo:main\n",
    "a drive": b"[console_scripts]\nC:demo = demo:main\n",
    "the folder itself": b"[console_scripts]\n. = demo:main\n",
    "the folder above": b"[console_scripts]\n.. = demo:main\n",
    "the folder above, in Windows": b"[console_scripts]\n.. . = demo:main\n",
    "no name": b"[console_scripts]\n = demo:main\n",
    "a control character": b"[console_scripts]\nde\x1bmo = demo:main\n",
    "a tab": b"[console_scripts]\nde\tmo = demo:main\n",
    "an entry without a value": b"[other.group]\ndemo\n",
    "more behind a section": b"[console_scripts] demo = demo:main\n",
    "too large": b"[other.group]\n" + b"a = b\n" * 200_000,
    "too many lines": b"[other.group]\n" + b"\n" * 20_000,
    "too long a line": b"[other.group]\na = " + b"b" * 4096 + b"\n",
}
_ODD_SCRIPTS = ["de mo", "demo;", "c++", "demo~", "demo@3", "dem\xf6", "(demo)", "de$mo", ".demo"]


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("shape", _ENTRY_POINTS)
def test_scripts_must_be_plain_names(shape: str, profile: Profile) -> None:
    """U69"""
    member = Member(name=f"{INFO}/entry_points.txt", content=_ENTRY_POINTS[shape])
    with pytest.raises(InvalidArchive, match=r"script|entry_points\.txt"):
        inspected(build_wheel(member), profile=profile)


@pytest.mark.parametrize("script", _ODD_SCRIPTS)
def test_private_repositories_take_any_script_that_stays_in_its_folder(script: str) -> None:
    """U69: as installers do; only the public index wants plain names."""
    text = f"[console_scripts]\n{script} = demo:main\n".encode()
    content = build_wheel(Member(name=f"{INFO}/entry_points.txt", content=text))
    assert inspected(content, profile="private").warnings == ()
    assert inspected(content, profile="lenient").warnings == ()
    if script != ".demo" and script != "dem\xf6":
        with pytest.raises(InvalidArchive, match="name of a script"):
            inspected(content, profile="pypi")


def test_sound_entry_points_are_taken() -> None:
    """U69: other groups may name their entries as they like."""
    text = (
        "# comment\n[console_scripts]\nde-mo.3_x = demo:main\n\n[gui_scripts]\nd\xe9mo = demo:main"
        "\n\n[other.group]\nC:/any thing = demo\nC:/any thing = again\n  and more\n; a comment\n"
    )
    member = Member(name=f"{INFO}/entry_points.txt", content=text.encode())
    assert inspected(build_wheel(member)).warnings == ()


@pytest.mark.parametrize("profile", STRICT)
def test_licence_files_must_be_there(profile: Profile) -> None:
    """U70"""
    licence = Member(name=f"{INFO}/licenses/LICENSE", content=b"MIT")
    inspected(build_wheel(licence, metadata=LICENSED), profile=profile)
    for misplaced in (f"{INFO}/LICENSE", "licenses/LICENSE", f"{INFO}/license_files/LICENSE"):
        content = build_wheel(replace(licence, name=misplaced), metadata=LICENSED)
        with pytest.raises(InvalidArchive, match="licence file 'LICENSE'"):
            inspected(content, profile=profile)


def test_licence_files_of_old_metadata_mean_nothing() -> None:
    """U70: and lenient never asks."""
    inspected(build_wheel(metadata=LICENSED.replace(b"2.4", b"2.3")))
    inspected(build_wheel(metadata=LICENSED), profile="lenient")


@pytest.mark.parametrize("profile", ALL)
def test_metadata_come_out_byte_for_byte(profile: Profile) -> None:
    """U74"""
    odd = METADATA + b"Author: Zo\xeb\r\n\r\n\r\ntext"
    assert inspected(build_wheel(metadata=odd), WHEEL_NAME, profile).metadata == odd
