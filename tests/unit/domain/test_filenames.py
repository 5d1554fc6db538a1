"""Names of distribution files: what they say, and which spellings are refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from pypi_repo.domain.errors import InvalidFilename
from pypi_repo.domain.filenames import (
    DistributionFilename,
    identity_of,
    sdist_filename,
)


def normal(filename: str) -> DistributionFilename:
    """What strict profiles take."""
    parsed = DistributionFilename.parse(filename)
    parsed.check_normalized()
    return parsed


def test_a_wheel_filename_says_project_version_and_tags() -> None:
    """U47"""
    parsed = DistributionFilename.parse("some_thing-1.0.post1-2a-cp311.cp312-abi3-win_amd64.whl")
    assert parsed.kind == "bdist_wheel"
    assert parsed.project == "some-thing"
    assert parsed.version == Version("1.0.post1")
    assert parsed.stem == "some_thing-1.0.post1"
    assert parsed.python_tag == "cp311.cp312"
    assert {str(tag) for tag in parsed.tags} == {"cp311-abi3-win_amd64", "cp312-abi3-win_amd64"}


def test_an_sdist_filename_says_project_and_version() -> None:
    """U45"""
    parsed = DistributionFilename.parse("some_thing-1.0.post9.tar.gz")
    assert parsed.kind == "sdist"
    assert parsed.project == "some-thing"
    assert parsed.version == Version("1.0.post9")
    assert parsed.stem == "some_thing-1.0.post9"
    assert parsed.python_tag == "source"
    assert parsed.tags == frozenset()


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-py2.py3-none-any.whl",
        "demo-1.0-1-py3-none-any.whl",
        "demo-1.0-0build-py3-none-any.whl",
        "demo-1!2.0-py3-none-any.whl",
        "demo-1.0+local.1-py3-none-any.whl",
        "demo-1.0.dev3-py3-none-any.whl",
        "demo-1.0a1.post2.dev3+ubuntu.1-py3-none-any.whl",
        "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "demo-1.0-cp311-cp311-musllinux_1_2_aarch64.whl",
        "demo-1.0-cp311-cp311-macosx_11_0_arm64.whl",
        "demo-1.0.tar.gz",
        "demo-1!2.0.tar.gz",
        "demo-1.0+local.1.tar.gz",
        "demo_app_2-1.0rc1.tar.gz",
    ],
)
def test_normal_names_of_all_shapes_are_accepted(filename: str) -> None:
    """U32, U45, U47: local versions too, which a public index refuses."""
    assert normal(filename).filename == filename


@pytest.mark.parametrize("platform", ["linux_x86_64", "linux_aarch64", "aix_7_2", "any"])
def test_any_platform_tag_is_accepted(platform: str) -> None:
    """U50: linux_x86_64 is the normal tag of an internal build."""
    parsed = DistributionFilename.parse(f"demo-1.0-cp311-cp311-{platform}.whl")
    assert {tag.platform for tag in parsed.tags} == {platform}


@pytest.mark.parametrize(
    "filename",
    [
        "Some_Thing-1.0.tar.gz",
        "some-thing-1.0.post9.tar.gz",
        "some.thing-1.0.tar.gz",
        "some__thing-1.0.tar.gz",
        "some_thing-1.0-9.tar.gz",
        "some_thing-1.02.3.tar.gz",
        "some_thing-v1.0.tar.gz",
        "some_thing-1.0-rc1.tar.gz",
        "some_thing-1.0_local.tar.gz",
        "some_thing-1.0+Local.tar.gz",
        "some_thing-1.0.zip",
        "some_thing-1.0.TAR.GZ",
        "some_thing-.tar.gz",
        "-1.0.tar.gz",
        "some_thing.tar.gz",
        "some_thing-one.tar.gz",
        ".tar.gz",
    ],
)
def test_sdist_names_have_one_spelling(filename: str) -> None:
    """U45, U46: the cases that PyPI refuses, and a few more."""
    with pytest.raises(InvalidFilename):
        normal(filename)


def test_a_refused_sdist_name_comes_with_the_right_one() -> None:
    """U45"""
    with pytest.raises(InvalidFilename, match=r"should be named 'some_thing-1\.0\.tar\.gz'"):
        normal("Some.Thing-1.0.tar.gz")


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0-py3-none.whl",
        "demo-1.0-1-py3-none-any-extra.whl",
        "demo-1.0-1-2-py3-none-any.whl",
        "demo-1.0-build-py3-none-any.whl",
        "demo-one-py3-none-any.whl",
        "demo-1.0.whl",
        "-1.0-py3-none-any.whl",
        "demo--py3-none-any.whl",
        "de__mo-1.0-py3-none-any.whl",
        "__-1.0-py3-none-any.whl",
        ".whl",
        "demo-1.0-py3--any.whl",
        "demo-1.0-py3-none-.whl",
        "demo-1.0-py3-none-any.WHL",
    ],
)
def test_misshapen_wheel_names_are_refused(filename: str) -> None:
    """U47; U51: a variant label is a part too many."""
    with pytest.raises(InvalidFilename):
        DistributionFilename.parse(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "Some_Thing-1.0-py3-none-any.whl",
        "some.thing-1.0-py3-none-any.whl",
        "Demo-1.0-py3-none-any.whl",
        "demo-01.0-py3-none-any.whl",
        "demo-1.0_1-py3-none-any.whl",
        "demo-v1.0-py3-none-any.whl",
        "demo-1.0.RC1-py3-none-any.whl",
        "demo-1.0+Local-py3-none-any.whl",
    ],
)
def test_wheel_names_have_one_spelling(filename: str) -> None:
    """U48, U49: two spellings of one wheel must not live side by side."""
    with pytest.raises(InvalidFilename, match=r"should begin with|not a valid wheel"):
        normal(filename)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("py3-none-ANY", "py3-none-any"),
        ("PY3-none-any", "py3-none-any"),
        ("cp311-Abi3-win_amd64", "cp311-abi3-win_amd64"),
        ("py3.py3-none-any", "py3-none-any"),
        ("py3-none.none-any", "py3-none-any"),
        ("py3-none-any.any.any", "py3-none-any"),
        ("py3.py2.py3-none-any", "py2.py3-none-any"),
        ("01-py3-none-any", "1-py3-none-any"),
        ("00-py3-none-any", "0-py3-none-any"),
        ("007x0-py3-none-any", "7x0-py3-none-any"),
        (
            "cp39-cp39-manylinux_2_17_x86_64.MANYLINUX2014_x86_64",
            "cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64",
        ),
    ],
)
def test_tags_and_build_numbers_have_one_spelling(rest: str, expected: str) -> None:
    """U112: in every profile, with the right name in the sentence."""
    with pytest.raises(InvalidFilename, match=f"should be named 'demo-1.0-{expected}.whl'"):
        DistributionFilename.parse(f"demo-1.0-{rest}.whl")
    right = DistributionFilename.parse(f"demo-1.0-{expected}.whl")
    assert identity_of(f"demo-1.0-{rest}.whl") == identity_of(right.filename)


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "demo-1.0-py3.py2-none-any.whl",
        "demo-1.0-10-py3-none-any.whl",
        "demo-1.0-0-py3-none-any.whl",
        "demo-1.0-1Local.2-py3-none-any.whl",
    ],
)
def test_sets_of_tags_may_be_in_any_order(filename: str) -> None:
    """U112: auditwheel wrote them unsorted for years."""
    assert normal(filename).filename == filename


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("demo-1.0-py2.py3-none-any.whl", "demo-1.0-py3.py2-none-any.whl"),
        ("demo-1.0-py3-none-a.b.c.whl", "demo-1.0-py3-none-c.a.b.whl"),
        ("demo-1.0-1-py3-none-any.whl", "demo-1.0-001-py3-none-any.whl"),
        ("demo-1.0-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl"),
        ("demo-1.0-py3-none-any.whl", "demo-v1-py3-none-any.whl"),
        ("demo_app-1.0-py3-none-any.whl", "Demo.App-1.0-py3-none-any.whl"),
        ("demo-1.0rc1-py3-none-any.whl", "demo-1.0.RC1-py3-none-any.whl"),
    ],
)
def test_spellings_of_one_wheel(one: str, other: str) -> None:
    """U112: what installers take for the same file."""
    assert identity_of(one) == identity_of(other)


def test_different_files_stay_different() -> None:
    """U112: several sdists of one release too."""
    names = [
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-0-py3-none-any.whl",
        "demo-1.0-1-py3-none-any.whl",
        "demo-1.0-1a-py3-none-any.whl",
        "demo-1.0-10-py3-none-any.whl",
        "demo-1.0.post1-py3-none-any.whl",
        "demo-1!1.0-py3-none-any.whl",
        "demo-1.0+local-py3-none-any.whl",
        "demo-1.0-py2-none-any.whl",
        "demo-1.0-py2.py3-none-any.whl",
        "demo2-1.0-py3-none-any.whl",
        "demo-1.0.tar.gz",
        "demo-1.0.zip",
        "Demo-1.0.tar.gz",
        "demo-1.0.0.tar.gz",
    ]
    assert len(set(map(identity_of, names))) == len(names)


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0.egg",
        "demo-1.0.tar.bz2",
        "demo-1.0.exe",
        "demo-1.0.rpm",
        "demo-1.0",
        "demo-1.0.tgz",
    ],
)
def test_other_extensions_are_refused(filename: str) -> None:
    """U44"""
    with pytest.raises(InvalidFilename, match="neither a wheel"):
        DistributionFilename.parse(filename)


@pytest.mark.parametrize(
    "character", [*map(chr, range(33)), "\x7f", *"/\\<>:\"|?*#%&'`;", "é", "☃"]
)
def test_no_character_that_could_be_a_path_header_or_markup(character: str) -> None:
    """U43"""
    for filename in (f"de{character}mo-1.0.tar.gz", f"demo-1.0.tar.gz{character}"):
        with pytest.raises(InvalidFilename):
            DistributionFilename.parse(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        ".demo-1.0.tar.gz",
        "../demo-1.0.tar.gz",
        "/demo-1.0.tar.gz",
        "C:\\fakepath\\demo-1.0.tar.gz",
        "demo-1.0.tar.gz\0.txt",
        "a" * 256,
    ],
)
def test_paths_and_monsters_are_refused(filename: str) -> None:
    """U43"""
    with pytest.raises(InvalidFilename):
        DistributionFilename.parse(filename)


def test_a_name_of_230_characters_is_still_accepted() -> None:
    """U43"""
    filename = "d" * (230 - len("-1.0.tar.gz")) + "-1.0.tar.gz"
    assert normal(filename).filename == filename


@given(
    st.one_of(st.text(), st.from_regex(r"[a-zA-Z0-9_.+!-]{1,40}\.(whl|tar\.gz)", fullmatch=True))
)
def test_any_text_is_parsed_or_refused_and_what_is_parsed_is_normal(text: str) -> None:
    """U43 to U49"""
    try:
        parsed = normal(text)
    except InvalidFilename:
        return
    assert parsed.filename == text
    assert text.startswith(parsed.stem)
    assert parsed.stem == f"{parsed.project.replace('-', '_')}-{parsed.version}"


def test_a_file_belongs_to_every_spelling_of_its_project() -> None:
    """U48, U82"""
    parsed = DistributionFilename.parse("some_thing-1.0-py3-none-any.whl")
    assert parsed.belongs_to("Some.Thing")
    assert parsed.belongs_to("some--thing")
    assert not parsed.belongs_to("something")


def test_sdist_filenames_are_made_of_normal_parts() -> None:
    """U45"""
    assert sdist_filename("Some.Thing", Version("v1.0-9")) == "some_thing-1.0.post9.tar.gz"


def test_a_wheel_for_countless_tags_is_refused() -> None:
    """U46, U113: before they are told apart, which takes long."""
    letters = ["".join(pair) for pair in itertools.product("abcdefgh", "0123")]
    tags = "-".join(".".join(letters[:number]) for number in (20, 20, 20))
    with pytest.raises(InvalidFilename, match="more than 1000 tags"):
        DistributionFilename.parse(f"demo-1.0-{tags}.whl")


def test_a_wheel_for_many_tags_is_taken() -> None:
    platforms = ".".join(f"macosx_10_{number}_x86_64" for number in range(4, 12))
    parsed = DistributionFilename.parse(f"demo-1.0-py2.py3-none-{platforms}.whl")
    assert len(parsed.tags) == 16


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("tool-1.0.tar.gz", "tool", "1.0"),
        ("my_tool-1.0.tar.gz", "my-tool", "1.0"),
        ("my-tool-1.0.tar.gz", "my-tool", "1.0"),
        ("My.Tool-1.0.zip", "my-tool", "1.0"),
        ("tool-1.0-9.tar.gz", "tool", "1.0.post9"),
        ("tool-1.0-rc1.tar.gz", "tool", "1.0rc1"),
        ("my-2-tool-1.0-1.zip", "my-2-tool", "1.0.post1"),
        ("py-3-1.0.tar.gz", "py-3", "1.0"),
        ("tool-1.0-py3-none-any.whl", "tool", "1.0"),
    ],
)
def test_a_filename_that_comes_alone(filename: str, project: str, version: str) -> None:
    parsed = DistributionFilename.parse(filename)
    assert (parsed.project, str(parsed.version)) == (project, version)


@pytest.mark.parametrize(
    "filename",
    [
        "tool.tar.gz",
        "tool-.tar.gz",
        "-1.0.tar.gz",
        "tool-x.zip",
        "tool--1.0.tar.gz",
        "tool-1.0.tar.gz.zip",
        "-" * 220 + ".tar.gz",
    ],
)
def test_a_filename_that_says_nothing(filename: str) -> None:
    with pytest.raises(InvalidFilename):
        DistributionFilename.parse(filename)
