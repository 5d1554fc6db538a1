"""Statements about what upstreams said of projects."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, select, update

from pypi_repo.domain.names import NormalizedName
from pypi_repo.storage.database.engines import insert_into
from pypi_repo.storage.database.executor import Executor, within_transaction
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


class UpstreamPageRows:
    """Reads and changes what was seen on upstreams."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def state(self, upstream_id: int, project: NormalizedName) -> PageState | None:
        """Returns what is known of a project; None if nobody has asked for it."""
        row = self._executor.execute(
            select(
                upstream_pages.c.revision,
                upstream_pages.c.checked_at,
                upstream_pages.c.etag,
                upstream_pages.c.document.is_not(None),
            ).where(*_key(upstream_id, project))
        ).one_or_none()
        return None if row is None else PageState(row[0], row[1], row[2], bool(row[3]))

    def document(self, upstream_id: int, project: NormalizedName) -> tuple[int, bytes] | None:
        """Returns the revision of a page and the page; None if there is none."""
        row = self._executor.execute(
            select(upstream_pages.c.revision, upstream_pages.c.document).where(
                *_key(upstream_id, project), upstream_pages.c.document.is_not(None)
            )
        ).one_or_none()
        return None if row is None else (row[0], bytes(row[1]))

    def documents(
        self, upstream_id: int, projects: Sequence[NormalizedName]
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
                    upstream_pages.c.upstream_id == upstream_id,
                    upstream_pages.c.project.in_(names),
                    upstream_pages.c.document.is_not(None),
                )
            )
            for project, revision, document in rows:
                yield project, revision, bytes(document)

    def confirm(self, upstream_id: int, project: NormalizedName, at: datetime) -> None:
        """Records that the page has not changed."""
        self._executor.execute(
            update(upstream_pages).where(*_key(upstream_id, project)).values(checked_at=at)
        )

    def save(
        self,
        upstream_id: int,
        project: NormalizedName,
        document: bytes | None,
        etag: str | None,
        at: datetime,
    ) -> int:
        """Replaces a page in a transaction, and returns its new revision.

        document: the page; None if the upstream has no such project.
        """
        connection = within_transaction(self._executor)
        values = {"document": document, "etag": etag, "checked_at": at}
        added = insert_into(connection.dialect, upstream_pages).values(
            upstream_id=upstream_id, project=project, revision=1, **values
        )
        saved = added.on_conflict_do_update(
            index_elements=[upstream_pages.c.upstream_id, upstream_pages.c.project],
            set_={**values, "revision": upstream_pages.c.revision + 1},
        ).returning(upstream_pages.c.revision)
        return int(connection.execute(saved).scalar_one())

    def projects(self, upstream_id: int) -> list[NormalizedName]:
        """Returns the projects that were asked for and found, sorted."""
        statement = (
            select(upstream_pages.c.project)
            .where(
                upstream_pages.c.upstream_id == upstream_id, upstream_pages.c.document.is_not(None)
            )
            .order_by(upstream_pages.c.project)
        )
        return list(self._executor.execute(statement).scalars())

    def forget(self, upstream_id: int) -> None:
        """Deletes everything that was seen on an upstream."""
        self._executor.execute(
            delete(upstream_pages).where(upstream_pages.c.upstream_id == upstream_id)
        )


def _key(upstream_id: int, project: NormalizedName) -> tuple[ColumnElement[bool], ...]:
    return upstream_pages.c.upstream_id == upstream_id, upstream_pages.c.project == project
