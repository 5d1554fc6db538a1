"""Sources that wrap other sources."""

from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    PermissionDenied,
    ProjectClosed,
    UnknownFile,
    UnknownProject,
    UnknownRepository,
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
from pypi_repo.services.sources.source import Redirect, ServedFile, Source, require_source

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

Content = TypeVar("Content")
Page = TypeVar("Page", ProjectList, ProjectPage)


class SourceWrapper(Source):
    """Passes everything on to another source.

    Derive a class from it, and override what should differ. Everything asks `check_access` first,
    and nothing is public unless `is_public` says so, so a class that lets fewer actors read
    overrides these two. To leave out projects or files, use `Filtered` instead: it leaves them out
    everywhere.

    source: the source that answers.
    """

    def __init__(self, source: Source) -> None:
        require_source(source)
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

    def may_have(self, project: NormalizedName) -> bool:
        return self.source.may_have(project)

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
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
    """Offers those projects and files of another source that `shows` and `shows_file` select.

    What is not selected is treated as unknown. It is neither on the index nor in the JSON API, and
    the file, its metadata and its provenance cannot be downloaded.
    """

    def shows(self, project: NormalizedName) -> bool:
        """Returns whether readers may see this project; by default they may."""
        return True

    def shows_file(self, file: ListedFile) -> bool:
        """Returns whether readers may see this file of a project that they may see.

        By default they may. Whoever overrides this reads a project page for each download.
        """
        return True

    def selection(self) -> Hashable:
        """Returns a value that changes when `shows` or `shows_file` answer differently.

        By default, it is found out from what is shown, by going through the whole list or page on
        each request. Override it if you know such a value.
        """
        return None

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        return self._selected(super().project_list(actor), self._shown_projects)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        self._require_shown(actor, project)
        page = super().project_page(actor, project)
        return self._selected(page, self._shown_files) if self._selects_files else page

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        try:
            found = super().file(actor, path)
        except (UnknownFile, ProjectClosed):
            # The source may say more of a project that is not shown than that it is not there.
            if any(map(self.shows, projects_of(_filename_of(path)))):
                raise
            raise unknown_file(path.rpartition("/")[2]) from None
        if not self.shows(found.project):
            raise unknown_file(path.rpartition("/")[2])
        if self._selects_files:
            listed = {file.location for file in self._files_of(actor, found.project)}
            if not listed & {
                path.removesuffix(end) for end in ("", METADATA_SUFFIX, SIGNATURE_SUFFIX)
            }:
                raise unknown_file(path.rpartition("/")[2])
        return found

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        self._require_shown(actor, project)
        document = super().provenance(actor, project, version, filename)
        if self._selects_files and filename not in {
            file.filename for file in self._files_of(actor, project)
        }:
            raise unknown_file(filename)
        return document

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        self._require_shown(actor, project)
        if self._selects_files:
            return Source.project_details(self, actor, project)
        return super().project_details(actor, project)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        self._require_shown(actor, project)
        if self._selects_files:
            return Source.release_details(self, actor, project, version)
        return super().release_details(actor, project, version)

    @property
    def _selects_files(self) -> bool:
        return type(self).shows_file is not Filtered.shows_file

    def _files_of(self, actor: Actor, project: NormalizedName) -> tuple[ListedFile, ...]:
        return self.project_page(actor, project).load().files

    def _selected(self, whole: Versioned[Page], select: Callable[[Page], Page]) -> Versioned[Page]:
        selection = self.selection()
        if selection is not None:
            return replace(whole, key=(whole.key, selection), load=lambda: select(whole.load()))
        selected = select(whole.load())
        return replace(whole, key=(whole.key, _names(selected)), load=lambda: selected)

    def _shown_projects(self, page: ProjectList) -> ProjectList:
        shown = tuple(each for each in page.projects if self.shows(each.normalized_name))
        return replace(page, projects=shown)

    def _shown_files(self, page: ProjectPage) -> ProjectPage:
        shown = tuple(file for file in page.files if self.shows_file(file))
        left_out = {file.version for file in page.files} - {file.version for file in shown}
        versions = tuple(version for version in page.versions if version not in left_out)
        return replace(page, files=shown, versions=versions)

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
        if isinstance(projects, str):  # otherwise it would allow projects of one letter
            raise TypeError(f"AllowList needs a list of projects, such as [{projects!r}].")
        self._projects = frozenset(map(normalize, projects))

    def shows(self, project: NormalizedName) -> bool:
        return project in self._projects

    def selection(self) -> Hashable:
        return self._projects


class Merged(Source):
    """Offers the projects of several sources.

    The first source that has a project supplies all its files. So nobody can add a file to your
    project by publishing the same name elsewhere: once an earlier source has a project, later
    sources are not asked about it, whatever versions they have. If a source refuses a project to
    the actor, later sources are not asked either.

    first: the first source, which also decides who may read. If it is not public, shared caches may
        keep nothing of the others either.
    others: the other sources, in the order in which they are asked. The list of projects leaves out
        those that refuse the actor.
    """

    def __init__(self, first: Source, *others: Source) -> None:
        self._first = first
        self._sources = (first, *others)
        for source in self._sources:
            require_source(source)

    def check_access(self, actor: Actor) -> None:
        self._first.check_access(actor)

    def is_public(self) -> bool:
        return all(source.is_public() for source in self._sources)

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        lists = [self._first.project_list(actor)]
        for source in self._sources[1:]:
            with suppress(AuthenticationRequired, PermissionDenied, UnknownRepository):
                lists.append(source.project_list(actor))
        return Versioned(
            key=("merged", *(each.key for each in lists)),
            serial=sum(each.serial for each in lists),  # grows with each of them
            public=all(each.public for each in lists),
            load=lambda: _merged([each.load() for each in lists]),
        )

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        owner, page = self._owned(actor, project)
        return self._adopted(owner, page)

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
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
        return self._adopted(owner, owner.project_details(actor, project))

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        owner = self._owner(actor, project)
        spelled, details = owner.release_details(actor, project, version)
        return spelled, self._adopted(owner, details)

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

    def _adopted(self, owner: Source, content: Versioned[Content]) -> Versioned[Content]:
        """Names the owner in the key, because another source may use the same keys."""
        key = (self._sources.index(owner), content.key)
        return _restricted(replace(content, key=key), self._first)


def _restricted(content: Versioned[Content], front: Source) -> Versioned[Content]:
    """Keeps what is public elsewhere from shared caches if the source in front is not public."""
    if not content.public or front.is_public():
        return content
    return replace(content, public=False)


def _restricted_file(file: ServedFile | Redirect, front: Source) -> ServedFile | Redirect:
    if isinstance(file, ServedFile) and file.public and not front.is_public():
        return file.not_public()
    return file


def _names(page: ProjectList | ProjectPage) -> tuple[str, ...]:
    if isinstance(page, ProjectList):
        return tuple(project.normalized_name for project in page.projects)
    return tuple(file.location for file in page.files)


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
