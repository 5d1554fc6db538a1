"""Statements about the content of all files of the registry, whatever repository they are in."""

from typing import Any

from sqlalchemy import Select, exists, func, select, tuple_

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.inventory import KeptFile
from pypi_repo.storage.executor import Executor
from pypi_repo.storage.rows import LARGEST_ID
from pypi_repo.storage.tables import FileRow, RepositoryRow

_KEPT_FILES = select(
    FileRow.id,
    RepositoryRow.name,
    FileRow.filename,
    FileRow.size,
    FileRow.sha256,
    FileRow.blake2_256,
    FileRow.md5,
    FileRow.metadata_sha256,
    FileRow.signature_sha256,
).join(RepositoryRow, RepositoryRow.id == FileRow.repository_id)


class Inventory:
    """In the order of the SHA-256, so that files of equal content come together."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def size(self, after: str = "") -> int:
        """Bytes of all files whose SHA-256 comes after this one."""
        total = select(func.sum(FileRow.size)).where(FileRow.sha256 > after)
        return int(self._executor.execute(total).scalar_one() or 0)

    def files(self, after: str, after_id: int = LARGEST_ID, *, limit: int) -> list[KeptFile]:
        """The next files after the one with this SHA-256 and this id."""
        return self._kept(
            _KEPT_FILES.where(tuple_(FileRow.sha256, FileRow.id) > (after, after_id))
            .order_by(FileRow.sha256, FileRow.id)
            .limit(limit)
        )

    def files_of(self, sha256: str) -> list[KeptFile]:
        """All files of this content."""
        return self._kept(_KEPT_FILES.where(FileRow.sha256 == sha256).order_by(FileRow.id))

    def refers_to(self, sha256: str, filename: str) -> bool:
        """Whether any repository has a file whose blob this is."""
        return self._executor.execute(
            select(exists().where(FileRow.sha256 == sha256, FileRow.filename == filename))
        ).scalar_one()

    def has_repositories(self) -> bool:
        return self._executor.execute(select(exists(select(RepositoryRow.id)))).scalar_one()

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
