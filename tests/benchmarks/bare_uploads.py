"""What uploads could reach at best: the same server and the same syncs, with no index at all.

`python -m tests.benchmarks.bare_uploads FOLDER PORT` parses each form, stores its file and another
one beside it as the registry does, and commits one small row. Nothing is checked.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from pypi_repo.server.loop import Server
from pypi_repo.server.processors import usual_number
from pypi_repo.server.sockets import listen
from pypi_repo.server.workers import Supervisor
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.local import LocalBlobStore
from pypi_repo.web.packages.forms import UploadReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from pypi_repo.server.seat import Seat

_BESIDE = {".metadata": b"Metadata-Version: 2.1\n"}
_PATIENCE = 30.0  # seconds that a process waits for the other ones


class _BareUploads:
    """One process: the row is committed by whichever thread has the connection."""

    def __init__(self, folder: Path) -> None:
        self._blobs = LocalBlobStore(str(folder / "blobs"))
        self._limits = Limits()
        self._mutex = threading.Lock()
        self._database = sqlite3.connect(
            folder / "rows.db", timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        with self._blobs.stage() as staged:
            upload = UploadReader(staged, self._limits.file_size, self._limits)
            upload.read(Request(environ))
            sha256 = staged.digests().sha256
            path = f"{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{upload.filename}"
            self._blobs.put(path, staged, _BESIDE)
            with self._mutex:
                self._database.execute("INSERT INTO files (path) VALUES (?)", (path,))
        return Response("")(environ, start)


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    with sqlite3.connect(folder / "rows.db") as database:
        database.execute("CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT)")
    database.close()
    sockets = listen("127.0.0.1", port)

    def work(seat: Seat) -> None:
        seat.run(Server(_BareUploads(folder), sockets, share=seat.share))

    Supervisor(work, usual_number(), sockets, renew=lambda: None, when_serving=lambda: None).run()


if __name__ == "__main__":
    main()
