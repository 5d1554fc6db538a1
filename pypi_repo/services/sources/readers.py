"""Makes the sources of the repositories of a registry."""

import threading
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from pypi_repo.domain.accounts.access import OPERATOR, Actor
from pypi_repo.domain.errors import Unavailable, UnknownProject, UpstreamFailed, UpstreamRefused
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ProjectList, Repository, Versioned
from pypi_repo.domain.upstreams.errors import NameSupplied, NameWithheld, UpstreamOffline
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.gate import Gate
from pypi_repo.services.lru_cache import LRUCache, SharedCache
from pypi_repo.services.packages.documents import Documents
from pypi_repo.services.sources.absences import absences_of
from pypi_repo.services.sources.decided import Decided, Premises
from pypi_repo.services.sources.lists.page_summaries import PageSummaries
from pypi_repo.services.sources.own_files import OwnFiles
from pypi_repo.services.sources.repository_source import RepositorySource
from pypi_repo.services.sources.screened import Screened
from pypi_repo.services.sources.source import REFUSED, Source
from pypi_repo.services.sources.stored_file import Downloads
from pypi_repo.services.sources.suppliers import ConfiguredSources, NamedSource, page_of
from pypi_repo.services.sources.upstream_source import UpstreamSource
from pypi_repo.services.upstreams.files import UpstreamFiles
from pypi_repo.services.upstreams.pages import UpstreamPages
from pypi_repo.services.upstreams.screening import Screen
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstreams import SourcesOfRepositories

_CONFIGURATIONS_KEPT = 10_000
_SCREENS_KEPT = 1000
_PROJECTS_KEPT = 300_000  # of all lists together


class Readers:
    """Makes what readers of repositories get.

    What is configured for a repository is read again when its `sources_revision` has changed.
    """

    def __init__(
        self,
        database: Database,
        gate: Gate,
        documents: Documents,
        downloads: Downloads,
        pages: UpstreamPages,
        files: UpstreamFiles,
    ) -> None:
        self._database = database
        self._gate = gate
        self._documents = documents
        self._downloads = downloads
        self._pages = pages
        self._files = files
        self._configurations: dict[int, tuple[int, ConfiguredSources]] = {}
        self._screens: LRUCache[Screen] = LRUCache(_SCREENS_KEPT)
        self._mutex = threading.Lock()
        self._lists: SharedCache[ProjectList] = SharedCache(
            _PROJECTS_KEPT, lambda listed: len(listed.projects) + 1
        )
        self._page_summaries = PageSummaries()
        self._decided = Decided()

    def source_of(self, repository: str) -> RepositorySource:
        """Returns what readers of a repository get, which need not exist."""
        own = self.own_files_of(repository)
        return RepositorySource(
            own, self.configured, self._kept_list, self._page_summaries, self._decided
        )

    def own_files_of(self, repository: str) -> OwnFiles:
        """Returns what was uploaded to a repository, which need not exist."""
        return OwnFiles(
            repository,
            self._database,
            self._gate,
            self._documents,
            self._downloads,
            self._kept_list,
        )

    def asks_seldom(self, upstream: Upstream) -> bool:
        """Returns whether an upstream is hardly asked, because it failed several times in a row."""
        return self._pages.asks_seldom(upstream)

    def check_new_name(self, actor: Actor, repository: Repository, project: NormalizedName) -> None:
        """Checks whether an actor may begin a project of this name in a repository.

        Whoever may upload could otherwise replace a package that everybody gets from a source.

        Raises NameSupplied if one of its sources has the name, unless the repository has reserved
        or merged it or had the project before, and Unavailable if a source cannot say. Within a
        transaction of the caller nobody else is asked, so it must be known already.
        """
        if not repository.sources_revision:
            return
        found = self.configured(repository)
        if not (found.configured.keeps(project) or found.configured.merges(project)):
            for named in found.sources:
                if self._database.is_joined:
                    _check_known(_shown_to(actor, named), named, project)
                else:
                    _check_new_name(_shown_to(actor, named), named, project)

    def configured(self, repository: Repository) -> ConfiguredSources:
        """Returns the sources of a repository, as it is now."""
        if self._database.is_joined:  # what it sees may be taken back, and its revision used again
            return self._configure(repository)
        kept = self._configurations.get(repository.id)
        if kept is None or kept[0] != repository.sources_revision:
            kept = repository.sources_revision, self._configure(repository)
            if len(self._configurations) >= _CONFIGURATIONS_KEPT:  # most of repositories long gone
                self._configurations.clear()
            self._configurations[repository.id] = kept
        return kept[1]

    def _configure(self, repository: Repository) -> ConfiguredSources:
        configured = SourcesOfRepositories(self._database).of(repository)
        return ConfiguredSources(
            configured,
            tuple(self._named(repository, configured, each) for each in configured.sources),
        )

    def _named(
        self, repository: Repository, configured: RepositorySources, source: Upstream | str
    ) -> NamedSource:
        upstream = None if isinstance(source, str) else source
        offered = self._offered(repository, source)
        screen = self._kept_screen(Screen.of(repository, configured, upstream))
        premises = Premises(offered, screen) if isinstance(offered, UpstreamSource) else None
        if not screen.is_open:
            offered = Screened(offered, screen, screen.identity, self._page_summaries)
        kind, name = ("repository", source) if upstream is None else ("upstream", upstream.name)
        needs_login = upstream is not None and not repository.public_sources
        return NamedSource(f"{kind}:{name}", offered, needs_login=needs_login, premises=premises)

    def _kept_screen(self, screen: Screen) -> Screen:
        """Returns the one that decides alike, which knows pages already: most changes are others.

        For example, the deletion of a project changes what is configured, but no screen.
        """
        with self._mutex:
            self._screens.put(screen.identity, screen, 1)
            return self._screens.get(screen.identity) or screen

    def _offered(self, repository: Repository, source: Upstream | str) -> Source:
        if isinstance(source, str):
            return self.source_of(source)
        return UpstreamSource(
            source,
            self._pages,
            self._files,
            repository_id=repository.id,
            is_public=repository.public and repository.public_sources,
            keep=self._kept_list,
            summaries=self._page_summaries,
        )

    def _kept_list(self, listed: Versioned[ProjectList]) -> Versioned[ProjectList]:
        """Returns a list that is only loaded if it is not in memory."""
        if self._database.is_joined:  # what it sees may be taken back, and its key used again
            return listed
        load = listed.load
        return replace(listed, load=lambda: self._lists.get_or_make(listed.key, load))


def withheld_from(actor: Actor, source: Source, project: NormalizedName) -> tuple[Withheld, ...]:
    """Returns why files of a project are not offered, to an actor who is offered the project.

    Of what a host has wrapped nothing is told, because the host may hide it.
    """
    here: tuple[Withheld, ...] = ()
    if isinstance(source, Screened):
        with suppress(UnknownProject):
            here = source.withheld(actor, project)
        source = source.source
    if not isinstance(source, RepositorySource):
        return here
    suppliers = source.suppliers(actor, project, last=True)
    inside = (withheld_from(actor, each.source, project) for each in suppliers)
    return (*chain.from_iterable(inside), *here)


def _shown_to(actor: Actor, named: NamedSource) -> str:
    """Returns how an actor is told of a source, which may be a secret."""
    try:
        named.source.check_access(actor)
    except REFUSED:
        return "one of the sources"
    return named.name


def _check_known(shown: str, named: NamedSource, project: NormalizedName) -> None:
    if named.source.may_have(project):
        raise Unavailable(
            f"Nobody has asked {shown} yet whether it has {project!r}; look the project up before "
            "the transaction, or have the name reserved."
        )


def _check_new_name(shown: str, named: NamedSource, project: NormalizedName) -> None:
    try:
        page_of(OPERATOR, named.source, project)
        is_free = False
    except NameWithheld as error:
        is_free = isinstance(error, UpstreamOffline)
    except UnknownProject as error:
        is_free = True
        for absence in absences_of(error):
            absence.keep()  # so that it is known that the new project hides nothing
    except (UpstreamFailed, UpstreamRefused) as error:
        raise Unavailable(
            f"At the moment, {shown} cannot say whether it has {project!r}, which this upload "
            "might hide from everybody; try again later, or ask an administrator to reserve the "
            "name.",
            detail=error.for_operator,
        ) from error
    if not is_free:
        raise NameSupplied(
            f"{project!r} comes from {shown}, and this upload would hide it from everybody; choose "
            "another name, or ask an administrator to reserve this one."
        )
