"""Every line of the portal's connection settings, used as it is shown but for the password.

Those of twine and pip that people need first are tried in tests/browser, through the page itself.
"""

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from pypi_repo import OPERATOR, Registry
from pypi_repo.web.pages.connection_settings import connection_settings
from tests.conftest import PASSWORD, USER
from tests.support.addresses import Addresses
from tests.support.clients import Clients, Completed
from tests.support.distributions import wheel
from tests.support.projects import pyproject_project
from tests.support.uploads import upload

_KEYRING = '''\
"""A keyring in a file."""

import json
from pathlib import Path

from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    priority = 1
    path = Path.home() / "keyring.json"

    def _all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{username} at {service}")

    def set_password(self, service, username, password):
        self.path.write_text(json.dumps(self._all() | {f"{username} at {service}": password}))
'''


class Desk:
    """A folder in which somebody pastes what the page shows."""

    def __init__(self, site: Addresses, clients: Clients, folder: Path) -> None:
        self.sections = connection_settings("main", site.upload(), site.user)
        self.clients = clients
        self.folder = folder
        self.target = folder / "installed"
        self.env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clients.environment['PATH']}",
            "PIP_TARGET": str(self.target),
            "UV_NO_CONFIG": "0",
            "UV_PYTHON": sys.executable,
        }

    def shown(self, anchor: str, place: str, containing: str = "") -> str:
        (section,) = [section for section in self.sections if section.anchor == anchor]
        found = [
            snippet.text
            for snippet in section.snippets
            if snippet.place == place and containing in snippet.text
        ]
        assert len(found) == 1, found
        return found[0].replace("YOUR-PASSWORD", PASSWORD_IN_URLS).replace("PROJECT", "demo")

    def run(self, lines: str, *, stdin: str | None = None, **env: str) -> Completed:
        return self.clients.run(
            "sh", "-ec", lines, env={**self.env, **env}, cwd=self.folder, stdin=stdin
        )

    def write(self, name: str, text: str) -> None:
        path = self.clients.home / name if name.startswith(".") else self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")

    def environment(self, lines: str) -> dict[str, str]:
        return dict(assignment.split("=", 1) for assignment in shlex.split(lines))

    def has_installed(self) -> bool:
        return (self.target / "demo" / "__init__.py").exists()


PASSWORD_IN_URLS = "correct-horse"


@pytest.fixture
def desk(registry: Registry, site: Addresses, clients: Clients, tmp_path: Path) -> Desk:
    registry.acting_as(OPERATOR).accounts.set_password(USER, PASSWORD_IN_URLS)
    folder = tmp_path / "desk"
    folder.mkdir()
    return Desk(site, clients, folder)


def _published(registry: Registry) -> list[str]:
    return [project.name for project in registry.acting_as(OPERATOR).projects.all("main")]


def test_pip_with_netrc_and_requirements(desk: Desk, registry: Registry) -> None:
    upload(registry, wheel("demo"))
    desk.write(".netrc", desk.shown("pip", "~/.netrc"))
    desk.write("requirements.txt", desk.shown("pip", "requirements.txt"))
    desk.run("pip install -r requirements.txt")
    assert desk.has_installed()


def test_pip_with_a_keyring(desk: Desk, registry: Registry) -> None:
    upload(registry, wheel("demo"))
    desk.write("filekeyring.py", _KEYRING)
    # pip looks past the scripts of its own environment.
    program = desk.folder / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m keyring "$@"\n')
    program.chmod(0o755)
    keyring = {
        "PYTHON_KEYRING_BACKEND": "filekeyring.Keyring",
        "PYTHONPATH": str(desk.folder),
        "PATH": f"{desk.env['PATH']}{os.pathsep}{program.parent}",
    }
    desk.run(desk.shown("pip", "Terminal", "keyring"), stdin=PASSWORD_IN_URLS, **keyring)
    assert desk.has_installed()
    (kept,) = json.loads((desk.clients.home / "keyring.json").read_text()).values()
    assert kept == PASSWORD_IN_URLS


def test_docker(desk: Desk, registry: Registry) -> None:
    """Its RUN, where the secret is mounted."""
    upload(registry, wheel("demo"))
    desk.write(".netrc", desk.shown("pip", "~/.netrc"))
    mount, line = desk.shown("docker", "Dockerfile").split(" \\\n")
    assert mount == "RUN --mount=type=secret,id=netrc,target=/root/.netrc"
    desk.run(line)
    assert desk.has_installed()
    assert "id=netrc,src=$HOME/.netrc" in desk.shown("docker", "Terminal")


def test_uv(desk: Desk, registry: Registry) -> None:
    wheel("demo").save(desk.folder / "dist")
    desk.run(desk.shown("uv", "Terminal", "publish"))
    assert _published(registry) == ["demo"]
    desk.run(f"{desk.shown('uv', 'Terminal', 'install')} --target {desk.target}")
    assert desk.has_installed()
    project = '[project]\nname = "x"\nversion = "0"\ndependencies = ["demo"]\n\n'
    desk.write("pyproject.toml", project + desk.shown("uv", "pyproject.toml"))
    desk.run("uv sync", **desk.environment(desk.shown("uv", "Environment")))
    assert "demo" in (desk.folder / "uv.lock").read_text()


def test_poetry(desk: Desk, registry: Registry) -> None:
    pyproject_project(desk.folder, "demo", "1.0", "poetry")
    wheel("demo").save(desk.folder / "dist")
    install, publish = (
        desk.shown("poetry", "Terminal", words) for words in ("source add", "publish")
    )
    desk.run(f"{install}\n{publish}", POETRY_NO_INTERACTION="1")
    assert _published(registry) == ["demo"]
    desk.write("other/pyproject.toml", '[project]\nname = "x"\nversion = "0"\n')
    desk.folder /= "other"
    desk.run(f"{install}\npoetry add --lock demo", POETRY_NO_INTERACTION="1")
    assert "demo-1.0-py3-none-any.whl" in (desk.folder / "poetry.lock").read_text()


def test_pdm(desk: Desk, registry: Registry) -> None:
    wheel("demo").save(desk.folder / "dist")
    project = '[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.11"\n\n'
    desk.write("pyproject.toml", project + desk.shown("pdm", "pyproject.toml"))
    # Its own build would fetch the build backend.
    desk.run(f"{desk.shown('pdm', 'Terminal')} --no-build")
    assert _published(registry) == ["demo"]
    desk.run("pdm add --no-sync demo", **desk.environment(desk.shown("pdm", "Environment")))
    assert "demo-1.0-py3-none-any.whl" in (desk.folder / "pdm.lock").read_text()


@pytest.mark.parametrize("place", ["Terminal", "Environment"])
def test_hatch(place: str, desk: Desk, registry: Registry) -> None:
    pyproject_project(desk.folder, "demo", "1.0", "hatchling")
    wheel("demo").save(desk.folder / "dist")
    shown = desk.shown("hatch", place)
    if place == "Terminal":
        desk.run(shown)
    else:
        desk.run("hatch publish", **desk.environment(shown))
    assert _published(registry) == ["demo"]


@pytest.mark.parametrize("place", ["Terminal", "Environment"])
def test_flit(place: str, desk: Desk, registry: Registry) -> None:
    pyproject_project(desk.folder, "demo", "1.0", "flit")
    shown = desk.shown("flit", place)
    if place == "Terminal":
        desk.write(".pypirc", desk.shown("flit", "~/.pypirc"))
        desk.run(shown)
    else:
        desk.run("flit publish", **desk.environment(shown))
    assert _published(registry) == ["demo"]


def test_pipenv(desk: Desk, registry: Registry) -> None:
    upload(registry, wheel("demo"))
    desk.write("Pipfile", desk.shown("pipenv", "Pipfile"))
    environment = {
        **desk.environment(desk.shown("pipenv", "Environment")),
        "PIPENV_VENV_IN_PROJECT": "1",
        "PIPENV_PYTHON": sys.executable,
        "PIPENV_IGNORE_VIRTUALENVS": "1",
    }
    del desk.env["PIP_TARGET"]
    desk.run(desk.shown("pipenv", "Terminal"), **environment)
    (source,) = json.loads((desk.folder / "Pipfile.lock").read_text())["_meta"]["sources"]
    assert PASSWORD_IN_URLS not in source["url"]
    assert list((desk.folder / ".venv").glob("**/site-packages/demo/__init__.py"))


def test_github_actions(desk: Desk, registry: Registry) -> None:
    wheel("demo").save(desk.folder / "dist")
    for place in ("publish", "test"):
        shown = desk.shown("github", f".github/workflows/{place}.yml")
        (step,) = yaml.safe_load(shown.replace("${{ secrets.MAIN_PASSWORD }}", PASSWORD_IN_URLS))
        # pipx would fetch twine.
        desk.run(step["run"].replace("pipx run ", ""), **step["env"])
    assert _published(registry) == ["demo"]
    assert desk.has_installed()


def test_gitlab(desk: Desk, registry: Registry) -> None:
    wheel("demo").save(desk.folder / "dist")
    jobs: dict[str, Any] = yaml.safe_load(desk.shown("gitlab", ".gitlab-ci.yml"))
    for name in ("publish", "test"):
        variables = {
            key: value.replace("${MAIN_PASSWORD}", PASSWORD_IN_URLS)
            for key, value in jobs[name]["variables"].items()
        }
        # The image has pip and no twine.
        lines = [line for line in jobs[name]["script"] if line != "pip install twine"]
        desk.run("\n".join(lines), **variables)
    assert _published(registry) == ["demo"]
    assert desk.has_installed()


def test_a_name_is_never_a_command(clients: Clients, tmp_path: Path) -> None:
    """What runs gets the name of a user as one word, whatever it is."""
    name = "o'brien$(touch<pwned)`>pwned`;>pwned#@example.com"
    empty = tmp_path / "empty"
    empty.mkdir()
    for section in connection_settings("main", "https://x.example/main/", name):
        for snippet in section.snippets:
            if snippet.place in ("Terminal", "Environment"):
                told = re.sub(r"^(?=\w+ )", "echo ", snippet.text, flags=re.MULTILINE)
                printed = clients.run("sh", "-c", f"set -a\n{told}\nenv", cwd=empty).stdout
                assert "brien" not in told or name in printed or quote(name, safe="") in printed
    assert list(empty.iterdir()) == []


def _told(url: str) -> str:
    sections = connection_settings("main", url, USER)
    return json.dumps([snippet.text for section in sections for snippet in section.snippets])


def test_nothing_is_trusted_blindly_where_there_is_tls() -> None:
    told = _told("https://packages.example.com/main/")
    assert "trusted" not in told.lower()
    assert "verify_ssl = false" not in told
    assert not re.search(r"http://", told)
    assert PASSWORD not in told


@pytest.mark.parametrize(
    ("host", "is_named"),
    [
        ("localhost", False),
        ("127.0.0.1:8080", False),
        ("127.9.8.7", False),
        ("[::1]:8080", False),
        ("packages.example.com", True),
        ("10.0.0.7", True),
        ("localhost.example.com", True),
        ("[2001:db8::1]", True),
    ],
)
def test_a_host_is_named_as_trusted_only_where_pip_would_refuse_it(
    host: str, is_named: bool
) -> None:
    told = _told(f"http://{host}/main/")
    assert ("--trusted-host" in told) is is_named
    assert ("trusted-host = " in told) is is_named
    assert ("PIP_TRUSTED_HOST" in told) is is_named
    assert ("verify_ssl = false" in told) is is_named
