"""Turns what the application answers (PEP 3333) into HTTP/1.1 (RFC 9112)."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.text import without_secrets
from pypi_repo.domain.waiting import ComeBack, WouldWait, about_to_wait
from pypi_repo.server.http.request import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

PART = 128 * 1024
"""Bytes of an answer that are made at once; more when the client has taken them."""

_log = logging.getLogger(__name__)

_BLANK_LINE = b"\r\n\r\n"
_OWN = frozenset({"connection", "transfer-encoding"})  # the server's own business
_FAILED = "The server failed to answer; its log says why."


class FileParts:
    """The `wsgi.file_wrapper`, which reads a file from its position as the client takes it."""

    def __init__(self, file: IO[bytes], size: int = PART) -> None:
        self._file, self._size = file, min(size, PART)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        about_to_wait()
        part = self._file.read(self._size)
        if not part:
            raise StopIteration
        return part

    def close(self) -> None:
        """Closes the file."""
        if hasattr(self._file, "close"):
            self._file.close()


class Response:
    """The answer to a request. Only one thread at a time may work on it.

    must_end: a function that is asked when the answer begins whether it is the last one on its
        connection.
    is_finished: whether the answer is complete or was given up.
    is_last: whether the connection ends with this answer.
    is_cut: whether the answer cannot be completed, which the client must notice.
    ends_with_connection: whether only the end of the connection marks the end of the body, as in
        HTTP/1.0.
    """

    def __init__(
        self, request: Request, environ: "WSGIEnvironment", must_end: Callable[[], bool]
    ) -> None:
        self._request, self._environ, self._must_end = request, environ, must_end
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._written: list[bytes] = []
        self._iterable: Iterable[bytes] = ()
        self._chunks: Iterator[bytes] = iter(())
        self._rest: memoryview | None = None  # of a long chunk
        self._remaining: int | None = None  # bytes of a body of known length
        self._was_called = self._has_written = self._has_begun = self._is_chunked = False
        self._is_out = False  # in part
        self.is_finished = self.is_last = self.is_cut = self.ends_with_connection = False

    @property
    def _shown_path(self) -> str:
        """What was asked for, as a log may show it."""
        path: str = self._environ["PATH_INFO"]
        return without_secrets(path)

    @property
    def is_at_hand(self) -> bool:
        """Whether the next part was made already."""
        return self._rest is not None

    def make_part(self, application: "WSGIApplication") -> bytes:
        """Returns the next part: `PART` bytes, or all that is left.

        If the application fails, the error is logged, and the client is told.

        Raises WouldWait, and ComeBack, after which this is called again when it is time.
        """
        try:
            if not self._was_called:
                # A copy, as an application may change it, and may have to be called once more.
                self._iterable = application(self._environ.copy(), self._start)
                self._was_called = True
                self._chunks = iter(self._iterable)
            part = self._next_part()
        except WouldWait:
            raise
        except RegistryError as error:  # which says what happened, and where it is no wonder
            _log.error("Cannot complete %s: %s", self._shown_path, error.for_operator)
            return self._failure()
        except BaseException:  # noqa: BLE001 - whatever it is, others are served on
            _log.exception("Cannot answer %s", self._shown_path)
            return self._failure()
        self._is_out = True
        return part

    def _next_part(self) -> bytes:
        parts: list[bytes | memoryview] = []
        size = 0
        while size < PART and not self.is_finished:
            if self.is_at_hand:
                size = PART  # what comes after it may have to be waited for
            try:
                chunk = self._next_chunk()
            except ComeBack:
                if not parts:
                    raise
                break  # it will say so again when these were sent
            if chunk:
                self._begin_once(parts)
                self._add(chunk, parts)
                size += len(chunk)
            if chunk is None or self._remaining == 0:
                self._finish(parts)
        return b"".join(parts)

    def _next_chunk(self) -> bytes | memoryview | None:
        """Returns the next chunk; of a long chunk, no more than is sent at once.

        The client may not take the rest for a while.
        """
        chunk = self._rest or (self._written.pop(0) if self._written else next(self._chunks, None))
        if chunk is None or len(chunk) <= PART:
            self._rest = None
            return chunk
        view = memoryview(chunk)
        self._rest = view[PART:]
        return view[:PART]

    def close(self) -> None:
        """Releases the answer when it is complete or no longer wanted."""
        close = getattr(self._iterable, "close", None)
        self._iterable, self._rest = (), None
        if close is not None:
            try:
                close()
            except WouldWait:
                raise
            except BaseException:  # noqa: BLE001 - the answer is out
                _log.exception("Cannot end the answer to %s", self._shown_path)

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        if exc_info and self._has_begun:
            raise exc_info[1]
        if self._status and not exc_info:
            raise AssertionError("start_response was called twice")
        self._status, self._headers = status, headers
        return self._write

    def _write(self, chunk: bytes) -> None:
        self._has_written = True
        self._written.append(chunk)

    def _begin_once(self, parts: list[bytes | memoryview]) -> None:
        if not self._has_begun:
            if not self._status:
                raise AssertionError("start_response was not called")
            parts.append(self._head())
            self._has_begun = True

    def _head(self) -> bytes:
        """Returns status line and headers, and decides how the end of the body is marked."""
        request = self._request
        given = {name.lower(): value for name, value in self._headers}
        if not _OWN.isdisjoint(given):
            self._headers = [each for each in self._headers if each[0].lower() not in _OWN]
        if "content-length" in given:
            self._remaining = int(given["content-length"])
        lines = [f"HTTP/{request.version} {self._status}", *map(": ".join, self._headers)]
        if self._status[:3] in ("204", "304") or request.method == "HEAD":
            self._remaining = 0
        elif self._remaining is None:
            self._frame(lines)
        self.is_last = self.is_last or not request.keeps_alive or self._must_end()
        if self.is_last:
            lines.append("Connection: close")
        elif request.version == "1.0":
            lines.append("Connection: keep-alive")
        if "date" not in given:
            lines.append(_date(int(time.time())))
        lines.append("Server: pypi_repo")
        head = "\r\n".join(lines)
        if not head.count("\n") == head.count("\r") == len(lines) - 1:
            raise ValueError("A header or the status has a line break in it.")
        return f"{head}\r\n\r\n".encode("latin-1")

    def _frame(self, lines: list[str]) -> None:
        """Adds the headers for a body whose length is unknown."""
        chunks = self._iterable
        if isinstance(chunks, list | tuple) and not self._has_written:
            self._remaining = sum(map(len, chunks))
            lines.append(f"Content-Length: {self._remaining}")
        elif self._request.version == "1.1":
            self._is_chunked = True
            lines.append("Transfer-Encoding: chunked")
        else:
            self.is_last = self.ends_with_connection = True

    def _add(self, chunk: bytes | memoryview, parts: list[bytes | memoryview]) -> None:
        if self._is_chunked:
            parts += (b"%x\r\n" % len(chunk), chunk, b"\r\n")
        elif self._remaining is None:
            parts.append(chunk)
        else:
            parts.append(chunk[: self._remaining])
            self._remaining -= len(parts[-1])

    def _finish(self, parts: list[bytes | memoryview]) -> None:
        self._begin_once(parts)
        if self._is_chunked:
            parts.append(b"0\r\n\r\n")
        if self._remaining:
            _log.error("The answer to %s was too short", self._shown_path)
            self.is_cut = self.is_last = True
        self.is_finished = True

    def _failure(self) -> bytes:
        self.is_finished = self.is_last = True
        if self._is_out:
            self.is_cut = True
            return b""
        answer = plain_answer("500 Internal Server Error", _FAILED, self._request.version)
        if self._request.method == "HEAD":
            return answer[: answer.index(_BLANK_LINE) + len(_BLANK_LINE)]
        return answer


def plain_answer(status: str, sentence: str, version: str = "1.1") -> bytes:
    """Returns an answer of the server itself, which is the last on its connection."""
    text = f"{sentence}\n".encode()
    head = (
        f"HTTP/{version} {status}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\n"
        "Connection: close\r\n"
        f"{_date(int(time.time()))}\r\n"
        "Server: pypi_repo\r\n\r\n"
    )
    return head.encode("latin-1") + text


@lru_cache(2)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}"
