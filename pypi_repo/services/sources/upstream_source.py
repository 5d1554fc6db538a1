"""The source of what an upstream offers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import (
    InvalidMetadata,
    UnknownFile,
    UnknownProject,
    UpstreamFailed,
    unknown_file,
)
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import (
    ListedFile,
    ListedProject,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.domain.stored_files import METADATA_SUFFIX
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.domain.versions import is_same_version
from pypi_repo.services.sources.absences import Absence, absent_project
from pypi_repo.services.sources.lists.own_lists import KeepList
from pypi_repo.services.sources.lists.page_summaries import PageSummaries
from pypi_repo.services.sources.locations import Location, split_location
from pypi_repo.services.sources.source import ServedFile, Source
from pypi_repo.services.upstreams.files import UpstreamFiles
from pypi_repo.services.upstreams.pages import SeenPage, UpstreamPages
from pypi_repo.storage.upstream_pages import PageState

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_LARGEST_METADATA = 1024 * 1024  # bytes that are parsed


class UpstreamSource(Source):
    """Offers what an upstream has, to everybody. It is wrapped by what decides who may read.

    upstream: the upstream.
    repository_id: the repository for which downloads are counted.
    is_public: whether shared caches may store what comes from it.
    keep: a function that lets a list be loaded only once.
    summaries: reads what pages say of their projects.
    """

    def __init__(
        self,
        upstream: Upstream,
        pages: UpstreamPages,
        files: UpstreamFiles,
        *,
        repository_id: int,
        is_public: bool,
        keep: KeepList,
        summaries: PageSummaries,
    ) -> None:
        self.upstream = upstream
        self._pages = pages
        self._files = files
        self._repository_id = repository_id
        self._is_public = is_public
        self._keep = keep
        self._summaries = summaries

    def check_access(self, actor: Actor) -> None:
        """Lets everybody pass."""

    def is_public(self) -> bool:
        return self._is_public

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        """Returns the projects that were asked for before: an index may have any number."""
        return self._keep(
            Versioned(
                key=("upstream", self._pages.known_state(self.upstream)),
                serial=0,
                public=self._is_public,
                load=self._load_list,
            )
        )

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        return self._page(project, self._pages.page(self.upstream, project))

    def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        return self._page(project, self._pages.last_page(self.upstream, project))

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        seen = self._pages.seen(self.upstream, projects)
        return {project: self._page(project, page) for project, page in seen.items()}

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        return self._summaries.of(self.seen_pages(actor, projects))

    def known(self, project: NormalizedName, *, last: bool) -> PageState | None:
        """Returns what the page of a project depends on, or None if it is not in memory.

        last: whether the page that was seen last is enough.
        """
        return self._pages.known(self.upstream, project, last=last)

    def page_in(self, project: NormalizedName, state: PageState) -> Versioned[ProjectPage]:
        """Returns the page of a project in a state in which there is one."""
        return self._page(project, self._pages.page_in(self.upstream, project, state))

    def may_have(self, project: NormalizedName) -> bool:
        return self._pages.may_have(self.upstream, project)

    def file(self, actor: Actor, path: str) -> ServedFile:
        location = split_location(path)
        for project in location.projects:
            file = self._listed(project, location)
            if file is None:
                continue
            if not location.suffix:
                return self._files.file(
                    self.upstream, file, public=self._is_public, counted_for=self._release(file)
                )
            if location.suffix == METADATA_SUFFIX:
                return self._files.metadata(self.upstream, file, public=self._is_public)
        raise unknown_file(location.name)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        seen = self._pages.last_page(self.upstream, project)
        file = None if seen is None else seen.load().by_filename.get(filename)
        if file is None or not is_same_version(file.version, version) or not file.has_provenance:
            raise UnknownFile(f"There is no provenance of {filename[:200]!r} here.")
        return self._files.provenance(self.upstream, file)

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        """Returns the fields of a file's core metadata.

        There are none if the file is not one of its files, or the upstream has none of it.

        Raises UpstreamFailed or UpstreamRefused if they cannot be had right now.
        """
        if not isinstance(file, UpstreamFile) or file.metadata_hashes is None:
            return {}
        try:
            seen = self._pages.last_page(self.upstream, file.project)
            known = None if seen is None else seen.load().by_filename.get(file.filename)
            if known is None or known.url != file.url:
                return {}
            served = self._files.metadata(self.upstream, file, public=self._is_public)
            content, size = served.open()
            with content:
                if size > _LARGEST_METADATA:
                    return {}
                return Document(content.read()).parsed[0]
        except UnknownFile as error:
            if self.upstream.offline:
                raise UpstreamFailed(error.message) from error
            return {}
        except UnknownProject:
            return {}
        except (InvalidMetadata, ValueError, LookupError):
            return {}

    def _load_list(self) -> ProjectList:
        names = self._pages.known_projects(self.upstream)
        listed = tuple(ListedProject(name=name, normalized_name=name, serial=0) for name in names)
        return ProjectList(serial=0, projects=listed)

    def _page(self, project: NormalizedName, seen: SeenPage | None) -> Versioned[ProjectPage]:
        if seen is None:
            raise absent_project(project, (Absence(self._pages, self.upstream, project),))
        return Versioned(
            key=("upstream", self.upstream.id, project, seen.revision),
            serial=seen.revision,
            public=self._is_public,
            load=lambda: project_page(project, seen.revision, seen.load().page),
            source=f"upstream:{self.upstream.name}",
            stale_for=seen.stale_for,
        )

    def _listed(self, project: NormalizedName, location: Location) -> UpstreamFile | None:
        """Returns the file that a page lists at a location, or None.

        The page that was seen last decides if it lists the file, so what is here costs no request.
        """
        for page_of in (self._pages.last_page, self._pages.page):
            seen = page_of(self.upstream, project)
            file = None if seen is None else seen.load().by_filename.get(location.filename)
            if file is not None and location.sha256 in ("", file.hashes.get("sha256")):
                return file
            self._pages.look_again(self.upstream, project)  # others may know more
        return None

    def _release(self, file: UpstreamFile) -> DownloadedRelease:
        return DownloadedRelease(self._repository_id, file.project, file.version)


def project_page(project: NormalizedName, revision: int, page: UpstreamPage) -> ProjectPage:
    """Returns the page of a project as readers get it.

    revision: a number that grows with each change of the page.
    """
    return ProjectPage(
        name=project,
        status=page.status,
        status_reason=page.status_reason,
        serial=revision,
        versions=page.versions,
        files=tuple(map(_offered, page.files)),
        display_name=page.name,
    )


def _offered(file: UpstreamFile) -> UpstreamFile:
    """Returns a file without its signature: no digest says whether that was changed on its way."""
    return msgspec.structs.replace(file, is_signed=False) if file.is_signed else file
