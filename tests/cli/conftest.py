"""The command line over one data folder, mostly in this process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.cli.main import main
from tests.support.distributions import Distribution, multipart, upload_form
from tests.support.http import basic, bearer

PASSWORD = "correct horse"
_STUCK_READ = Path(__file__).parents[1] / "support" / "stuck_read.py"


@dataclass
class CommandLine:
    """`pypi-repo ... --data DATA`, in an environment without PYPI_REPO_ variables."""

    data: Path

    def run(self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Result:
        return self.run_anywhere(*args, "--data", str(self.data), stdin=stdin, env=env)

    def run_anywhere(
        self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> Result:
        """Without `--data`."""
        return CliRunner().invoke(main, list(args), input=stdin, env=env, prog_name="pypi-repo")

    def ok(self, *args: str, stdin: str = "") -> str:
        """What a command prints that must succeed."""
        result = self.run(*args, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.ok(*args, "--json"))

    def refused(self, *args: str, stdin: str = "") -> str:
        """The one sentence of a command that must be refused."""
        result = self.run(*args, stdin=stdin)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("Error: "), result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr

    def misused(self, *args: str, stdin: str = "") -> str:
        """What is said about wrong usage."""
        result = self.run(*args, stdin=stdin)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        return result.stderr

    def registry(self) -> Registry:
        """The same registry for another program; close it."""
        return Registry(Settings(database=f"sqlite:///{self.data}/registry.db", password_cost=4))


@dataclass
class Index:
    """What package clients meet of the registry that the command line manages."""

    registry: Registry
    client: Client

    def status(self, user: str, password: str, repository: str = "main") -> int:
        url = f"/repositories/{repository}/simple/"
        return self.client.get(url, headers=basic(user, password)).status_code

    def api_status(self, token: str, path: str) -> int:
        return self.client.get(f"/api/v1/{path}", headers=bearer(token)).status_code

    def upload(self, dist: Distribution, user: str, password: str, repository: str = "main") -> int:
        content = ("content", dist.filename, dist.content, None)
        body, content_type = multipart(upload_form(dist), [content])
        return self.client.post(
            f"/repositories/{repository}/",
            data=body,
            content_type=content_type,
            headers=basic(user, password),
        ).status_code


@contextmanager
def stuck(file: Path, *args: str) -> Iterator["Stuck"]:
    """A `pypi-repo` process that is reading `file` and does not come to its end."""
    with TemporaryDirectory() as folder:
        pipe = Path(folder) / "pipe"
        os.mkfifo(pipe)
        program = [sys.executable, "-P", str(_STUCK_READ), str(file), str(pipe), *args]
        with subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield Stuck(process, pipe.open("wb"))  # opening a pipe waits for its reader
            finally:
                process.kill()


def typed(*args: str, cwd: Path, answers: Mapping[str, str]) -> tuple[int, str]:
    """The exit status of `pypi-repo ARGS` at a terminal, and all that was seen there.

    answers: what is typed, with Enter, once the prompt that is its key was seen.
    """
    import pty

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pypi_repo", *args],
        cwd=cwd,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen = ""
    for prompt, answer in answers.items():
        while prompt not in seen:
            seen += os.read(leader, 1024).decode()
        os.write(leader, f"{answer}\n".encode())
    with suppress(OSError):  # how Linux says that nobody is at the other end any more
        while more := os.read(leader, 1024):
            seen += more.decode()
    os.close(leader)
    return process.wait(120), seen


@dataclass
class Stuck:
    process: "subprocess.Popen[str]"
    pipe: IO[bytes]

    def ended_by(self, number: signal.Signals) -> tuple[str, str]:
        """What it wrote to stdout and stderr until the signal ended it.

        No read of a real disk takes for ever: the one that is under way fails in the end.
        """
        self.process.send_signal(number)
        self.pipe.close()
        written = self.process.communicate(timeout=120)
        assert self.process.returncode == (-number if number == signal.SIGKILL else 1)
        return written


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """With a data folder that is not there."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path / "data")


@pytest.fixture
def cli(nowhere: CommandLine) -> CommandLine:
    """With an empty registry."""
    nowhere.registry().close()
    return nowhere


@pytest.fixture
def main_cli(cli: CommandLine) -> CommandLine:
    """With repository `main` and the user `ada`, made in the cheapest way."""
    registry = cli.registry()
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).accounts.create_user("ada", PASSWORD)
    registry.close()
    return cli


@pytest.fixture
def index(main_cli: CommandLine) -> Any:
    registry = main_cli.registry()
    yield Index(registry, Client(registry.wsgi_app()))
    registry.close()
