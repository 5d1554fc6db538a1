"""Fetches files of upstreams into the file store, once for all who wait for them."""

import logging
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from time import sleep
from typing import IO

from pypi_repo.domain.errors import OutOfSpace, RegistryError, UnknownFile, UpstreamFailed
from pypi_repo.domain.stored_files import file_path
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.services.upstreams.fetching.arriving import ArrivingContent, SharedFile
from pypi_repo.services.upstreams.fetching.checks import Checks, WrongContent
from pypi_repo.services.upstreams.fetching.transfer import Ask, Transfer
from pypi_repo.storage.blobs.part_file import PartFile
from pypi_repo.storage.blobs.store import BlobStore

_log = logging.getLogger(__name__)

_HELD_BACK = 64 * 1024  # bytes, until the digest is known to be right
_LOOKED_EVERY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was put into the file store."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, and how.

    upstream: the name of the upstream, for the log.
    limit: the largest size of a file, in bytes.
    stored: a function that returns the file if it is in the file store, or None.
    when_whole: a function that is called when the file is whole and right, before it is put into
        the file store.
    when_stored: a function that is called when it has been put there.
    when_fetched: a function that is called with the number of bytes that came, and one of the words
        `whole`, `part`, `failed` and `wrong`.
    """

    upstream: str
    file: UpstreamFile
    ask: Ask
    blobs: BlobStore
    limit: int
    stored: Callable[[], Stored | None]
    when_whole: Callable[[Stored], None]
    when_stored: Callable[[Stored], None]
    when_fetched: Callable[[int, str], None]


class WholeFetch(ArrivingContent):
    """Fetches a file into the file store, unless another process of this machine does so.

    Then it reads what the other one has so far. Should that process end, it goes on in its place.

    name: the name for what has arrived so far, which depends on the content.
    size: the size of the file, in bytes, as far as it is known.
    """

    kept = 0.0  # the result is in the file store

    def __init__(self, order: Order, name: str) -> None:
        super().__init__()
        self._order = order
        self._name = name
        self._path = ""
        self._arrived = 0
        self._stored: Stored | None = None
        self.size = order.file.size

    def opened(self) -> SharedFile:
        try:
            return SharedFile(self._open())
        except FileNotFoundError:  # it has failed, or is in the file store: that is said next
            self.wait_to_end()
        return SharedFile(self._open())

    def _open(self) -> IO[bytes]:
        try:
            return open(self._path, "rb", buffering=0)
        except FileNotFoundError:
            if self._stored is None:
                raise
        path = file_path(self._stored.sha256, self._order.file.filename)
        return self._order.blobs.open(path)

    def work(self) -> None:
        self._path = os.path.join(self._order.blobs.fetch_folder(), f"{self._name}.part")
        while True:
            with closing(PartFile(self._path)) as part:
                self._follow(part)
                if stored := self._order.stored():
                    if part.is_in_place():  # made by this process, a moment too late
                        part.remove()
                    self._release(stored)
                    return
                if part.is_in_place():
                    self._lead(part)
                    return
            if self.readable:
                raise UpstreamFailed(
                    f"The fetch of {self._order.file.filename} broke off; download it again."
                )

    def _follow(self, part: PartFile) -> None:
        """Reads what another process fetches, until that has ended."""
        while not part.lock():
            size = part.size()
            if size > self._arrived:
                self._note(size)
            if self.is_stopped:
                raise UpstreamFailed("The server is about to end; try again in a moment.")
            sleep(_LOOKED_EVERY)

    def _lead(self, part: PartFile) -> None:
        order = self._order
        checks = Checks(order.file, order.limit)
        transfer = Transfer(
            order.file,
            part,
            checks,
            order.ask,
            when_more=lambda size: self._note(size, transfer.size),
            is_stopped=lambda: self.is_stopped,
        )
        result = "failed"
        try:
            checks.require_possible()
            transfer.run()
            checks.finish()
            stored = Stored(checks.sha256, checks.size)
            self._release(stored)  # whatever may fail from here on, what has arrived is right
            # While others still see that it is being fetched, or they would begin anew.
            order.when_whole(stored)
            order.blobs.adopt(file_path(stored.sha256, order.file.filename), self._path)
            order.when_stored(stored)
            result = "whole"
        except RegistryError as error:
            if isinstance(error, WrongContent):
                result = "wrong"
            if isinstance(error, WrongContent | UnknownFile | OutOfSpace) or not checks.size:
                part.remove()
            _log.warning("Upstream %s: %s", order.upstream, error.for_operator)
            raise
        finally:
            order.when_fetched(transfer.fetched, result)

    def _note(self, arrived: int, size: int | None = None) -> None:
        self._arrived = arrived
        self.size = self.size if size is None else size
        whole = arrived if self.size is None else self.size
        self.note_more(max(self.readable, min(arrived, whole - _HELD_BACK)))

    def _release(self, stored: Stored) -> None:
        self._stored = stored
        self.size = self.readable = stored.size
        self.is_whole = True
        self.note_progress()
