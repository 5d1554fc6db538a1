"""DownloadApp: files and their core metadata, with ranges and conditional requests (RFC 9110)."""

from collections.abc import Iterable, Iterator
from typing import IO

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import wrap_file

from pypi_repo.domain.access import Actor
from pypi_repo.domain.records import StoredFile
from pypi_repo.web.app import BoundRepository, RepositoryApp, path_info, require_reading
from pypi_repo.web.authenticate import Authenticate

_CHUNK = 256 * 1024


class DownloadApp(RepositoryApp):
    """Serves one repository's files below its mount point.

    authenticate: by default the registry's own accounts.
    """

    def __init__(
        self, repository: BoundRepository, *, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(authenticate or repository.authenticate)
        self._downloads = repository.downloads

    def handle(self, request: Request, actor: Actor) -> Response:
        require_reading(request)
        file = self._downloads.find(actor, path_info(request).removeprefix("/"))
        response = Response()
        _describe(response, file)
        if request.if_none_match.contains_weak(file.etag):
            response.status_code = 304
            return response
        content, size = self._downloads.open(file)
        selected = _selected_range(request, file, size)
        if request.method == "HEAD":
            content.close()
            response.content_length = size
            return response
        if selected is None or selected.start == 0:
            self._downloads.count(file)
        if selected is None:
            response.content_length = size
            response.response = _whole(request, content, size)
        elif selected.start >= selected.stop:
            content.close()
            raise RequestedRangeNotSatisfiable(
                length=size, description=f"The file has only {size} bytes."
            )
        else:
            response.status_code = 206
            response.content_length = len(selected)
            response.headers["Content-Range"] = f"bytes {selected.start}-{selected.stop - 1}/{size}"
            response.response = _Slice(content, selected)
        # The server gets the very file, so that it can send it without our help.
        response.direct_passthrough = True
        return response


def _whole(request: Request, content: IO[bytes], size: int) -> Iterable[bytes]:
    try:
        content.fileno()
    except OSError:
        # Not a file of this machine: the server's own loop must not wait for another one.
        return _Slice(content, range(size))
    return wrap_file(request.environ, content, _CHUNK)


class _Slice:
    """A part of a file in chunks, for servers whose file_wrapper always sends to the end."""

    def __init__(self, file: IO[bytes], selected: range) -> None:
        self._file = file
        self._remaining = len(selected)
        file.seek(selected.start)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(min(_CHUNK, self._remaining))
        if not chunk:
            raise StopIteration
        self._remaining -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()


def _describe(response: Response, file: StoredFile) -> None:
    # Never a Content-Encoding: clients would unpack the .tar.gz and find the wrong digest.
    response.content_type = "application/octet-stream"
    response.set_etag(file.etag)
    audience = "public" if file.public else "private"
    # The digest in the URL makes it a URL of these bytes only.
    response.headers["Cache-Control"] = f"{audience}, max-age=31536000, immutable, no-transform"
    if not file.public:
        response.headers["Vary"] = "Authorization"
    response.headers["Accept-Ranges"] = "bytes"
    # An archive is made by whoever uploaded it: no browser may show what is in it.
    response.headers["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"


def _selected_range(request: Request, file: StoredFile, size: int) -> range | None:
    """The bytes asked for; None for all of them, an empty range for none that exist.

    A request for several ranges, or one that makes no sense, is answered with the whole file,
    as RFC 9110 allows.
    """
    asked = request.range
    if request.method == "HEAD" or asked is None or asked.units != "bytes" or len(asked.ranges) > 1:
        return None
    # Compared as text: a date or a weak validator can never be a strong match.
    if request.headers.get("If-Range", etag := f'"{file.etag}"') != etag:
        return None
    start, stop = asked.ranges[0]
    if start < 0:
        return range(max(0, size + start), size)
    return range(start, size if stop is None else min(stop, size))
