"""A devpi with users and indexes, as its own client would make them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support.distributions import Distribution, multipart
from tests.support.http import basic
from tests.support.other_servers import Programs
from tests.support.processes import ServerProcess, free_port
from tests.support.publisher import publishing

PASSWORD = "secret"
"""The password of each user."""

_QUIET = {"PYTHONWARNINGS": "ignore"}
_QUICK = ("--argon2-time-cost=1", "--argon2-memory-cost=64", "--argon2-parallelism=1")


class DevpiServer(ServerProcess):
    """devpi-server with what `folder` has, or empty, without users besides root.

    options: more options of devpi-server.
    """

    def __init__(self, programs: Programs, folder: Path, *options: str) -> None:
        self._programs = programs
        self._folder = folder
        self._directory = ["--serverdir", str(folder)]
        if not folder.exists():
            self._run("devpi-init", *self._directory, "--no-root-pypi")
        port = free_port()
        program = programs.program("devpi-server", "devpi-server")
        command = [program, *self._directory, *_QUICK, "--port", str(port), *options]
        super().__init__(command, port, env={**os.environ, **_QUIET}, start_timeout=120)

    def user(self, name: str) -> None:
        self._ask("PUT", f"/{name}", {"password": PASSWORD})

    def index(self, name: str, *, bases: Sequence[str] = (), uploaders: Sequence[str] = ()) -> str:
        """Make the index, which is USER/INDEX, and return the URL for uploads to it."""
        user = name.partition("/")[0]
        settings = {"type": "stage", "bases": list(bases), "acl_upload": [user, *uploaders]}
        self._ask("PUT", f"/{name}", settings, user)
        return f"{self.url}/{name}/"

    def mirror(self, name: str, url: str) -> None:
        settings = {"type": "mirror", "mirror_url": url}
        self._ask("PUT", f"/{name}", settings, name.partition("/")[0])

    def upload(self, index: str, *files: Distribution, user: str | None = None) -> None:
        by = user or index.partition("/")[0]
        with publishing(f"{self.url}/{index}/", by, PASSWORD) as publisher:
            for file in files:
                answer = publisher.upload(file)
                assert answer.status == 200, answer.text

    def upload_documentation(self, index: str, project: str, version: str) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("index.html", "<h1>Documentation</h1>")
        fields = {":action": "doc_upload", "name": project, "version": version}
        name = f"{project}-{version}.doc.zip"
        file = ("content", name, content.getvalue(), "application/zip")
        body, content_type = multipart(fields, [file])
        user = index.partition("/")[0]
        headers = {"Content-Type": content_type, **basic(user, PASSWORD)}
        self._request("POST", f"/{index}/", body, headers)

    def push(self, source: str, project: str, version: str, target: str) -> None:
        told = {"name": project, "version": version, "targetindex": target}
        self._ask("POST", f"/{source}", told, target.partition("/")[0])

    def get(self, path: str) -> Any:
        """The result of a JSON document."""
        return json.loads(self._ask("GET", path))["result"]

    def export(self, folder: Path, *options: str) -> None:
        """Write an export, for which the server need not end."""
        self._run("devpi-export", *self._directory, *options, str(folder))

    def _run(self, name: str, *args: str) -> None:
        program = self._programs.program(name, "devpi-server")
        environment = {**os.environ, **_QUIET}
        subprocess.run([program, *args], env=environment, check=True, capture_output=True)

    def _ask(self, method: str, path: str, document: object = None, user: str | None = None) -> str:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if user is not None:
            headers |= basic(user, PASSWORD)
        return self._request(method, path, json.dumps(document).encode(), headers)

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status in (200, 201), text
        return text
