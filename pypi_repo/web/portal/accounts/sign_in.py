"""Signing in and out."""

from werkzeug.wrappers import Response

from pypi_repo.services.accounts.sessions import SESSION_LIFE
from pypi_repo.web import cookies
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
    response = page.redirect(*_wanted(page))
    return cookies.remember(response, page.request, session, SESSION_LIFE, name=COOKIE, folder=None)


def begin_elsewhere(page: PortalPage, provider: str) -> Response:
    return elsewhere.begin(page, page.registry.sign_in, "administrators", provider)


def finish_elsewhere(page: PortalPage, provider: str) -> Response:
    return elsewhere.finish(
        page,
        page.registry.sign_in,
        "administrators",
        provider,
        remember=lambda response, session, life: cookies.remember(
            response,
            page.request,
            session,
            life,
            name=COOKIE,
            folder=mount_path(page.request) or "/",  # this page is not in the folder of the portal
        ),
        show_form=lambda: _form(page),
    )


def sign_out(page: PortalPage) -> Response:
    if page.session is not None:
        page.registry.sessions.sign_out(page.session)
    return forget(page, page.redirect("sign-in", notice="signed-out"))


def forget(page: PortalPage, response: Response) -> Response:
    """Has the browser drop the cookie, from a page of the folder in which it was set."""
    return cookies.forget(response, page.request, name=COOKIE, folder=None)


def _form(page: PortalPage) -> Response:
    providers = page.registry.sign_in.offered("administrators")
    return page.render("portal/sign_in.html", providers=providers)


def _wanted(page: PortalPage) -> list[str]:
    """The page of the portal that was asked for before; a name in a URL leads nowhere else.

    Each segment is quoted again, so no scheme, host or way up can be smuggled in.
    """
    segments = page.asked("next").split("/")
    is_inside = all(segments) and not {".", "..", "sign-in"} & set(segments)
    return segments if is_inside else []
