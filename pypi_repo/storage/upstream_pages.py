"""Statements about what upstreams said of projects."""

import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Dialect,
    UpdateBase,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.pages import UpstreamPage, encode
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, ask, within_transaction
from pypi_repo.storage.database.prepared import Question
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import projects
from pypi_repo.storage.database.upstream_tables import upstream_pages, upstreams

_AT_ONCE = 50  # pages, of which each may have a million bytes
_APART = 1_000_000  # microseconds: two changes get the same number once in so many times, at most


class PageState(NamedTuple):
    """What is known of a project of an upstream, without the page itself.

    revision: a number that grows with each change of the page, and that no other change gets; 0 for
        what is not kept.
    checked_at: when the upstream confirmed it last.
    etag: the ETag that the upstream gave; None if it gave none.
    is_found: whether the upstream has the project.
    """

    revision: int
    checked_at: datetime
    etag: str | None
    is_found: bool

    @property
    def is_kept(self) -> bool:
        """Whether the database has it, so that it outlives the process."""
        return self.revision > 0


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


_ADD: Question[int | None] = Question(
    lambda dialect: (
        insert_into(dialect, upstream_pages)
        .on_conflict_do_nothing()
        .returning(upstream_pages.c.revision)
    ),
    lambda rows: rows[0][0] if rows else None,
)


def _missing(dialect: Dialect) -> UpdateBase:
    statement = insert_into(dialect, upstream_pages)
    kept, said = upstream_pages.c, statement.excluded
    newer = case((kept.revision < said.revision, said.revision), else_=kept.revision + 1)
    # What was known of its files counts again if they come back, but not elsewhere.
    document = case((kept.url == said.url, kept.document), else_=said.document)
    keeping: UpdateBase = statement.on_conflict_do_update(
        index_elements=[kept.upstream_id, kept.project],
        set_={
            "url": said.url,
            "revision": newer,
            "checked_at": said.checked_at,
            "etag": said.etag,
            "is_found": said.is_found,
            "document": document,
        },
        where=kept.checked_at <= said.checked_at,
    )
    return keeping.returning(kept.revision)


_MISS: Question[int | None] = Question(_missing, lambda rows: rows[0][0] if rows else None)


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
        """Returns what is kept of a project, also if it is not there or not any more."""
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
        self._executor.execute(
            update(upstream_pages)
            .where(_seen_on(upstream), upstream_pages.c.project == project)
            .values(etag=etag, checked_at=at)
        )

    def miss(
        self, upstream: Upstream, project: NormalizedName, at: datetime, before: int
    ) -> int | None:
        """Records in a transaction that the upstream does not have a project, or not any more.

        at: when the upstream said so.
        before: the revision when the upstream was asked; 0 if nothing was kept.

        Returns the revision, or None if it has said something later.
        """
        connection = within_transaction(self._executor)
        return ask(
            connection,
            _MISS,
            upstream_id=upstream.id,
            project=project,
            url=upstream.url,
            revision=_next_revision(before),
            checked_at=at,
            etag=None,
            is_found=False,
            document=encode(UpstreamPage(name=project)),
        )

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

        Returns None if others have replaced it meanwhile.
        """
        connection = within_transaction(self._executor)
        values = {
            "revision": _next_revision(before),
            "url": upstream.url,
            "document": document,
            "etag": etag,
            "checked_at": at,
            "is_found": True,
        }
        if before is None:
            return ask(connection, _ADD, upstream_id=upstream.id, project=project, **values)
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

    def asked_projects(self, upstream: Upstream) -> set[NormalizedName]:
        """Returns the projects of which it is kept whether the upstream has them."""
        statement = select(upstream_pages.c.project).where(_seen_on(upstream))
        return set(self._executor.execute(statement).scalars())

    def forget_absences(self, before: datetime) -> None:
        """Forgets in a transaction that upstreams do not have projects.

        It is kept of an upstream that is not asked or does not answer, as it decides who supplies a
        project, and of projects of repositories, as it says that they hide nothing.

        before: what an upstream has said since is kept.
        """
        answering = select(upstreams.c.id).where(
            upstreams.c.offline.is_(False), upstreams.c.failing_since.is_(None)
        )
        statement = delete(upstream_pages).where(
            upstream_pages.c.is_found.is_(False),
            upstream_pages.c.checked_at < before,
            upstream_pages.c.upstream_id.in_(answering),
            upstream_pages.c.project.not_in(select(projects.c.normalized_name)),
        )
        within_transaction(self._executor).execute(statement)

    def numbers(self, upstream: Upstream) -> tuple[int, int]:
        """Returns how many projects were found, and of how many it is kept that they were not."""
        is_found = func.count(case((upstream_pages.c.is_found, 1)))
        row = self._executor.execute(select(is_found, func.count()).where(_seen_on(upstream))).one()
        return row[0], row[1] - row[0]


def _next_revision(before: int | None) -> int:
    """Returns a number that is greater than the last, and that no other change gets.

    So what a power cut takes back in the database, and a process still remembers, is not taken for
    what comes instead of it: it comes later, and if the clock was set back, by another step.
    """
    return max(time.time_ns() // 1000, before or 0) + 1 + secrets.randbelow(_APART)


def _seen_on(upstream: Upstream) -> ColumnElement[bool]:
    return and_(upstream_pages.c.upstream_id == upstream.id, upstream_pages.c.url == upstream.url)
