"""An index elsewhere of which a test writes each page."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.names import normalize
from tests.support.distributions import Distribution
from tests.support.http import JSON
from tests.support.scripted_server import Asked, ScriptedServer, reply

METADATA = ".metadata"


@dataclass(frozen=True)
class Entry:
    """A file as the page lists it.

    age: since when it is there; None if the page does not say.
    """

    distribution: Distribution
    has_digest: bool = True
    has_metadata: bool = True
    is_signed: bool = False
    age: timedelta | None = timedelta(days=30)
    yanked: str | None = None

    @property
    def path(self) -> str:
        return f"/packages/{self.distribution.sha256[:16]}/{self.distribution.filename}"

    def listed(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "filename": self.distribution.filename,
            "url": f"../..{self.path}",
            "hashes": {"sha256": self.distribution.sha256} if self.has_digest else {},
            "core-metadata": self.has_metadata and {"sha256": _sha256(self.distribution.metadata)},
            "gpg-sig": self.is_signed,
            "yanked": False if self.yanked is None else self.yanked,
            "size": len(self.distribution.content),
        }
        if self.age is not None:
            found["upload-time"] = (datetime.now(UTC) - self.age).isoformat()
        return found


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class WrittenIndex:
    """Serves the pages of `entries`, and their files, on a port of its own.

    statuses: the project statuses (PEP 792) of projects that are not active.
    """

    entries: list[Entry] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._answer)
        self.url = f"{self.server.url}/simple/"

    @property
    def asked(self) -> list[Asked]:
        return self.server.asked

    def create_on(self, registry: Registry, name: str, **settings: Any) -> None:
        """Creates this index as an upstream in a registry."""
        given = {"allow_http": True, "allow_private_network": True, **settings}
        registry.acting_as(OPERATOR).upstreams.create(name, url=self.url, **given)

    def page(self, project: str) -> dict[str, Any] | None:
        """The page of a project, if there is one."""
        of_project = [
            entry for entry in self.entries if normalize(entry.distribution.name) == project
        ]
        if not of_project and project not in self.statuses:
            return None
        return {
            "meta": {"api-version": "1.4"},
            "name": project,
            "project-status": {"status": self.statuses.get(project, "active")},
            "versions": list(dict.fromkeys(entry.distribution.version for entry in of_project)),
            "files": [entry.listed() for entry in of_project],
        }

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

    def _answer(self, asked: Asked) -> bytes:
        path = asked.target
        if path.startswith("/simple/"):
            page = self.page(path.split("/")[2])
            if page is None:
                return reply(status="404 Not Found")
            return reply(json.dumps(page).encode(), Content_Type=JSON)
        for entry in self.entries:
            if path == entry.path:
                return reply(entry.distribution.content)
            if path == entry.path + METADATA and entry.has_metadata:
                return reply(entry.distribution.metadata)
        return reply(status="404 Not Found")
