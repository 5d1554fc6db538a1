"""Signs administrators in to the portal, and checks their tokens for the management API."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import Actor, ActorKind
from pypi_repo.domain.accounts.accounts import Administrator, AdministratorToken, token_digest
from pypi_repo.domain.accounts.errors import InvalidCredentials, UnknownAccount
from pypi_repo.domain.errors import InvalidName
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import account_name
from pypi_repo.services.accounts.credentials import Credentials
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.journal import Journal

SESSION_LIFE = timedelta(hours=12)

_WRONG = "The name or password is wrong."


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which an administrator or a repository user is signed in.

    actor: who is signed in.
    secret: the content of the browser's cookie.
    """

    actor: Actor
    secret: str = field(repr=False)

    @property
    def form_token(self) -> str:
        """A token for forms, which other sites do not know. It reveals nothing about the secret."""
        return hmac.digest(self.secret.encode(), b"form token", hashlib.sha256).hex()

    def has_form_token(self, given: str) -> bool:
        """Returns whether this is the token for forms. The time it takes reveals nothing."""
        return hmac.compare_digest(self.form_token.encode(), given.encode("utf-8", "replace"))


class Sessions:
    """The sessions of administrators, which are checked against the database on each request."""

    def __init__(self, database: Database, credentials: Credentials) -> None:
        self._database = database
        self._credentials = credentials

    def sign_in(self, name: str, password: str, address: str) -> Session:
        """Creates a session of an administrator, if the password is right.

        address: the address of the client. Failures are counted for the address and the name.

        Raises InvalidCredentials, also for the right password of a repository user,
        TooManyFailedLogins or TooManyLogins.
        """
        checked = self._checked(name, password, address)
        with self._database.begin() as connection:
            administrator = _locked(connection, checked.name)
            if administrator is None or _proof(administrator) != _proof(checked):
                raise InvalidCredentials(_WRONG)  # it has changed while it was checked
            return self._begun(connection, administrator, address, SESSION_LIFE)

    def begin(
        self,
        transaction: Executor,
        name: str,
        address: str,
        *,
        life: timedelta = SESSION_LIFE,
        provider_id: int | None = None,
    ) -> Session:
        """Creates a session of an administrator who has proved elsewhere who it is.

        life: how long the session lasts, unless it is ended before.
        provider_id: the identity provider where it was proved. The session ends if the provider is
            deleted or switched off, or the link to it is removed.

        Raises UnknownAccount.
        """
        administrator = _locked(transaction, name)
        if administrator is None:
            raise UnknownAccount(f"There is no administrator {name!r}; check the name.")
        return self._begun(transaction, administrator, address, life, provider_id)

    def find(self, secret: str) -> Session | None:
        """Returns the session with a secret, or None if it has ended."""
        administrator = Administration(self._database).session_holder(
            token_digest(secret), datetime.now(UTC)
        )
        return None if administrator is None else Session(_actor(administrator), secret)

    def sign_out(self, session: Session) -> None:
        """Ends a session."""
        with self._database.begin() as connection:
            Administration(connection).delete_session(token_digest(session.secret))

    def sign_out_everywhere(self, actor: Actor) -> None:
        """Ends all sessions of the administrator."""
        with self._database.begin() as connection:
            administration = Administration(connection)
            administrator = administration.administrator(actor.name)
            if administrator is not None:
                administration.delete_sessions(administrator)
                Journal(connection).record(JournalEntry.by(actor, "sign out everywhere"))

    def check_password(self, actor: Actor, password: str, address: str) -> None:
        """Checks the password of an administrator who is signed in, before an important change.

        Raises InvalidCredentials, TooManyFailedLogins or TooManyLogins.
        """
        self._checked(actor.name, password, address)

    def with_token(self, secret: str) -> tuple[Actor, AdministratorToken]:
        """Returns the administrator for whom a token acts, and the token.

        The areas of the actor are those that both the administrator and the token have.

        Raises InvalidCredentials.
        """
        found = Administration(self._database).token_holder(token_digest(secret))
        if found is None:
            raise InvalidCredentials("The token is wrong or was revoked.")
        token, administrator = found
        if token.has_expired(datetime.now(UTC)):
            raise InvalidCredentials(f"The token {token.name!r} has expired; create a new one.")
        areas = token.areas & administrator.areas
        return Actor(administrator.name, kind=ActorKind.ADMINISTRATOR, areas=areas), token

    def _begun(
        self,
        transaction: Executor,
        administrator: Administrator,
        address: str,
        life: timedelta,
        provider_id: int | None = None,
    ) -> Session:
        secret = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        actor = _actor(administrator)
        Administration(transaction).add_session(
            administrator, token_digest(secret), now, now + life, provider_id
        )
        Journal(transaction).record(JournalEntry.by(actor, "sign in", detail={"address": address}))
        return Session(actor, secret)

    def _checked(self, name: str, password: str, address: str) -> Administrator:
        try:
            name = account_name(name)
        except InvalidName:
            raise InvalidCredentials(_WRONG) from None
        administrator = Administration(self._database).administrator(name)
        stored_hash = None if administrator is None else administrator.password_hash
        counted_as = f"administrator {name}"  # a user of this name is another account
        is_right = self._credentials.are_right(counted_as, password, stored_hash, address)
        if administrator is None or not is_right:
            raise InvalidCredentials(_WRONG)
        return administrator


def _locked(transaction: Executor, name: str) -> Administrator | None:
    """An administrator, whom others cannot change or delete until the commit."""
    administrators = Administration(transaction).lock_administrators()
    return next((found for found in administrators if found.name == name), None)


def _proof(administrator: Administrator) -> tuple[object, ...]:
    """What must not change between the check of a password and the session that it begins."""
    return administrator.id, administrator.password_hash


def _actor(administrator: Administrator) -> Actor:
    return Actor(administrator.name, kind=ActorKind.ADMINISTRATOR, areas=administrator.areas)
