"""Whether what a registry stands on answers: asked afresh each time, and not waited for long."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from pypi_repo.domain.errors import RegistryError, Unavailable
from pypi_repo.storage import schema
from pypi_repo.storage.blobs import BlobStore
from pypi_repo.storage.database import Database

_log = logging.getLogger(__name__)

_PATIENCE = 3.0  # seconds
_NO_SUCH_BLOB = "readiness"


class Readiness:
    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._probes = {
            "database": _Probe(lambda: schema.require_usable(database)),
            "files": _Probe(lambda: blobs.look(_NO_SUCH_BLOB)),
        }

    def check(self) -> dict[str, str]:
        """`database` and `files`, each with `ok` or the code of what is wrong with it.

        Takes a few seconds at most. The log has the details.
        """
        begun = {name: probe.begin() for name, probe in self._probes.items()}
        return {name: _outcome(name, future) for name, future in begun.items()}


class _Probe:
    """A question that is under way once at most: who asks meanwhile waits for the same answer.

    So a dependency that hangs costs one thread, however many ask after it.
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._mutex = threading.Lock()
        self._running: Future[None] | None = None

    def begin(self) -> Future[None]:
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
