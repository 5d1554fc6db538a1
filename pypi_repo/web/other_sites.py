"""Keeps pages of other sites from changing anything in the name of a user."""

from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from pypi_repo.domain.errors import PermissionDenied

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_other_sites(request: Request) -> None:
    """Raises PermissionDenied for a change that a page of another site requests.

    A browser sends cookies and remembered passwords with such a request. It also says where the
    request comes from, which a page cannot forge: by Sec-Fetch-Site (W3C Fetch Metadata), or else
    by Origin. Package clients send neither.
    """
    if request.method in _READING:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = origin is None or _host(origin) == request.host
    if not is_ours:
        raise PermissionDenied("This request comes from another site and was refused.")


def _host(origin: str) -> str | None:
    """Returns the host of an origin, or None if it is not a URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
