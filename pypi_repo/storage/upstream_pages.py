"""Statements about what upstreams said of projects."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, and_, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.storage.database.executor import Executor, ask, within_transaction
from pypi_repo.storage.database.prepared import Question
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.upstream_tables import upstream_pages

_AT_ONCE = 50  # pages, of which each may have a million bytes


class PageState(NamedTuple):
    """What is known of a project of an upstream, without the page itself.

    revision: a number that grows with each change of the page.
    checked_at: when the upstream confirmed it last.
    etag: the ETag that the upstream gave; None if it gave none.
    is_found: whether the upstream has the project.
    """

    revision: int
    checked_at: datetime
    etag: str | None
    is_found: bool


class KeptPage(NamedTuple):
    """A page as it is kept.

    url: the URL of the upstream when it was asked.
    """

    revision: int
    url: str
    document: bytes


_STATE = (
    upstream_pages.c.revision,
    upstream_pages.c.checked_at,
    upstream_pages.c.etag,
    upstream_pages.c.is_found,
)


_GET_STATE: Question[PageState | None] = Question(
    select(*_STATE).where(
        upstream_pages.c.upstream_id == bindparam("upstream_id"),
        upstream_pages.c.url == bindparam("url"),
        upstream_pages.c.project == bindparam("project"),
    ),
    lambda rows: PageState(*rows[0]) if rows else None,
)


def _adding(insert: Callable[[Table], Any]) -> Question[int | None]:
    """insert: the INSERT of an engine, which knows ON CONFLICT."""
    statement = insert(upstream_pages).on_conflict_do_nothing()
    return Question(
        statement.returning(upstream_pages.c.revision), lambda rows: rows[0][0] if rows else None
    )


_ADD = {"sqlite": _adding(sqlite.insert), "postgresql": _adding(postgresql.insert)}


class UpstreamPageRows:
    """Reads and changes what was seen on upstreams.

    What was seen while an upstream had another URL is not returned, except by `kept`.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def state(self, upstream: Upstream, project: NormalizedName) -> PageState | None:
        """Returns what is known of a project; None if it was never seen."""
        return ask(
            self._executor, _GET_STATE, upstream_id=upstream.id, url=upstream.url, project=project
        )

    def states(
        self, upstream: Upstream, projects: Sequence[NormalizedName]
    ) -> dict[NormalizedName, PageState]:
        """Returns what is known of those of the projects that were ever seen."""
        rows = self._executor.execute(
            select(upstream_pages.c.project, *_STATE).where(
                _seen_on(upstream), upstream_pages.c.project.in_(list(map(lookup, projects)))
            )
        )
        return {project: PageState(*state) for project, *state in rows}

    def document(self, upstream: Upstream, project: NormalizedName) -> tuple[int, bytes] | None:
        """Returns the revision of a page and the page; None if the upstream has none."""
        row = self._executor.execute(
            select(upstream_pages.c.revision, upstream_pages.c.document).where(
                _seen_on(upstream),
                upstream_pages.c.project == project,
                upstream_pages.c.is_found,
            )
        ).one_or_none()
        return None if row is None else (row[0], bytes(row[1]))

    def kept(self, upstream: Upstream, project: NormalizedName) -> KeptPage | None:
        """Returns what is kept of a project, also if it is not there any more."""
        row = self._executor.execute(
            select(
                upstream_pages.c.revision, upstream_pages.c.url, upstream_pages.c.document
            ).where(
                upstream_pages.c.upstream_id == upstream.id, upstream_pages.c.project == project
            )
        ).one_or_none()
        return None if row is None else KeptPage(row[0], row[1], bytes(row[2]))

    def documents(
        self, upstream: Upstream, projects: Sequence[NormalizedName]
    ) -> Iterator[tuple[NormalizedName, int, bytes]]:
        """Yields projects of which there is a page, with its revision and the page.

        projects: those that are looked for.
        """
        for first in range(0, len(projects), _AT_ONCE):
            names = projects[first : first + _AT_ONCE]
            rows = self._executor.execute(
                select(
                    upstream_pages.c.project, upstream_pages.c.revision, upstream_pages.c.document
                ).where(
                    _seen_on(upstream),
                    upstream_pages.c.project.in_(names),
                    upstream_pages.c.is_found,
                )
            )
            for project, revision, document in rows:
                yield project, revision, bytes(document)

    def confirm(
        self, upstream: Upstream, project: NormalizedName, etag: str | None, at: datetime
    ) -> None:
        """Records that the page has not changed."""
        self._change(upstream, project, etag=etag, checked_at=at)

    def miss(self, upstream: Upstream, project: NormalizedName, at: datetime) -> None:
        """Records that the upstream does not have the project any more, if it had it."""
        revision = upstream_pages.c.revision + 1
        self._change(upstream, project, is_found=False, etag=None, checked_at=at, revision=revision)

    def save(
        self,
        upstream: Upstream,
        project: NormalizedName,
        document: bytes,
        etag: str | None,
        at: datetime,
        before: int | None,
    ) -> int | None:
        """Replaces a page in a transaction, and returns its new revision.

        at: when the upstream said so.
        before: the revision that is replaced; None for a page that was never seen.

        A revision is a time, or the next number. So what a power cut has taken back here, and a
        process still remembers, is never taken for another page that comes instead of it.

        Returns None if others have replaced it meanwhile.
        """
        connection = within_transaction(self._executor)
        revision = max(int(at.timestamp() * 1000), (before or 0) + 1)
        values = {
            "revision": revision,
            "url": upstream.url,
            "document": document,
            "etag": etag,
            "checked_at": at,
            "is_found": True,
        }
        if before is None:
            adding = _ADD[connection.dialect.name]
            return ask(connection, adding, upstream_id=upstream.id, project=project, **values)
        saving = (
            update(upstream_pages)
            .where(
                upstream_pages.c.upstream_id == upstream.id,
                upstream_pages.c.project == project,
                upstream_pages.c.revision == before,
            )
            .values(**values)
        )
        return connection.execute(saving.returning(upstream_pages.c.revision)).scalar_one_or_none()

    def projects(self, upstream: Upstream) -> list[NormalizedName]:
        """Returns the projects that were asked for and found, sorted."""
        statement = (
            select(upstream_pages.c.project)
            .where(_seen_on(upstream), upstream_pages.c.is_found)
            .order_by(upstream_pages.c.project)
        )
        return list(self._executor.execute(statement).scalars())

    def numbers(self, upstream: Upstream) -> tuple[int, int]:
        """Returns how many projects were found, and how many were and are gone again."""
        is_found = func.count(case((upstream_pages.c.is_found, 1)))
        row = self._executor.execute(select(is_found, func.count()).where(_seen_on(upstream))).one()
        return row[0], row[1] - row[0]

    def _change(self, upstream: Upstream, project: NormalizedName, **values: object) -> None:
        self._executor.execute(
            update(upstream_pages)
            .where(_seen_on(upstream), upstream_pages.c.project == project)
            .values(**values)
        )


def _seen_on(upstream: Upstream) -> ColumnElement[bool]:
    return and_(upstream_pages.c.upstream_id == upstream.id, upstream_pages.c.url == upstream.url)
