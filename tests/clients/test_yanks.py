"""What a yank means to each installer: X45 of the index, and PEP 592.

Nobody gets a yanked release without asking for it by its version; whoever does, or has it in a
lock file, still gets it.
"""

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.records import ProjectStatus
from tests.support.distributions import sdist, wheel
from tests.support.installers import BARE, LOCKING, Installer
from tests.support.uploads import upload

REASON = "It deletes the wrong folder."
every_installer = pytest.mark.parametrize("name", [*BARE, *LOCKING])
each_bare = pytest.mark.parametrize("name", BARE)
each_locking = pytest.mark.parametrize("name", LOCKING)


@pytest.fixture
def registry(registry: Registry) -> Registry:
    """demo 1.0 and 2.0, which is yanked."""
    upload(registry, wheel("demo", "1.0"))
    upload(registry, wheel("demo", "2.0"))
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "2.0", REASON)
    return registry


@every_installer
def test_not_pinned(name: str, installer: Installer, registry: Registry) -> None:
    installer.install("demo>=1")

    assert installer.installed == {"demo": "1.0"}


@every_installer
def test_pinned(name: str, installer: Installer, registry: Registry) -> None:
    """All but pdm say why it was yanked."""
    done = installer.install("demo==2.0")

    assert installer.installed == {"demo": "2.0"}
    assert (REASON in done.text) == (name != "pdm")


@every_installer
def test_nothing_else_in_range(name: str, installer: Installer, registry: Registry) -> None:
    """A range is not a pin, though only the yanked release is in it."""
    refused = installer.install("demo>=1.5", check=False)

    assert refused.returncode != 0
    assert installer.installed == {}


@each_bare
def test_taken_back(name: str, installer: Installer, registry: Registry) -> None:
    installer.install("demo")
    before = installer.installed
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "2.0", None)
    again = ["--upgrade"] if name == "pip" else ["--upgrade", "--refresh"]
    installer.install("demo", options=again)

    assert before == {"demo": "1.0"}
    assert installer.installed == {"demo": "2.0"}


@each_bare
def test_without_a_reason(name: str, installer: Installer, registry: Registry) -> None:
    """X33: the two read an empty string differently, so the index must not say one."""
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "")
    refused = installer.install("demo", check=False)

    assert refused.returncode != 0
    assert installer.installed == {}


@each_bare
def test_one_file_of_a_release(name: str, installer: Installer, registry: Registry) -> None:
    """A yank is of a file: the sdist beside a yanked wheel is as good as before."""
    upload(registry, wheel("tool", files={"tool/__init__.py": b"ORIGIN = 'wheel'\n"}))
    upload(registry, sdist("tool", files={"tool/__init__.py": b"ORIGIN = 'sdist'\n"}))
    registry.acting_as(OPERATOR).projects.yank_file("main", "tool-1.0-py3-none-any.whl", REASON)
    installer.install("tool")
    origin = installer.clients.run(installer.python, "-c", "import tool; print(tool.ORIGIN)")

    assert origin.stdout == "sdist\n"


@each_locking
def test_in_a_lock_file(name: str, installer: Installer, registry: Registry) -> None:
    """Yanked after it was locked, and installed all the same."""
    installer.install("demo>=1")
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", REASON)
    installer.start_anew()
    installer.install_locked()

    assert installer.installed == {"demo": "1.0"}


@each_bare
def test_with_a_hash(name: str, installer: Installer, registry: Registry) -> None:
    requirements = installer.folder / "requirements.txt"
    requirements.write_text(f"demo==2.0 --hash=sha256:{wheel('demo', '2.0').sha256}\n")
    installer.install(options=["--require-hashes", "-r", requirements])

    assert installer.installed == {"demo": "2.0"}


@each_bare
def test_quarantined_and_back(name: str, installer: Installer, registry: Registry) -> None:
    """X46: a quarantined project has no files for anybody; pip and uv are told of none."""
    registry.acting_as(OPERATOR).projects.set_status(
        "main", "demo", "quarantined", "It steals passwords."
    )
    refused = installer.install("demo==1.0", check=False)
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    again = [] if name == "pip" else ["--refresh"]
    installer.install("demo==1.0", options=again)

    assert refused.returncode != 0
    assert installer.installed == {"demo": "1.0"}


@each_bare
@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_other_statuses(
    name: str, status: ProjectStatus, installer: Installer, registry: Registry
) -> None:
    """X46: nothing to an installer."""
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", status)
    installer.install("demo")

    assert installer.installed == {"demo": "1.0"}
