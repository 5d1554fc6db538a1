"""Calls an application as a server's loop does, where nothing may wait, and watches it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.environ import DISCARDS_WHAT_IS_NOT_READ
from tests.support.http import call, environ_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from sqlalchemy import Engine

# https://docs.python.org/3/library/audit_events.html, and one of ours
_WAITING = frozenset(
    {
        "checkout", "fcntl.flock", "import", "open", "os.chmod", "os.link", "os.listdir",
        "os.lockf", "os.mkdir", "os.remove", "os.rename", "os.scandir", "socket.connect",
        "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen", "time.sleep",
    }
)  # fmt: skip


class _Watched(threading.local):
    seen: list[str] | None = None


_watched = _Watched()


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    if _watched.seen is not None and name in _WAITING:
        _watched.seen.append(f"{name} {arguments[0]!r}")


sys.addaudithook(_hook)


def watch(engine: Engine) -> None:
    """Lets `on_a_loop` notice which connections SQLAlchemy lends."""
    event.listen(engine, "checkout", lambda *_: _hook("checkout", (engine.url,)))


@dataclass(frozen=True)
class Request:
    """As `serve` calls its application with it. All have the same id: answers are comparable."""

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    address: str = "192.0.2.1"


@dataclass(frozen=True)
class Answered:
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def in_a_thread(app: WSGIApplication, request: Request) -> Answered:
    """By a thread that may wait."""
    headers = {"X-Request-ID": "test", **dict(request.headers)}
    environ = environ_of(request.path, method=request.method, headers=headers)
    environ |= {"REMOTE_ADDR": request.address, DISCARDS_WHAT_IS_NOT_READ: True}
    called = call(app, environ)
    return Answered(called.status, tuple(called.headers), called.read())


def on_a_loop(
    app: WSGIApplication, request: Request, known: Mapping[object, Any] = {}
) -> Answered | None:
    """By a thread that may not wait; None where the application would have to.

    known: what a database has said.

    Fails if it did what may wait: opened or changed a file, connected, slept, imported.
    """
    answer, _watched.seen = None, []
    try:
        with without_waiting(known), suppress(WouldWait):
            answer = in_a_thread(app, request)
    finally:
        seen, _watched.seen = _watched.seen, None
    assert not seen, (request, seen)
    return answer
