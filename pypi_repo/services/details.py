"""All that is known of a project and its releases, with the metadata of one of them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from packaging.version import Version

from pypi_repo.domain.access import AccessPolicy, Actor, Permission, admit
from pypi_repo.domain.errors import UnknownFile, UnknownProject, UnknownRelease
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.raw_metadata import Document
from pypi_repo.domain.records import (
    METADATA_SUFFIX,
    DistributionFile,
    Project,
    ProjectDetails,
    Versioned,
)
from pypi_repo.domain.releases import preferred_version
from pypi_repo.storage.blobs import BlobStore
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database
from pypi_repo.storage.lookups import Lookups

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_Releases = dict[str, tuple[DistributionFile, ...]]


class Details:
    """Projects of one repository in every detail."""

    def __init__(
        self, repository: str, database: Database, blobs: BlobStore, policy: AccessPolicy
    ) -> None:
        self._repository = repository
        self._database = database
        self._lookups = Lookups(database)
        self._blobs = blobs
        self._policy = policy

    def project(
        self, actor: Actor, name: NormalizedName, version: str | None = None
    ) -> Versioned[ProjectDetails]:
        """A project at `version`, in any spelling, or at the one that most people want.

        Loading raises UnknownRelease. Raises AuthenticationRequired, PermissionDenied,
        UnknownRepository or UnknownProject.
        """
        found = self._lookups.locate(self._repository, name)
        repository, project = found or (None, None)
        repository = admit(self._policy, actor, Permission.READ, self._repository, repository, name)
        if project is None or (
            project.status == "quarantined"
            and not self._policy.allows(actor, Permission.MANAGE, repository, name)
        ):
            raise UnknownProject(f"There is no project {name!r} in {repository.name!r}.")
        return Versioned(
            key=("details", project.id, project.serial, version),
            serial=project.serial,
            public=repository.public,
            load=lambda: self._load(project, version),
        )

    def provenance(self, actor: Actor, project: str, version: str, filename: str) -> str:
        """The provenance object of a file (PEP 740). Raises as `project` does, and UnknownFile."""
        with self._database.read() as connection:
            catalog = Catalog(connection)
            found, owner, file = catalog.locate_file(self._repository, filename) or (
                None,
                None,
                None,
            )
            # About the project that was named, whether the file is there and whosever it is.
            repository = admit(
                self._policy, actor, Permission.READ, self._repository, found, project
            )
            is_named = (
                file is not None
                and file.project == project
                and _same((file.version,), version) is not None
            )
            document = catalog.provenance(repository, filename) if is_named else None
        if document is None or owner is None or owner.status == "quarantined":
            raise UnknownFile(f"There is no provenance of {filename!r} here.")
        return document

    def _load(self, project: Project, version: str | None) -> ProjectDetails:
        with self._database.read() as connection:
            rows = Catalog(connection).releases(project.id)
        of_release: dict[str, list[DistributionFile]] = {version: [] for version, _file in rows}
        for release, file in rows:
            if file is not None:
                of_release[release].append(file)
        releases = {release: tuple(files) for release, files in of_release.items()}
        chosen = _wanted(releases) if version is None else _same(releases, version)
        if chosen is None:
            raise UnknownRelease(f"{project.name} has no release {version or ''} here.")
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
        newest = (wheels or described)[-1]
        try:
            with self._blobs.open(newest.path + METADATA_SUFFIX) as document:
                return Document(document.read()).parsed[0]
        except FileNotFoundError as error:
            raise UnknownFile(
                f"The metadata of {newest.filename} are missing from the file store; tell the "
                "operator."
            ) from error


def _wanted(releases: _Releases) -> str | None:
    return preferred_version(
        {version: any(file.yanked is None for file in files) for version, files in releases.items()}
    )


def _same(releases: Iterable[str], version: str) -> str | None:
    try:
        wanted = Version(version)
    except ValueError:  # no InvalidVersion, where digits are too many
        return None
    return next((release for release in releases if Version(release) == wanted), None)
