"""Stages with the real clients: filled by twine and uv, tried by pip and uv, published, seen."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pypi_repo import OPERATOR, Registry
from tests.conftest import PASSWORD, USER
from tests.support.addresses import Addresses, with_credentials
from tests.support.clients import Clients
from tests.support.distributions import sdist, wheel
from tests.support.example_docs import ROOT
from tests.support.markdown import blocks
from tests.support.uploads import UPLOADER, filenames

GUIDE = ROOT / "docs/how-to/staged-releases.md"
WHEEL, SDIST = wheel("demo", "1.0"), sdist("demo", "1.0")
MACHINES = ("linux_x86_64", "linux_aarch64", "macosx_11_0_arm64", "win_amd64")


@pytest.fixture
def stage_url(registry: Registry, site: Addresses) -> str:
    opened = registry.acting_as(UPLOADER).stages.open("main")
    return f"{site.upload()}stages/{opened.id}/"


def publish(registry: Registry, stage_url: str) -> None:
    registry.acting_as(UPLOADER).stages.publish("main", stage_url.split("/")[-2])


def test_twine_and_pip(
    registry: Registry, clients: Clients, site: Addresses, stage_url: str, tmp_path: Path
) -> None:
    """G1, G2."""
    files = [WHEEL.save(tmp_path), SDIST.save(tmp_path)]
    clients.publish_with_twine(stage_url, USER, PASSWORD, *files)
    again = clients.publish_with_twine(stage_url, USER, PASSWORD, *files)
    assert again.returncode == 0
    index = with_credentials(f"{stage_url}simple/", USER, PASSWORD)
    python = clients.venv(tmp_path / "venv")
    install = ("install", "--no-cache-dir", "--index-url")
    unseen = clients.pip(python, *install, site.index(), "demo", check=False)
    assert "No matching distribution" in unseen.text
    clients.pip(python, *install, index, "demo")
    assert clients.run(python, "-c", "import demo; print(demo.__version__)").stdout.strip() == "1.0"
    plain = clients.publish_with_twine(*site.target(), *files, check=False)
    assert plain.returncode == 1
    assert "409" in plain.text
    assert "is reserved by a stage" in plain.text
    publish(registry, stage_url)
    assert filenames(registry) == [WHEEL.filename, SDIST.filename]
    clients.pip(clients.venv(tmp_path / "other"), *install, site.index(), "demo")
    gone = clients.publish_with_twine(stage_url, USER, PASSWORD, *files, check=False)
    assert gone.returncode == 1
    assert "404" in gone.text


def test_uv(
    registry: Registry, clients: Clients, site: Addresses, stage_url: str, tmp_path: Path
) -> None:
    """G1, G2."""
    files = [WHEEL.save(tmp_path), SDIST.save(tmp_path)]
    clients.publish_with_uv(stage_url, USER, PASSWORD, *files)
    index = with_credentials(f"{stage_url}simple/", USER, PASSWORD)
    python = clients.venv(tmp_path / "venv")
    install = ("pip", "install", "--no-cache", "--python", python, "--index-url")
    assert clients.uv(*install, site.index(), "demo", check=False).returncode == 1
    clients.uv(*install, index, "demo")
    plain = clients.publish_with_uv(*site.target(), *files, check=False)
    assert plain.returncode != 0
    assert "is reserved by a stage" in plain.text
    publish(registry, stage_url)
    clients.uv(*install, site.index(), "--reinstall", "demo")


class Pipeline:
    """Runs the jobs of the guide's pipeline, as a runner does: their lines in a shell."""

    def __init__(self, folder: Path, clients: Clients, variables: dict[str, str]) -> None:
        (text,) = (block.text for block in blocks(GUIDE) if block.language == "yaml")
        self._jobs: dict[str, Any] = yaml.safe_load(text)
        self._folder = folder
        self._clients = clients
        self._variables = variables
        for name, value in self._jobs["variables"].items():
            variables[name] = value.replace("$PACKAGES_TOKEN", variables["PACKAGES_TOKEN"])

    def run(self, job: str, *, but_for: str = "", python: Path = Path(sys.executable)) -> str:
        """but_for: lines with this text were done before."""
        script = [line for line in self._jobs[job]["script"] if not but_for or but_for not in line]
        path = f"{python.parent}:{os.environ['PATH']}"
        ran = self._clients.run(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            "\n".join(script),
            cwd=self._folder,
            env={**self._variables, "PATH": path},
        )
        if "artifacts" in self._jobs[job]:
            kept = (self._folder / self._jobs[job]["artifacts"]["reports"]["dotenv"]).read_text()
            self._variables.update(re.findall(r"^(\w+)=(.*)$", kept, re.MULTILINE))
        return ran.stdout


def test_the_pipeline_of_the_guide(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """G1, G2: four machines build, each tries the release, and it is published."""
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER, name="ci")
    url = site.upload().rstrip("/")
    pipeline = Pipeline(tmp_path, clients, {"PACKAGES_URL": url, "PACKAGES_TOKEN": secret})
    pipeline.run("open")
    dists = [wheel("acme", "1.0", tag=f"py3-none-{machine}") for machine in MACHINES]
    dists.append(wheel("acme", "1.0"))
    (tmp_path / "dist").mkdir()
    for dist in dists:
        path = dist.save(tmp_path / "dist")
        pipeline.run("build", but_for="python -m build")
        path.unlink()
        assert registry.acting_as(OPERATOR).projects.all("main") == []
    clients.run(sys.executable, "-m", "venv", tmp_path / "venv")
    pipeline.run("test", python=tmp_path / "venv" / "bin" / "python")
    assert dists[0].filename in pipeline.run("publish")
    assert filenames(registry, "acme") == [dist.filename for dist in dists]
    pipeline.run("open")
    pipeline.run("drop")
    assert registry.acting_as(OPERATOR).stages.stages("main") == []
