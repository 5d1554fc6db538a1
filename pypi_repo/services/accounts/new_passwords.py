"""Replaces the passwords of repository users, and ends what earlier ones have begun."""

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.accounts import Account
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.storage.accounts.invitations import InvitationRows
from pypi_repo.storage.accounts.user_sessions import UserSessionRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.journal import Journal


def set_password(transaction: Executor, user: Account, password_hash: str, by: Actor) -> None:
    """Replaces the password of a user, who is signed out everywhere.

    An open invitation ends, too: whoever has its link could set the next password.

    by: who does it, as the journal says.
    """
    Users(transaction).set_user_password(user.id, password_hash)
    end_sign_ins(transaction, user)
    Journal(transaction).record(
        JournalEntry.by(by, "set password of user", detail={"account": user.name})
    )


def end_sign_ins(transaction: Executor, user: Account) -> None:
    """Ends all sessions of a user, and the invitation, which could be accepted later."""
    UserSessionRows(transaction).delete_all(user.id)
    InvitationRows(transaction).delete(user.id)
