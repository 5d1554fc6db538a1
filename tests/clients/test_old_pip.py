"""pip 23.0.1, of a generation that is still in use: it reads our JSON index.

pip 22.3 to 23.1 took the `dist-info-metadata` of a JSON page for a string and crashed over the
object that it is (X33), so ours says `core-metadata` only. Whether such a pip can be had is up to
the package index that this machine uses.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.uploads import upload

OLD = "23.0.1"


@pytest.fixture(scope="session")
def old_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter whose pip is old, or a skip where no index known to this machine has it."""
    folder = tmp_path_factory.mktemp("old-pip")
    python = Clients(folder / "home").venv(folder / "venv")
    wanted = [sys.executable, "-m", "pip", "--python", os.fspath(python), "install"]
    # With the configuration of whoever runs the tests: this is not one of the clients under test.
    found = subprocess.run(
        [*wanted, "--quiet", f"pip=={OLD}"], check=False, capture_output=True, text=True
    )
    if found.returncode != 0:
        pytest.skip(f"no pip {OLD} to be had: {found.stderr.strip()[-200:]}")
    return python


@pytest.fixture(autouse=True)
def packages(registry: Registry) -> None:
    upload(registry, wheel("app", requires_dist=["library>=1"]))
    upload(registry, wheel("library", "1.0"))
    upload(registry, wheel("library", "2.0", requires_python=">=99"))
    upload(registry, wheel("library", "3.0"))
    registry.acting_as(OPERATOR).projects.yank_release("main", "library", "3.0", "It is broken.")


def test_old_pip_installs(old_pip: Path, clients: Clients, site: Addresses, tmp_path: Path) -> None:
    """With dependencies, yanked releases and such for other Pythons."""
    index = ["--index-url", site.index()]
    folder = tmp_path / "installed"
    version = clients.run(old_pip, "-m", "pip", "--version").stdout
    clients.run(old_pip, "-m", "pip", "install", *index, "--target", folder, "app")

    assert version.startswith(f"pip {OLD} ")
    assert {path.name for path in folder.glob("*.dist-info")} == {
        "app-1.0.dist-info",
        "library-1.0.dist-info",
    }


def test_old_pip_is_given_json(old_pip: Path, clients: Clients, site: Addresses) -> None:
    """So the crash would show here; what it fetched is the page with those objects."""
    shown = clients.run(
        old_pip, "-m", "pip", "-vvv", "download", "--no-deps", "--index-url", site.index(),
        "--dest", "downloads", "app",
    )  # fmt: skip

    assert "as application/vnd.pypi.simple.v1+json" in shown.text
    assert (clients.home / "downloads" / "app-1.0-py3-none-any.whl").exists()
