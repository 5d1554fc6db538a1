"""Signing in and out."""

from datetime import timedelta

from werkzeug.wrappers import Response

from pypi_repo.services.accounts.sessions import SESSION_LIFE, Session
from pypi_repo.web.app import mount_path
from pypi_repo.web.pages import elsewhere
from pypi_repo.web.portal.page import PortalPage

COOKIE = "pypi_repo_session"


def show(page: PortalPage) -> Response:
    if page.is_signed_in:
        return page.redirect(*_wanted(page))
    return _form(page)


def sign_in(page: PortalPage) -> Response:
    """Always a new session: one that somebody planted in the browser is worth nothing."""
    address = page.request.environ.get("REMOTE_ADDR", "")
    session = page.registry.sessions.sign_in(
        page.sent("name"), page.request.form.get("password", ""), address
    )
    # Without a path it is for the folder of this page, as the browser sees it: the portal,
    # whatever prefix a proxy has put before it.
    return _remember(page, page.redirect(*_wanted(page)), session, SESSION_LIFE, None)


def begin_elsewhere(page: PortalPage, provider: str) -> Response:
    return elsewhere.begin(page, page.registry.sign_in, "administrators", provider)


def finish_elsewhere(page: PortalPage, provider: str) -> Response:
    return elsewhere.finish(
        page,
        page.registry.sign_in,
        "administrators",
        provider,
        remember=lambda response, session, life: _remember(
            page, response, session, life, mount_path(page.request) or "/"
        ),
        show_form=lambda: _form(page),
    )


def sign_out(page: PortalPage) -> Response:
    if page.session is not None:
        page.registry.sessions.sign_out(page.session)
    return forget(page, page.redirect("sign-in", notice="signed-out"))


def forget(page: PortalPage, response: Response) -> Response:
    """The browser drops the cookie; from a page of the folder in which it was set."""
    response.delete_cookie(COOKIE, path=None, httponly=True, samesite="Lax")
    return response


def _form(page: PortalPage) -> Response:
    providers = page.registry.sign_in.offered("administrators")
    return page.render("portal/sign_in.html", providers=providers)


def _remember(
    page: PortalPage, response: Response, session: Session, life: timedelta, folder: str | None
) -> Response:
    """folder: the path of the portal; None for the folder of this page."""
    response.set_cookie(
        COOKIE,
        session.secret,
        max_age=life,
        path=folder,
        httponly=True,
        secure=page.request.is_secure,
        samesite="Lax",
    )
    return response


def _wanted(page: PortalPage) -> list[str]:
    """The page of the portal that was asked for before; a name in a URL leads nowhere else.

    Each segment is quoted again, so no scheme, host or way up can be smuggled in.
    """
    segments = page.asked("next").split("/")
    is_inside = all(segments) and not {".", "..", "sign-in"} & set(segments)
    return segments if is_inside else []
