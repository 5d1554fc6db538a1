"""What a repository user sees and changes of its own account."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.accounts.accounts import Account, SignedIn, Token, token_digest
from pypi_repo.domain.accounts.errors import InvalidCredentials, UnknownToken
from pypi_repo.domain.accounts.rights import OwnRights, rights_of
from pypi_repo.domain.errors import Conflict, NotFound
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import Repository
from pypi_repo.services.accounts.login import Login, actor_of
from pypi_repo.services.accounts.new_passwords import set_password
from pypi_repo.services.accounts.new_tokens import add_token
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.repositories import Repositories
from pypi_repo.storage.accounts.user_sessions import UserSessionRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.journal import Journal

MOST_TOKENS = 1000


class OwnAccount:
    """The account of the repository user who is signed in with a session.

    A session proves who asks, which neither a token nor an actor does: a token must not create
    other tokens. All methods raise InvalidCredentials if the session has ended.
    """

    def __init__(
        self, session: Session, database: Database, gate: Gate, login: Login, passwords: Passwords
    ) -> None:
        self._session = session
        self._digest = token_digest(session.secret)
        self._database = database
        self._gate = gate
        self._login = login
        self._passwords = passwords

    def rights(self) -> list[OwnRights]:
        """Returns what the user may do in each repository that it may read, and why."""
        account = self._holder(self._database)
        readable = Repositories(actor_of(account), self._database, self._gate).all()
        return [self._rights_in(account, repository) for repository in readable]

    def _rights_in(self, account: Account, repository: Repository) -> OwnRights:
        actor, gate = actor_of(account), self._gate
        by_grants = gate.goes_by_grants
        reads_some, uploads_some = (
            by_grants and not gate.treats_projects_alike(actor, permission, repository)
            for permission in (Permission.READ, Permission.UPLOAD)
        )
        return OwnRights(
            repository=repository.name,
            may_upload=gate.allows(actor, Permission.UPLOAD, repository),
            reads_some=reads_some,
            uploads_some=uploads_some,
            is_public=gate.is_open(repository),
            rights=rights_of(account, repository.name, None) if by_grants else (),
        )

    def has_password(self) -> bool:
        """Returns whether the user signs in with a password here."""
        account = self._holder(self._database)
        return bool(account.password_hash) and not account.tokens_only

    # Tokens

    def tokens(self) -> list[Token]:
        """Returns the tokens of the user."""
        return Users(self._database).tokens(self._holder(self._database).id)

    def create_token(
        self,
        *,
        name: str = "",
        repository: str | None = None,
        projects: Iterable[str] = (),
        read_only: bool = False,
        expires_in: timedelta | None = None,
    ) -> tuple[Token, str]:
        """Creates a token of the user, which never may do more than the user may at that time.

        name: a name that tells people what the token is for; by default, the date.
        repository: the name of the only repository that the token can reach; None for all.
        projects: names of projects that the token can reach, or patterns for them, such as
            `acme-*`; empty for all.
        read_only: whether the token can only be used for reading.
        expires_in: how long the token is valid; None for ever.

        Returns the token and its secret. The secret is not stored, so it cannot be read again.

        Raises UnknownRepository, PermissionDenied, InvalidSetting, or Conflict if the user has too
        many tokens.
        """
        with self._database.begin() as connection:
            account = self._locked_holder(connection)
            if Users(connection).count_tokens(account.id) >= MOST_TOKENS:
                raise Conflict(
                    f"You have {MOST_TOKENS:,} tokens already; revoke those that you do not need."
                )
            only = None
            if repository is not None:
                actor, catalog = actor_of(account), Catalog(connection)
                catalog.lock(repository)  # or somebody could delete it meanwhile
                only = self._gate.repository(actor, Permission.READ, catalog, repository)
            token, secret = add_token(
                connection,
                account,
                name=name,
                repository=only,
                projects=projects,
                read_only=read_only,
                expires_in=expires_in,
            )
            self._record(connection, account, "create token of user")
        return token, secret

    def revoke_token(self, token_id: int) -> Token:
        """Deletes a token of the user, which is refused from the next request on.

        Returns the deleted token.

        Raises UnknownToken, also for a token of somebody else.
        """
        with self._database.begin() as connection:
            account, users = self._locked_holder(connection), Users(connection)
            token = users.token(token_id) if 0 < token_id <= LARGEST_ID else None
            if token is None or token.user != account.name:
                raise UnknownToken("You have no such token; it may have been revoked already.")
            users.delete_token(token_id)
            self._record(connection, account, "revoke token of user")
        return token

    # Sessions

    def sessions(self) -> list[SignedIn]:
        """Returns the browsers in which the user is signed in, the newest first."""
        account = self._holder(self._database)
        stored = UserSessionRows(self._database)
        return stored.all(account.id, datetime.now(UTC), self._digest)

    def end_session(self, session_id: int) -> None:
        """Signs the user out in one browser.

        Raises NotFound if that session has ended, or is one of somebody else.
        """
        with self._database.begin() as connection:
            account = self._locked_holder(connection)
            is_known = 0 < session_id <= LARGEST_ID
            if not is_known or not UserSessionRows(connection).delete_one(account.id, session_id):
                raise NotFound("You are not signed in there any more.")
            self._record(connection, account, "end session of user")

    def sign_out_everywhere(self) -> None:
        """Signs the user out in all browsers, also in this one."""
        with self._database.begin() as connection:
            account = self._locked_holder(connection)
            UserSessionRows(connection).delete_all(account.id)
            Journal(connection).record(JournalEntry.by(actor_of(account), "sign out everywhere"))

    # The password

    def change_password(self, current: str, new: str, address: str) -> None:
        """Changes the password, and signs the user out everywhere. Tokens stay valid.

        current: the password until now.
        address: the address of the client. Failures are counted for the address and the name.

        Raises InvalidCredentials if the current password is wrong, TooManyFailedLogins,
        TooManyLogins or InvalidPassword.
        """
        name = self._holder(self._database).name
        self._login.account(name, current, address)
        password_hash = self._passwords.hash(new)
        with self._database.begin() as connection:
            account = self._locked_holder(connection)
            set_password(connection, account, password_hash, actor_of(account))

    def check_password(self, password: str, address: str) -> None:
        """Checks the password of the user, before it is changed.

        Raises InvalidCredentials, TooManyFailedLogins or TooManyLogins.
        """
        self._login.account(self._holder(self._database).name, password, address)

    def _holder(self, executor: Executor) -> Account:
        account = UserSessionRows(executor).holder(self._digest, datetime.now(UTC))
        if account is None or account.disabled:
            raise InvalidCredentials("Your session has ended; sign in again.")
        return account

    def _locked_holder(self, transaction: Executor) -> Account:
        """The user, whom others cannot change or delete until the commit."""
        Users(transaction).lock(self._holder(transaction).name)
        return self._holder(transaction)

    def _record(self, transaction: Executor, account: Account, action: str) -> None:
        entry = JournalEntry.by(actor_of(account), action, detail={"account": account.name})
        Journal(transaction).record(entry)
