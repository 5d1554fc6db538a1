"""Accepts distribution files: the one way in, whichever face they come through."""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pypi_repo.domain import public_commons
from pypi_repo.domain.access import AccessPolicy, Actor, Permission, admit
from pypi_repo.domain.archives import inspect
from pypi_repo.domain.core_metadata import CoreMetadata
from pypi_repo.domain.digests import Digests
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    FilenameRetired,
    ProjectClosed,
    RegistryError,
    ReleaseClosed,
    TooLarge,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.profiles import RULES, Profile, Rules
from pypi_repo.domain.records import (
    METADATA_SUFFIX,
    DistributionFile,
    Project,
    Repository,
    stored_signature_suffix,
)
from pypi_repo.domain.upload_form import UploadForm
from pypi_repo.services.attestations import provenance
from pypi_repo.settings import Limits, format_size
from pypi_repo.storage.blobs import BlobStore, StagedFile
from pypi_repo.storage.catalog import Catalog, FoundRelease, Located
from pypi_repo.storage.database import Database
from pypi_repo.storage.inventory import Inventory
from pypi_repo.storage.lookups import Lookups

_PUBLIC_RELEASES_STAY_OPEN = timedelta(days=14)
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Admission:
    """What may come in: `file_limit` is in bytes."""

    file_limit: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class Accepted:
    """The file as it is on the index, and sentences about what was odd with it.

    is_unchanged: the very same file was there already.
    """

    file: DistributionFile
    warnings: tuple[str, ...] = ()
    is_unchanged: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A checked file that is about to be stored and published.

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

    @property
    def size_beside(self) -> int:
        """Bytes of all that is kept beside the file, in whichever store."""
        return sum(map(len, self.beside.values())) + len((self.provenance or "").encode())


class Uploads:
    """Uploads into one repository."""

    def __init__(
        self,
        repository: str,
        database: Database,
        blobs: BlobStore,
        policy: AccessPolicy,
        limits: Limits,
    ) -> None:
        self._repository = repository
        self._database = database
        self._lookups = Lookups(database)
        self._blobs = blobs
        self._policy = policy
        self.limits = limits

    def admit(self, actor: Actor) -> Admission:
        """Asked before a body is read: what this actor may upload.

        Raises AuthenticationRequired, PermissionDenied or UnknownRepository.
        """
        found = self._lookups.repository(self._repository)
        repository = admit(self._policy, actor, Permission.UPLOAD, self._repository, found)
        limit = min(self.limits.file_size, repository.max_file_size or self.limits.file_size)
        return Admission(min(limit, self._room(repository, limit)), repository.profile)

    def _room(self, repository: Repository, limit: int) -> int:
        """What a file may have at most under the quota, whichever file it may replace or repeat."""
        if repository.quota is None:
            return limit
        with self._database.read() as connection:
            catalog = Catalog(connection)
            free = max(repository.quota - catalog.taken(repository), 0)
            return free + catalog.largest_file(repository)

    def _require_room(
        self, repository: Repository, candidate: _Candidate, existing: DistributionFile | None
    ) -> None:
        """Asked before anything is stored; the transaction that publishes asks again."""
        if repository.quota is not None:
            with self._database.read() as connection:
                _check_quota(Catalog(connection), repository, candidate, existing)

    def stage(self) -> StagedFile:
        return self._blobs.stage()

    def accept(self, actor: Actor, form: UploadForm, staged: StagedFile) -> Accepted:
        """Stores the staged file and shows it on the index; all or nothing, at once.

        Identical content under an existing name changes nothing and gives the existing file, so
        that a client whose answer was lost can simply repeat.

        Raises a RegistryError that says what is wrong with the file or why it may not be stored.
        """
        repository = self._locate(self._lookups, actor, normalize(form.name)).repository
        rules = RULES[repository.profile]
        filename = form.parse_filename(rules)
        if rules.public_commons:
            public_commons.check_filename(filename)
        digests = staged.digests()
        form.check_digests(digests, staged.content, rules)
        existing = _existing(self._lookups, repository, filename, digests)
        if existing is not None and existing.digests == digests:
            return Accepted(existing, is_unchanged=True)
        candidate = self._check(actor, form, filename, staged, rules)
        self._require_room(repository, candidate, existing)
        try:
            self._blobs.put(candidate.file.path, staged, candidate.beside)
            accepted = self._publish(actor, candidate, staged)
        except BaseException:
            self._discard(candidate.file, candidate.blobs)
            raise
        return accepted

    def _check(
        self,
        actor: Actor,
        form: UploadForm,
        filename: DistributionFilename,
        staged: StagedFile,
        rules: Rules,
    ) -> _Candidate:
        """Looks into the archive; raises where not all is well."""
        inspection = inspect(staged.content(), filename, rules, self.limits)
        metadata = CoreMetadata.of(inspection.document, rules)
        metadata.check_against(filename)
        if rules.public_commons:
            public_commons.check_metadata(metadata)
        digests = staged.digests()
        signature = form.signature or None
        attested = (
            None
            if form.attestations is None
            else provenance(form.attestations, filename, digests.sha256)
        )
        file = DistributionFile(
            filename=filename.filename,
            project=filename.project,
            version=str(filename.version),
            kind=filename.kind,
            python_tag=filename.python_tag,
            size=staged.size,
            digests=digests,
            requires_python=metadata.requires_python,
            metadata_sha256=hashlib.sha256(inspection.metadata).hexdigest(),
            signature_sha256=signature and hashlib.sha256(signature).hexdigest(),
            has_provenance=attested is not None,
            yanked=None,
            uploaded_at=datetime.now(UTC),
            uploaded_by=actor.name,
        )
        beside = {METADATA_SUFFIX: inspection.metadata}
        if signature is not None and file.signature_sha256 is not None:
            beside[stored_signature_suffix(file.signature_sha256)] = signature
        return _Candidate(
            metadata.name,
            metadata.summary,
            filename,
            file,
            beside,
            attested,
            inspection.warnings + metadata.warnings,
        )

    def _publish(self, actor: Actor, candidate: _Candidate, staged: StagedFile) -> Accepted:
        """Everything may have changed since the first look, so all is asked again under a lock."""
        file = candidate.file
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(self._repository)
            repository, project = self._locate(catalog, actor, file.project)
            existing = _existing(catalog, repository, candidate.filename, file.digests)
            if existing is not None and existing.digests == file.digests:
                return Accepted(existing, is_unchanged=True)
            _check_quota(catalog, repository, candidate, existing)
            self._put_what_is_gone(candidate, staged)
            project_id = self._project(catalog, repository, project, candidate)
            release_id = _release(catalog, repository, project_id, candidate, existing)
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

    def _put_what_is_gone(self, candidate: _Candidate, staged: StagedFile) -> None:
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

    def _discard(self, file: DistributionFile, blobs: Iterable[str]) -> None:
        """Deletes what was stored of a file, but for what published files of its content need.

        Nothing is published meanwhile. What cannot be deleted now is left for a sweep, and so is
        all where the caller's transaction goes on, which may not see what others have published.
        """
        if self._database.is_joined:
            return
        with suppress(RegistryError), self._database.begin() as connection:
            Catalog(connection).lock_repositories()
            needed = {
                blob.path
                for kept in Inventory(connection).files_of(file.digests.sha256)
                for blob in kept.blobs()
            }
            for path in blobs:
                if path not in needed:
                    self._blobs.delete(path)

    def _locate(self, catalog: Catalog | Lookups, actor: Actor, project: NormalizedName) -> Located:
        """Raises where this actor may not upload to this project, or nobody may."""
        repository, found = catalog.locate(self._repository, project) or (None, None)
        repository = admit(
            self._policy, actor, Permission.UPLOAD, self._repository, repository, project
        )
        if found is not None:
            _refuse_closed(found)
        return Located(repository, found)

    def _project(
        self,
        catalog: Catalog,
        repository: Repository,
        project: Project | None,
        candidate: _Candidate,
    ) -> int:
        if project is not None:
            return project.id
        if RULES[repository.profile].public_commons:
            existing = (other.name for other in catalog.projects(repository))
            public_commons.check_new_name(candidate.display_name, existing)
        return catalog.add_project(
            repository,
            candidate.display_name,
            candidate.file.project,
            candidate.file.uploaded_at,
        )


def _refuse_closed(project: Project) -> None:
    if project.status in ("archived", "quarantined"):
        reason = f" ({project.status_reason})" if project.status_reason else ""
        raise ProjectClosed(
            f"Project {project.name!r} is {project.status}{reason} and takes no uploads; ask an "
            "administrator to make it active."
        )


def _existing(
    catalog: Catalog | Lookups,
    repository: Repository,
    filename: DistributionFilename,
    digests: Digests,
) -> DistributionFile | None:
    """The file of this name, or the same wheel under another spelling, if it has the same content
    or may be replaced.

    Raises FileAlreadyExists or FilenameRetired: overwrite protection.
    """
    existing = catalog.file(repository, filename.filename)
    if existing is not None and existing.digests == digests:
        return existing
    if RULES[repository.profile].public_commons:
        _refuse_copy(catalog, repository, filename, digests)
    if repository.allow_overwrite:
        return existing
    if existing is not None:
        raise FileAlreadyExists(
            f"File already exists: repository {repository.name!r} has "
            f"{_same(filename, existing.filename)} with other content and does not allow "
            "overwriting; raise the version."
        )
    if not repository.allow_reuse and (retired := catalog.retired(repository, filename.filename)):
        raise FilenameRetired(
            f"{_same(filename, retired)} was deleted from repository {repository.name!r} and its "
            "name cannot be used again; raise the version."
        )
    return None


def _same(filename: DistributionFilename, other: str) -> str:
    """The other name, and how it concerns this file."""
    if other == filename.filename:
        return other
    return f"{other}, which is the same wheel as {filename.filename},"


def _refuse_copy(
    catalog: Catalog | Lookups,
    repository: Repository,
    filename: DistributionFilename,
    digests: Digests,
) -> None:
    copy = catalog.filename_of(repository, digests.blake2_256)
    if copy not in (None, filename.filename):
        raise FileAlreadyExists(f"File already exists: its content is here as {copy}.")


def _check_quota(
    catalog: Catalog,
    repository: Repository,
    candidate: _Candidate,
    replaced: DistributionFile | None,
) -> None:
    if repository.quota is None:
        return
    taken = catalog.taken(repository, "" if replaced is None else replaced.filename)
    if taken + candidate.file.size + candidate.size_beside > repository.quota:
        raise TooLarge(
            f"Repository {repository.name!r} would exceed its quota of "
            f"{format_size(repository.quota)}, which counts signatures and metadata too; delete "
            "files or ask an administrator for more."
        )


def _release(
    catalog: Catalog,
    repository: Repository,
    project_id: int,
    candidate: _Candidate,
    replaced: DistributionFile | None,
) -> int:
    """The release that the file joins or begins; raises ReleaseClosed."""
    file, summary = candidate.file, candidate.summary
    found = catalog.release(project_id, file.version)
    if found is None:
        return catalog.add_release(project_id, file.version, summary, file.uploaded_at)
    _check_open(catalog, repository, found, file, replaced)
    if found.summary != summary:
        catalog.set_summary(found.id, summary)
    return found.id


def _check_open(
    catalog: Catalog,
    repository: Repository,
    release: FoundRelease,
    file: DistributionFile,
    replaced: DistributionFile | None,
) -> None:
    """Raises ReleaseClosed."""
    rules = RULES[repository.profile]
    if rules.public_commons:
        if file.uploaded_at - release.created_at > _PUBLIC_RELEASES_STAY_OPEN:
            raise ReleaseClosed(
                f"Release {file.version} is older than {_PUBLIC_RELEASES_STAY_OPEN.days} days "
                "and takes no new files; raise the version."
            )
    elif repository.allow_overwrite or not rules.normalized_filenames:
        return  # releases of old have a .zip beside the .tar.gz, or several spellings
    if file.kind == "sdist" and replaced is None and catalog.has_sdist(release.id):
        raise ReleaseClosed(
            f"Release {file.version} has a source distribution already; raise the version."
        )


def _journal_entry(
    actor: Actor,
    repository: Repository,
    serial: int,
    candidate: _Candidate,
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
