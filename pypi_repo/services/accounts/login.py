"""Turns the credentials of a request into an actor. Every request of a package client does this."""

from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.accounts import (
    ADMINISTRATOR_TOKEN_PREFIX,
    TOKEN_PREFIX,
    Account,
    Administrator,
    token_digest,
)
from pypi_repo.domain.accounts.grants import Grants
from pypi_repo.domain.errors import InvalidCredentials, InvalidName
from pypi_repo.domain.names import TOKEN_USERNAME, account_name
from pypi_repo.services.accounts.credentials import Credentials
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database

_WRONG = "The user name or password is wrong."
_WRONG_KIND = (
    "This is an administrator's account, which cannot reach packages; log in as a repository user."
)


class Login:
    """Checks the credentials of repository users against the database, on each request."""

    def __init__(self, database: Database, credentials: Credentials, usage: UsageCounter) -> None:
        self._usage = usage
        self._administration = Administration(database)
        self._users = Users(database)
        self._credentials = credentials

    def with_password(self, username: str, password: str, address: str) -> Actor:
        """Returns the repository user with this name and password.

        A token may take the place of the password.

        address: the address of the client. Failures are counted for the address and the user name.

        Raises InvalidCredentials, TooManyFailedLogins or TooManyLogins.
        """
        prefixes = (TOKEN_PREFIX, ADMINISTRATOR_TOKEN_PREFIX)
        if username == TOKEN_USERNAME or password.startswith(prefixes):
            return self.with_token(password)
        if not password and username.startswith(prefixes):
            return self.with_token(username)
        try:
            name = account_name(username)
        except InvalidName:
            raise InvalidCredentials(_WRONG) from None
        account = self._users.user(name)
        holder = account or self._administrator(name)
        stored_hash = None if holder is None else holder.password_hash
        if not self._credentials.are_right(name, password, stored_hash, address):
            raise InvalidCredentials(_WRONG)
        if account is None:
            raise InvalidCredentials(_WRONG_KIND)
        return self._admitted(account, account.rights)

    def with_token(self, secret: str) -> Actor:
        """Returns the user to which a token belongs, with the access that the token passes on.

        Tokens are 256 random bits, so they are found by a plain hash, which reveals nothing.

        Raises InvalidCredentials.
        """
        if secret.startswith(ADMINISTRATOR_TOKEN_PREFIX):
            raise InvalidCredentials(_WRONG_KIND)
        found = self._users.token_holder(token_digest(secret))
        if found is None:
            raise InvalidCredentials("The token is wrong or was revoked.")
        token, account = found
        if token.has_expired(datetime.now(UTC)):
            raise InvalidCredentials(f"The token {token.name!r} has expired; create a new one.")
        return self._admitted(account, token.narrow(account.rights), token.id)

    def _administrator(self, name: str) -> Administrator | None:
        return self._administration.administrator(name)

    def _admitted(self, account: Account, grants: Grants, token_id: int | None = None) -> Actor:
        """Returns the actor for an account whose credentials are right.

        Errors about the account, such as that it is disabled, are only raised here, so that nobody
        else learns about them.
        """
        if account.disabled:
            raise InvalidCredentials(
                f"The repository user {account.name!r} is disabled; ask an administrator."
            )
        self._usage.note_use(account.id, token_id)
        return Actor(account.name, groups=frozenset(account.groups), grants=grants)
