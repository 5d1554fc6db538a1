"""Turns the credentials of a request into an actor. Every request of a package client does this."""

import re
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.accounts import (
    ADMINISTRATOR_TOKEN_PREFIX,
    JOB_TOKEN_PREFIX,
    LONGEST_PASSWORD,
    TOKEN_PREFIX,
    Account,
    Administrator,
    Token,
    token_digest,
)
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import InvalidName
from pypi_repo.domain.names import TOKEN_USERNAME, account_name
from pypi_repo.domain.text import JWT_HEADER
from pypi_repo.services.accounts.credentials import Credentials
from pypi_repo.services.identity.minting import TrustedPublishing
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database

_PREFIXES = (TOKEN_PREFIX, ADMINISTRATOR_TOKEN_PREFIX, JOB_TOKEN_PREFIX)
_SIGNED = re.compile(rf"{JWT_HEADER}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)

_WRONG = "The user name or password is wrong."
_WRONG_KIND = (
    "This is an administrator's account, which cannot reach packages; log in as a repository user."
)
_TOKENS_ONLY = "This password is switched off; use a token, or sign in with your organization."


class Login:
    """Checks the credentials of package clients against the database, on each request."""

    def __init__(
        self,
        database: Database,
        credentials: Credentials,
        usage: UsageCounter,
        trusted_publishing: TrustedPublishing,
    ) -> None:
        self._usage = usage
        self._trusted_publishing = trusted_publishing
        self._administration = Administration(database)
        self._users = Users(database)
        self._credentials = credentials

    def with_password(self, username: str, password: str, address: str) -> Actor:
        """Returns the repository user with this name and password.

        A token may take the place of the password, also that of a CI job.

        address: the address of the client. Failures are counted for the address and the user name.

        Raises InvalidCredentials, TooManyFailedLogins, TooManyLogins or IdentityProviderFailed.
        """
        if username == TOKEN_USERNAME or _is_token(password):
            return self.with_token(password, address)
        if not password and _is_token(username):
            return self.with_token(username, address)
        return self._acting(self.account(username, password, address))

    def account(self, username: str, password: str, address: str) -> Account:
        """Returns the repository user with this name and password, for which no token will do.

        address: the address of the client. Failures are counted for the address and the user name.

        Raises InvalidCredentials, TooManyFailedLogins or TooManyLogins.
        """
        try:
            name = account_name(username)
        except InvalidName:
            raise wrong_password() from None
        account = self._users.user(name)
        holder = account or self._administrator(name)
        stored_hash = None if holder is None else holder.password_hash
        if not self._credentials.are_right(name, password, stored_hash, address):
            raise wrong_password()
        if account is None:
            raise InvalidCredentials(_WRONG_KIND)
        require_enabled(account)
        if account.tokens_only:
            raise InvalidCredentials(_TOKENS_ONLY)
        return account

    def with_token(self, secret: str, address: str) -> Actor:
        """Returns the user to which a token belongs, with the access that the token passes on.

        For the token of a CI job, it returns the job. Tokens are 256 random bits, so they are found
        by a plain hash, which reveals nothing.

        address: the address of the client, for which failures are counted if the token is a signed
            one.

        Raises InvalidCredentials, and for a signed token also TooManyFailedLogins and
        IdentityProviderFailed.
        """
        if secret.startswith(JOB_TOKEN_PREFIX) or _is_signed(secret):
            return self._trusted_publishing.actor_of(secret, address)
        if secret.startswith(ADMINISTRATOR_TOKEN_PREFIX):
            raise InvalidCredentials(_WRONG_KIND)
        found = self._users.token_holder(token_digest(secret))
        if found is None:
            raise InvalidCredentials("The token is wrong or was revoked.")
        token, account = found
        if token.has_expired(datetime.now(UTC)):
            raise InvalidCredentials(f"The token {token.name!r} has expired; create a new one.")
        require_enabled(account)
        return self._acting(account, token)

    def _administrator(self, name: str) -> Administrator | None:
        return self._administration.administrator(name)

    def _acting(self, account: Account, token: Token | None = None) -> Actor:
        self._usage.note_use(account.id, None if token is None else token.id)
        return actor_of(account, token)


def _is_token(text: str) -> bool:
    return text.startswith(_PREFIXES) or _is_signed(text)


def _is_signed(text: str) -> bool:
    """Returns whether a text looks like a signed token (JWT), as no password can."""
    return len(text) > LONGEST_PASSWORD and _SIGNED.fullmatch(text) is not None


def wrong_password() -> InvalidCredentials:
    """Returns the error for a name and a password that do not belong together."""
    return InvalidCredentials(_WRONG)


def actor_of(account: Account, token: Token | None = None) -> Actor:
    """Returns the actor for a repository user, or for one of its tokens."""
    grants = account.rights if token is None else token.narrow(account.rights)
    return Actor(account.name, groups=frozenset(account.groups), grants=grants)


def require_enabled(account: Account) -> None:
    """Raises InvalidCredentials if a user is disabled.

    It is called for who has shown the right credentials, so that nobody else learns about it.
    """
    if account.disabled:
        raise InvalidCredentials(
            f"The repository user {account.name!r} is disabled; ask an administrator."
        )
