"""The fixture that pypi_repo gives to other projects' tests, used as its page says."""

import subprocess
import sys
from pathlib import Path

from pypi_repo.testing import LiveRegistry, live_registry
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.example_docs import ROOT
from tests.support.markdown import blocks

__all__ = ["live_registry"]  # a fixture

BUILT = wheel("hello-team")


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_the_page_shows(tmp_path: Path) -> None:
    conftest, test, _in_memory = (
        block for block in blocks(ROOT / "docs/how-to/test.md") if block.language == "python"
    )
    (tmp_path / "conftest.py").write_text(conftest.text)
    (tmp_path / "test_ours.py").write_text(test.text)
    BUILT.save(tmp_path / "dist")
    done = run_pytest(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "downloaded" / BUILT.filename).read_bytes() == BUILT.content


def test_real_clients_use_it(
    live_registry: LiveRegistry,
    clients: Clients,
    tmp_path: Path,
) -> None:
    file = BUILT.save(tmp_path)
    clients.publish_with_twine(
        live_registry.upload_url, live_registry.username, live_registry.password, file
    )
    python = clients.venv(tmp_path / "venv")
    clients.pip(python, "install", "--index-url", live_registry.index_url, "hello-team")


def test_three_lines(tmp_path: Path) -> None:
    """Imported, where somebody does not like plugins; nothing is left between tests."""
    file = BUILT.save(tmp_path)
    (tmp_path / "test_ours.py").write_text(
        "from pypi_repo import OPERATOR\n"
        "from pypi_repo.testing import live_registry\n"
        "def test_first(live_registry):\n"
        f"    assert live_registry.upload({str(file)!r}).file.uploaded_by == 'user'\n"
        "def test_second(live_registry):\n"
        "    registry = live_registry.registry\n"
        "    assert registry.acting_as(OPERATOR).projects.all('main') == []\n"
    )
    done = run_pytest(tmp_path, "-W", "error")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_pytest_is_no_dependency() -> None:
    """Neither the library nor the server imports what only tests have."""
    code = "import sys, pypi_repo.serve\nfrom pypi_repo import *\nprint('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
