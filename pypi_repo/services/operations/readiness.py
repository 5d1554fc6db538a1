"""Checks whether the database and the file store can be used."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from pypi_repo.domain.errors import RegistryError, Unavailable
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database

_log = logging.getLogger(__name__)

_PATIENCE = 3.0  # seconds


class Readiness:
    """Checks the database and the file store, on each call, and does not wait for them for long."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._probes = {
            "database": _Probe(lambda: schema.require_usable(database)),
            "files": _Probe(blobs.require_usable),
        }

    def check(self) -> dict[str, str]:
        """Returns the state of `database` and `files`: `ok`, or the code of what is wrong.

        It takes a few seconds at most. The log has the details.
        """
        begun = {name: probe.begin() for name, probe in self._probes.items()}
        return {name: _outcome(name, future) for name, future in begun.items()}


class _Probe:
    """A check that runs at most once at a time; simultaneous callers share its result.

    So a database that hangs occupies one thread, however many requests check it.
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._mutex = threading.Lock()
        self._running: Future[None] | None = None

    def begin(self) -> Future[None]:
        """Starts the check, unless it is running, and returns its future result."""
        with self._mutex:
            if self._running is None or self._running.done():
                self._running = Future()
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            return self._running

    def _run(self, future: Future[None]) -> None:
        try:
            self._ask()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            future.set_exception(error)
        else:
            future.set_result(None)


def _outcome(name: str, future: Future[None]) -> str:
    try:
        future.result(_PATIENCE)
    except TimeoutError:
        _log.error("Not ready: %s did not answer within %d seconds.", name, _PATIENCE)
        return Unavailable.code
    except RegistryError as error:
        _log.error("Not ready: %s: %s", name, error.for_operator)
        return error.code
    return "ok"
