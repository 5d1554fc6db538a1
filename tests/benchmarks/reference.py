"""What the registry is compared with: bare WSGI apps, on the very server that `serve` runs.

*bare* does nothing but answer with the recorded bytes. *floor* is what an honest application
cannot do without: a Werkzeug request and response, and one SELECT by primary key through
SQLAlchemy Core. For an upload, both read the body and feed it to two digests.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast
from wsgiref.util import FileWrapper

import sqlalchemy
from werkzeug.wrappers import Request, Response

from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from tests.benchmarks.answers import Answer
from tests.support.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_CHUNK = 256 * 1024
_THREADS = 16
_NOT_FOUND = Answer("404 Not Found", [("Content-Length", "0")], b"")


class _Work(Protocol):
    """One way to answer; `body` is asked first."""

    status: str
    headers: list[tuple[str, str]]

    def body(self, environ: WSGIEnvironment) -> Iterable[bytes]: ...


class _Recorded:
    def __init__(self, answer: Answer) -> None:
        self.status, self.headers = answer.status, answer.headers
        self._body = [answer.body] if answer.body else []

    def body(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        return self._body


class _File:
    """Through the server's own file_wrapper, opened anew for each request."""

    def __init__(self, path: Path) -> None:
        self.status = "200 OK"
        self.headers = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(path.stat().st_size)),
        ]
        self._path = path

    def body(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        # granian has none.
        wrapper = cast(
            "Callable[..., Iterable[bytes]]", environ.get("wsgi.file_wrapper", FileWrapper)
        )
        return wrapper(self._path.open("rb"), _CHUNK)


class _Digests:
    status = "200 OK"
    headers: list[tuple[str, str]] = [("Content-Length", "0")]  # noqa: RUF012 - never changed

    def body(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        sha256, blake2b = hashlib.sha256(), hashlib.blake2b(digest_size=32)
        while chunk := environ["wsgi.input"].read(_CHUNK):
            sha256.update(chunk)
            blake2b.update(chunk)
        return []


def start(folder: Path, database: Path) -> ServerProcess:
    """The reference apps in a process of their own: /bare/NAME and /floor/NAME.

    folder: holds recorded answers, and files to send (`*.whl`); NAME is theirs. A POST to
        /bare/upload and /floor/upload is digested.
    database: of the registry, which the floor reads.
    """
    port = free_port()
    command = [sys.executable, "-m", __name__, str(folder), str(database), str(port)]
    return ServerProcess(command, port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reference")
    parser.add_argument("folder", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    site = Site(arguments.folder, arguments.database)
    Server(site.wsgi_app(), listen("127.0.0.1", arguments.port)).run()


class Site:
    """The bare apps and the floor, by path."""

    def __init__(self, folder: Path, database: Path) -> None:
        works: dict[str, _Work] = {"upload": _Digests()}
        for path in folder.glob("*.json"):
            works[path.stem] = _Recorded(Answer.load(folder, path.stem))
        for path in folder.glob("*.whl"):
            works[path.name] = _File(path)
        floor = _Floor(database)
        self._apps = {f"/bare/{name}": _bare(work) for name, work in works.items()}
        self._apps |= {f"/floor/{name}": floor.app(work) for name, work in works.items()}

    def wsgi_app(self) -> WSGIApplication:
        apps, otherwise = self._apps, _bare(_Recorded(_NOT_FOUND))

        def site(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return apps.get(environ["PATH_INFO"], otherwise)(environ, start_response)

        return site


def _bare(work: _Work) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = work.body(environ)
        start_response(work.status, work.headers)
        return body

    return app


class _Floor:
    def __init__(self, database: Path) -> None:
        self._engine = sqlalchemy.create_engine(f"sqlite:///{database}", pool_size=_THREADS)
        projects = sqlalchemy.table("projects", sqlalchemy.column("id"), sqlalchemy.column("name"))
        chosen = sqlalchemy.bindparam("chosen", type_=sqlalchemy.Integer)
        self._statement = sqlalchemy.select(projects.c.name).where(projects.c.id == chosen)

    def app(self, work: _Work) -> WSGIApplication:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = Request(environ)
            _ = request.method, request.path, request.args, request.headers.get("Authorization")
            with self._engine.connect() as connection:
                connection.execute(self._statement, {"chosen": 1}).one()
            response = Response(
                work.body(environ), work.status, headers=work.headers, direct_passthrough=True
            )
            return response(environ, start_response)

        return app


if __name__ == "__main__":
    main()
