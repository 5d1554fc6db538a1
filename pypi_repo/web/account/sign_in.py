"""Signing in and out."""

from datetime import timedelta

from werkzeug.wrappers import Response

from pypi_repo.services.accounts.sessions import SESSION_LIFE, Session
from pypi_repo.web import cookies
from pypi_repo.web.account.page import AccountPage
from pypi_repo.web.app import mount_path
from pypi_repo.web.authenticate import USER_COOKIE
from pypi_repo.web.pages import elsewhere


def show(page: AccountPage) -> Response:
    if page.is_signed_in:
        return page.to_wanted()
    return _form(page)


def sign_in(page: AccountPage) -> Response:
    """Always a new session: one that somebody planted in the browser is worth nothing."""
    password = page.request.form.get("password", "")
    session = page.registry.user_sessions.sign_in(
        page.sent("name"), password, page.address, page.browser
    )
    return _remember(page, page.to_wanted(), session, SESSION_LIFE)


def begin_elsewhere(page: AccountPage, provider: str) -> Response:
    return elsewhere.begin(page, page.registry.sign_in, "users", provider)


def finish_elsewhere(page: AccountPage, provider: str) -> Response:
    return elsewhere.finish(
        page,
        page.registry.sign_in,
        "users",
        provider,
        remember=lambda response, session, life: _remember(page, response, session, life),
        show_form=lambda: _form(page),
    )


def sign_out(page: AccountPage) -> Response:
    if page.session is not None:
        page.registry.user_sessions.sign_out(page.session)
    return forget(page, page.redirect("sign-in", notice="signed-out"))


def sign_out_everywhere(page: AccountPage) -> Response:
    page.own.sign_out_everywhere()
    return forget(page, page.redirect("sign-in", notice="signed-out-everywhere"))


def forget(page: AccountPage, response: Response) -> Response:
    """Has the browser drop the cookie, and returns the response."""
    return cookies.forget(response, page.request, name=USER_COOKIE, folder=_folder(page))


def _form(page: AccountPage) -> Response:
    providers = page.registry.sign_in.offered("users")
    return page.render("account/sign_in.html", providers=providers)


def _remember(page: AccountPage, response: Response, session: Session, life: timedelta) -> Response:
    if page.session is not None:
        page.registry.user_sessions.sign_out(page.session)
    return cookies.remember(
        response, page.request, session, life, name=USER_COOKIE, folder=_folder(page)
    )


def _folder(page: AccountPage) -> str:
    """The folder above: the app is mounted beside the repositories, which get the cookie, too."""
    return mount_path(page.request).rpartition("/")[0] or "/"
