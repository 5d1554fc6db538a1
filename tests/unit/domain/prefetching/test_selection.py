"""Which files of a project are wanted."""

import pytest
from packaging.specifiers import SpecifierSet

from pypi_repo.domain.names import normalize
from pypi_repo.domain.prefetching.environments import ALL_ENVIRONMENTS, Environments
from pypi_repo.domain.prefetching.selection import selected
from pypi_repo.domain.prefetching.wanted import Wanted
from pypi_repo.domain.upstreams.pages import UpstreamFile

LINUX = "cp312-cp312-manylinux_2_28_x86_64"
WINDOWS = "cp312-cp312-win_amd64"


def file(version: str, tags: str = "", **more: str | None) -> UpstreamFile:
    """An sdist where there are no tags."""
    filename = f"demo-{version}-{tags}.whl" if tags else f"demo-{version}.tar.gz"
    return UpstreamFile(
        filename=filename,
        project=normalize("demo"),
        version=version,
        kind="bdist_wheel" if tags else "sdist",
        python_tag="",
        url=f"https://files.example/{filename}",
        hashes={"sha256": f"digest of {filename}"},
        **more,  # type: ignore[arg-type]
    )


def names(
    files: list[UpstreamFile],
    specifier: str = "",
    environments: Environments = ALL_ENVIRONMENTS,
    hashes: frozenset[str] = frozenset(),
) -> list[str]:
    wanted = Wanted(project=normalize("demo"), specifier=SpecifierSet(specifier), hashes=hashes)
    return [each.filename for each in selected(wanted, files, environments)]


@pytest.mark.parametrize(
    ("specifier", "newest"),
    [
        ("", "2.0"),
        ("<2", "1.10"),
        ("==1.9", "1.9"),
        ("~=1.9", "1.10"),
        (">=3.0a1", "3.0a1"),
        (">9", None),
        ("==1.8", "1.8"),
        (">=1.8,<1.9", None),
    ],
)
def test_the_newest_that_is_possible(specifier: str, newest: str | None) -> None:
    files = [file("1.8", yanked=""), *map(file, ("1.9", "1.10", "2.0", "3.0a1", "odd"))]
    expected = [] if newest is None else [f"demo-{newest}.tar.gz"]
    assert names(files, specifier) == expected


def test_a_pre_release_where_there_is_nothing_else() -> None:
    assert names([file("1.0a1"), file("1.0a2")]) == ["demo-1.0a2.tar.gz"]


def test_all_files_without_a_restriction() -> None:
    files = [file("1.0"), file("1.0", LINUX), file("1.0", WINDOWS)]
    assert names(files) == [each.filename for each in files]


def test_only_what_can_be_installed() -> None:
    linux = Environments(("3.12",), ("manylinux*_x86_64",))
    files = [file("1.0"), file("1.0", LINUX), file("1.0", WINDOWS)]
    assert names(files, "", linux) == [files[1].filename]
    assert names([files[0], files[2]], "", linux) == ["demo-1.0.tar.gz"], "there is no wheel"
    assert names([*files, file("2.0", WINDOWS)], "", linux) == [files[1].filename], "2.0 has none"
    newer = file("2.0", "py3-none-any", requires_python=">=3.13")
    assert names([*files, newer], "", linux) == [files[1].filename]


def test_only_what_has_one_of_the_digests() -> None:
    files = [file("1.0"), file("1.0", LINUX), file("2.0")]
    hashes = frozenset({f"sha256:{files[1].hashes['sha256']}"})
    assert names(files, "", hashes=hashes) == [files[1].filename]


def test_the_files_of_a_lock() -> None:
    files = [file("1.0", yanked=""), file("1.0", LINUX), file("1.0", WINDOWS), file("2.0")]
    locked = frozenset(each.filename for each in files[:3])
    wanted = Wanted(project=normalize("demo"), filenames=locked)
    assert selected(wanted, files, ALL_ENVIRONMENTS) == files[:3]
    assert selected(wanted, files, Environments(platforms=("win*",))) == [files[2]]
