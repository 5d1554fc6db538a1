"""HTTP as the tests speak it: credentials, uploads, bare WSGI calls, bare sockets, pages."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from packaging.utils import canonicalize_name
from werkzeug.test import Client, EnvironBuilder, TestResponse

from tests.support.distributions import Distribution, multipart, upload_form

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import WSGIApplication, WSGIEnvironment

JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
UV_UPLOAD_ACCEPT = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"


def basic(user: str, password: str, encoding: str = "utf-8") -> dict[str, str]:
    """The Authorization header of a package client."""
    credentials = base64.b64encode(f"{user}:{password}".encode(encoding)).decode()
    return {"Authorization": f"Basic {credentials}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Site:
    """One repository behind WSGI: where its three apps answer, and credentials to use."""

    client: Client
    upload_url: str
    index_url: str
    files_url: str
    headers: dict[str, str] = field(default_factory=dict)

    def upload(
        self,
        dist: Distribution,
        *,
        content_type: str | None = None,
        headers: dict[str, str] | None = None,
        url: str | None = None,
        **overrides: str | list[str] | None,
    ) -> TestResponse:
        """What twine does; an override of a form field of None drops it."""
        body, form_type = multipart(
            upload_form(dist, **overrides),
            [("content", dist.filename, dist.content, content_type)],
        )
        return self.post(body, form_type, headers=headers, url=url)

    def post(
        self,
        body: bytes,
        content_type: str,
        *,
        headers: dict[str, str] | None = None,
        url: str | None = None,
    ) -> TestResponse:
        return self.client.post(
            url or self.upload_url,
            data=body,
            content_type=content_type,
            headers=self.headers if headers is None else headers,
            buffered=True,
        )

    def get(self, url: str, *, method: str = "GET", **headers: str) -> TestResponse:
        """`url` as it would stand in a request line; header names with `_` for `-`.

        All requests have the same id, so that answers can be compared.
        """
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            url,
            method=method,
            headers={"X-Request-ID": "test", **self.headers, **given},
            buffered=True,
        )

    def page(self, project: str) -> dict[str, Any]:
        """A project's page in JSON, with file URLs made absolute paths."""
        response = self.get(f"{self.index_url}{project}/", Accept=JSON)
        assert response.status_code == 200, response.status
        document: dict[str, Any] = response.get_json(force=True)
        for file in document["files"]:
            file["url"] = resolve(f"{self.index_url}{project}/", file["url"])
        return document

    def project_names(self) -> list[str]:
        document: Any = self.get(self.index_url, Accept=JSON).get_json(force=True)
        return [project["name"] for project in document["projects"]]

    def file_url(self, dist: Distribution) -> str:
        """Where the index says that the file is."""
        project = canonicalize_name(dist.name)
        urls = [f["url"] for f in self.page(project)["files"] if f["filename"] == dist.filename]
        assert len(urls) == 1, urls
        return str(urls[0])


def resolve(page: str, link: str) -> str:
    """What a client requests that finds `link` on `page`, without scheme and host."""
    parts = urlsplit(urljoin(f"http://index.test{page}", link))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def reason(response: TestResponse) -> str:
    """The reason phrase."""
    return response.status.partition(" ")[2]


@dataclass
class Called:
    """What an application did with one environ; iterate or read it, then close it."""

    status: str
    headers: list[tuple[str, str]]
    chunks: Iterable[bytes]

    @property
    def status_code(self) -> int:
        return int(self.status[:3])

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None

    def read(self) -> bytes:
        try:
            return b"".join(self.chunks)
        finally:
            self.close()

    def close(self) -> None:
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()


def call(app: WSGIApplication, environ: WSGIEnvironment) -> Called:
    """Call the application as a server would, up to the first header."""
    answers: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Any:
        answers.append((status, headers))
        return lambda _data: None

    chunks = app(environ, start_response)
    assert len(answers) == 1, answers
    return Called(*answers[0], chunks)


def environ_of(
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: IO[bytes] | None = None,
    length: int | None = None,
    **more: Any,
) -> WSGIEnvironment:
    """An environ; `body` and `length` may contradict each other, `more` is put in as it stands."""
    given = dict(headers or {})
    # Said to the builder, it would make a form of its own, with another boundary.
    content_type = given.pop("Content-Type", "")
    builder = EnvironBuilder(path=path, method=method, headers=list(given.items()))
    environ = {**builder.get_environ(), "CONTENT_TYPE": content_type}
    if body is not None:
        environ["wsgi.input"] = body
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    environ.update(more)
    return environ


class CountingInput:
    """A request body that knows how much of it was read."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def read(self, size: int = -1, /) -> bytes:
        end = len(self._content) if size < 0 else self.position + size
        chunk = self._content[self.position : end]
        self.position += len(chunk)
        return chunk

    def readline(self, _size: int = -1, /) -> bytes:
        raise AssertionError("a body is read in chunks")

    readlines = readline

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("a body is read in chunks")


class Connection:
    """A bare TCP connection to a server of this machine."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_while_wanted(self, data: bytes) -> None:
        """As a client that hears nothing while it sends, and reads its answer in the end."""
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def read_head(self) -> tuple[bytes, dict[str, str]]:
        """The status line, and the headers by their names in lower case."""
        status = self._file.readline().rstrip(b"\r\n")
        headers: dict[str, str] = {}
        while line := self._file.readline().rstrip(b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value.strip()
        return status, headers

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def read_to_end(self) -> bytes:
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass
class Anchor:
    attributes: dict[str, str | None]
    text: str = ""

    @property
    def href(self) -> str:
        href = self.attributes["href"]
        assert href is not None
        return href


class Page(HTMLParser):
    """What an installer sees of an HTML page: anchors and meta elements, entities decoded."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.anchors: list[Anchor] = []
        self.meta: dict[str, str | None] = {}
        self.tags: list[str] = []
        self.declarations: list[str] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == [], self._open

    def handle_decl(self, decl: str) -> None:
        self.declarations.append(decl)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.tags.append(tag)
        if tag == "a":
            self.anchors.append(Anchor(attributes))
        if tag == "meta" and attributes.get("name") is not None:
            assert "head" in self._open
            self.meta[str(attributes["name"])] = attributes.get("content")
        if tag not in ("meta", "br", "img", "input", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "a" in self._open:
            self.anchors[-1].text += data
