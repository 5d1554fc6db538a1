"""Accepts distribution files: the one way in, whichever face they come through."""

import hashlib
from datetime import UTC, datetime

from pypi_repo.domain.access import AccessPolicy, Actor, Permission, admit
from pypi_repo.domain.archives import read_core_metadata
from pypi_repo.domain.core_metadata import CoreMetadata
from pypi_repo.domain.digests import Digests
from pypi_repo.domain.errors import FileAlreadyExists, FilenameRetired, ProjectClosed
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import (
    METADATA_SUFFIX,
    DistributionFile,
    JournalEntry,
    Project,
    Repository,
)
from pypi_repo.domain.upload_form import UploadForm
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs import BlobStore, StagedFile
from pypi_repo.storage.catalog import Catalog, Located
from pypi_repo.storage.database import Database


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
        self._blobs = blobs
        self._policy = policy
        self.limits = limits

    def admit(self, actor: Actor) -> int:
        """Asked before a body is read: the largest file, in bytes, that this actor may upload.

        Raises AuthenticationRequired, PermissionDenied or UnknownRepository.
        """
        with self._database.read() as connection:
            found = Catalog(connection).repository(self._repository)
        repository = admit(self._policy, actor, Permission.UPLOAD, self._repository, found)
        return min(self.limits.file_size, repository.max_file_size or self.limits.file_size)

    def stage(self) -> StagedFile:
        return self._blobs.stage()

    def accept(self, actor: Actor, form: UploadForm, staged: StagedFile) -> DistributionFile:
        """Stores the staged file and shows it on the index; all or nothing.

        Identical content under an existing name changes nothing and gives the existing file, so
        that a client whose answer was lost can simply repeat.

        Raises a RegistryError that says what is wrong with the file or why it may not be stored.
        """
        project = normalize(form.name)
        with self._database.read() as connection:
            located = self._locate(Catalog(connection), actor, project)
            filename = form.parse_filename()
            digests = staged.digests()
            form.check_digests(digests)
            existing = _existing(Catalog(connection), located.repository, filename, digests)
        if existing is not None and existing.digests == digests:
            return existing
        document = read_core_metadata(staged.file, filename, self.limits)
        metadata = CoreMetadata.parse(document)
        metadata.check_against(filename)
        # PEP 658: only a wheel's metadata is what an installation will find.
        offered = document if filename.kind == "bdist_wheel" else None
        file = DistributionFile(
            filename=filename.filename,
            project=project,
            version=str(filename.version),
            kind=filename.kind,
            python_tag=filename.python_tag,
            size=staged.size,
            digests=digests,
            requires_python=metadata.requires_python,
            metadata_sha256=None if offered is None else hashlib.sha256(offered).hexdigest(),
            yanked=None,
            uploaded_at=datetime.now(UTC),
            uploaded_by=actor.name,
        )
        self._blobs.put(file.path, staged, {METADATA_SUFFIX: offered} if offered else {})
        return self._publish(actor, form.name, filename, file)

    def _publish(
        self, actor: Actor, name: str, filename: DistributionFilename, file: DistributionFile
    ) -> DistributionFile:
        """Everything may have changed since the first look, so all is asked again under a lock."""
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock_repository(self._repository)
            repository, project = self._locate(catalog, actor, file.project)
            existing = _existing(catalog, repository, filename, file.digests)
            if existing is not None and existing.digests == file.digests:
                return existing
            project_id = (
                catalog.add_project(repository, name, file.project, file.uploaded_at)
                if project is None
                else project.id
            )
            release_id = catalog.release_id(project_id, file.version)
            if release_id is None:
                release_id = catalog.add_release(project_id, file.version, file.uploaded_at)
            if existing is None:
                catalog.add_file(repository, release_id, file)
            else:
                catalog.replace_file(repository, release_id, file)
            serial = catalog.next_serial(repository)
            catalog.change_project(project_id, name=name, serial=serial)
            catalog.record(_journal_entry(actor, repository, serial, file, existing))
        return file

    def _locate(self, catalog: Catalog, actor: Actor, project: NormalizedName) -> Located:
        """Raises where this actor may not upload to this project, or nobody may."""
        repository, found = catalog.locate(self._repository, project) or (None, None)
        repository = admit(
            self._policy, actor, Permission.UPLOAD, self._repository, repository, project
        )
        if found is not None:
            _refuse_closed(found)
        return Located(repository, found)


def _refuse_closed(project: Project) -> None:
    if project.status in ("archived", "quarantined"):
        reason = f" ({project.status_reason})" if project.status_reason else ""
        raise ProjectClosed(
            f"Project {project.name!r} is {project.status}{reason} and takes no uploads; ask an "
            "administrator to make it active."
        )


def _existing(
    catalog: Catalog, repository: Repository, filename: DistributionFilename, digests: Digests
) -> DistributionFile | None:
    """The file of this name, if it is the same one or may be replaced.

    Raises FileAlreadyExists or FilenameRetired: overwrite protection.
    """
    existing = catalog.file(repository, filename.filename)
    if repository.allow_overwrite:
        return existing
    if existing is None and catalog.is_retired(repository, filename.filename):
        raise FilenameRetired(
            f"{filename.filename} was deleted from repository {repository.name!r} and its name "
            "cannot be used again; raise the version."
        )
    if existing is not None and existing.digests != digests:
        raise FileAlreadyExists(
            f"File already exists: repository {repository.name!r} has {filename.filename} with "
            "other content and does not allow overwriting; raise the version."
        )
    return existing


def _journal_entry(
    actor: Actor,
    repository: Repository,
    serial: int,
    file: DistributionFile,
    replaced: DistributionFile | None,
) -> JournalEntry:
    detail = {"sha256": file.digests.sha256}
    if replaced is not None:
        detail["replaced_sha256"] = replaced.digests.sha256
    return JournalEntry(
        at=file.uploaded_at,
        actor=actor.name,
        action="upload file" if replaced is None else "overwrite file",
        repository=repository.name,
        serial=serial,
        project=file.project,
        version=file.version,
        filename=file.filename,
        detail=detail,
    )
