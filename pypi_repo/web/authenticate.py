"""Authenticates requests. A host with its own accounts replaces this by one function."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request

from pypi_repo.domain.accounts.access import ANONYMOUS, Actor
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.accounts.grants import Grants
from pypi_repo.services.accounts.login import Login
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.people.user_sessions import UserSessions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Authenticate = Callable[["WSGIEnvironment"], Actor]
"""WSGI environ -> Actor. ANONYMOUS where no credentials came; raises InvalidCredentials where
wrong ones did, because falling back to anonymous would hide a typing error."""

USER_COOKIE = "pypi_repo_user"

_NOT_UNDERSTOOD = "The Authorization header cannot be understood; use Basic or Bearer."


def basic_or_token(login: Login) -> Authenticate:
    """Returns a function that authenticates repository users.

    They use Basic with a password or a token, or Bearer with a token.
    """

    def authenticate(environ: "WSGIEnvironment") -> Actor:
        header = environ.get("HTTP_AUTHORIZATION")
        if not header:
            return ANONYMOUS
        scheme, _space, value = header.partition(" ")
        match scheme.lower():
            case "basic":
                username, password = _basic(value)
                return login.with_password(username, password, environ.get("REMOTE_ADDR", ""))
            case "bearer":
                return login.with_token(value.strip(), environ.get("REMOTE_ADDR", ""))
            case _:
                raise InvalidCredentials(_NOT_UNDERSTOOD)

    return authenticate


def basic_token_or_session(login: Login, sessions: UserSessions) -> Authenticate:
    """Returns a function that authenticates repository users also by the cookie of a browser.

    The cookie opens what is read, and never changes anything: pages of other sites cannot send a
    header, but they can send a form. A header wins over the cookie.
    """
    by_header = basic_or_token(login)

    def authenticate(environ: "WSGIEnvironment") -> Actor:
        is_by_cookie = "HTTP_COOKIE" in environ and not environ.get("HTTP_AUTHORIZATION")
        if is_by_cookie and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            session = session_of(environ, sessions)
            if session is not None:
                return session.actor
        return by_header(environ)

    return authenticate


def session_of(environ: "WSGIEnvironment", sessions: UserSessions) -> Session | None:
    """Returns the session of the browser, if a repository user is signed in there."""
    if "HTTP_COOKIE" not in environ:
        return None
    # By a request, which bears with what other applications have put into their cookies.
    secret = Request(environ).cookies.get(USER_COOKIE)
    return sessions.find(secret) if secret else None


def _basic(value: str) -> tuple[str, str]:
    """Returns the user name and the password of a Basic header (RFC 7617)."""
    try:
        decoded = base64.b64decode(value.strip(), validate=True)
    except ValueError:
        raise InvalidCredentials(_NOT_UNDERSTOOD) from None
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")  # what requests sends, so twine, poetry and flit do
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidCredentials(_NOT_UNDERSTOOD)
    return username, password


def remote_user(grants: Grants) -> Authenticate:
    """Returns an `authenticate` function that uses REMOTE_USER.

    It is for a host or a proxy that authenticates users and sets REMOTE_USER. Requests without
    REMOTE_USER are anonymous.

    grants: what each of these users may do, such as `Grants(Access.WRITE)` to read and write every
        repository, or `Grants(named={"main": Access.READ})` to read one repository.
    """

    def authenticate(environ: "WSGIEnvironment") -> Actor:
        name = environ.get("REMOTE_USER")
        return Actor(name, grants=grants) if name else ANONYMOUS

    return authenticate
