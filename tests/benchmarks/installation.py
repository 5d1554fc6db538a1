"""A registry set up and served as its users do it, with something in it to measure."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urljoin

from tests.benchmarks import forms
from tests.benchmarks.client import Connection, Form, post
from tests.benchmarks.load import Target, fetch, upload
from tests.support.live import ServeProcess
from tests.support.wsgi_servers import ServerName, WsgiServer

SMALL_FILE = 20_000  # bytes
_USER, _PASSWORD = "benchmarks@example.com", "correct horse battery staple"
_FORMATS = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
    "text/html; q=0.01"
)


class Installation:
    """A data folder, and `serve` with default options over it.

    Every request is made as installers make it: with the user's password (bcrypt, cost 12).

    database: the SQLAlchemy URL of an empty one; without it, the embedded one.
    """

    def __init__(self, data: Path, database: str | None = None) -> None:
        self.data = data
        self.database = data / "registry.db"
        self._place = ["--data", str(data), *(["--database", database] if database else [])]
        self._environment = {"PYPI_REPO_DATA": str(data)}
        if database:
            self._environment["PYPI_REPO_DATABASE"] = database
            self.command("db", "upgrade")
            self.command("repository", "create", "main")
        self.server = self.serve()
        try:
            self.command("user", "create", _USER, "--password-stdin", answer=f"{_PASSWORD}\n")
        except BaseException:
            self.server.close()
            raise
        credentials = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {credentials}"}

    def serve(self, *options: str) -> ServeProcess:
        """One more server over the same data."""
        return ServeProcess(*self._place, *options, warm=False)

    def under(self, name: ServerName, *, workers: int, threads: int) -> WsgiServer:
        """The same application on another server."""
        return WsgiServer(name, self.data, self._environment, workers=workers, threads=threads)

    def command(self, *arguments: str, answer: str = "") -> None:
        """pypi-repo, with what it reads from its standard input."""
        subprocess.run(
            [sys.executable, "-m", "pypi_repo", *arguments, *self._place],
            check=True,
            capture_output=True,
            text=True,
            input=answer,
        )

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def index_url(self, repository: str = "main") -> str:
        """As installers are given it, with the credentials."""
        user, password = quote(_USER, safe=""), quote(_PASSWORD, safe="")
        origin = f"http://{user}:{password}@127.0.0.1:{self.server.port}"
        return f"{origin}/repositories/{repository}/simple/"

    def public_index_url(self, repository: str) -> str:
        """The same without credentials, for a repository that everybody may read."""
        return f"http://127.0.0.1:{self.server.port}/repositories/{repository}/simple/"

    def page(self, project: str, *, repository: str = "main", encoding: str = "gzip") -> Target:
        """A project page, or the root page for an empty name, asked for as pip does."""
        path = f"/repositories/{repository}/simple/{project}/".replace("//", "/")
        asked = {"Accept": _FORMATS, "Accept-Encoding": encoding}
        return Target(path, {**self._authorization, **asked})

    def file(self, project: str, *, repository: str = "main") -> Target:
        """The first file of the project."""
        page = self.page(project, repository=repository, encoding="identity")
        url = json.loads(fetch(self.server, page))["files"][0]["url"]
        return Target(urljoin(page.path, url), self._authorization)

    @property
    def upload(self) -> Target:
        return self.upload_to("main")

    def upload_to(self, repository: str) -> Target:
        """Where files of a repository are published."""
        return Target(f"/repositories/{repository}/", self._authorization)

    def publish(self, forms: Sequence[Form]) -> None:
        upload(self.server, self.upload, [forms])

    @cached_property
    def hot(self) -> tuple[Target, Target]:
        """What is read again and again: the page of a project of 100 files, and a small file."""
        self.publish(forms.releases("project-100", 100))
        self.publish(forms.small_wheels("download", 1, SMALL_FILE))
        return self.page("project-100"), self.file("download-0")

    def send(self, form: Form) -> None:
        """Uploads a form whose file is not held in memory; RuntimeError where it is refused."""
        with Connection(self.server.port) as connection:
            request = post(self.upload.path, self.upload.headers, form) + form.start
            connection.send(request, form.file, form.end)
            status, _size = connection.receive()
        if status != 200:
            raise RuntimeError(f"an upload was answered with {status}")

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
