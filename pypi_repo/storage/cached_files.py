"""Statements about the cached files of upstreams, and about how much they are used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Dialect, bindparam, case, delete, func, select, tuple_, update

from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheUse
from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, ask, within_transaction
from pypi_repo.storage.database.prepared import Question, Row
from pypi_repo.storage.database.upstream_tables import (
    cached_files,
    upstream_usage,
    upstreams,
)

_FIELDS = tuple(field.name for field in fields(CachedFile))
_COLUMNS = tuple(cached_files.c[name] for name in _FIELDS)
SIZE_IN_ALL = func.coalesce(cached_files.c.size, 0) + cached_files.c.size_beside
"""The size of a file and of what is beside it, in bytes."""

Use = tuple[int, str, str]
"""The upstream's id, the SHA-256 and the filename of a file that was used."""


def _found(rows: Sequence[Row]) -> CachedFile | None:
    return CachedFile(**dict(zip(_FIELDS, rows[0], strict=True))) if rows else None


def _adding(dialect: Dialect) -> Any:
    statement = insert_into(dialect, cached_files)
    new = statement.excluded
    is_known = new.metadata_sha256 == cached_files.c.metadata_sha256
    return statement.on_conflict_do_update(
        index_elements=["upstream_id", "filename", "sha256"],
        set_={
            "size": func.coalesce(new.size, cached_files.c.size),
            "size_beside": cached_files.c.size_beside + case((is_known, 0), else_=new.size_beside),
            "metadata_sha256": func.coalesce(new.metadata_sha256, cached_files.c.metadata_sha256),
            "identity": func.coalesce(new.identity, cached_files.c.identity),
            "used_at": case(
                (new.used_at > cached_files.c.used_at, new.used_at),
                else_=cached_files.c.used_at,
            ),
        },
    )


_GET: Question[CachedFile | None] = Question(
    select(*_COLUMNS).where(
        cached_files.c.upstream_id == bindparam("upstream_id"),
        cached_files.c.filename == bindparam("filename"),
        cached_files.c.sha256 == bindparam("sha256"),
    ),
    _found,
)
_HAS_UPSTREAM: Question[bool] = Question(
    select(upstreams.c.id).where(upstreams.c.id == bindparam("upstream_id")), bool
)
_ADD: Question[None] = Question(_adding, lambda _rows: None)


class CachedFiles:
    """Reads and changes what is known of cached files. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def identified(self, upstream_id: int, filename: str, identity: str) -> CachedFile | None:
        """Returns the file with a name and an identity, or None."""
        found = self._read(
            select(*_COLUMNS)
            .where(
                cached_files.c.upstream_id == upstream_id,
                cached_files.c.filename == filename,
                cached_files.c.identity == identity,
            )
            .order_by(cached_files.c.cached_at.desc())
            .limit(1)
        )
        return found[0] if found else None

    def get(self, upstream_id: int, filename: str, sha256: str) -> CachedFile | None:
        """Returns what is known of a file, or None."""
        return ask(self._executor, _GET, upstream_id=upstream_id, filename=filename, sha256=sha256)

    def of_digest(self, sha256: str) -> list[CachedFile]:
        """Returns the files of all upstreams with a content."""
        return self._read(select(*_COLUMNS).where(cached_files.c.sha256 == sha256))

    def add(self, files: Iterable[CachedFile]) -> None:
        """Adds files, or what belongs beside them, to what is known of them.

        Core metadata that are known already, because two processes have fetched them at the same
        time, count once.

        Does nothing for an upstream that was deleted meanwhile.
        """
        connection = within_transaction(self._executor)
        for file in files:
            if ask(connection, _HAS_UPSTREAM, upstream_id=file.upstream_id):
                values = {name: getattr(file, name) for name in _FIELDS}
                ask(connection, _ADD, **values)

    def drop(self, file: CachedFile) -> None:
        """Forgets a file."""
        self._executor.execute(
            delete(cached_files).where(*_is(file.upstream_id, file.filename, file.sha256))
        )

    # Sizes and order

    def size(self, upstream_id: int) -> int:
        """Returns the size of all files of an upstream, and of what is beside them, in bytes."""
        statement = select(func.sum(SIZE_IN_ALL)).where(cached_files.c.upstream_id == upstream_id)
        return int(self._executor.execute(statement).scalar_one() or 0)

    def size_after(self, sha256: str) -> int:
        """Returns the size of all files whose SHA-256 comes after this one, in bytes."""
        statement = select(func.sum(cached_files.c.size)).where(cached_files.c.sha256 > sha256)
        return int(self._executor.execute(statement).scalar_one() or 0)

    def least_used(self, upstream_id: int, limit: int) -> list[CachedFile]:
        """Returns the files of an upstream that were used longest ago."""
        return self._read(
            select(*_COLUMNS)
            .where(cached_files.c.upstream_id == upstream_id)
            .order_by(cached_files.c.used_at, cached_files.c.cached_at)
            .limit(limit)
        )

    def after(self, key: tuple[str, int, str], limit: int) -> list[CachedFile]:
        """Returns the next files in the order of their SHA-256.

        key: the SHA-256, the upstream's id and the filename of the last one before.
        """
        order = (cached_files.c.sha256, cached_files.c.upstream_id, cached_files.c.filename)
        return self._read(
            select(*_COLUMNS).where(tuple_(*order) > key).order_by(*order).limit(limit)
        )

    # Use

    def note_use(self, moments: Mapping[Use, datetime]) -> None:
        """Sets the last use of files, unless a later one is known."""
        if moments:
            self._executor.execute(
                update(cached_files)
                .where(
                    cached_files.c.upstream_id == bindparam("upstream"),
                    cached_files.c.sha256 == bindparam("digest"),
                    cached_files.c.filename == bindparam("name"),
                    cached_files.c.used_at < bindparam("moment"),
                )
                .values(used_at=bindparam("moment")),
                [
                    {"upstream": use[0], "digest": use[1], "name": use[2], "moment": moment}
                    for use, moment in sorted(moments.items())
                ],
            )

    def add_use(self, counts: Mapping[tuple[int, date], CacheUse]) -> None:
        """Adds to the counts of upstreams on days, except for upstreams that were deleted."""
        present = set(self._executor.execute(select(upstreams.c.id)).scalars())
        rows = [
            {
                "upstream_id": upstream_id,
                "day": day,
                "downloads": use.downloads,
                "fetches": use.fetches,
                "fetched": use.fetched,
            }
            for (upstream_id, day), use in sorted(counts.items())
            if upstream_id in present
        ]
        if rows:
            statement = insert_into(self._executor.dialect, upstream_usage)
            added = {
                name: upstream_usage.c[name] + statement.excluded[name]
                for name in ("downloads", "fetches", "fetched")
            }
            self._executor.execute(
                statement.on_conflict_do_update(index_elements=["upstream_id", "day"], set_=added),
                rows,
            )

    def _read(self, statement: Any) -> list[CachedFile]:
        rows: Iterable[Sequence[Any]] = self._executor.execute(statement)
        return [CachedFile(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def _is(upstream_id: int, filename: str, sha256: str) -> tuple[Any, ...]:
    return (
        cached_files.c.upstream_id == upstream_id,
        cached_files.c.filename == filename,
        cached_files.c.sha256 == sha256,
    )
