"""Stores checked files and publishes them, in the one transaction that all uploads use."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import RegistryError, Unavailable
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.candidates import Candidate
from pypi_repo.services.packages.upload_rules import (
    check_new_project,
    check_open,
    check_quota,
    existing_file,
    open_destination,
)
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.destination import Destination
from pypi_repo.storage.stored_files import StoredFiles

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result of an upload that was accepted.

    file: the file as it is on the index.
    warnings: sentences about what is unusual in the file.
    is_unchanged: whether the same file was already there, so that nothing changed.
    """

    file: DistributionFile
    warnings: tuple[str, ...] = ()
    is_unchanged: bool = False


class Publishing:
    """Publishes files in one repository."""

    def __init__(self, repository: str, database: Database, blobs: BlobStore, gate: Gate) -> None:
        self._repository = repository
        self._database = database
        self._blobs = blobs
        self._gate = gate

    def publish(self, actor: Actor, candidates: Sequence[Candidate]) -> list[Accepted]:
        """Stores and publishes candidates, either all of them or none.

        Each candidate is checked as if those before it were published already.

        Raises a RegistryError if one of them may not be published; nothing is left of any of them
        then. If the database or the file store cannot be used, what was stored stays until a sweep
        deletes it.
        """
        try:
            for candidate in candidates:
                self._blobs.put(candidate.file.path, candidate.staged, candidate.beside)
            accepted = self._database.together(
                self._repository,
                lambda connection: self._show(Catalog(connection), actor, candidates),
            )
        except Unavailable:
            raise  # whoever waited for one of the two does not wait for it a second time
        except BaseException:
            self._discard(candidates)
            raise
        if unchanged := [
            candidate
            for candidate, outcome in zip(candidates, accepted, strict=True)
            if outcome.is_unchanged
        ]:
            self._discard(unchanged)  # somebody was first, perhaps with another signature
        return accepted

    def _show(
        self, catalog: Catalog, actor: Actor, candidates: Sequence[Candidate]
    ) -> list[Accepted]:
        """Repeats all checks under a lock, as everything may have changed, and adds the rows."""
        catalog.lock(self._repository)
        return [self._show_one(catalog, actor, candidate) for candidate in candidates]

    def _show_one(self, catalog: Catalog, actor: Actor, candidate: Candidate) -> Accepted:
        file = candidate.file
        asked = (self._gate, catalog, actor)
        there = open_destination(*asked, self._repository, candidate.filename, file.digests)
        repository = there.repository
        existing = existing_file(*asked, there, candidate.filename, file.digests)
        if existing is not None and existing.digests == file.digests:
            return Accepted(existing, is_unchanged=True)
        check_quota(catalog, repository, candidate.size, existing)
        if there.project is None:
            check_new_project(*asked, repository, candidate.display_name)
        if there.release is not None:
            check_open(repository, there.release, file, existing)
        self._put_what_is_gone(candidate)
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

    def _put_what_is_gone(self, candidate: Candidate) -> None:
        """Stores a candidate again if its stored file was deleted.

        Until now nothing referred to the file, so a sweep may have deleted it, or the refusal of
        another upload of the same content. From here on, neither can happen before it is published.
        """
        if all(map(self._blobs.exists, candidate.blobs)):
            return
        with self._blobs.stage() as again:
            content = candidate.staged.content()
            content.seek(0)
            while chunk := content.read(_CHUNK):
                again.write(chunk, candidate.staged.size)
            self._blobs.put(candidate.file.path, again, candidate.beside)

    def _discard(self, candidates: Sequence[Candidate]) -> None:
        """Deletes what was stored of candidates, unless other files need the same content.

        Nothing can be published in the meantime. What cannot be deleted now is left for a sweep. So
        is everything if the caller's transaction continues, which may not see what others have
        published.
        """
        if self._database.is_joined:
            return
        with suppress(RegistryError), self._database.begin() as connection:
            Catalog(connection).lock_repositories()
            needed = set[str]()
            for sha256 in {candidate.file.digests.sha256 for candidate in candidates}:
                for file in StoredFiles(connection).files_of(sha256):
                    needed |= {blob.path for blob in file.blobs()}
                for cached in CachedFiles(connection).of_digest(sha256):
                    needed |= {blob.path for blob in cached.blobs()}
            for path in {path for candidate in candidates for path in candidate.blobs} - needed:
                self._blobs.delete(path)


def _project(catalog: Catalog, there: Destination, candidate: Candidate) -> int:
    """Returns the id of the project of the file, which is created if it is new."""
    if there.project is not None:
        return there.project.id
    file = candidate.file
    return catalog.add_project(
        there.repository, candidate.display_name, file.project, file.uploaded_at
    )


def _release(catalog: Catalog, there: Destination, project_id: int, candidate: Candidate) -> int:
    """Returns the id of the release of the file, which is created if it is new."""
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
