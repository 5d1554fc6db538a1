"""Makes what was fetched durable, when nobody waits for it any more."""

import logging
import threading
from contextlib import suppress

from pypi_repo.domain.errors import RegistryError
from pypi_repo.storage.blobs.store import BlobStore

_log = logging.getLogger(__name__)

_AFTER = 2.0  # seconds
_AGAIN = 30.0  # seconds after one that failed


class Settling:
    """Lets files of upstreams settle in the file store, many at a time.

    blobs: the file store, for caches.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._mutex = threading.Lock()
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        """Lets settle what has come, and what comes within the next seconds."""
        self._start(_AFTER)

    def _start(self, after: float) -> None:
        with self._mutex:
            if self._timer is not None:
                return
            timer = threading.Timer(after, self._settle_or_again)
            timer.daemon = True
            with suppress(RuntimeError):  # the system allows no more threads for now
                timer.start()
                self._timer = timer

    def close(self) -> None:
        """Lets settle what has come, now."""
        with self._mutex:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self._settle()

    def _settle_or_again(self) -> None:
        if not self._settle():
            self._start(_AGAIN)

    def _settle(self) -> bool:
        with self._mutex:
            self._timer = None
        try:
            self._blobs.settle()
        except RegistryError as error:
            _log.warning("What was fetched is not settled: %s", error.for_operator)
            return False
        return True
