"""Sources that leave out projects or files of another source."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import ProjectClosed, UnknownFile, unknown_file, unknown_project
from pypi_repo.domain.filenames import projects_of
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import (
    ListedFile,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.domain.stored_files import METADATA_SUFFIX, SIGNATURE_SUFFIX
from pypi_repo.services.gate import first_shown
from pypi_repo.services.sources.source import Redirect, ServedFile, Source, overrides
from pypi_repo.services.sources.wrappers import WHAT_PAGES_SAY, SourceWrapper, restricted

IndexPage = TypeVar("IndexPage", ProjectList, ProjectPage)


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
        return self._shown_page(super().project_page(actor, project))

    def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        if overrides(self, Filtered, "project_page"):
            return self.project_page(actor, project)
        self._require_shown(actor, project)
        self.check_access(actor)
        return self._shown_page(restricted(self.source.last_page(actor, project), self))

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        if overrides(self, Filtered, "project_page", "last_page"):
            return Source.seen_pages(self, actor, projects)
        self.check_access(actor)
        pages = self.source.seen_pages(actor, list(filter(self.shows, projects)))
        return {
            name: page and self._shown_page(restricted(page, self)) for name, page in pages.items()
        }

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        if overrides(self, Filtered, *WHAT_PAGES_SAY):
            return Source.summaries(self, actor, projects)
        self.check_access(actor)
        shown = list(filter(self.shows, projects))
        found = self.source.summaries(actor, shown)
        if not self._selects_files:
            return found
        parts = Source.summaries(self, actor, shown)
        # The summary in the metadata is known to be one that is shown only if everything is.
        return {
            name: found[name] if name in found and part.files == found[name].files else part
            for name, part in parts.items()
        }

    def newest_releases(self, actor: Actor, limit: int) -> Sequence[NewestRelease]:
        """Returns those of the source that are selected, as far as they are."""
        self.check_access(actor)
        if overrides(self, Filtered, "project_list", *WHAT_PAGES_SAY):
            return ()
        found = first_shown(
            limit, lambda number: self._newest(actor, number), lambda release: release is not None
        )
        return [release for release in found if release is not None]

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

    def _newest(self, actor: Actor, number: int) -> list[NewestRelease | None]:
        """Returns the newest releases of the source, with None for those that are not shown."""
        found = self.source.newest_releases(actor, number)
        names = [each.normalized_name for each in found if self.shows(each.normalized_name)]
        if not self._selects_files:
            return [each if each.normalized_name in names else None for each in found]
        whole, shown = self.source.seen_pages(actor, names), self.seen_pages(actor, names)
        return [
            _shown_part(each, whole.get(each.normalized_name), shown.get(each.normalized_name))
            for each in found
        ]

    def _shown_page(self, page: Versioned[ProjectPage]) -> Versioned[ProjectPage]:
        return self._selected(page, self._shown_files) if self._selects_files else page

    def _files_of(self, actor: Actor, project: NormalizedName) -> tuple[ListedFile, ...]:
        return self.project_page(actor, project).load().files

    def _selected(
        self, whole: Versioned[IndexPage], select: Callable[[IndexPage], IndexPage]
    ) -> Versioned[IndexPage]:
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


def _shown_part(
    release: NewestRelease,
    whole: Versioned[ProjectPage] | None,
    shown: Versioned[ProjectPage] | None,
) -> NewestRelease | None:
    """Returns what is told of a release of which not all files may be shown; None if none is.

    whole, shown: the page of the source, and what is shown of it.
    """
    if whole is None or shown is None:
        return None
    of_release = [file for file in shown.load().files if file.version == release.version]
    uploads = [file.uploaded_at for file in of_release if file.uploaded_at and file.yanked is None]
    if not uploads:
        return None
    of_source = [file for file in whole.load().files if file.version == release.version]
    summary = release.summary if len(of_release) == len(of_source) else ""
    return replace(release, summary=summary, uploaded_at=max(uploads))


def _names(page: ProjectList | ProjectPage) -> tuple[str, ...]:
    if isinstance(page, ProjectList):
        return tuple(project.normalized_name for project in page.projects)
    return tuple(file.location for file in page.files)


def _filename_of(path: str) -> str:
    """Returns the name of a distribution file, also for what is kept beside it."""
    name = path.rpartition("/")[2]
    return name.removesuffix(METADATA_SUFFIX).removesuffix(SIGNATURE_SUFFIX)
