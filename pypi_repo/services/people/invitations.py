"""Invites people by a link, with which they set their password themselves."""

import secrets
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import Actor, Area, require_area
from pypi_repo.domain.accounts.accounts import INVITATION_PREFIX, Invitation, token_digest
from pypi_repo.domain.accounts.errors import UnknownInvitation
from pypi_repo.domain.accounts.invitations import INVITATION_LIFE, check_life
from pypi_repo.domain.errors import Conflict
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.services.accounts.known import locked_user
from pypi_repo.services.accounts.login import actor_of
from pypi_repo.services.accounts.new_passwords import set_password
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.storage.accounts.invitations import InvitationRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.journal import Journal


class Invitations:
    """Invites repository users, who set their passwords themselves.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `users`.
    """

    def __init__(self, actor: Actor, database: Database) -> None:
        self._actor = actor
        self._database = database

    def invite(self, user: str, *, expires_in: timedelta = INVITATION_LIFE) -> str:
        """Makes an invitation for a user who is new or has forgotten the password.

        Earlier invitations of the user end. The password that the user has stays valid until the
        invitation is accepted.

        expires_in: how long the invitation can be accepted; at most 90 days.

        Returns the secret, which is the last part of the link. It is not stored, so it cannot be
        read again.

        Raises UnknownAccount, InvalidSetting, or Conflict if the user is disabled or its password
        is refused.
        """
        require_area(self._actor, Area.USERS)
        check_life(expires_in)
        secret = INVITATION_PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            account = locked_user(Users(connection), user)
            if account.disabled:
                raise Conflict(f"{account.name!r} is disabled; enable the user first.")
            if account.tokens_only:
                raise Conflict(
                    f"The password of {account.name!r} is switched off, so none can be set; "
                    "allow passwords first."
                )
            InvitationRows(connection).replace(
                account.id, token_digest(secret), now, now + expires_in
            )
            self._record(Journal(connection), "invite user", account.name)
        return secret

    def of(self, user: str) -> Invitation | None:
        """Returns the invitation that a user can still accept; None if there is none."""
        require_area(self._actor, Area.USERS)
        return InvitationRows(self._database).of(user.lower(), datetime.now(UTC))

    def withdraw(self, user: str) -> None:
        """Ends the invitation of a user, if there is one.

        Raises UnknownAccount.
        """
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            account = locked_user(Users(connection), user)
            if InvitationRows(connection).delete(account.id):
                self._record(Journal(connection), "withdraw invitation of user", account.name)

    def _record(self, journal: Journal, action: str, account: str) -> None:
        journal.record(JournalEntry.by(self._actor, action, detail={"account": account}))


class Acceptance:
    """Lets whoever has the link of an invitation set the password of its user, once."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    def find(self, secret: str) -> Invitation:
        """Returns the invitation with a secret.

        Raises UnknownInvitation if it was accepted or withdrawn, or has expired.
        """
        found = InvitationRows(self._database).with_secret(token_digest(secret), datetime.now(UTC))
        if found is None:
            raise _unknown()
        return found

    def accept(self, secret: str, password: str) -> str:
        """Sets the password of the invited user, who is signed out everywhere.

        Of several calls with the same secret, only one sets a password.

        Returns the name of the user.

        Raises UnknownInvitation, InvalidPassword, or TooManyLogins if bcrypt has too much to do.
        """
        name = self.find(secret).user  # or strangers would keep bcrypt busy
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            account = Users(connection).lock(name)
            taken = InvitationRows(connection).take(token_digest(secret), datetime.now(UTC))
            if account is None or account.id != taken or account.disabled or account.tokens_only:
                raise _unknown()
            actor = actor_of(account)
            Journal(connection).record(JournalEntry.by(actor, "accept invitation"))
            set_password(connection, account, password_hash, actor)
        return name


def _unknown() -> UnknownInvitation:
    return UnknownInvitation(
        "This invitation was used or withdrawn, or has expired; ask an administrator for a new one."
    )
