"""Answers with files that arrive from elsewhere while they are sent."""

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Request

from pypi_repo.services.sources.source import FileElsewhere, ServedFile
from pypi_repo.web.plain_response import PlainResponse

Headers = list[tuple[str, str]]


def from_elsewhere(
    request: Request, file: ServedFile, elsewhere: FileElsewhere, headers: Headers
) -> PlainResponse:
    """Returns an answer whose content is sent as it arrives.

    headers: the headers of the file, without its length.

    Raises UnknownFile if the file is not there, and UpstreamFailed if it cannot be had.
    """
    if request.method == "HEAD":
        return PlainResponse("200 OK", headers + _length(elsewhere.size))
    asked = asked_range(request, file)
    if asked is None:
        arriving = elsewhere.whole()
    else:
        start, stop = asked
        size = elsewhere.size
        found = None if size is not None and start >= size else elsewhere.part(start, stop)
        if found is None:
            raise no_such_range(size)
        arriving = found
    selected = arriving.selected
    if selected is None or selected.start == 0:
        file.count_download()
    if selected is None:
        return PlainResponse("200 OK", headers + _length(arriving.size), arriving.content)
    whole = "*" if arriving.size is None else arriving.size
    headers += [
        *_length(len(selected)),
        ("Content-Range", f"bytes {selected.start}-{selected.stop - 1}/{whole}"),
    ]
    return PlainResponse("206 PARTIAL CONTENT", headers, arriving.content)


def asked_range(request: Request, file: ServedFile) -> tuple[int, int | None] | None:
    """Returns the start and the stop of the range that is asked for; None for the whole file.

    A negative start means the last bytes.

    A request for several ranges, or one that makes no sense, is answered with the whole file,
    as RFC 9110 allows.
    """
    asked = request.range
    if request.method == "HEAD" or asked is None or asked.units != "bytes" or len(asked.ranges) > 1:
        return None
    # Compared as text: a date or a weak validator can never be a strong match.
    if request.headers.get("If-Range", etag := f'"{file.etag}"') != etag:
        return None
    return asked.ranges[0]


def no_such_range(size: int | None) -> RequestedRangeNotSatisfiable:
    """Returns the error for a range that a file does not have."""
    said = "does not have these" if size is None else f"has only {size}"
    return RequestedRangeNotSatisfiable(length=size, description=f"The file {said} bytes.")


def _length(size: int | None) -> Headers:
    return [] if size is None else [("Content-Length", str(size))]
