"""The cookies by which people are signed in, on their pages and in the portal."""

from datetime import timedelta

from werkzeug.wrappers import Request, Response

from pypi_repo.services.accounts.sessions import Session


def remember(
    response: Response,
    request: Request,
    session: Session,
    life: timedelta,
    *,
    name: str,
    folder: str | None,
) -> Response:
    """Lets the browser keep a session.

    life: how long the session lasts.
    name: the name of the cookie.
    folder: the path to which the browser sends it, and to all below; None for the folder of the
        page that answers, as the browser sees it, whatever prefix a proxy has put before it.
    """
    response.set_cookie(
        name,
        session.secret,
        max_age=life,
        path=folder,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def forget(response: Response, request: Request, *, name: str, folder: str | None) -> Response:
    """Lets the browser drop a session.

    name, folder: those with which it was kept.
    """
    response.delete_cookie(
        name, path=folder, httponly=True, secure=request.is_secure, samesite="Lax"
    )
    return response
