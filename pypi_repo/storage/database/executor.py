"""What statements run on: a transaction, or the database without one."""

from typing import Any, TypeAlias

from sqlalchemy import Connection, text

from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.engines.both import writes_alone
from pypi_repo.storage.database.prepared import Question, Result
from pypi_repo.storage.database.prepared import ask as ask_within

_LOCKS_OF_NAMES = 0x70797069  # tells them from other applications' locks in the database

Executor: TypeAlias = Connection | Database
"""A connection, whose transaction all statements are part of; or the database, for reading: each
statement sees what is committed at that moment.
"""


def within_transaction(executor: Executor) -> Connection:
    """Returns the connection whose transaction can hold a lock until the commit.

    Raises TypeError for the database, which would hold a lock for one statement only.
    """
    if not isinstance(executor, Connection):
        raise TypeError("A lock needs a transaction.")
    return executor


def lock_name(connection: Connection, name: str) -> None:
    """Keeps others who lock the same name waiting until the commit.

    It is for what has no row that could be locked, such as a repository that is not there.
    """
    if not writes_alone(connection.dialect):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:of_names, hashtext(:name))"),
            {"of_names": _LOCKS_OF_NAMES, "name": name},
        )


def ask(executor: Executor, question: Question[Result], **parameters: Any) -> Result:
    """Returns the answer to a question of a hot path, and in a transaction makes its change."""
    if isinstance(executor, Connection):
        return ask_within(executor, question, parameters)
    return executor.ask(question, parameters)
