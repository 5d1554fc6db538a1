"""Statements about the contents of all files of a registry, across repositories."""

from typing import Any

from sqlalchemy import Select, exists, func, select, tuple_

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.stored_files import KeptFile
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.database.tables import files, repositories
from pypi_repo.storage.database.upstream_tables import cached_files

_KEPT_FILES = select(
    files.c.id,
    repositories.c.name,
    files.c.filename,
    files.c.size,
    files.c.sha256,
    files.c.blake2_256,
    files.c.md5,
    files.c.metadata_sha256,
    files.c.signature_sha256,
).join(repositories, repositories.c.id == files.c.repository_id)


class StoredFiles:
    """Reads files in the order of their SHA-256, so that equal files come together."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def size(self, after: str = "") -> int:
        """Returns the size of all files whose SHA-256 comes after this one, in bytes."""
        total = select(func.sum(files.c.size)).where(files.c.sha256 > after)
        return int(self._executor.execute(total).scalar_one() or 0)

    def files(self, after: str, after_id: int = LARGEST_ID, *, limit: int) -> list[KeptFile]:
        """Returns the next files after the one with this SHA-256 and this id."""
        return self._kept(
            _KEPT_FILES.where(tuple_(files.c.sha256, files.c.id) > (after, after_id))
            .order_by(files.c.sha256, files.c.id)
            .limit(limit)
        )

    def files_of(self, sha256: str) -> list[KeptFile]:
        """Returns all files with this content."""
        return self._kept(_KEPT_FILES.where(files.c.sha256 == sha256).order_by(files.c.id))

    def refers_to(self, sha256: str, filename: str) -> bool:
        """Returns whether a file of a repository or an upstream needs this blob."""
        return any(
            self._executor.execute(
                select(exists().where(table.c.sha256 == sha256, table.c.filename == filename))
            ).scalar_one()
            for table in (files, cached_files)
        )

    def has_repositories(self) -> bool:
        """Returns whether there is a repository."""
        return self._executor.execute(select(exists(select(repositories.c.id)))).scalar_one()

    def _kept(self, statement: Select[*tuple[Any, ...]]) -> list[KeptFile]:
        return [
            KeptFile(
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
