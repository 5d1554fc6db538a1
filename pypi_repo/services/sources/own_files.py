"""The source of the files that were uploaded to a repository."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.errors import (
    ProjectClosed,
    UnknownFile,
    unknown_file,
    unknown_project,
    unknown_release,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import (
    DistributionFile,
    ListedFile,
    Project,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Repository,
    Versioned,
)
from pypi_repo.domain.stored_files import METADATA_SUFFIX, SIGNATURE_SUFFIX, stored_signature_suffix
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.domain.versions import parse_version, version_or_none
from pypi_repo.services.gate import FileInProject, FoundFile, Gate
from pypi_repo.services.packages.documents import Documents
from pypi_repo.services.sources.lists.own_lists import KeepList, OwnLists
from pypi_repo.services.sources.locations import Location, split_location
from pypi_repo.services.sources.source import Source
from pypi_repo.services.sources.stored_file import Downloads, StoredFile
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


OWN_FILES = "own-files"
"""How a page says that its files were uploaded to the repository."""


class OwnFiles(Source):
    """The files that were uploaded to a repository.

    They are read from the database on each request, so no page is stale, and the policy decides
    what an actor sees.

    keep: a function that lets a list be loaded only once.
    """

    def __init__(
        self,
        repository: str,
        database: Database,
        gate: Gate,
        documents: Documents,
        downloads: Downloads,
        keep: KeepList,
    ) -> None:
        self._name = repository
        self._catalog = Catalog(database)
        self._gate = gate
        self._documents = documents
        self._downloads = downloads
        self.lists = OwnLists(database, gate, keep)

    def check_access(self, actor: Actor) -> None:
        self.repository(actor)

    def is_public(self) -> bool:
        """Returns whether everybody may read; False for a repository that does not exist."""
        found = self.found()
        return found is not None and self._gate.is_open(found)

    def found(self) -> Repository | None:
        """Returns the repository, whoever asks; None if it does not exist."""
        return self._catalog.repository(self._name)

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        repository, whole = self.list_of(actor)
        return self.lists.readable_part(whole, actor, repository)

    def list_of(self, actor: Actor) -> tuple[Repository, Versioned[ProjectList]]:
        """Returns the repository, and all its projects, also those that the actor may not read."""
        repository = self.repository(actor)
        return repository, self.lists.whole(actor, repository)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        return self.offered_page(*self._project(actor, project))

    def look_for_project(
        self, actor: Actor, project: NormalizedName
    ) -> tuple[Repository, Project | None]:
        """Returns the repository, and a project in it that the actor may read, or None."""
        return self._gate.look_for_project(
            actor, Permission.READ, self._catalog, self._name, project
        )

    def offered_page(self, repository: Repository, project: Project) -> Versioned[ProjectPage]:
        """Returns the page of a project that was looked for."""
        # PEP 792: a quarantined project offers nothing.
        return self._page(repository, project, is_offered=project.status != "quarantined")

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        repository = self.repository(actor)
        readable = self.lists.readable(actor, repository, projects)
        pages: dict[NormalizedName, Versioned[ProjectPage] | None]
        pages = dict.fromkeys({*projects}.difference(readable))
        for name, own in self.lists.projects(repository, readable).items():
            pages[name] = self.offered_page(repository, own)
        return pages

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        repository = self.repository(actor)
        readable = self.lists.readable(actor, repository, projects)
        return self.lists.summaries(repository, readable)

    def newest_releases(self, actor: Actor, limit: int) -> Sequence[NewestRelease]:
        return self.lists.newest_releases(actor, self.repository(actor), limit)

    def file(self, actor: Actor, path: str) -> StoredFile:
        location = split_location(path)
        return self.offered_file(
            actor,
            location,
            self._gate.file(actor, Permission.READ, self._catalog, self._name, location.filename),
        )

    def look_for_file(self, actor: Actor, filename: str) -> FoundFile:
        """Returns the repository, and a file in it if there is one that the actor may read."""
        return self._gate.look_for_file(actor, Permission.READ, self._catalog, self._name, filename)

    def offered_file(self, actor: Actor, location: Location, own: FileInProject) -> StoredFile:
        """Returns a file that was looked for, or what is stored beside it.

        Raises UnknownFile or ProjectClosed.
        """
        repository, project, file = own
        name, filename = location.name, location.filename
        if file.digests.sha256 != location.sha256:
            raise unknown_file(filename, self._name)
        if project.status == "quarantined" and not self._manages(actor, repository, project):
            raise ProjectClosed(f"Project {project.name!r} is quarantined; ask an administrator.")
        if name == filename:
            found = self._distribution(file, repository)
        elif location.suffix == METADATA_SUFFIX:
            found = self._metadata(file, repository)
        elif location.suffix == SIGNATURE_SUFFIX:
            found = self._signature(file, repository)
        else:
            raise unknown_file(filename, self._name)
        return found.not_public() if project.status == "quarantined" else found

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        repository, owner, file = self._gate.file(
            actor, Permission.READ, self._catalog, self._name, filename
        )
        is_named = owner.normalized_name == project and (
            parse_version(file.version) == version_or_none(version)
        )
        document = self._catalog.provenance(repository, filename) if is_named else None
        if document is None or owner.status == "quarantined":
            raise UnknownFile(f"There is no provenance of {filename!r} here.")
        return document

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        """Returns the fields of a file's core metadata.

        Raises UnknownFile if the metadata is missing from the file store.
        """
        return self._documents.fields(file) if isinstance(file, DistributionFile) else {}

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        return self.details(actor, *self._project(actor, project))

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        return self.details_of_release(actor, *self._project(actor, project), version)

    def details(
        self, actor: Actor, repository: Repository, project: Project
    ) -> Versioned[ProjectDetails]:
        """Returns the details of a project that was looked for.

        Only actors that may manage a quarantined project can see its details.

        Raises UnknownProject.
        """
        self._require_described(actor, repository, project)
        return self.details_of(self._page(repository, project), None)

    def details_of_release(
        self, actor: Actor, repository: Repository, project: Project, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        """Returns a version as it is spelled, and the details with this release's metadata.

        Raises UnknownProject or UnknownRelease.
        """
        self._require_described(actor, repository, project)
        parsed = version_or_none(version)
        spelled = None if parsed is None else self._catalog.version_of_release(project, parsed)
        if spelled is None:
            raise unknown_release(project.name, version)
        return spelled, self.details_of(self._page(repository, project), spelled)

    def repository(self, actor: Actor) -> Repository:
        """Returns the repository, if the actor may read it."""
        return self._gate.repository(actor, Permission.READ, self._catalog, self._name)

    def _project(self, actor: Actor, name: NormalizedName) -> tuple[Repository, Project]:
        return self._gate.project(actor, Permission.READ, self._catalog, self._name, name)

    def _require_described(self, actor: Actor, repository: Repository, project: Project) -> None:
        if project.status == "quarantined" and not self._manages(actor, repository, project):
            raise unknown_project(project.normalized_name, self._name)

    def _manages(self, actor: Actor, repository: Repository, project: Project) -> bool:
        return self._gate.allows(actor, Permission.MANAGE, repository, project.normalized_name)

    def is_open(self, repository: Repository, project: NormalizedName) -> bool:
        """Returns whether everybody may read a project."""
        return self._gate.is_open(repository, project)

    def _page(
        self, repository: Repository, project: Project, *, is_offered: bool = True
    ) -> Versioned[ProjectPage]:
        return Versioned(
            key=("project", project.id, project.serial),
            serial=project.serial,
            public=project.status != "quarantined"
            and self._gate.is_open(repository, project.normalized_name),
            load=lambda: self._load_page(project, is_offered=is_offered),
            source=OWN_FILES,
        )

    def _load_page(self, project: Project, *, is_offered: bool) -> ProjectPage:
        releases = self._catalog.releases(project.id) if is_offered else []
        return ProjectPage(
            name=project.normalized_name,
            status=project.status,
            status_reason=project.status_reason,
            serial=project.serial,
            versions=tuple(dict.fromkeys(version for version, _file in releases)),
            files=tuple(file for _version, file in releases if file is not None),
            display_name=project.name,
        )

    def _distribution(self, file: DistributionFile, repository: Repository) -> StoredFile:
        return StoredFile(
            project=file.project,
            path=file.path,
            filename=file.filename,
            size=file.size,
            etag=file.digests.sha256,
            public=self._gate.is_open(repository, file.project),
            downloads=self._downloads,
            counted_for=DownloadedRelease(repository.id, file.project, file.version),
        )

    def _metadata(self, file: DistributionFile, repository: Repository) -> StoredFile:
        if file.metadata_hashes is None or file.metadata_sha256 is None:
            raise UnknownFile(f"No core metadata is served for {file.filename}.")
        return StoredFile(
            project=file.project,
            path=file.path + METADATA_SUFFIX,
            filename=file.filename + METADATA_SUFFIX,
            size=None,
            etag=file.metadata_sha256,
            public=self._gate.is_open(repository, file.project),
            downloads=self._downloads,
        )

    def _signature(self, file: DistributionFile, repository: Repository) -> StoredFile:
        if file.signature_sha256 is None:
            raise UnknownFile(f"There is no signature of {file.filename}.")
        return StoredFile(
            project=file.project,
            path=file.path + stored_signature_suffix(file.signature_sha256),
            filename=file.filename + SIGNATURE_SUFFIX,
            size=None,
            etag=file.signature_sha256,
            public=self._gate.is_open(repository, file.project),
            downloads=self._downloads,
        )
