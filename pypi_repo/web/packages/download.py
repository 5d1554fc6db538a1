"""DownloadApp: files and their core metadata, with ranges and conditional requests (RFC 9110)."""

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

from werkzeug.wrappers import Request
from werkzeug.wsgi import wrap_file

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.environ import SENDS_PARTS_OF_FILES
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.services.sources.locations import split_location
from pypi_repo.services.sources.source import Redirect, ServedFile, StillElsewhere
from pypi_repo.services.sources.stored_file import StoredFile
from pypi_repo.settings import FilesSentBy, SignedUrls
from pypi_repo.web.app import (
    RepositoryApp,
    path_info,
    require_reading,
)
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.cors import READABLE
from pypi_repo.web.packages.arriving import asked_range, from_elsewhere, no_such_range
from pypi_repo.web.packages.cached_response import matches_etag
from pypi_repo.web.packages.offload import offload, redirected
from pypi_repo.web.plain_response import PlainResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_CHUNK = 256 * 1024
_READ_AT_ONCE = 64 * 1024  # bytes that are read at once


class DownloadApp(RepositoryApp):
    """Serves the files of one repository, their core metadata (PEP 658) and their signatures.

    It supports ranges and conditional requests (RFC 9110).

    repository: the repository, from `Registry.repository`.
    authenticate: a function that returns the actor of a request; by default, clients log in with
        the accounts of the registry.
    sent_by: a proxy or an object store that sends distribution files instead of this app. The app
        always answers HEAD requests itself, and requests for core metadata.

    Raises ConfigurationError if the file store does not support `sent_by`.
    """

    def __init__(
        self,
        repository: BoundRepository,
        *,
        authenticate: Authenticate | None = None,
        sent_by: FilesSentBy | None = None,
    ) -> None:
        super().__init__(repository, authenticate)
        self._source = repository.source
        repository.downloads.require_sending(sent_by)
        self._sent_by = sent_by

    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        require_reading(request)
        path = path_info(request).removeprefix("/")
        file = self._source.file(actor, path)
        if isinstance(file, Redirect):
            return redirected(file.url)
        has_digest = bool(split_location(path).sha256)
        headers = _description(file, is_immutable=has_digest)
        environ = request.environ
        known = environ.get("HTTP_IF_NONE_MATCH")
        if known is not None and file.etag and matches_etag(known, file.etag):
            return PlainResponse("304 NOT MODIFIED", headers)
        headers.append(("Content-Type", "application/octet-stream"))
        try:
            if (
                self._sent_by is not None
                and isinstance(file, StoredFile)
                and self._is_offloaded(request, file)
            ):
                return self._offloaded(self._sent_by, request, file, headers)
            content, size = file.open()
        except StillElsewhere as found:
            return from_elsewhere(request, file, found.file, headers)
        selected = _selected_range(request, file, size) if "HTTP_RANGE" in environ else None
        if request.method == "HEAD":
            content.close()
            return PlainResponse("200 OK", [*headers, ("Content-Length", str(size))])
        if selected is None:
            body = _whole(request, content, size)
            file.count_download()
            headers.append(("Content-Length", str(size)))
            return PlainResponse("200 OK", headers, body)
        if selected.start >= selected.stop:
            content.close()
            raise no_such_range(size)
        headers += [
            ("Content-Length", str(len(selected))),
            ("Content-Range", f"bytes {selected.start}-{selected.stop - 1}/{size}"),
        ]
        part = _part(request, content, selected)
        if selected.start == 0:
            file.count_download()
        return PlainResponse("206 PARTIAL CONTENT", headers, part)

    def _is_offloaded(self, request: Request, file: StoredFile) -> bool:
        """Installers stop at a HEAD that is redirected, and forget a range that is."""
        keeps_ranges = isinstance(self._sent_by, SignedUrls) and "HTTP_RANGE" in request.environ
        return file.is_distribution and request.method == "GET" and not keeps_ranges

    def _offloaded(
        self,
        sent_by: FilesSentBy,
        request: Request,
        file: StoredFile,
        headers: list[tuple[str, str]],
    ) -> PlainResponse:
        answer = offload(sent_by, file, headers)
        selected = _selected_range(request, file, file.size or 0)
        if selected is None or selected.start == 0:
            file.count_download()
        return answer


def _whole(request: Request, content: IO[bytes], size: int) -> Iterable[bytes]:
    if size <= _READ_AT_ONCE:
        return _read(content, size)
    if _is_of_this_machine(content):
        return wrap_file(request.environ, content, _CHUNK)
    return _Slice(content, range(size))


def _part(request: Request, content: IO[bytes], selected: range) -> Iterable[bytes]:
    if len(selected) <= _READ_AT_ONCE:
        content.seek(selected.start)
        return _read(content, len(selected))
    if SENDS_PARTS_OF_FILES in request.environ and _is_of_this_machine(content):
        content.seek(selected.start)
        return wrap_file(request.environ, content, _CHUNK)
    return _Slice(content, selected)


def _read(content: IO[bytes], size: int) -> tuple[bytes]:
    """At once, so that where it fails, the status can still say so."""
    with content:
        return (content.read(size),)


def _is_of_this_machine(content: IO[bytes]) -> bool:
    """Or else the server's own loop, which sends what is wrapped, would wait for another one."""
    try:
        content.fileno()
    except OSError:
        return False
    return True


class _Slice:
    """A part of a file in chunks, for servers whose file_wrapper always sends to the end.

    The first chunk is read at once: where that fails, the status can still say so.
    """

    def __init__(self, file: IO[bytes], selected: range) -> None:
        self._file = file
        self._remaining = len(selected)
        try:
            file.seek(selected.start)
            self._first = self._read()
        except Exception:
            file.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk, self._first = self._first or self._read(), b""
        if not chunk:
            raise StopIteration
        return chunk

    def _read(self) -> bytes:
        chunk = self._file.read(min(_CHUNK, self._remaining))
        self._remaining -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()


def _description(file: ServedFile, *, is_immutable: bool) -> list[tuple[str, str]]:
    """Returns the headers that describe a file.

    is_immutable: whether the digest in the URL makes it a URL of these bytes only.
    """
    # Never a Content-Encoding: clients would unpack the .tar.gz and find the wrong digest.
    audience = "public" if file.public else "private"
    kept = "max-age=31536000, immutable" if is_immutable else "no-cache"
    return [
        *([("ETag", f'"{file.etag}"')] if file.etag else ()),
        ("Cache-Control", f"{audience}, {kept}, no-transform"),
        *(READABLE if file.public else (("Vary", "Authorization, Cookie"),)),
        ("Accept-Ranges", "bytes"),
        # An archive is made by whoever uploaded it: no browser may show what is in it.
        ("Content-Disposition", f'attachment; filename="{file.filename}"'),
        ("Content-Security-Policy", "sandbox"),
        ("X-Content-Type-Options", "nosniff"),
    ]


def _selected_range(request: Request, file: ServedFile, size: int) -> range | None:
    """The bytes asked for; None for all of them, an empty range for none that exist."""
    asked = asked_range(request, file)
    if asked is None:
        return None
    start, stop = asked
    if start < 0:
        return range(max(0, size + start), size)
    return range(start, size if stop is None else min(stop, size))
