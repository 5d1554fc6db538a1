"""All that is known of a project and its releases, with the metadata of one of them."""

from typing import TYPE_CHECKING

from pypi_repo.domain.access import Actor, Permission
from pypi_repo.domain.errors import UnknownFile, UnknownProject, UnknownRelease
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import (
    DistributionFile,
    Project,
    ProjectDetails,
    Repository,
    Versioned,
)
from pypi_repo.domain.releases import preferred_version
from pypi_repo.domain.versions import parse_version, version_or_none
from pypi_repo.services.documents import Documents
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_Releases = dict[str, tuple[DistributionFile, ...]]


class Details:
    """Projects of one repository in every detail."""

    def __init__(
        self, repository: str, database: Database, documents: Documents, gate: Gate
    ) -> None:
        self._repository = repository
        self._catalog = Catalog(database)
        self._documents = documents
        self._gate = gate

    def project(self, actor: Actor, name: NormalizedName) -> Versioned[ProjectDetails]:
        """A project at the version that most people want.

        Loading raises UnknownRelease. Raises AuthenticationRequired, PermissionDenied,
        UnknownRepository or UnknownProject.
        """
        return self._page(*self._locate(actor, name), version=None)

    def release(
        self, actor: Actor, name: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        """How a version is spelled here, and the project at it.

        version: in any spelling: 1.0, 1.0.0 and v1.0 are one release.

        Raises as `project` does, and UnknownRelease.
        """
        repository, project = self._locate(actor, name)
        parsed = version_or_none(version)
        spelled = None if parsed is None else self._catalog.version_of_release(project, parsed)
        if spelled is None:
            raise _unknown_release(project, version)
        return spelled, self._page(repository, project, spelled)

    def _locate(self, actor: Actor, name: NormalizedName) -> tuple[Repository, Project]:
        repository, project = self._gate.project(
            actor, Permission.READ, self._catalog, self._repository, name
        )
        if project.status == "quarantined" and not self._gate.allows(
            actor, Permission.MANAGE, repository, name
        ):
            raise UnknownProject(
                f"There is no project {name!r} in {repository.name!r}; check the name."
            )
        return repository, project

    def _page(
        self, repository: Repository, project: Project, version: str | None
    ) -> Versioned[ProjectDetails]:
        return Versioned(
            key=("details", project.id, project.serial, version),
            serial=project.serial,
            public=repository.public,
            load=lambda: self._load(project, version),
        )

    def provenance(self, actor: Actor, project: str, version: str, filename: str) -> str:
        """The provenance object of a file (PEP 740). Raises as `project` does, and UnknownFile."""
        repository, owner, file = self._gate.file(
            actor, Permission.READ, self._catalog, self._repository, filename
        )
        is_named = owner.normalized_name == project and (
            parse_version(file.version) == version_or_none(version)
        )
        document = self._catalog.provenance(repository, filename) if is_named else None
        if document is None or owner.status == "quarantined":
            raise UnknownFile(f"There is no provenance of {filename!r} here.")
        return document

    def _load(self, project: Project, version: str | None) -> ProjectDetails:
        rows = self._catalog.releases(project.id)
        of_release: dict[str, list[DistributionFile]] = {version: [] for version, _file in rows}
        for release, file in rows:
            if file is not None:
                of_release[release].append(file)
        releases = {release: tuple(files) for release, files in of_release.items()}
        chosen = _wanted(releases) if version is None else version
        if chosen not in releases:
            raise _unknown_release(project, version or "")
        return ProjectDetails(
            name=project.name,
            serial=project.serial,
            version=chosen,
            releases=releases,
            fields=self._metadata(releases[chosen]),
        )

    def _metadata(self, files: tuple[DistributionFile, ...]) -> "RawMetadata":
        """From the newest wheel, or else the newest file (each file keeps its own)."""
        described = [file for file in files if file.metadata_sha256 is not None]
        wheels = [file for file in described if file.kind == "bdist_wheel"]
        if not described:
            return {}
        return self._documents.fields((wheels or described)[-1])


def _wanted(releases: _Releases) -> str | None:
    return preferred_version(
        {version: any(file.yanked is None for file in files) for version, files in releases.items()}
    )


def _unknown_release(project: Project, version: str) -> UnknownRelease:
    return UnknownRelease(f"{project.name} has no release {version[:80]} here; check the version.")
