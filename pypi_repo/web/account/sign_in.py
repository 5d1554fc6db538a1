"""Signing in and out."""

from werkzeug.wrappers import Response

from pypi_repo.web import cookies
from pypi_repo.web.account.page import AccountPage


def show(page: AccountPage) -> Response:
    if page.is_signed_in:
        return page.to_wanted()
    return page.render("account/sign_in.html")


def sign_in(page: AccountPage) -> Response:
    """Always a new session: one that somebody planted in the browser is worth nothing."""
    password = page.request.form.get("password", "")
    session = page.registry.user_sessions.sign_in(
        page.sent("name"), password, page.address, page.browser
    )
    if page.session is not None:
        page.registry.user_sessions.sign_out(page.session)
    return cookies.remember(page.to_wanted(), page.request, session)


def sign_out(page: AccountPage) -> Response:
    if page.session is not None:
        page.registry.user_sessions.sign_out(page.session)
    return cookies.forget(page.redirect("sign-in", notice="signed-out"), page.request)


def sign_out_everywhere(page: AccountPage) -> Response:
    page.own.sign_out_everywhere()
    response = page.redirect("sign-in", notice="signed-out-everywhere")
    return cookies.forget(response, page.request)
