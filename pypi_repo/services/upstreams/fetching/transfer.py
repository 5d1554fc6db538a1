"""Fetches a file, and goes on where a transfer was cut."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic, sleep

from pypi_repo.domain.errors import UnknownFile, UpstreamFailed
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.outbound.answer import Answer
from pypi_repo.services.upstreams.fetching.checks import Checks, WrongContent
from pypi_repo.storage.blobs.part_file import PartFile

CHUNK = 256 * 1024
"""Bytes that are read at once."""

AS_IT_IS: Mapping[str, str] = {"Accept-Encoding": "identity"}
"""Asks for a file, whose digest is that of its own bytes and not of compressed ones."""

_ATTEMPTS = 5  # one after the other that bring next to nothing
_NEXT_TO_NOTHING = 64 * 1024  # bytes
_PAUSE = 0.2  # seconds, before the second attempt; then twice as long each time
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")

Ask = Callable[[str, Mapping[str, str]], Answer]
"""Sends a GET with these headers to a URL."""


class Transfer:
    """The transfer of a whole file into a part file, which may have its beginning already.

    part: a file for which this process has the lock.
    when_more: a function that is called when there is more, with the number of bytes so far.
    is_stopped: a function that tells whether to give up.

    size: the size of the file, in bytes, as far as it is known.
    fetched: the bytes that came.
    """

    def __init__(
        self,
        file: UpstreamFile,
        part: PartFile,
        checks: Checks,
        ask: Ask,
        *,
        when_more: Callable[[int], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._file, self._part, self._checks, self._ask = file, part, checks, ask
        self._when_more, self._is_stopped = when_more, is_stopped
        self._validator: str | None = None
        self.size = file.size
        self.fetched = 0

    def run(self) -> None:
        """Fetches what is missing.

        Raises UpstreamFailed if it cannot be had now, after which another attempt can go on with
        the part file, WrongContent if what comes is not the file, and UnknownFile if it is gone.
        """
        self._read_beginning()
        failures = 0
        while self.size is None or self._checks.size < self.size:
            before = self._checks.size
            try:
                self._go_on()
            except WrongContent:
                raise
            except UpstreamFailed:
                failures = failures + 1 if self._checks.size - before < _NEXT_TO_NOTHING else 1
                if not self._checks.size or failures >= _ATTEMPTS or self._is_stopped():
                    raise
                self._pause(_PAUSE * 2.0 ** (failures - 1))

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        while monotonic() < until and not self._is_stopped():
            sleep(0.05)

    def _read_beginning(self) -> None:
        while chunk := self._part.read(self._checks.size, CHUNK):
            self._checks.update(chunk)
            self._when_more(self._checks.size)

    def _go_on(self) -> None:
        """Fetches the rest, or as much of it as comes."""
        start = self._checks.size
        headers = dict(AS_IT_IS)
        # Without a digest or a validator, what comes must be compared with what is there.
        if start and (self._validator or self._checks.can_tell):
            headers["Range"] = f"bytes={start}-"
            if self._validator:
                headers["If-Range"] = self._validator
        with self._ask(self._file.url, headers) as answer:
            if answer.status == 416 and "Range" in headers:
                self._finish_at(start, answer)
                return
            if answer.status == 206 and "Range" in headers:
                self._begin_part(answer, start)
            else:
                require_success(answer, self._file.filename)
                self._begin_whole(answer)
                self._skip(answer, start)
            self._receive(answer)

    def _begin_whole(self, answer: Answer) -> None:
        length = answer.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit():
            self._set_size(int(length))
        elif not self._checks.can_tell and self.size is None and not _is_chunked(answer):
            raise WrongContent(
                f"The upstream says neither the size nor a digest of {self._file.filename}, so "
                "nobody could tell whether it is whole.",
                detail=self._file.place,
            )
        etag = answer.headers.get("ETag", "")
        self._validator = etag if etag.startswith('"') else None  # RFC 9110, section 13.1.5

    def _begin_part(self, answer: Answer, start: int) -> None:
        part = part_in(answer)
        if part.selected.start != start:
            raise WrongContent(
                f"The upstream sends another part of {self._file.filename} than was asked for.",
                detail=self._file.place,
            )
        if part.whole is not None:
            self._set_size(part.whole)

    def _finish_at(self, start: int, answer: Answer) -> None:
        """There is nothing after what has arrived: it was the whole file, or another one."""
        if answer.headers.get("Content-Range") != f"bytes */{start}":
            raise WrongContent(
                f"The upstream has another {self._file.filename} than before; try again.",
                detail=self._file.place,
            )
        self._set_size(start)

    def _set_size(self, size: int) -> None:
        self._checks.require_size(size)
        self.size = size

    def _skip(self, answer: Answer, size: int) -> None:
        """Compares what comes once more with what has arrived before."""
        offset = 0
        while offset < size:
            chunk = self._read(answer, min(CHUNK, size - offset))
            if not chunk:
                raise _cut(self._file)
            if chunk != self._part.read(offset, len(chunk)):
                raise WrongContent(
                    f"The upstream has another {self._file.filename} than before; try again.",
                    detail=self._file.place,
                )
            offset += len(chunk)

    def _receive(self, answer: Answer) -> None:
        while chunk := self._read(answer, CHUNK):
            self.fetched += len(chunk)
            self._checks.update(chunk)
            self._part.append(chunk)
            self._when_more(self._checks.size)
        if self.size is None:
            self.size = self._checks.size
        if self._checks.size < self.size:
            raise _cut(self._file)

    def _read(self, answer: Answer, size: int) -> bytes:
        if self._is_stopped():
            raise UpstreamFailed("The server is about to end; try again in a moment.")
        return answer.read(size)


def require_success(answer: Answer, filename: str) -> None:
    """Raises UnknownFile or UpstreamFailed unless the answer is a whole file."""
    if answer.status == 200:
        return
    if answer.status in (404, 410):
        raise UnknownFile(f"The upstream does not have {filename} any more; choose another file.")
    raise UpstreamFailed(
        f"The upstream answers {answer.status} instead of {filename}; try again later.",
        detail=answer.place,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What a Content-Range header says (RFC 9110, section 14.4).

    selected: which bytes the part has.
    whole: the size of the whole file; None if it is not said.
    """

    selected: range
    whole: int | None


def part_in(answer: Answer) -> Part:
    """Returns which part of a file an answer has.

    Raises UpstreamFailed if it does not say so.
    """
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    part = Part(range(0), None)
    if match is not None:
        whole = None if match[3] == "*" else int(match[3])
        part = Part(range(int(match[1]), int(match[2]) + 1), whole)
    if not part.selected or (part.whole is not None and part.selected.stop > part.whole):
        raise UpstreamFailed(
            "The upstream sends a part of a file without saying which; try again later.",
            detail=answer.place,
        )
    return part


def _is_chunked(answer: Answer) -> bool:
    return "chunked" in answer.headers.get("Transfer-Encoding", "").lower()


def _cut(file: UpstreamFile) -> UpstreamFailed:
    return UpstreamFailed(
        f"The upstream broke off while it sent {file.filename}; try again.", detail=file.place
    )
