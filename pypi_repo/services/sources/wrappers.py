"""Sources that wrap other sources."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import IO, TYPE_CHECKING, TypeVar

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import (
    ProjectClosed,
    UnknownFile,
    UnknownProject,
    unknown_file,
    unknown_project,
)
from pypi_repo.domain.filenames import projects_of
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import (
    METADATA_SUFFIX,
    SIGNATURE_SUFFIX,
    ListedFile,
    ListedProject,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    Versioned,
)
from pypi_repo.services.sources.source import ServedFile, Source
from pypi_repo.services.sources.stored_file import StoredFile

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

Content = TypeVar("Content")


class SourceWrapper(Source):
    """Passes everything on to another source.

    Derive a class from it, and override what should differ. Everything asks `check_access` first,
    and nothing is public unless `is_public` says so, so a class that lets fewer actors read
    overrides these two.

    source: the source that answers.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def check_access(self, actor: Actor) -> None:
        self.source.check_access(actor)

    def is_public(self) -> bool:
        return self.source.is_public()

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        self.check_access(actor)
        return _restricted(self.source.project_list(actor), self)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        self.check_access(actor)
        return _restricted(self.source.project_page(actor, project), self)

    def file(self, actor: Actor, path: str) -> ServedFile:
        self.check_access(actor)
        return _restricted_file(self.source.file(actor, path), self)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        self.check_access(actor)
        return self.source.provenance(actor, project, version, filename)

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        return self.source.core_metadata(file)

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        self.check_access(actor)
        return _restricted(self.source.project_details(actor, project), self)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        self.check_access(actor)
        spelled, details = self.source.release_details(actor, project, version)
        return spelled, _restricted(details, self)


class Filtered(SourceWrapper):
    """Offers those projects of another source for which `shows` returns True.

    Any other project is treated as unknown. It is neither on the index nor in the JSON API, and its
    files, their metadata and provenance cannot be downloaded.
    """

    @abstractmethod
    def shows(self, project: NormalizedName) -> bool:
        """Returns whether readers may see this project."""

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        whole = super().project_list(actor)
        page = whole.load()
        shown = tuple(each for each in page.projects if self.shows(each.normalized_name))
        names = tuple(each.normalized_name for each in shown)
        return replace(whole, key=(whole.key, names), load=lambda: replace(page, projects=shown))

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        self._require_shown(actor, project)
        return super().project_page(actor, project)

    def file(self, actor: Actor, path: str) -> ServedFile:
        try:
            found = super().file(actor, path)
        except (UnknownFile, ProjectClosed):
            # The source may say more of a project that is not shown than that it is not there.
            if any(map(self.shows, projects_of(_filename_of(path)))):
                raise
            raise unknown_file(path.rpartition("/")[2]) from None
        if not self.shows(found.project):
            raise unknown_file(path.rpartition("/")[2])
        return found

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        self._require_shown(actor, project)
        return super().provenance(actor, project, version, filename)

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        self._require_shown(actor, project)
        return super().project_details(actor, project)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        self._require_shown(actor, project)
        return super().release_details(actor, project, version)

    def _require_shown(self, actor: Actor, project: NormalizedName) -> None:
        if not self.shows(project):
            self.check_access(actor)
            raise unknown_project(project)


class AllowList(Filtered):
    """Offers the listed projects of another source only.

    source: the source that has the projects.
    projects: the names of the projects, in any spelling.
    """

    def __init__(self, source: Source, projects: Iterable[str]) -> None:
        super().__init__(source)
        self._projects = frozenset(map(normalize, projects))

    def shows(self, project: NormalizedName) -> bool:
        return project in self._projects


class Merged(Source):
    """Offers the projects of several sources.

    The first source that has a project supplies all its files. So nobody can add a file to your
    project by publishing the same name elsewhere: once an earlier source has a project, later
    sources are not asked about it, whatever versions they have. If a source refuses a project to
    the actor, later sources are not asked either.

    first: the first source, which also decides who may read. If it is not public, shared caches may
        keep nothing of the others either.
    others: the other sources, in the order in which they are asked.
    """

    def __init__(self, first: Source, *others: Source) -> None:
        self._first = first
        self._sources = (first, *others)

    def check_access(self, actor: Actor) -> None:
        self._first.check_access(actor)

    def is_public(self) -> bool:
        return all(source.is_public() for source in self._sources)

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        lists = [source.project_list(actor) for source in self._sources]
        return Versioned(
            key=("merged", *(each.key for each in lists)),
            serial=sum(each.serial for each in lists),  # grows with each of them
            public=all(each.public for each in lists),
            load=lambda: _merged([each.load() for each in lists]),
        )

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        _owner, page = self._owned(actor, project)
        return _restricted(page, self._first)

    def file(self, actor: Actor, path: str) -> ServedFile:
        self.check_access(actor)
        for source in self._sources:
            try:
                found = source.file(actor, path)
            except UnknownFile:
                continue
            if self._owner(actor, found.project) is source:
                return _restricted_file(found, self._first)
        raise unknown_file(path.rpartition("/")[2])

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        return self._owner(actor, project).provenance(actor, project, version, filename)

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        owner = self._owner(actor, project)
        return _restricted(owner.project_details(actor, project), self._first)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        owner = self._owner(actor, project)
        spelled, details = owner.release_details(actor, project, version)
        return spelled, _restricted(details, self._first)

    def _owner(self, actor: Actor, project: NormalizedName) -> Source:
        owner, _page = self._owned(actor, project)
        return owner

    def _owned(
        self, actor: Actor, project: NormalizedName
    ) -> tuple[Source, Versioned[ProjectPage]]:
        """Returns the first source that has a page for the project, and the page.

        Nothing else makes it the owner. For example, a source may have a page for a quarantined
        project, but no details.

        Raises UnknownProject.
        """
        self.check_access(actor)
        for source in self._sources:
            try:
                return source, source.project_page(actor, project)
            except UnknownProject:
                continue
        raise unknown_project(project)


def _restricted(content: Versioned[Content], front: Source) -> Versioned[Content]:
    """Keeps what is public elsewhere from shared caches if the source in front is not public."""
    return replace(content, public=content.public and front.is_public())


def _restricted_file(file: ServedFile, front: Source) -> ServedFile:
    return _not_public(file) if file.public and not front.is_public() else file


def _not_public(file: ServedFile) -> ServedFile:
    # A stored file stays one, which a proxy may send.
    return replace(file, public=False) if isinstance(file, StoredFile) else _NotPublic(file)


class _NotPublic(ServedFile):
    """A public file of a source behind another source that is not public."""

    def __init__(self, file: ServedFile) -> None:
        self.project, self.filename, self.etag = file.project, file.filename, file.etag
        self.public = False
        self._file = file

    @property
    def url(self) -> str | None:
        return self._file.url

    def open(self) -> tuple[IO[bytes], int]:
        return self._file.open()

    def count_download(self) -> None:
        self._file.count_download()


def _filename_of(path: str) -> str:
    """Returns the name of a distribution file, also for what is kept beside it."""
    name = path.rpartition("/")[2]
    return name.removesuffix(METADATA_SUFFIX).removesuffix(SIGNATURE_SUFFIX)


def _merged(lists: Iterable[ProjectList]) -> ProjectList:
    owned: dict[NormalizedName, ListedProject] = {}
    serial = 0
    for each in lists:
        serial += each.serial
        for project in each.projects:
            owned.setdefault(project.normalized_name, project)
    in_order = tuple(owned[name] for name in sorted(owned))
    return ProjectList(serial=serial, projects=in_order)
