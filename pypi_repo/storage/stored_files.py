"""Statements about the contents of all files of a registry, across repositories.

A content is needed by files on the index, by deleted ones that can come back, and by staged ones.
"""

from collections.abc import Iterator
from heapq import merge
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, Table, exists, func, select, tuple_

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.stored_files import KeptFile
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.lifecycle_tables import staged_files, trashed_files
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.database.tables import files, repositories
from pypi_repo.storage.database.upstream_tables import cached_files

TABLES_OF_FILES = (files, trashed_files, staged_files)
"""The tables whose rows are files of repositories, each of which needs its blobs."""

_PAGE = 500  # rows


class StoredFiles:
    """Reads files in the order of their SHA-256, so that equal files come together."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def size(self, after: str = "") -> int:
        """Returns the size of all files whose SHA-256 comes after this one, in bytes."""
        return sum(
            int(self._executor.execute(_total(table, after)).scalar_one() or 0)
            for table in TABLES_OF_FILES
        )

    def files(self, after: str) -> Iterator[KeptFile]:
        """Yields the files whose SHA-256 comes after this one, page by page."""
        yield from merge(
            *(self._files_in(table, after) for table in TABLES_OF_FILES), key=attrgetter("sha256")
        )

    def files_of(self, sha256: str) -> list[KeptFile]:
        """Returns all files with this content."""
        return [
            file
            for table in TABLES_OF_FILES
            for file in self._kept(
                table, _in(table).where(table.c.sha256 == sha256).order_by(table.c.id)
            )
        ]

    def refers_to(self, sha256: str, filename: str) -> bool:
        """Returns whether a file of a repository or an upstream needs this blob."""
        return any(
            self._executor.execute(
                select(exists().where(table.c.sha256 == sha256, table.c.filename == filename))
            ).scalar_one()
            for table in (*TABLES_OF_FILES, cached_files)
        )

    def has_repositories(self) -> bool:
        """Returns whether there is a repository."""
        return self._executor.execute(select(exists(select(repositories.c.id)))).scalar_one()

    def _files_in(self, table: Table, after: str) -> Iterator[KeptFile]:
        key = after, LARGEST_ID
        while page := self._kept(
            table,
            _in(table)
            .where(tuple_(table.c.sha256, table.c.id) > key)
            .order_by(table.c.sha256, table.c.id)
            .limit(_PAGE),
        ):
            yield from page
            key = page[-1].sha256, page[-1].id

    def _kept(self, table: Table, statement: Select[*tuple[Any, ...]]) -> list[KeptFile]:
        return [
            KeptFile(
                table=table.name,
                id=id_,
                repository=repository,
                filename=filename,
                size=size,
                digests=Digests(sha256, blake2_256, md5),
                metadata_sha256=metadata_sha256,
                signature_sha256=signature_sha256,
            )
            for (
                id_,
                repository,
                filename,
                size,
                sha256,
                blake2_256,
                md5,
                metadata_sha256,
                signature_sha256,
            ) in self._executor.execute(statement)
        ]


def _in(table: Table) -> Select[*tuple[Any, ...]]:
    return select(
        table.c.id,
        repositories.c.name,
        table.c.filename,
        table.c.size,
        table.c.sha256,
        table.c.blake2_256,
        table.c.md5,
        table.c.metadata_sha256,
        table.c.signature_sha256,
    ).join(repositories, repositories.c.id == table.c.repository_id)


def _total(table: Table, after: str) -> Select[tuple[Any]]:
    return select(func.sum(table.c.size)).where(table.c.sha256 > after)
