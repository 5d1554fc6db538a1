"""Statements about retention rules."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from pypi_repo.domain.lifecycle.retention import RetentionRule, RetentionTerms
from pypi_repo.domain.records import Repository
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.lifecycle_tables import retention_rules
from pypi_repo.storage.database.tables import repositories

_TERMS = tuple(field.name for field in fields(RetentionTerms))
_COLUMNS = (
    *(retention_rules.c[name] for name in _TERMS),
    retention_rules.c.id,
    retention_rules.c.created_at,
    retention_rules.c.created_by.label("author"),
    retention_rules.c.previewed_at,
)


class RetentionRules:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def of(self, repository: Repository) -> tuple[RetentionRule, ...]:
        """Returns the rules of a repository, in their order."""
        rows = self._executor.execute(
            select(*_COLUMNS)
            .where(retention_rules.c.repository_id == repository.id)
            .order_by(retention_rules.c.id)
        )
        return tuple(_to_rule(row._mapping) for row in rows)

    def add(
        self, repository: Repository, terms: RetentionTerms, author: str, at: datetime
    ) -> RetentionRule:
        """Adds a rule after the others, of which none is previewed then."""
        self.set_previewed(repository, None)
        values = {name: getattr(terms, name) for name in _TERMS}
        added = self._executor.execute(
            insert(retention_rules)
            .values(
                {
                    **values,
                    "only": " ".join(terms.only),
                    "repository_id": repository.id,
                    "created_at": at,
                    "created_by": author,
                }
            )
            .returning(*_COLUMNS)
        )
        return _to_rule(added.one()._mapping)

    def delete(self, repository: Repository, rule: RetentionRule) -> None:
        """Deletes a rule; of the others, none is previewed then."""
        self.set_previewed(repository, None)
        self._executor.execute(delete(retention_rules).where(retention_rules.c.id == rule.id))

    def set_previewed(self, repository: Repository, at: datetime | None) -> None:
        """Notes when somebody saw what the rules of a repository delete; None if nobody did."""
        self._executor.execute(
            update(retention_rules)
            .where(retention_rules.c.repository_id == repository.id)
            .values(previewed_at=at)
        )

    def previewed_repositories(self) -> list[str]:
        """Returns the names of the repositories with rules, if all of them are previewed."""
        previewed = func.count(retention_rules.c.previewed_at)
        statement = (
            select(repositories.c.name)
            .join(retention_rules, retention_rules.c.repository_id == repositories.c.id)
            .group_by(repositories.c.id, repositories.c.name)
            .having(previewed == func.count())
            .order_by(repositories.c.name)
        )
        return list(self._executor.execute(statement).scalars())


def _to_rule(row: Any) -> RetentionRule:
    return RetentionRule(**{**row, "only": tuple(row["only"].split())})
