"""One way to say "install this" to every installer, each as its users run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.addresses import Addresses, with_credentials
from tests.support.clients import Argument, Clients, Completed

_PROJECT = """\
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"
"""
_POETRY = """
[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "team"
url = "{url}"
priority = "primary"
"""
_PDM = """
[tool.pdm]
distribution = false

[[tool.pdm.source]]
name = "pypi"
url = "{url}"
username = "{user}"
password = "{password}"
"""
_UV = """
[[tool.uv.index]]
name = "team"
url = "{url}"
default = true
"""

BARE = ("pip", "uv pip")
"""Installers that put packages into an environment and keep no record of their own."""

LOCKING = ("uv", "poetry", "pdm")
"""Installers of projects, which write what they chose to a lock file."""

_ALLOWING_PRERELEASES = {
    "pip": ["--pre"],
    "uv pip": ["--prerelease", "allow"],
    "uv": ["--prerelease", "allow"],
    "poetry": ["--allow-prereleases"],
    "pdm": ["--prerelease"],
}
_FROM_THE_LOCK = {
    "uv": ["sync", "--frozen"],
    "poetry": ["install"],
    "pdm": ["install", "--frozen-lockfile"],
}


@dataclass
class Installer:
    """An installer, an empty environment, and a private repository as the only index."""

    name: str
    clients: Clients
    folder: Path
    site: Addresses
    repository: str = "main"
    _environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.python = self.clients.venv(self.folder / ".venv")
        (self.folder / "pyproject.toml").write_text(_PROJECT + self._source())
        self._environment = {"VIRTUAL_ENV": os.fspath(self.folder / ".venv")}
        if self.name == "poetry":
            self._environment["POETRY_HTTP_BASIC_TEAM_USERNAME"] = self.site.user
            self._environment["POETRY_HTTP_BASIC_TEAM_PASSWORD"] = self.site.password
            # Its first downloads at once may begin without credentials: poetry 2.5 shows the list
            # of repositories to the others while one of its threads is still filling it.
            self._environment["POETRY_INSTALLER_MAX_WORKERS"] = "1"
        elif self.name == "pdm":
            self._environment |= {"PDM_USE_VENV": "1", "PDM_PYTHON": os.fspath(self.python)}
        elif self.name == "uv":
            self._environment |= {"UV_NO_CONFIG": "0", "UV_PYTHON": sys.executable}

    def install(
        self,
        *requirements: str,
        prereleases: bool = False,
        options: Sequence[Argument] = (),
        check: bool = True,
    ) -> Completed:
        """Into the environment; for a project, that adds a dependency."""
        allowing = _ALLOWING_PRERELEASES[self.name] if prereleases else []
        wanted: list[Argument] = [*allowing, *options, *requirements]
        index = ["--index-url", self.site.index(self.repository)]
        if self.name == "pip":
            return self.clients.pip(self.python, "install", *index, *wanted, check=check)
        if self.name == "uv pip":
            into = ["pip", "install", "--python", os.fspath(self.python)]
            return self.clients.uv(*into, *index, *wanted, check=check)
        return self._run("add", *wanted, check=check)

    def install_locked(self, *, check: bool = True) -> Completed:
        """What the lock file says, and nothing else."""
        return self._run(*_FROM_THE_LOCK[self.name], check=check)

    def start_anew(self) -> None:
        """As on another machine, which has the lock file but no packages and no caches."""
        self.clients = Clients(self.clients.home.with_name(self.clients.home.name + "-2"))
        self.clients.uv("venv", "--quiet", "--clear", "--offline", "--python", sys.executable,
                        self.folder / ".venv")  # fmt: skip

    @property
    def installed(self) -> dict[str, str]:
        """The versions by name in the environment."""
        frozen = self.clients.uv("pip", "freeze", "--python", self.python).stdout
        return dict(line.split("==") for line in frozen.splitlines())

    @property
    def lock(self) -> str:
        return (self.folder / f"{self.name}.lock").read_text()

    def _run(self, *args: Argument, check: bool) -> Completed:
        run: dict[str, Callable[..., Completed]] = {
            "uv": self.clients.uv,
            "poetry": self.clients.poetry,
            "pdm": self.clients.pdm,
        }
        return run[self.name](*args, check=check, env=self._environment, cwd=self.folder)

    def _source(self) -> str:
        templates = {"poetry": _POETRY, "pdm": _PDM, "uv": _UV}
        url = self.site.anonymous_index(self.repository)
        if self.name == "uv":
            url = with_credentials(url, self.site.user, self.site.password)
        return templates.get(self.name, "").format(
            url=url, user=self.site.user, password=self.site.password
        )
