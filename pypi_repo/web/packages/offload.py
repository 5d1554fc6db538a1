"""Answers that let a proxy or the object store send a file."""

from urllib.parse import quote

from pypi_repo.services.sources.stored_file import StoredFile
from pypi_repo.settings import FilesSentBy, SignedUrls, XAccel, XSendfile
from pypi_repo.web.plain_response import PlainResponse

Headers = list[tuple[str, str]]


def offload(sent_by: FilesSentBy, file: StoredFile, headers: Headers) -> PlainResponse:
    """Returns an answer that names a file for another server to send.

    headers: the headers of the whole file, without its length.

    Raises UnknownFile if the file is on a disk that has lost it, and StillElsewhere if it has to be
    fetched first.
    """
    downloads = file.downloads
    file.require_sendable(sent_by)
    match sent_by:
        case XAccel(location):
            path = f"/{location.strip('/')}/{quote(file.path)}"
            return _without_body([*headers, ("X-Accel-Redirect", path)])
        case XSendfile():
            return _without_body([*headers, ("X-Sendfile", downloads.local_path(file))])
        case SignedUrls(expires_in):
            return redirected(downloads.signed_url(file, expires_in))


def _without_body(headers: Headers) -> PlainResponse:
    return PlainResponse("200 OK", [*headers, ("Content-Length", "0")])


def redirected(url: str) -> PlainResponse:
    """Sends the client to a URL that is good for it alone."""
    headers = [
        ("Location", url),
        # For this client and this moment: who keeps it keeps a key to the file.
        ("Cache-Control", "private, no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Length", "0"),
    ]
    return PlainResponse("302 FOUND", headers)
