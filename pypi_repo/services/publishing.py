"""Stores a checked file and shows it on the index: the one transaction that every way in uses."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pypi_repo.domain.access import AccessPolicy, Actor
from pypi_repo.domain.errors import RegistryError, Unavailable
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.services.upload_rules import (
    check_new_project,
    check_open,
    check_quota,
    existing_file,
    require_open,
)
from pypi_repo.storage.blobs import BlobStore, StagedFile
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database
from pypi_repo.storage.destination import Destination, wanted
from pypi_repo.storage.inventory import Inventory

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Accepted:
    """The file as it is on the index, and sentences about what was odd with it.

    is_unchanged: the very same file was there already.
    """

    file: DistributionFile
    warnings: tuple[str, ...] = ()
    is_unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checked file that is about to be stored and published.

    display_name: what its own metadata call the project.
    beside: small files that are kept beside it, by what is appended to its path.
    """

    display_name: str
    summary: str
    filename: DistributionFilename
    file: DistributionFile
    beside: Mapping[str, bytes]
    provenance: str | None
    warnings: tuple[str, ...]

    @property
    def blobs(self) -> tuple[str, ...]:
        """The paths of all that is stored of it."""
        return (self.file.path, *(self.file.path + suffix for suffix in self.beside))

    def wanted_in(self, repository: str) -> Mapping[str, Any]:
        """What is to be asked about its destination."""
        return wanted(repository, self.filename, self.file.digests.blake2_256)

    @property
    def size_beside(self) -> int:
        """Bytes of all that is kept beside the file, in whichever store."""
        return sum(map(len, self.beside.values())) + len((self.provenance or "").encode())

    @property
    def size(self) -> int:
        """Bytes that it takes of a quota."""
        return self.file.size + self.size_beside


class Publishing:
    """Publications in one repository."""

    def __init__(
        self, repository: str, database: Database, blobs: BlobStore, policy: AccessPolicy
    ) -> None:
        self._repository = repository
        self._database = database
        self._blobs = blobs
        self._policy = policy

    def publish(self, actor: Actor, candidate: Candidate, staged: StagedFile) -> Accepted:
        """Stores the candidate, whose content is staged, and shows it on the index.

        Raises a RegistryError where it may not come in after all; nothing of it is left then,
        but where the database or the file store could not be used: a sweep deletes it.
        """
        try:
            self._blobs.put(candidate.file.path, staged, candidate.beside)
            accepted = self._database.together(
                self._repository,
                lambda connection: self._show(Catalog(connection), actor, candidate, staged),
            )
        except Unavailable:
            raise  # whoever waited for one of the two does not wait for it a second time
        except BaseException:
            self._discard(candidate)
            raise
        if accepted.is_unchanged:  # somebody was first, perhaps with another signature
            self._discard(candidate)
        return accepted

    def _show(
        self, catalog: Catalog, actor: Actor, candidate: Candidate, staged: StagedFile
    ) -> Accepted:
        """Everything may have changed since the first look, so all is asked again under a lock."""
        file = candidate.file
        catalog.lock(self._repository)
        found = catalog.destination(candidate.wanted_in(self._repository))
        there = require_open(self._policy, actor, self._repository, file.project, found)
        repository = there.repository
        existing = existing_file(there, candidate.filename, file.digests)
        if existing is not None and existing.digests == file.digests:
            return Accepted(existing, is_unchanged=True)
        check_quota(catalog, repository, candidate.size, existing)
        if there.project is None:
            check_new_project(catalog, repository, candidate.display_name)
        if there.release is not None:
            check_open(repository, there.release, file, existing)
        self._put_what_is_gone(candidate, staged)
        project_id = _project(catalog, there, candidate)
        release_id = _release(catalog, there, project_id, candidate)
        file_id = (
            catalog.add_file(repository, release_id, file, candidate.size_beside)
            if existing is None
            else catalog.replace_file(
                repository, release_id, file, candidate.size_beside, existing.filename
            )
        )
        if existing is not None or candidate.provenance is not None:
            catalog.set_provenance(file_id, candidate.provenance)
        serial = catalog.next_serial(repository)
        catalog.note_publication(project_id, candidate.display_name, serial)
        catalog.journal.record(_journal_entry(actor, repository, serial, candidate, existing))
        return Accepted(file, candidate.warnings)

    def _put_what_is_gone(self, candidate: Candidate, staged: StagedFile) -> None:
        """Until now the file was an orphan: a sweep may have found it, or the refusal of somebody
        who uploaded the same one. From here on neither can, before this is published.
        """
        if all(map(self._blobs.exists, candidate.blobs)):
            return
        with self._blobs.stage() as again:
            content = staged.content()
            content.seek(0)
            while chunk := content.read(_CHUNK):
                again.write(chunk, staged.size)
            self._blobs.put(candidate.file.path, again, candidate.beside)

    def _discard(self, candidate: Candidate) -> None:
        """Deletes what was stored of it, but for what published files of its content need.

        Nothing is published meanwhile. What cannot be deleted now is left for a sweep, and so is
        all where the caller's transaction goes on, which may not see what others have published.
        """
        if self._database.is_joined:
            return
        with suppress(RegistryError), self._database.begin() as connection:
            Catalog(connection).lock_repositories()
            needed = {
                blob.path
                for kept in Inventory(connection).files_of(candidate.file.digests.sha256)
                for blob in kept.blobs()
            }
            for path in candidate.blobs:
                if path not in needed:
                    self._blobs.delete(path)


def _project(catalog: Catalog, there: Destination, candidate: Candidate) -> int:
    """The project that the file joins or begins."""
    if there.project is not None:
        return there.project.id
    file = candidate.file
    return catalog.add_project(
        there.repository, candidate.display_name, file.project, file.uploaded_at
    )


def _release(catalog: Catalog, there: Destination, project_id: int, candidate: Candidate) -> int:
    """The release that the file joins or begins."""
    file, summary, found = candidate.file, candidate.summary, there.release
    if found is None:
        return catalog.add_release(project_id, file.version, summary, file.uploaded_at)
    if found.summary != summary:
        catalog.set_summary(found.id, summary)
    return found.id


def _journal_entry(
    actor: Actor,
    repository: Repository,
    serial: int,
    candidate: Candidate,
    replaced: DistributionFile | None,
) -> JournalEntry:
    file = candidate.file
    detail = {"sha256": file.digests.sha256}
    if replaced is not None:
        detail["replaced_sha256"] = replaced.digests.sha256
        if replaced.filename != file.filename:
            detail["replaced_filename"] = replaced.filename
    if candidate.warnings:
        detail["warnings"] = " ".join(candidate.warnings)
    return JournalEntry.by(
        actor,
        "upload file" if replaced is None else "overwrite file",
        at=file.uploaded_at,
        repository=repository.name,
        serial=serial,
        project=file.project,
        version=file.version,
        filename=file.filename,
        detail=detail,
    )
