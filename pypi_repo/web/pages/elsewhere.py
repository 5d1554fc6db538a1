"""Sign-in at identity providers, for each app with a sign-in form of its own."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

from werkzeug.wrappers import Response

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.identity.provider import AccountKind
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.identity.sign_in import SIGN_IN_TIME, SignIn
from pypi_repo.web import problems
from pypi_repo.web.app import mount_path, root_url
from pypi_repo.web.pages.page import HtmlPage

COOKIE = "pypi_repo_sign_in"
"""Keeps what a browser has begun, and where it wanted to go, until it comes back."""


def begin(page: HtmlPage, sign_in: SignIn, accounts: AccountKind, provider: str) -> Response:
    """Sends the browser to a provider.

    Raises UnknownIdentityProvider or IdentityProviderFailed.
    """
    begun = sign_in.begin(accounts, provider, _callback_url(page, provider))
    response = Response(status=303)
    response.autocorrect_location_header = False
    response.headers["Location"] = begun.url
    wanted = urlsafe_b64encode(page.asked("next").encode("utf-8", "replace")).decode("ascii")
    response.set_cookie(
        COOKIE,
        f"{begun.secret}.{wanted}",
        max_age=SIGN_IN_TIME,
        path=_folder(page, provider),
        httponly=True,
        secure=page.request.is_secure,
        samesite="Lax",  # the provider sends the browser back by a link, and not by a form
    )
    return page.answer(response)


def finish(
    page: HtmlPage,
    sign_in: SignIn,
    accounts: AccountKind,
    provider: str,
    *,
    remember: Callable[[Response, Session, timedelta], Response],
    show_form: Callable[[], Response],
) -> Response:
    """Signs in the person with whom a browser came back, and leads on by way of the sign-in page.

    That page knows which of the pages that were asked for before lie within the app.

    remember: lets the browser keep the session, as long as it lasts.
    show_form: shows the sign-in form with the error of the page.
    """
    secret, _dot, wanted = page.request.cookies.get(COOKIE, "").rpartition(".")
    try:
        session, life = sign_in.finish(
            accounts,
            provider,
            _callback_url(page, provider),
            secret,
            page.request.args.to_dict(),
            address=page.request.environ.get("REMOTE_ADDR", ""),
            browser=page.request.headers.get("User-Agent", ""),
        )
    except RegistryError as error:
        refusal = problems.refusal_of(error, None)
        page.error = error.message
        response = refusal.sent_with(show_form())
        response.status_code = refusal.status
    else:
        response = remember(page.redirect("sign-in", next=_decoded(wanted)), session, life)
    response.delete_cookie(
        COOKIE,
        path=_folder(page, provider),
        httponly=True,
        secure=page.request.is_secure,
        samesite="Lax",
    )
    return response


def _callback_url(page: HtmlPage, provider: str) -> str:
    return f"{root_url(page.request)}{page.path('sign-in', provider, 'callback')}"


def _folder(page: HtmlPage, provider: str) -> str:
    """Each provider has a folder, so that what is begun at one does not replace another's."""
    return f"{mount_path(page.request)}/sign-in/{quote(provider, safe='')}"


def _decoded(wanted: str) -> str:
    """The cookie of a browser may hold anything."""
    try:
        return urlsafe_b64decode(wanted.encode("ascii")).decode()
    except ValueError:
        return ""
