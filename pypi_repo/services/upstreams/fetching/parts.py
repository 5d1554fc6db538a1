"""Fetches parts of files, and small documents, for those who ask for them at the same time."""

import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import IO, cast

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.services.upstreams.fetching.arriving import ArrivingContent, SharedFile
from pypi_repo.services.upstreams.fetching.checks import WrongContent
from pypi_repo.services.upstreams.fetching.errands import Errand
from pypi_repo.services.upstreams.fetching.fetches import Order
from pypi_repo.services.upstreams.fetching.transfer import (
    AS_IT_IS,
    CHUNK,
    Ask,
    part_in,
    require_success,
)
from pypi_repo.storage.blobs.store import own_errors

LARGEST_PART = 16 * 1024 * 1024
"""The bytes of a part that is fetched by itself."""


class Abandoned(UpstreamFailed):
    """All who read a part have left, and it was given up. Another errand brings it."""


class PartFetch(ArrivingContent):
    """Fetches a small part of a file, of which nothing is kept: no digest could be checked.

    It ends when nobody reads it any more.

    start, stop: the range as the Range header says it (RFC 9110, section 14.2): without `stop`, it
        goes to the end of the file, and a negative `start` means the last bytes.

    selected: the part that comes, once it has begun.
    whole: the size of the whole file, in bytes; None if it is not known.
    is_refused: whether the upstream does not send parts, or the part is so large that the whole
        file had better come.
    is_beyond: whether there is no such part.
    """

    def __init__(self, order: Order, start: int, stop: int | None) -> None:
        super().__init__()
        self._order, self._start, self._stop = order, start, stop
        self._file: SharedFile | None = None
        self._had_readers = False
        self._readers = 0
        self._mutex = threading.Lock()
        self.selected = range(0)
        self.whole = order.file.size
        self.is_refused = self.is_beyond = False

    def opened(self) -> SharedFile:
        if self._file is None or self.is_stopped:
            raise Abandoned(f"Nobody fetches {self._order.file.filename} any more; try again.")
        return self._file

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with self._mutex:
            chunks = super().chunks(start, stop)
            self._readers += 1
            self._had_readers = True
        return chunks

    def left(self) -> None:
        with self._mutex:
            self._readers -= 1
            self._forget_if_left()

    def _forget_if_left(self) -> None:
        """Gives the disk space back when it is over. Until then another reader may come."""
        if self.is_over and self._had_readers and not self._readers:
            self.is_stopped = True
            self._file = None

    def end(self) -> None:
        super().end()
        with self._mutex:
            self._forget_if_left()

    def _stop_if_left(self) -> bool:
        with self._mutex:
            self.is_stopped = self.is_stopped or (self._had_readers and not self._readers)
            return self.is_stopped

    def work(self) -> None:
        result = "failed"
        try:
            self._fetch()
            self.is_whole = True
            result = "part"
        finally:
            self._order.when_fetched(self.readable, result)

    def _fetch(self) -> None:
        file = self._order.file
        last = "" if self._stop is None else self._stop - 1
        asked = f"bytes={self._start}" if self._start < 0 else f"bytes={self._start}-{last}"
        with self._order.ask(file.url, {**AS_IT_IS, "Range": asked}) as answer:
            if answer.status == 416:
                self.is_beyond = True
                return
            if answer.status != 206:
                require_success(answer, file.filename)
                self.is_refused = True
                return
            part = part_in(answer)
            self._require_asked(part.selected, part.whole)
            if len(part.selected) > LARGEST_PART:
                self.is_refused = True
                return
            with own_errors():
                made = SharedFile(cast("IO[bytes]", tempfile.TemporaryFile()))  # noqa: SIM115
            self._file = made
            self.selected, self.whole = part.selected, part.whole or file.size
            while self.readable < len(part.selected):
                chunk = answer.read(min(CHUNK, len(part.selected) - self.readable))
                if not chunk or self._stop_if_left():
                    raise _broke_off(file)
                with own_errors():
                    made.write(self.readable, chunk)
                self.note_more(self.readable + len(chunk))

    def _require_asked(self, selected: range, whole: int | None) -> None:
        known = self._order.file.size
        if self._start < 0:
            is_right = whole is not None and selected == range(max(0, whole + self._start), whole)
        else:
            is_right = selected.start == self._start
            is_right = is_right and (self._stop is None or selected.stop <= self._stop)
        if not is_right or (known is not None and whole not in (None, known)):
            raise WrongContent(
                f"The upstream sends another part of {self._order.file.filename} than was asked "
                "for; try again.",
                detail=self._order.file.place,
            )


def _broke_off(file: UpstreamFile) -> UpstreamFailed:
    return UpstreamFailed(
        f"The upstream broke off while it sent {file.filename}; try again.", detail=file.place
    )


class DocumentFetch(Errand):
    """Fetches a small document.

    what: what it is, for error messages.
    limit: its largest size, in bytes.
    keep: a function that keeps it, or raises WrongContent.
    """

    kind = "document"

    def __init__(
        self, url: str, what: str, ask: Ask, limit: int, keep: Callable[[bytes], None]
    ) -> None:
        super().__init__()
        self._url, self._what, self._ask, self._limit = url, what, ask, limit
        self._keep = keep
        self._content = b""

    def work(self) -> None:
        with self._ask(self._url, {}) as answer:
            require_success(answer, self._what)
            content = answer.read_all(self._limit)
        self._keep(content)
        self._content = content

    def result(self) -> bytes:
        """Waits for the document, and returns it.

        Raises UnknownFile if the upstream does not have it, and UpstreamFailed if it fails.
        """
        self.wait_to_end()
        return self._content


def require_digests(content: bytes, hashes: Mapping[str, str], what: str) -> None:
    """Raises WrongContent unless a document has these digests, by the names of hashlib."""
    for name in hashes.keys() & hashlib.algorithms_available:
        if hashlib.new(name, content, usedforsecurity=False).hexdigest() != hashes[name]:
            raise _wrong(what)


def require_object(content: bytes, what: str) -> None:
    """Raises WrongContent unless a document is a JSON object."""
    try:
        is_object = isinstance(json.loads(content.decode()), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise _wrong(what)


def _wrong(what: str) -> WrongContent:
    return WrongContent(
        f"The upstream sends something else as {what} than it should; tell an administrator."
    )
