"""Statements about upstreams, and about the sources of repositories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.domain.upstreams.rules import Rule
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream, UpstreamSettings
from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, within_transaction
from pypi_repo.storage.database.rows import REPOSITORY_COLUMNS, lookup, to_repository
from pypi_repo.storage.database.tables import repositories
from pypi_repo.storage.database.upstream_tables import (
    kept_names,
    name_patterns,
    repository_sources,
    source_rules,
    upstreams,
)

_UPSTREAM_FIELDS = tuple(field.name for field in fields(Upstream))
_UPSTREAM_COLUMNS = tuple(upstreams.c[name] for name in _UPSTREAM_FIELDS)
_RULE_FIELDS = tuple(field.name for field in fields(Rule))
_RULE_COLUMNS = tuple(source_rules.c[name] for name in _RULE_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of the last requests to an upstream.

    answered_at: when it answered last, to the minute; None if it never did.
    failing_since: since when it fails; None if it does not.
    failure: one sentence about the failure; empty if there is none.
    """

    answered_at: datetime | None
    failing_since: datetime | None
    failure: str


class Upstreams:
    """Reads and changes upstreams. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def all(self) -> list[Upstream]:
        """Returns all upstreams, sorted by name."""
        rows = self._executor.execute(select(*_UPSTREAM_COLUMNS).order_by(upstreams.c.name))
        return [_to_upstream(row) for row in rows]

    def upstream(self, name: str) -> Upstream | None:
        """Returns the upstream with a name, or None."""
        statement = select(*_UPSTREAM_COLUMNS).where(upstreams.c.name == lookup(name))
        row = self._executor.execute(statement).one_or_none()
        return None if row is None else _to_upstream(row)

    def add(self, name: str, settings: UpstreamSettings, at: datetime) -> Upstream | None:
        """Adds an upstream.

        Returns None if the name is taken. The transaction cannot be used any more then.
        """
        values = {**_values(settings.settings()), "name": name, "created_at": at}
        statement = insert(upstreams).values(values).returning(*_UPSTREAM_COLUMNS)
        try:
            row = self._executor.execute(statement).one()
        except IntegrityError:
            return None
        return _to_upstream(row)

    def change(self, upstream: Upstream, given: Mapping[str, Any]) -> Upstream:
        """Changes settings of an upstream, and returns the changed upstream."""
        changed = self._executor.execute(
            update(upstreams)
            .where(upstreams.c.id == upstream.id)
            .values(_values(given))
            .returning(*_UPSTREAM_COLUMNS)
        )
        self._note_change(upstream)
        return _to_upstream(changed.one())

    def delete(self, upstream: Upstream) -> None:
        """Deletes an upstream that is no source, with everything that is known of it."""
        self._executor.execute(delete(upstreams).where(upstreams.c.id == upstream.id))

    def users(self, upstream: Upstream) -> list[Repository]:
        """Returns the repositories that have an upstream among their sources, sorted by name."""
        return _users(self._executor, repository_sources.c.upstream_id == upstream.id)

    def _note_change(self, upstream: Upstream) -> None:
        affected = select(repository_sources.c.repository_id).where(
            repository_sources.c.upstream_id == upstream.id
        )
        _raise_revision(self._executor, repositories.c.id.in_(affected))

    # Health

    def health(self, upstream: Upstream) -> Health:
        """Returns what is known of the last requests to an upstream."""
        statement = select(
            upstreams.c.answered_at, upstreams.c.failing_since, upstreams.c.failure
        ).where(upstreams.c.id == upstream.id)
        row = self._executor.execute(statement).one()
        return Health(answered_at=row[0], failing_since=row[1], failure=row[2] or "")

    def note_answer(self, upstream_id: int, at: datetime) -> None:
        """Records that an upstream has answered."""
        self._executor.execute(
            update(upstreams)
            .where(upstreams.c.id == upstream_id)
            .values(answered_at=at, failing_since=None, failure=None)
        )

    def note_failure(self, upstream_id: int, at: datetime, failure: str) -> None:
        """Records that an upstream has failed, and since when it does."""
        mine = upstreams.c.id == upstream_id
        self._executor.execute(update(upstreams).where(mine).values(failure=failure))
        self._executor.execute(
            update(upstreams)
            .where(mine, upstreams.c.failing_since.is_(None))
            .values(failing_since=at)
        )


class SourcesOfRepositories:
    """Reads and changes what is configured for the sources of repositories."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def of(self, repository: Repository) -> RepositorySources:
        """Returns what is configured for the sources of a repository."""
        return RepositorySources(
            sources=self._sources(repository),
            reserved=self._patterns(repository, "reserve"),
            merged=self._patterns(repository, "merge"),
            kept=self._kept(repository),
            rules=self.rules(repository),
        )

    def set_sources(self, repository: Repository, sources: Sequence[Upstream | Repository]) -> None:
        """Replaces the sources of a repository."""
        self._executor.execute(
            delete(repository_sources).where(repository_sources.c.repository_id == repository.id)
        )
        rows = [
            {
                "repository_id": repository.id,
                "position": position,
                "upstream_id": source.id if isinstance(source, Upstream) else None,
                "source_id": source.id if isinstance(source, Repository) else None,
            }
            for position, source in enumerate(sources)
        ]
        if rows:
            self._executor.execute(insert(repository_sources), rows)
        self.note_change(repository)

    def set_patterns(self, repository: Repository, use: str, patterns: Iterable[str]) -> None:
        """Replaces the patterns for names that a repository reserves or merges.

        use: `reserve` or `merge`.
        """
        mine = (name_patterns.c.repository_id == repository.id, name_patterns.c.use == use)
        self._executor.execute(delete(name_patterns).where(*mine))
        rows = [
            {"repository_id": repository.id, "use": use, "pattern": pattern}
            for pattern in sorted(set(patterns))
        ]
        if rows:
            self._executor.execute(insert(name_patterns), rows)
        self.note_change(repository)

    def keep_name(self, repository: Repository, project: NormalizedName) -> None:
        """Keeps the name of a deleted project, so that no source supplies it."""
        connection = within_transaction(self._executor)
        kept = insert_into(connection.dialect, kept_names).values(
            repository_id=repository.id, normalized_name=project
        )
        connection.execute(kept.on_conflict_do_nothing())
        self.note_change(repository)

    def give_up_name(self, repository: Repository, project: NormalizedName) -> bool:
        """Lets sources supply the name of a deleted project; False if it was not kept."""
        done = self._executor.execute(
            delete(kept_names)
            .where(
                kept_names.c.repository_id == repository.id,
                kept_names.c.normalized_name == lookup(project),
            )
            .returning(kept_names.c.normalized_name)
        )
        self.note_change(repository)
        return done.first() is not None

    def users(self, repository: Repository) -> list[Repository]:
        """Returns the repositories that have a repository among their sources, sorted by name."""
        return _users(self._executor, repository_sources.c.source_id == repository.id)

    # Rules

    def rules(self, repository: Repository) -> tuple[Rule, ...]:
        """Returns the rules of a repository, in their order."""
        rows = self._executor.execute(
            select(*_RULE_COLUMNS)
            .where(source_rules.c.repository_id == repository.id)
            .order_by(source_rules.c.id)
        )
        return tuple(Rule(**dict(zip(_RULE_FIELDS, row, strict=True))) for row in rows)

    def add_rule(self, repository: Repository, rule: Rule) -> Rule:
        """Adds a rule after the others, and returns it with its id."""
        values = {name: getattr(rule, name) for name in _RULE_FIELDS if name != "id"}
        added = self._executor.execute(
            insert(source_rules)
            .values(repository_id=repository.id, **values)
            .returning(*_RULE_COLUMNS)
        ).one()
        self.note_change(repository)
        return Rule(**dict(zip(_RULE_FIELDS, added, strict=True)))

    def delete_rule(self, repository: Repository, rule_id: int) -> bool:
        """Deletes a rule; False if there is none with this id."""
        deleted = self._executor.execute(
            delete(source_rules)
            .where(source_rules.c.repository_id == repository.id, source_rules.c.id == rule_id)
            .returning(source_rules.c.id)
        ).first()
        self.note_change(repository)
        return deleted is not None

    def note_change(self, repository: Repository) -> None:
        """Lets all processes read the configuration of a repository anew."""
        _raise_revision(self._executor, repositories.c.id == repository.id)

    def _sources(self, repository: Repository) -> tuple[Upstream | str, ...]:
        other = repositories.alias("other")
        rows = self._executor.execute(
            select(other.c.name, *_UPSTREAM_COLUMNS)
            .select_from(repository_sources)
            .outerjoin(upstreams, upstreams.c.id == repository_sources.c.upstream_id)
            .outerjoin(other, other.c.id == repository_sources.c.source_id)
            .where(repository_sources.c.repository_id == repository.id)
            .order_by(repository_sources.c.position)
        )
        return tuple(_to_upstream(row[1:]) if row[0] is None else row[0] for row in rows)

    def _patterns(self, repository: Repository, use: str) -> tuple[str, ...]:
        statement = (
            select(name_patterns.c.pattern)
            .where(name_patterns.c.repository_id == repository.id, name_patterns.c.use == use)
            .order_by(name_patterns.c.pattern)
        )
        return tuple(self._executor.execute(statement).scalars())

    def _kept(self, repository: Repository) -> frozenset[str]:
        statement = select(kept_names.c.normalized_name).where(
            kept_names.c.repository_id == repository.id
        )
        return frozenset(self._executor.execute(statement).scalars())


def _users(executor: Executor, condition: Any) -> list[Repository]:
    statement = (
        select(*REPOSITORY_COLUMNS)
        .where(repositories.c.id.in_(select(repository_sources.c.repository_id).where(condition)))
        .order_by(repositories.c.name)
    )
    return [to_repository(row) for row in executor.execute(statement)]


def _raise_revision(executor: Executor, condition: Any) -> None:
    executor.execute(
        update(repositories)
        .where(condition)
        .values(sources_revision=repositories.c.sources_revision + 1)
    )


def _to_upstream(row: Sequence[Any]) -> Upstream:
    values = dict(zip(_UPSTREAM_FIELDS, row, strict=True))
    values["file_hosts"] = tuple(values["file_hosts"].split())
    return Upstream(**values)


def _values(settings: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(settings)
    if "file_hosts" in values:
        values["file_hosts"] = " ".join(values["file_hosts"])
    return values
