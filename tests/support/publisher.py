"""The legacy upload over one connection that stays open: as fast as HTTP allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.support.distributions import Distribution, multipart, upload_form
from tests.support.http import basic


@dataclass(frozen=True)
class Answer:
    """What came back; `reason` is the text of the status line."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Publisher:
    """Speaks HTTP/1.1 to the server of `url`, which is where it uploads to."""

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._headers = basic(user, password)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def upload(self, dist: Distribution) -> Answer:
        content = ("content", dist.filename, dist.content, "application/octet-stream")
        body, content_type = multipart(upload_form(dist), [content])
        return self.request("POST", self._path, {"Content-Type": content_type}, body)

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers)

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> Answer:
        self._connection.request(method, path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        content = response.read()
        return Answer(response.status, response.reason, dict(response.headers), content)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def publishing(url: str, user: str, password: str) -> Iterator[Publisher]:
    """A Publisher whose connection is closed at the end of the block."""
    publisher = Publisher(url, user, password)
    try:
        yield publisher
    finally:
        publisher.close()
