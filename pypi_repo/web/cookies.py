"""The cookie by which repository users are signed in, on the pages of the whole registry."""

from datetime import timedelta

from werkzeug.wrappers import Request, Response

from pypi_repo.services.accounts.sessions import SESSION_LIFE, Session
from pypi_repo.web.app import mount_path
from pypi_repo.web.authenticate import USER_COOKIE


def remember(
    response: Response, request: Request, session: Session, life: timedelta = SESSION_LIFE
) -> Response:
    """Lets the browser keep a session, and send it to everything beside the app that answers.

    The app is mounted beside the repositories, so the cookie is for the folder above it.

    life: how long the session lasts.
    """
    response.set_cookie(
        USER_COOKIE,
        session.secret,
        max_age=life,
        path=_folder_above(request),
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def forget(response: Response, request: Request) -> Response:
    """Lets the browser drop the session."""
    response.delete_cookie(
        USER_COOKIE,
        path=_folder_above(request),
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def _folder_above(request: Request) -> str:
    return mount_path(request).rpartition("/")[0] or "/"
