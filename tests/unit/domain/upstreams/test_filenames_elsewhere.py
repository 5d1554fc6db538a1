"""Names of files on other indexes: old ones, wrong ones, and those of other projects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.filenames import ListedKind, has_safe_characters, projects_of
from pypi_repo.domain.names import NormalizedName, is_normalized, normalize
from pypi_repo.domain.upstreams.reading.filenames import parse


@pytest.mark.parametrize(
    ("filename", "project", "kind", "version", "python_tag"),
    [
        ("numpy-1.26.4-cp312-cp312-win32.whl", "numpy", "bdist_wheel", "1.26.4", "cp312"),
        (
            "torch-2.9.0+cpu-cp313-cp313t-win_amd64.whl",
            "torch",
            "bdist_wheel",
            "2.9.0+cpu",
            "cp313",
        ),
        ("Some_Thing-1.0-2-py2.py3-none-ANY.whl", "some-thing", "bdist_wheel", "1.0", "py2.py3"),
        ("some__thing-1.0_1-py3-none-any.whl", "some-thing", "bdist_wheel", "1.0-1", "py3"),
        ("pytz-2004d-py2-none-any.whl", "pytz", "bdist_wheel", "2004d", "py2"),
        ("some.thing-1.0.tar.gz", "some-thing", "sdist", "1.0", "source"),
        ("some-thing-1.0-9.zip", "some-thing", "sdist", "1.0-9", "source"),
        ("pytz-2004d.tar.bz2", "pytz", "sdist", "2004d", "source"),
        ("demo-1.0-SNAPSHOT.tgz", "demo", "sdist", "1.0-SNAPSHOT", "source"),
        ("demo-v1.0.tar.xz", "demo", "sdist", "v1.0", "source"),
        ("demo-1.0.tar.Z", "demo", "sdist", "1.0", "source"),
        ("demo-1.0.tar", "demo", "sdist", "1.0", "source"),
        ("demo-1.0.linux-x86_64.tar.gz", "demo", "bdist_dumb", "1.0", "any"),
        ("demo-1.0.win32.zip", "demo", "bdist_dumb", "1.0", "any"),
        ("demo-1.0.macosx-10.9-x86_64.tar.gz", "demo", "bdist_dumb", "1.0", "any"),
        ("setuptools-0.6c11-py2.7.egg", "setuptools", "bdist_egg", "0.6c11", "2.7"),
        ("My_Tool-1.0_1-py3.9-linux-x86_64.egg", "my-tool", "bdist_egg", "1.0-1", "3.9"),
        ("demo-1.0-py2.7-macosx-10.5-intel.egg", "demo", "bdist_egg", "1.0", "2.7"),
        ("demo-2004d-py2.7.egg", "demo", "bdist_egg", "2004d", "2.7"),
        ("demo-1.0.win32-py2.7.exe", "demo", "bdist_wininst", "1.0", "2.7"),
        ("demo-1.0.win-amd64-py3.5.exe", "demo", "bdist_wininst", "1.0", "3.5"),
        ("demo-1.0.win32.exe", "demo", "bdist_wininst", "1.0", "any"),
        ("numpy-1.6.2-win32-superpack-python2.7.exe", "numpy", "bdist_wininst", "1.6.2", "2.7"),
        ("my-tool-1.0.win32-py2.7.msi", "my-tool", "bdist_msi", "1.0", "2.7"),
        ("demo-1.0-1.noarch.rpm", "demo", "bdist_rpm", "1.0", "any"),
        ("demo-1.0-1.src.rpm", "demo", "bdist_rpm", "1.0", "any"),
        ("demo-1.0-py2.5-macosx10.5.dmg", "demo", "bdist_dmg", "1.0", "2.5"),
    ],
)
def test_names_that_installers_of_old_know(
    filename: str, project: str, kind: ListedKind, version: str, python_tag: str
) -> None:
    """P1"""
    assert parse(filename, NormalizedName(project)) == (kind, version, python_tag)
    assert project in projects_of(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "other-1.0.tar.gz",
        "other-1.0-py3-none-any.whl",
        "demo2-1.0-py3-none-any.whl",
        "demo_x-1.0-py3-none-any.whl",
        "demo-x-1.0.tar.gz",
        "demo--py3-none-any.whl",
        "demo-1.0-py3--any.whl",
        "demo-2-tool-1.0.tar.gz",
        "demo.tar.gz",
        "demo-.tar.gz",
        "demo-dev.tar.gz",
        "demo-1.0.deb",
        "demo-1.0",
        "demo-1.0.tar.gz.asc",
        "-demo-1.0.tar.gz",
        "demo" + "-1" * 30 + ".tar.gz",
    ],
)
def test_names_that_do_not_say_that_the_file_is_of_the_project(filename: str) -> None:
    """P1: who is asked for such a file could not know where to look."""
    assert parse(filename, NormalizedName("demo")) is None


@pytest.mark.parametrize(
    "filename",
    [
        "../demo-1.0.tar.gz",
        "a/demo-1.0.tar.gz",
        "demo-1.0/../x.tar.gz",
        "a\\demo-1.0.tar.gz",
        "demo-1.0\0.tar.gz",
        "demo-1.0\n.tar.gz",
        "demo-1.0 .tar.gz",
        "demo-1.0<b>.tar.gz",
        'demo-1.0".tar.gz',
        "demo-1.0%2f.tar.gz",
        "dèmo-1.0.tar.gz",
        ".demo-1.0.tar.gz",
        "..",
        "demo-" + "1" * 230 + ".tar.gz",
    ],
)
def test_unsafe_names(filename: str) -> None:
    """U43"""
    for project in ("demo", "a-demo", "x"):
        assert parse(filename, NormalizedName(project)) is None
    assert projects_of(filename) == ()


@pytest.mark.parametrize(
    ("filename", "projects"),
    [
        ("tool-1.0.tar.gz", ["tool"]),
        ("tool-1.0-9.tar.gz", ["tool", "tool-1-0"]),
        ("my-2-tool-1.0.zip", ["my-2-tool"]),
        ("tool-1.0-py3-none-any.whl", ["tool"]),
        ("tool-1.0-1-py3-none-any.whl", ["tool"]),
        ("my-tool-1.0-py3-none-any.whl", ["my"]),
        ("my-other-tool-1.0-py3-none-any.whl", ["my-other-tool"]),
        ("tool-1.0.win32-py2.7.exe", ["tool"]),
        ("tool-1.0-py2.7-macosx-10.5-intel.egg", ["tool", "tool-1-0-py2-7-macosx"]),
        ("tool.tar.gz", []),
        ("tool-x.tar.gz", []),
        ("-1.0.tar.gz", []),
        ("tool-1.0.txt", []),
        ("tool" + "-1" * 21 + ".tar.gz", []),
    ],
)
def test_projects_to_which_a_file_can_belong(filename: str, projects: list[str]) -> None:
    assert [*projects_of(filename)] == projects


names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
filenames = st.one_of(
    st.text(),
    st.from_regex(
        r"[A-Za-z0-9._-]{1,20}-[vx]?[0-9][a-z0-9.+_-]{0,30}"
        r"(\.whl|\.tar\.gz|\.zip|\.egg|\.exe|\.rpm|\.tar\.bz2)",
        fullmatch=True,
    ),
    st.builds(
        "{}-{}{}{}".format,
        names,
        st.sampled_from(["1.0", "2004d", "1.0-1", "1.0rc1", "0.1_2", "x", ""]),
        st.sampled_from(
            ["", "-py3-none-any", "-1-py3-none-any", "-py2.7", ".win32-py2.7", ".linux-x86_64"]
        ),
        st.sampled_from([".whl", ".tar.gz", ".zip", ".egg", ".exe", ".msi", ".rpm", ".dmg", ".x"]),
    ),
)


@given(filename=filenames, data=st.data())
def test_whatever_is_taken_is_safe_and_found_by_its_name_alone(
    filename: str, data: st.DataObject
) -> None:
    """V5, U43: a page lists no file that nobody could ask for."""
    beginnings = [filename[:end] for end in range(1, min(len(filename), 20))]
    names = filter(is_normalized, map(normalize, beginnings))
    project = NormalizedName(data.draw(st.sampled_from([*names, "demo"])))
    named = parse(filename, project)
    if named is not None:
        assert has_safe_characters(filename)
        assert project in projects_of(filename)
        assert named.version
