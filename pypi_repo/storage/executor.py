"""What statements run on: a transaction, or the database itself."""

from typing import Any, TypeAlias

from sqlalchemy import Connection

from pypi_repo.storage.database import Database
from pypi_repo.storage.prepared import Answer, Question
from pypi_repo.storage.prepared import ask as ask_within

Executor: TypeAlias = Connection | Database
"""A connection, whose transaction all statements are part of; or the database, for reading: each
statement sees what is committed at that moment.
"""


def ask(executor: Executor, question: Question[Answer], **parameters: Any) -> Answer:
    """The answer to a question of the hot path, and in a transaction the change that it makes."""
    if isinstance(executor, Connection):
        return ask_within(executor, question, parameters)
    return executor.ask(question, parameters)
