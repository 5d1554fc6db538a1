"""An index whose pages are right, and whose files come as a test says."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

from pypi_repo import OPERATOR, Registry
from tests.support.scripted_server import Asked, ScriptedServer, reply

Answers = Callable[[Asked, bytes], "bytes | Iterable[bytes]"]
"""What is answered to a request for a file with this content."""


def serves(asked: Asked, content: bytes) -> bytes:
    """As files should be served, with ranges."""
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    selected = asked.headers.get("range", "").removeprefix("bytes=")
    if not selected or asked.headers.get("if-range", etag) != etag:
        return reply(content, ETag=etag)
    first, _hyphen, last = selected.partition("-")
    start = int(first) if first else max(0, len(content) - int(last))
    stop = min(int(last) + 1, len(content)) if first and last else len(content)
    if start >= stop:
        status = "416 Range Not Satisfiable"
        return reply(status=status, Content_Range=f"bytes */{len(content)}")
    return reply(
        content[start:stop],
        "206 Partial Content",
        Content_Range=f"bytes {start}-{stop - 1}/{len(content)}",
        ETag=etag,
    )


class ScriptedIndex:
    """A server with a simple index, and files whose answers a test chooses.

    answers: how requests for files are answered.
    asked: the requests for files so far, with what is beside them.
    pages_asked: the projects whose pages were asked for.
    """

    def __init__(self) -> None:
        self.answers: Answers = serves
        self.asked: list[Asked] = []
        self.pages_asked: list[str] = []
        self._held_back: dict[str, threading.Event] = {}
        self._pages: dict[str, list[dict[str, Any]]] = {}
        self._contents: dict[str, bytes] = {}
        self.server = ScriptedServer(self._answer)
        self.url = f"{self.server.url}/simple/"

    @property
    def ranges(self) -> list[str | None]:
        """The Range headers of the requests for files."""
        return [each.headers.get("range") for each in self.asked]

    def add(
        self, filename: str, content: bytes, *, beside: bytes | None = None, **says: Any
    ) -> None:
        """Lists a file with its size and its SHA-256.

        beside: its core metadata.
        says: other fields; None leaves one out.
        """
        listed = {
            "filename": filename,
            "url": f"../../files/{filename}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
            "upload-time": "2024-05-01T12:30:15Z",
            "core-metadata": beside is not None and {"sha256": hashlib.sha256(beside).hexdigest()},
        }
        listed |= {name.replace("_", "-"): value for name, value in says.items()}
        project = filename.partition("-")[0]
        listed = {name: value for name, value in listed.items() if value is not None}
        self._pages.setdefault(project, []).append(listed)
        self._contents[filename] = content
        if beside is not None:
            self._contents[f"{filename}.metadata"] = beside

    def put(self, name: str, content: bytes) -> None:
        """Has a file that no page lists, or another content of one that is listed."""
        self._contents[name] = content

    def holds_back(self, project: str) -> threading.Event:
        """Answers requests for the page of a project when the event is set."""
        return self._held_back.setdefault(project, threading.Event())

    def create_on(self, registry: Registry, name: str = "elsewhere", **settings: Any) -> None:
        """Makes it the only source of the repository `main`, which everybody may read."""
        acting = registry.acting_as(OPERATOR)
        acting.upstreams.create(
            name, url=self.url, allow_http=True, allow_private_network=True, **settings
        )
        acting.repositories.change("main", public=True, public_sources=True)
        acting.sources.set_sources("main", [f"upstream:{name}"])

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

    def _answer(self, asked: Asked) -> bytes | Iterable[bytes]:
        name = asked.target.rstrip("/").rpartition("/")[2]
        if asked.target.startswith("/simple/"):
            self.pages_asked.append(name)
            if name in self._held_back:
                self._held_back[name].wait(60)
            if name not in self._pages:
                return reply(status="404 Not Found")
            page = {"meta": {"api-version": "1.1"}, "name": name, "files": self._pages[name]}
            content_type = "application/vnd.pypi.simple.v1+json"
            return reply(json.dumps(page).encode(), Content_Type=content_type)
        self.asked.append(asked)
        if name not in self._contents:
            return reply(status="404 Not Found")
        return self.answers(asked, self._contents[name])


@dataclass(frozen=True)
class Got:
    """An answer, as far as it came.

    is_whole: whether the client can take it for complete.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool


class Installer:
    """Asks a repository as installers do, and looks at what really comes.

    root: the URL of the repository.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        """Gets a path below the repository. Of names of headers, underscores become hyphens."""
        with self.asking(path, method, **headers) as answer:
            try:
                body, is_whole = answer.read(), True
            except http.client.IncompleteRead as cut:
                body, is_whole = cut.partial, False
            except ConnectionError:
                body, is_whole = b"", False
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Got(answer.status, found, body, is_whole)

    def asking(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """Returns the answer when it begins; closing it closes the connection."""
        host, _slash, root = self._root.partition("//")[2].partition("/")
        connection = http.client.HTTPConnection(host, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/{root}{path}", headers={**named, "Connection": "close"})
        return connection.getresponse()

    def page(self, project: str) -> list[dict[str, Any]]:
        """The files of a project."""
        got = self.get(f"/simple/{project}/", Accept="application/vnd.pypi.simple.v1+json")
        assert got.status == 200, got.body
        files: list[dict[str, Any]] = json.loads(got.body)["files"]
        return files

    def place(self, filename: str) -> str:
        """The path of a file below the repository."""
        project = filename.partition("-")[0]
        (url,) = [each["url"] for each in self.page(project) if each["filename"] == filename]
        return str(urljoin(f"/simple/{project}/", url))

    def download(self, filename: str, **headers: str) -> Got:
        """Gets a file by the link on its page."""
        return self.get(self.place(filename), **headers)


def in_pieces(answer: bytes, size: int) -> Iterator[bytes]:
    """The same answer, in pieces of this size."""
    for start in range(0, len(answer), size):
        yield answer[start : start + size]
