"""For which interpreters and platforms files are wanted."""

import pytest
from packaging.markers import Marker

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import normalize
from pypi_repo.domain.prefetching.environments import ALL_ENVIRONMENTS, Environments
from pypi_repo.domain.upstreams.pages import UpstreamFile


def file(filename: str, requires_python: str | None = None) -> UpstreamFile:
    return UpstreamFile(
        filename=filename,
        project=normalize("demo"),
        version="1.0",
        kind="bdist_wheel" if filename.endswith(".whl") else "sdist",
        python_tag="",
        url=f"https://files.example/{filename}",
        requires_python=requires_python,
    )


@pytest.mark.parametrize(
    ("tags", "python", "platform", "is_admitted"),
    [
        ("py3-none-any", "3.12", "win_amd64", True),
        ("py2.py3-none-any", "3.12", "win_amd64", True),
        ("py2-none-any", "3.12", "win_amd64", False),
        ("py312-none-any", "3.12", "win_amd64", True),
        ("py313-none-any", "3.12", "win_amd64", False),
        ("cp312-cp312-win_amd64", "3.12", "win_amd64", True),
        ("cp312-cp312-win_arm64", "3.12", "win_amd64", False),
        ("cp311-cp311-win_amd64", "3.12", "win_amd64", False),
        ("cp313-cp313t-win_amd64", "3.13", "win_amd64", False),
        ("cp38-abi3-win_amd64", "3.12", "win_amd64", True),
        ("cp313-abi3-win_amd64", "3.12", "win_amd64", False),
        ("cp312-none-any", "3.12", "win_amd64", True),
        ("pp310-pypy310_pp73-win_amd64", "3.10", "win_amd64", False),
        ("cp312-cp312-linux_x86_64.manylinux2014_x86_64", "3.12", "manylinux*_x86_64", True),
        ("cp312-cp312-manylinux_2_17_aarch64", "3.12", "manylinux*_x86_64", False),
        ("cp312-cp312-musllinux_1_2_x86_64", "3.12", "manylinux*_x86_64", False),
        ("cp312-cp312-macosx_11_0_arm64", "3.12", "macosx*_arm64", True),
    ],
)  # fmt: skip
def test_wheels(tags: str, python: str, platform: str, is_admitted: bool) -> None:
    wheel = file(f"demo-1.0-{tags}.whl")
    assert Environments((python,), (platform,)).admit(wheel) is is_admitted
    assert Environments(("3.6", python), ("none", platform)).admit(wheel) is is_admitted
    assert ALL_ENVIRONMENTS.admit(wheel)


def test_one_of_both_restricts_only_that() -> None:
    linux = file("demo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    assert Environments(pythons=("3.12",)).admit(linux)
    assert not Environments(pythons=("3.13",)).admit(linux)
    assert Environments(platforms=("manylinux*",)).admit(linux)
    assert not Environments(platforms=("win*",)).admit(linux)
    assert Environments(("3.12",), ("win*",)).admit(file("demo-1.0.tar.gz"))


@pytest.mark.parametrize(
    ("requires_python", "is_admitted"),
    [
        (None, True),
        (">=3.9", True),
        (">=3.12", True),
        (">=3.12.1", True),
        ("<3.12.4", True),
        ("!=3.12.*", False),
        (">=3.13", False),
        ("<3.12", False),
        ("nonsense", True),
    ],
)
def test_the_python_that_files_require(requires_python: str | None, is_admitted: bool) -> None:
    for filename in ("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"):
        admitted = Environments(pythons=("3.12",)).admit(file(filename, requires_python))
        assert admitted is is_admitted
        assert ALL_ENVIRONMENTS.admit(file(filename, requires_python))


@pytest.mark.parametrize(
    ("marker", "environments", "may_be"),
    [
        ("python_version < '3.9'", ALL_ENVIRONMENTS, True),
        ("python_version < '3.9'", Environments(("3.12",)), False),
        ("python_full_version >= '3.12'", Environments(("3.11", "3.12")), True),
        ("sys_platform == 'win32'", ALL_ENVIRONMENTS, True),
        ("sys_platform == 'win32'", Environments((), ("manylinux*_x86_64",)), False),
        ("sys_platform == 'win32'", Environments((), ("win_amd64",)), True),
        ("sys_platform == 'win32'", Environments((), ("*",)), True),
        ("sys_platform == 'linux'", Environments((), ("musllinux*",)), True),
        ("sys_platform == 'darwin'", Environments((), ("macosx_11_0_arm64",)), True),
        ("platform_machine == 'aarch64'", Environments(("3.12",)), True),
        ("python_version > '4'", ALL_ENVIRONMENTS, False),
        ("extra == 'test'", ALL_ENVIRONMENTS, False),
    ],
)
def test_markers(marker: str, environments: Environments, may_be: bool) -> None:
    assert environments.may_be(Marker(marker)) is may_be
    assert environments.may_be(None)


@pytest.mark.parametrize("python", ["", "3", "3.12.1", "cp312", "2.7", "3.x"])
def test_what_is_no_version_of_python(python: str) -> None:
    with pytest.raises(InvalidSetting, match=r"like 3\.12"):
        Environments((python,))
