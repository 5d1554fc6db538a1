"""Signs repository users in to the pages that are for them."""

import secrets
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.accounts import Account, token_digest
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.services.accounts.known import locked_user
from pypi_repo.services.accounts.login import Login, actor_of, require_enabled, wrong_password
from pypi_repo.services.accounts.sessions import SESSION_LIFE, Session
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.storage.accounts.user_sessions import NewSession, UserSessionRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.journal import Journal

_LONGEST_BROWSER = 300  # characters


class UserSessions:
    """The sessions of repository users, which are checked against the database on each request."""

    def __init__(self, database: Database, login: Login, usage: UsageCounter) -> None:
        self._database = database
        self._login = login
        self._usage = usage

    def sign_in(self, name: str, password: str, address: str, browser: str = "") -> Session:
        """Creates a session of a repository user, if the password is right. No token will do.

        address: the address of the client. Failures are counted for the address and the name.
        browser: what the browser says of itself (User-Agent).

        Raises InvalidCredentials, also for the right password of an administrator,
        TooManyFailedLogins or TooManyLogins.
        """
        checked = self._login.account(name, password, address)
        with self._database.begin() as connection:
            account = Users(connection).lock(checked.name)
            if account is None or _proof(account) != _proof(checked):
                raise wrong_password()  # it has changed while it was checked
            return self._begun(connection, account, address, browser, SESSION_LIFE)

    def begin(
        self,
        transaction: Executor,
        name: str,
        address: str,
        browser: str = "",
        *,
        life: timedelta = SESSION_LIFE,
        provider_id: int | None = None,
    ) -> Session:
        """Creates a session of a user who has proved elsewhere who it is.

        life: how long the session lasts, unless it is ended before.
        provider_id: the identity provider where the user has proved it. The session ends if the
            provider is deleted or switched off, or the link to it is removed.

        Raises UnknownAccount, or InvalidCredentials if the user is disabled.
        """
        account = locked_user(Users(transaction), name)
        require_enabled(account)
        return self._begun(transaction, account, address, browser, life, provider_id)

    def find(self, secret: str) -> Session | None:
        """Returns the session with a secret, with the rights that its user has now.

        Returns None if it has ended, or if the user is disabled or was deleted.
        """
        account = UserSessionRows(self._database).holder(token_digest(secret), datetime.now(UTC))
        if account is None or account.disabled:
            return None
        self._usage.note_use(account.id, None)
        return Session(actor_of(account), secret)

    def sign_out(self, session: Session) -> None:
        """Ends a session."""
        with self._database.begin() as connection:
            UserSessionRows(connection).delete(token_digest(session.secret))

    def _begun(
        self,
        transaction: Executor,
        account: Account,
        address: str,
        browser: str,
        life: timedelta,
        provider_id: int | None = None,
    ) -> Session:
        secret = secrets.token_urlsafe(32)
        actor = actor_of(account)
        now = datetime.now(UTC)
        UserSessionRows(transaction).add(
            account.id,
            NewSession(
                secret_sha256=token_digest(secret),
                provider_id=provider_id,
                browser=_storable(browser),
                address=address,
                created_at=now,
                expires_at=now + life,
            ),
        )
        Journal(transaction).record(JournalEntry.by(actor, "sign in", detail={"address": address}))
        return Session(actor, secret)


def _proof(account: Account) -> tuple[object, ...]:
    """What must not change between the check of a password and the session that it begins."""
    return account.id, account.password_hash, account.disabled, account.tokens_only


def _storable(browser: str) -> str:
    """Whatever a client sends is text for people, which no database refuses."""
    return "".join(char for char in browser if char.isprintable())[:_LONGEST_BROWSER]
