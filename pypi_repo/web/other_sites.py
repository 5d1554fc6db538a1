"""Keeps pages of other sites from changing anything in the name of whoever looks at them."""

from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from pypi_repo.domain.errors import PermissionDenied

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_other_sites(request: Request) -> None:
    """Raises PermissionDenied for a change that the page of another site asks for.

    A browser sends cookies and remembered passwords along with it. It also tells where the request
    was made, and a page cannot make it lie: by Sec-Fetch-Site (W3C Fetch Metadata), or else by
    Origin. Package clients send neither.
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
    """None for what is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
