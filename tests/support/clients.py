"""The real package clients, each call in a clean environment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import pip

_PIP = Path(pip.__file__).with_name("__pip-runner__.py")
# What the machine needs to run a program at all; everything else stays outside.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT")

Argument = str | os.PathLike[str]


class HowToRun(TypedDict, total=False):
    """The keyword arguments of `Clients.run`, which every client takes too."""

    check: bool
    env: Mapping[str, str] | None
    cwd: Path | None
    stdin: str | None
    timeout: float


@dataclass(frozen=True)
class Completed:
    """What a client left behind."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr


class Clients:
    """Package clients that know nothing but what is under `home`.

    Everything they remember (caches, configuration, credentials) is there too.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._scripts = Path(sys.executable).parent
        home.mkdir(parents=True, exist_ok=True)
        self.environment = self._clean_environment()

    def run(
        self,
        *args: Argument,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
        timeout: float = 120.0,
    ) -> Completed:
        """Run a program, in `home` unless told otherwise; `env` is added to the clean one.

        With `check`, the test fails where the program fails.
        """
        command = [os.fspath(arg) for arg in args]
        done = subprocess.run(
            command,
            check=False,
            env={**self.environment, **(env or {})},
            cwd=cwd or self.home,
            input=stdin or "",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
        )
        completed = Completed(done.returncode, done.stdout, done.stderr)
        if check and completed.returncode != 0:
            raise AssertionError(
                f"{shlex.join(command)} ended with {completed.returncode}\n{completed.text}"
            )
        return completed

    def twine(self, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        return self.run(sys.executable, "-m", "twine", "--no-color", *args, **how)

    def pip(self, python: Path, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        """pip acting on another interpreter's environment, which needs no pip of its own.

        As `pip --python` does it, without a process that only starts another one.
        """
        return self.run(python, _PIP, *args, **how)

    def uv(self, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        return self.run(self._scripts / "uv", *args, **how)

    def poetry(self, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        return self.run(self._scripts / "poetry", "--no-interaction", *args, **how)

    def hatch(self, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        return self.run(self._scripts / "hatch", "--no-color", *args, **how)

    def flit(self, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        return self.run(self._scripts / "flit", *args, **how)

    def pdm(self, *args: Argument, **how: Unpack[HowToRun]) -> Completed:
        return self.run(self._scripts / "pdm", "--non-interactive", *args, **how)

    def build(self, project: Path) -> list[Path]:
        """Build the project's sdist and wheel into its `dist` folder."""
        self.run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", project)
        return _built_files(project)

    def venv(self, path: Path) -> Path:
        """The interpreter of a new, empty virtual environment (for `pip` and `uv`)."""
        self.uv("venv", "--quiet", "--offline", "--python", sys.executable, path)
        return path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def write_pypirc(self, servers: Mapping[str, tuple[str, str, str]]) -> Path:
        """Write `~/.pypirc`, as name: (url, user, password)."""
        # The clients read it without interpolation, so that a `%` stands for itself.
        config = RawConfigParser()
        config["distutils"] = {"index-servers": "\n" + "\n".join(servers)}
        for name, (url, user, password) in servers.items():
            config[name] = {"repository": url, "username": user, "password": password}
        path = self.home / ".pypirc"
        with path.open("w", encoding="utf-8") as file:
            config.write(file)
        return path

    def publish_with_twine(
        self,
        url: str,
        user: str,
        password: str,
        *files: Path,
        options: Sequence[str] = (),
        check: bool = True,
    ) -> Completed:
        target = ["--repository-url", url, "--username", user, "--password", password]
        quiet = ["--non-interactive", "--disable-progress-bar"]
        return self.twine("upload", *target, *quiet, *options, *files, check=check)

    def publish_with_uv(
        self,
        url: str,
        user: str,
        password: str,
        *files: Path,
        options: Sequence[str] = (),
        check: bool = True,
    ) -> Completed:
        target = ["--publish-url", url, "--username", user, "--password", password]
        plain = ["--trusted-publishing", "never", "--keyring-provider", "disabled"]
        return self.uv("publish", *target, *plain, *options, *files, check=check)

    def publish_with_flit(
        self, project: Path, url: str, user: str, password: str, *, check: bool = True
    ) -> Completed:
        """flit builds by itself, and takes its target from the environment only."""
        target = {"FLIT_INDEX_URL": url, "FLIT_USERNAME": user, "FLIT_PASSWORD": password}
        return self.flit("publish", "--no-use-vcs", check=check, env=target, cwd=project)

    def publish_with_hatch(
        self,
        project: Path,
        url: str,
        user: str,
        password: str,
        *,
        options: Sequence[str] = (),
        check: bool = True,
    ) -> Completed:
        self._ensure_built(project)
        target = ["--repo", url, "--user", user, "--auth", password, "--no-prompt"]
        return self.hatch("publish", *target, *options, check=check, cwd=project)

    def publish_with_poetry(
        self,
        project: Path,
        url: str,
        user: str,
        password: str,
        *,
        options: Sequence[str] = (),
        check: bool = True,
    ) -> Completed:
        """poetry wants a named repository, which may come from the environment."""
        self._ensure_built(project)
        target = ["--repository", "target", "--username", user, "--password", password]
        named = {"POETRY_REPOSITORIES_TARGET_URL": url}
        return self.poetry("publish", *target, *options, check=check, env=named, cwd=project)

    def publish_with_pdm(
        self,
        project: Path,
        url: str,
        user: str,
        password: str,
        *,
        options: Sequence[str] = (),
        check: bool = True,
    ) -> Completed:
        """pdm's own build would fetch the backend from an index."""
        self._ensure_built(project)
        target = ["--repository", url, "--username", user, "--password", password]
        return self.pdm("publish", "--no-build", *target, *options, check=check, cwd=project)

    def _ensure_built(self, project: Path) -> None:
        if not _built_files(project):
            self.build(project)

    def _clean_environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "NO_PROXY": "*",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PIP_CACHE_DIR": str(self.home / "pip-cache"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "UV_CACHE_DIR": str(self.home / "uv-cache"),
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            # flit would fetch the list of classifiers, pdm make an environment per project.
            "FLIT_NO_NETWORK": "1",
            "PDM_CHECK_UPDATE": "0",
            "PDM_USE_VENV": "0",
        }


def _built_files(project: Path) -> list[Path]:
    return sorted((project / "dist").glob("*"))
