"""A registry set up and started as its users do it, with something in it to measure."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.benchmarks.client import Connection, Form, post
from tests.benchmarks.load import Target, uploads_per_second
from tests.support.live import ServeProcess

_USER, _PASSWORD = "benchmarks@example.com", "correct horse battery staple"
_REPOSITORY = "/repositories/main"
_FORMATS = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
    "text/html; q=0.01"
)


class Installation:
    """The server in a process of its own, over a data folder that it made by itself.

    Every request is made as pip makes it: with the user's password (bcrypt, cost 12).
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.database = data / "registry.db"
        self.server = ServeProcess("--data", data)
        try:
            _create_user(data)
        except BaseException:
            self.server.close()
            raise
        credentials = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {credentials}"}

    @property
    def pid(self) -> int:
        return self.server.process.pid

    @property
    def index_url(self) -> str:
        """As installers are given it, with the credentials."""
        user, password = quote(_USER, safe=""), quote(_PASSWORD, safe="")
        return f"http://{user}:{password}@127.0.0.1:{self.server.port}{_REPOSITORY}/simple/"

    def page(self, project: str, *, repository: str = "main", **headers: str) -> Target:
        """A project page, or the root page for an empty name, asked for as pip does."""
        path = f"/repositories/{repository}/simple/{project}/".replace("//", "/")
        asked = {"Accept": _FORMATS, "Accept-Encoding": "gzip", **headers}
        return Target(self.server.port, path, {**self._authorization, **asked})

    def file(self, page: Target, url: str) -> Target:
        """A file that the page links to as `url`, relative to it."""
        depth = url.count("../")
        folders = page.path.rstrip("/").split("/")[:-depth]
        path = "/".join([*folders, url.replace("../", "")])
        return Target(self.server.port, path, self._authorization)

    @property
    def upload(self) -> Target:
        return Target(self.server.port, f"{_REPOSITORY}/", self._authorization)

    def publish(self, forms: list[Form]) -> None:
        uploads_per_second(self.upload, [forms])

    def send(self, form: Form) -> None:
        send(self.upload, form)

    def close(self) -> None:
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def send(target: Target, form: Form) -> None:
    """Uploads one form; raises RuntimeError where it is refused."""
    with Connection(target.port) as connection:
        request = post(target.path, target.headers, form) + form.start
        connection.send(request, form.file, form.end)
        status, _size = connection.receive()
    if status != target.expected:
        raise RuntimeError(f"{target.path} answered {status} to an upload")


def _create_user(data: Path) -> None:
    command = [sys.executable, "-m", "pypi_repo", "user", "create", _USER]
    options = ["--password-stdin", "--data", str(data)]
    subprocess.run(
        [*command, *options], check=True, capture_output=True, text=True, input=f"{_PASSWORD}\n"
    )
