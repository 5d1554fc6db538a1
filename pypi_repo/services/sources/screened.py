"""A source without what the rules and the cooldown of a repository withhold."""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import RegistryError, UnknownProject, unknown_file
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import (
    ListedFile,
    ProjectDetails,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.domain.upstreams.errors import FileWithheld
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.services.sources.lists.page_summaries import PageSummaries
from pypi_repo.services.sources.locations import split_location
from pypi_repo.services.sources.source import Redirect, ServedFile, Source
from pypi_repo.services.sources.wrappers import SourceWrapper
from pypi_repo.services.upstreams.screening import Screen

_FILES_REMEMBERED = 5000


class Screened(SourceWrapper):
    """Offers what a screen shows of another source.

    The page decides, and everything else follows it: a file can be downloaded if and only if it is
    listed.

    source: the source.
    screen: what decides.
    identity: identifies what the screen was made of.
    summaries: reads what pages say of their projects.
    """

    def __init__(
        self, source: Source, screen: Screen, identity: Hashable, summaries: PageSummaries
    ) -> None:
        super().__init__(source)
        self._summaries = summaries
        self._screen = screen
        self._identity = identity
        self._found: LRUCache[_Listed] = LRUCache(_FILES_REMEMBERED)
        self._mutex = threading.Lock()

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        return self._screened(super().project_page(actor, project))

    def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        self.check_access(actor)
        return self._screened(self.source.last_page(actor, project))

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        pages = self.source.seen_pages(actor, projects)
        return {name: page and self._screened(page) for name, page in pages.items()}

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        return self._summaries.of(self.seen_pages(actor, projects))

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        """Returns a file that a page lists, and the screen shows there.

        What the location says of the content must be what that page says of it, so it does not
        matter whether the page changes in the meantime.
        """
        location = split_location(path)
        for project in location.projects:
            if self._is_shown(actor, project, location.filename, location.sha256):
                return super().file(actor, path)
        self._explain(lambda: self.source.file(actor, path))
        raise unknown_file(location.name)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        if not self._is_shown(actor, project, filename):
            self._explain(lambda: self.source.provenance(actor, project, version, filename))
            raise unknown_file(filename)
        return super().provenance(actor, project, version, filename)

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        return Source.project_details(self, actor, project)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        return Source.release_details(self, actor, project, version)

    def withheld(self, actor: Actor, project: NormalizedName) -> tuple[Withheld, ...]:
        """Returns why files of a project of the source are not offered, by the last page of it.

        Raises UnknownProject.
        """
        self.check_access(actor)
        page = self.source.last_page(actor, project)
        return self._screen.withheld(page.load(), datetime.now(UTC))

    def _explain(self, look: Callable[[], object]) -> None:
        """Raises FileWithheld if a file that is not listed is withheld by the source already.

        look: asks the source for it, for who may know.
        """
        try:
            look()
        except FileWithheld:
            raise
        except RegistryError:
            pass

    def _screened(self, page: Versioned[ProjectPage]) -> Versioned[ProjectPage]:
        now = datetime.now(UTC)
        selection = self._screen.selection(page, now)
        return replace(
            page,
            key=(page.key, self._identity, selection),
            load=lambda: self._screen.shown(page.load(), now),
        )

    def _is_shown(
        self, actor: Actor, project: NormalizedName, filename: str, sha256: str = ""
    ) -> bool:
        """Returns whether a page of the source lists a file and the screen shows it.

        The page that was seen last decides if it lists the file.

        sha256: its SHA-256, because another project may have another file of this name; empty if it
            is not known.

        Raises FileWithheld if the screen does not show the file.
        """
        for page_of in (self.source.last_page, self.source.project_page):
            try:
                listed = self._listed(page_of(actor, project), filename)
            except UnknownProject:
                continue
            if listed is not None and sha256 in ("", listed.file.hashes.get("sha256")):
                withheld = self._screen.verdict(listed.page, listed.file, datetime.now(UTC))
                if withheld is not None:
                    raise FileWithheld(withheld.reason)
                return True
        return False

    def _listed(self, page: Versioned[ProjectPage], filename: str) -> "_Listed | None":
        """Returns the file of a page that has a name, or None.

        What was found is remembered: pages have up to 200,000 files, and a hot file is asked for
        again and again.
        """
        key = (page.key, filename)
        with self._mutex:
            found = self._found.get(key)
        if found is None:
            whole = page.load()
            file = next((file for file in whole.files if file.filename == filename), None)
            if file is None:
                return None
            found = _Listed(replace(whole, files=(), versions=()), file)
            with self._mutex:
                self._found.put(key, found, 1)
        return found


class _Listed(NamedTuple):
    """A file, and its page without files."""

    page: ProjectPage
    file: ListedFile
