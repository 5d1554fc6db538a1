"""The source of a repository: its own files first, and then what its sources offer."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pypi_repo.domain.accounts.access import OPERATOR, Actor
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    PermissionDenied,
    UnknownFile,
    UnknownProject,
    UnknownRepository,
    unknown_file,
    unknown_project,
)
from pypi_repo.domain.filenames import projects_of
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import (
    DistributionFile,
    ListedFile,
    Project,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    Repository,
    Versioned,
)
from pypi_repo.domain.upstreams.errors import NameWithheld, name_kept
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.sources.locations import Location, split_location
from pypi_repo.services.sources.own_files import OWN_FILES, OwnFiles
from pypi_repo.services.sources.screened import Screened
from pypi_repo.services.sources.source import Redirect, ServedFile, Source
from pypi_repo.services.sources.united import united_lists, united_page

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_REFUSED = (AuthenticationRequired, PermissionDenied, UnknownRepository)


@dataclass(frozen=True, slots=True)
class NamedSource:
    """One of the sources of a repository.

    name: how pages say that they come from it, such as `upstream:NAME`.
    """

    name: str
    source: Source

    def withheld(self, project: NormalizedName) -> tuple[Withheld, ...]:
        """Returns why files of a project of the source are not offered.

        Raises UnknownProject.
        """
        if isinstance(self.source, Screened):
            return self.source.withheld(OPERATOR, project)
        return ()


@dataclass(frozen=True, slots=True)
class ConfiguredSources:
    """The sources of a repository, and what is configured for them.

    sources: all sources, in their order.
    for_anonymous: those that offer anything to anonymous readers.
    """

    configured: RepositorySources
    sources: tuple[NamedSource, ...]
    for_anonymous: tuple[NamedSource, ...]

    def offered_to(self, actor: Actor) -> tuple[NamedSource, ...]:
        """Returns the sources that may offer something to an actor."""
        return self.for_anonymous if actor.is_anonymous else self.sources


@dataclass(frozen=True, slots=True)
class Supplier:
    """A source that supplies a project, and its page of it."""

    name: str
    source: Source
    page: Versioned[ProjectPage]


class RepositorySource(Source):
    """Offers the files of a repository, and those of its sources.

    The first that owns a name supplies the project, with all its files: the repository itself if it
    has the project, had it, or has reserved its name; otherwise the first of its sources that has
    it. If a source cannot say whether it has a project, later ones are not asked. So neither a
    higher version elsewhere nor a failure changes from where a project comes.

    own: the repository's own files.
    configure: a function that returns the sources of the repository, as it is now.
    """

    def __init__(self, own: OwnFiles, configure: Callable[[Repository], ConfiguredSources]) -> None:
        self._own = own
        self._configure = configure

    def check_access(self, actor: Actor) -> None:
        self._own.check_access(actor)

    def is_public(self) -> bool:
        return self._own.is_public()

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        """Returns the projects of the repository and its sources.

        Of upstreams, these are the projects for which somebody has asked.
        """
        repository, own = self._own.list_of(actor)
        if not repository.sources_revision:
            return own
        found = self._configure(repository)
        others = []
        for named in found.offered_to(actor):
            with suppress(*_REFUSED):
                others.append(named.source.project_list(actor))
        return united_lists(own, others, found.configured)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        repository, own = self._own.look_for_project(actor, project)
        if own is not None and not self._merges(repository, project):
            return self._own.offered_page(repository, own)
        suppliers = self._suppliers(actor, repository, own, project)
        if len(suppliers) == 1:
            return suppliers[0].page
        return united_page([supplier.page for supplier in suppliers])

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        location = split_location(path)
        repository, own = self._own.look_for_file(actor, location.filename)
        if own is not None and own[2].digests.sha256 == location.sha256:
            return self._own.offered_file(actor, location, own)
        if repository.sources_revision:
            for project in projects_of(location.filename):
                with suppress(UnknownFile, UnknownProject):
                    return self._supplied_file(actor, project, path, location)
        raise unknown_file(location.name, repository.name)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        repository, own = self._own.look_for_file(actor, filename)
        if own is not None or not repository.sources_revision:
            return self._own.provenance(actor, project, version, filename)
        supplier = self._suppliers_of_file(actor, project, filename)[0]
        return supplier.source.provenance(actor, project, version, filename)

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        if isinstance(file, DistributionFile):  # of whatever repository it is
            return self._own.core_metadata(file)
        repository = self._own.found()
        for named in () if repository is None else self._configure(repository).sources:
            if fields := named.source.core_metadata(file):
                return fields
        return {}

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        repository, own = self._own.look_for_project(actor, project)
        if own is not None and not self._merges(repository, project):
            return self._own.details(actor, repository, own)
        suppliers = self._suppliers(actor, repository, own, project)
        if len(suppliers) > 1:
            return super().project_details(actor, project)
        return _adopted(suppliers[0], suppliers[0].source.project_details(actor, project))

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        repository, own = self._own.look_for_project(actor, project)
        if own is not None and not self._merges(repository, project):
            return self._own.details_of_release(actor, repository, own, version)
        suppliers = self._suppliers(actor, repository, own, project)
        if len(suppliers) > 1:
            return super().release_details(actor, project, version)
        source = suppliers[0].source
        spelled, details = source.release_details(actor, project, version)
        return spelled, _adopted(suppliers[0], details)

    def suppliers(self, actor: Actor, project: NormalizedName) -> Sequence[Supplier]:
        """Returns what supplies a project: one source, or several if its name is merged.

        Raises UnknownProject, and whatever a source raises that cannot say whether it has the
        project.
        """
        return self._suppliers(actor, *self._own.look_for_project(actor, project), project)

    def _merges(self, repository: Repository, project: NormalizedName) -> bool:
        return bool(repository.sources_revision) and (
            self._configure(repository).configured.merges(project)
        )

    def _suppliers(
        self, actor: Actor, repository: Repository, own: Project | None, project: NormalizedName
    ) -> Sequence[Supplier]:
        found: list[Supplier] = []
        if own is not None:
            page = self._own.offered_page(repository, own)
            found.append(Supplier(OWN_FILES, self._own, page))
            # Who closes a project here wants that nobody gets anything of that name.
            if own.status == "quarantined" or not self._merges(repository, project):
                return found
        if not repository.sources_revision:
            raise unknown_project(project, repository.name)
        sources = self._configure(repository)
        if sources.configured.keeps(project):
            if not found:
                raise name_kept(project, repository.name)
            return found
        is_open = self._own.is_open(repository, project)
        is_merged = sources.configured.merges(project)
        withheld: NameWithheld | None = None
        for named in sources.offered_to(actor):
            try:
                supplied = page_of(actor, named.source, project)
            except NameWithheld as error:
                if not is_merged:
                    raise
                supplied, withheld = None, withheld or error
            if supplied is not None:
                found.append(_supplier(named, supplied, is_open=is_open))
                if not is_merged:
                    return found
        if not found:
            # The same text as for a name that is withheld: that may be a secret.
            raise withheld or unknown_project(project)
        return found

    def _suppliers_of_file(
        self, actor: Actor, project: NormalizedName, filename: str
    ) -> Sequence[Supplier]:
        """Returns the one that lists a file, or all if none does: any of them may withhold it.

        Raises UnknownProject.
        """
        suppliers = self.suppliers(actor, project)
        if len(suppliers) == 1:
            return suppliers
        for supplier in suppliers:
            if any(file.filename == filename for file in supplier.page.load().files):
                return [supplier]
        return suppliers

    def _supplied_file(
        self, actor: Actor, project: NormalizedName, path: str, location: Location
    ) -> ServedFile | Redirect:
        """Returns a file that comes from one of the sources.

        Raises UnknownFile or UnknownProject.
        """
        for supplier in self._suppliers_of_file(actor, project, location.filename):
            if supplier.source is self._own:
                continue  # it was asked already
            with suppress(UnknownFile):
                served = supplier.source.file(actor, path)
                if served.project == project:
                    if isinstance(served, ServedFile) and not supplier.page.public:
                        return served.not_public()
                    return served
        raise unknown_file(location.name)


def page_of(actor: Actor, source: Source, project: NormalizedName) -> Versioned[ProjectPage] | None:
    """Returns the page of a project of a source, or None if the source does not own its name.

    Raises NameWithheld if the source owns the name, and does not offer the project to the actor.
    """
    try:
        return source.project_page(actor, project)
    except NameWithheld:
        raise
    except UnknownProject:
        return None
    except _REFUSED:
        if _is_free(source, project):
            return None
        # It says no more than of a project that does not exist: its name may be a secret.
        raise NameWithheld(unknown_project(project).message) from None


def _is_free(source: Source, project: NormalizedName) -> bool:
    try:
        source.project_page(OPERATOR, project)
    except NameWithheld:
        return False
    except UnknownProject:
        return True
    return False


def _supplier(named: NamedSource, page: Versioned[ProjectPage], *, is_open: bool) -> Supplier:
    is_public = page.public and is_open
    if (page.source, page.public) != (named.name, is_public):
        page = replace(page, public=is_public, source=named.name)
    return Supplier(named.name, named.source, page)


def _adopted(supplier: Supplier, details: Versioned[ProjectDetails]) -> Versioned[ProjectDetails]:
    """Returns details with what is true for the page."""
    return replace(
        details,
        public=details.public and supplier.page.public,
        source=supplier.name,
    )
