"""Answers of the measured server, recorded so that the reference apps send the same bytes."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.benchmarks.load import Target

_ADDED_BY_THE_SERVER = {"connection", "date", "server", "via"}
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Answer:
    """status: the whole line, such as `200 OK`."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @classmethod
    def of(cls, target: Target) -> Self:
        """What the target answers now."""
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=_TIMEOUT)
        try:
            connection.request("GET", target.path, headers=dict(target.headers))
            response = connection.getresponse()
            headers = [
                (name, value)
                for name, value in response.getheaders()
                if name.lower() not in _ADDED_BY_THE_SERVER
            ]
            answer = cls(f"{response.status} {response.reason}", headers, response.read())
        finally:
            connection.close()
        if response.status != target.expected:
            raise RuntimeError(f"{target.path} answered {answer.status}: {answer.body[:200]!r}")
        return answer

    def header(self, name: str) -> str:
        return next(value for key, value in self.headers if key.lower() == name.lower())

    def save(self, folder: Path, name: str) -> None:
        described = {"status": self.status, "headers": self.headers}
        (folder / f"{name}.json").write_text(json.dumps(described))
        (folder / f"{name}.body").write_bytes(self.body)

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        described = json.loads((folder / f"{name}.json").read_text())
        headers = [(name, value) for name, value in described["headers"]]
        return cls(described["status"], headers, (folder / f"{name}.body").read_bytes())
