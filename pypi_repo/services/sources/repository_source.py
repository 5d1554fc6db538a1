"""The source of a repository: its own files first, and then what its sources offer."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pypi_repo.domain.accounts.access import OPERATOR, Actor
from pypi_repo.domain.errors import RegistryError, UnknownFile, UnknownProject, unknown_file
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
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.services.sources.decided import Decided
from pypi_repo.services.sources.lists.of_several import (
    releases_of,
    supplied_summaries,
    united_releases,
)
from pypi_repo.services.sources.lists.own_lists import KeepList
from pypi_repo.services.sources.lists.page_summaries import PageSummaries
from pypi_repo.services.sources.lists.seen_suppliers import seen_suppliers
from pypi_repo.services.sources.lists.united import united_lists
from pypi_repo.services.sources.locations import Location, split_location
from pypi_repo.services.sources.own_files import OWN_FILES, OwnFiles
from pypi_repo.services.sources.source import Redirect, ServedFile, Source
from pypi_repo.services.sources.suppliers import (
    Answer,
    ConfiguredSources,
    Decision,
    SubjectKey,
    Supplier,
    adopted,
    supplied_file,
    supplied_page,
    suppliers_of_file,
)

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_NOTHING_CONFIGURED = ConfiguredSources(RepositorySources(), ())


class RepositorySource(Source):
    """Offers the files of a repository, and those of its sources.

    The first that owns a name supplies the project, with all its files: the repository itself if it
    has the project, had it, or has reserved its name; otherwise the first of its sources that has
    it. If a source cannot say whether it has a project, later ones are not asked. So neither a
    higher version elsewhere nor a failure changes from where a project comes.

    own: the repository's own files.
    configure: a function that returns the sources of the repository, as it is now.
    keep: a function that lets a list be loaded only once.
    summaries: reads what pages say of their projects.
    decided: keeps what was decided, of this repository and of others.
    """

    def __init__(
        self,
        own: OwnFiles,
        configure: Callable[[Repository], ConfiguredSources],
        keep: KeepList,
        summaries: PageSummaries,
        decided: Decided,
    ) -> None:
        self._own = own
        self._summaries = summaries
        self._decided = decided
        self._configure = configure
        self._keep = keep

    def check_access(self, actor: Actor) -> None:
        self._own.check_access(actor)

    def is_public(self) -> bool:
        return self._own.is_public()

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        """Returns the projects of the repository and its sources.

        Of upstreams, these are the projects for which somebody has asked.
        """
        repository, whole = self._own.list_of(actor)
        if repository.may_have_sources:
            found = self._configure(repository)
            whole = self._keep(
                united_lists(
                    whole,
                    [each.listed(actor) for each in found.sources],
                    found.configured,
                    lambda: self._own.lists.closed_names(repository),
                )
            )
        return self._own.lists.readable_part(whole, actor, repository)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        repository, own = self._own.look_for_project(actor, project)
        if own is not None and not self._merges(repository, project):
            return self._own.offered_page(repository, own)
        return supplied_page(self._suppliers(actor, repository, own, project))

    def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        return supplied_page(self.suppliers(actor, project, last=True))

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        seen = self._seen(actor, self._own.repository(actor), projects)
        return {name: supplied_page(each) if each else None for name, each in seen.items()}

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        repository = self._own.repository(actor)
        if not repository.may_have_sources:
            readable = self._own.lists.readable(actor, repository, projects)
            return self._own.lists.summaries(repository, readable)
        seen = self._seen(actor, repository, projects)
        merged = {name: supplied_page(each) for name, each in seen.items() if len(each) > 1}
        owners = {name: each[0].source for name, each in seen.items() if len(each) == 1}
        return self._summaries.of(merged) | supplied_summaries(actor, owners)

    def newest_releases(self, actor: Actor, limit: int) -> Sequence[NewestRelease]:
        """Returns the newest releases of the repository, and of others that are its sources.

        Of a project that several supply together, they are those of the first.
        """
        repository = self._own.repository(actor)
        own = self._own.lists.newest_releases(actor, repository, limit)
        if not repository.may_have_sources:
            return own
        sources = [each.source for each in self._configure(repository).sources]
        return united_releases(
            [(self._own, own), *releases_of(actor, sources, limit)],
            lambda names: self._seen_owners(actor, repository, names),
            limit,
        )

    def may_have(self, project: NormalizedName) -> bool:
        repository, own = self._own.look_for_project(OPERATOR, project)
        if own is not None or not repository.may_have_sources:
            return own is not None
        sources = self._configure(repository)
        return sources.configured.keeps(project) or any(
            named.source.may_have(project) for named in sources.sources
        )

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        location = split_location(path)
        repository, own, has_project = self._own.look_for_file(actor, location.filename)
        if own is not None and own.file.digests.sha256 == location.sha256:
            return self._own.offered_file(actor, location, own)
        failure: RegistryError | None = None
        if repository.may_have_sources:
            projects = location.projects
            for project in projects:
                try:
                    find = partial(self._file_of, actor, project, path, location)
                    if has_project or len(projects) > 1 or not location.sha256:
                        return find()
                    key = self._key(actor, repository, project, path)
                    return self._decided.get_or_decide(key, key.premises, find, key.decides_file)
                except (UnknownFile, UnknownProject):
                    continue
                except RegistryError as error:  # it may be a file of another project
                    failure = failure or error
        raise failure or unknown_file(location.name, repository.name)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        repository, own, _has_project = self._own.look_for_file(actor, filename)
        if own is not None or not repository.may_have_sources:
            return self._own.provenance(actor, project, version, filename)
        for supplier in suppliers_of_file(self.suppliers(actor, project), filename):
            with suppress(UnknownFile):
                return supplier.source.provenance(actor, project, version, filename)
        raise UnknownFile(f"There is no provenance of {filename[:200]!r} here.")

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        if isinstance(file, DistributionFile):  # of whatever repository it is
            return self._own.core_metadata(file)
        with suppress(UnknownProject):
            for supplier in self.suppliers(OPERATOR, file.project, last=True):
                if fields := supplier.source.core_metadata(file):
                    return fields
        return {}

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        repository, own = self._own.look_for_project(actor, project)
        if own is not None and not self._merges(repository, project):
            return self._own.details(actor, repository, own)
        suppliers = self._suppliers(actor, repository, own, project)
        if len(suppliers) > 1:
            return super().project_details(actor, project)
        return adopted(suppliers[0], suppliers[0].source.project_details(actor, project))

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
        return spelled, adopted(suppliers[0], details)

    def suppliers(
        self, actor: Actor, project: NormalizedName, *, last: bool = False
    ) -> Sequence[Supplier]:
        """Returns what supplies a project: one source, or several if its name is merged.

        last: whether the pages that were seen last decide.

        Raises UnknownProject, and whatever a source raises that cannot say whether it has the
        project.
        """
        repository, own = self._own.look_for_project(actor, project)
        return self._suppliers(actor, repository, own, project, last=last)

    def decision(self, actor: Actor, project: NormalizedName) -> Decision:
        """Returns who supplies a project, with what the sources have said that were asked."""
        return self._decision(actor, *self._own.look_for_project(actor, project), project)

    def _merges(self, repository: Repository, project: NormalizedName) -> bool:
        return self._configured(repository).configured.merges(project)

    def _suppliers(
        self,
        actor: Actor,
        repository: Repository,
        own: Project | None,
        project: NormalizedName,
        *,
        last: bool = False,
    ) -> Sequence[Supplier]:
        def decide() -> Sequence[Supplier]:
            return self._decision(actor, repository, own, project, last=last).suppliers()

        if own is not None or last or not repository.may_have_sources:
            return decide()
        key = self._key(actor, repository, project)
        return self._decided.get_or_decide(key, key.premises, decide, key.decides_suppliers)

    def _decision(
        self,
        actor: Actor,
        repository: Repository,
        own: Project | None,
        project: NormalizedName,
        *,
        last: bool = False,
    ) -> Decision:
        sources = self._configured(repository)
        is_merged = sources.configured.merges(project)
        is_kept = sources.configured.keeps(project)
        # Who closes a project here wants that nobody gets anything of that name.
        is_closed = own is not None and own.status == "quarantined"
        is_asked = not is_kept and not is_closed and (own is None or is_merged)
        answers: list[Answer] = []
        for named in sources.sources if is_asked else ():
            answer = named.answer(actor, project, last=last)
            answers.append(answer)
            if answer.decides(is_merged=is_merged):
                break
        return Decision(
            repository=repository,
            project=project,
            own=None if own is None else self._own_supplier(repository, own),
            is_open=bool(answers) and self._own.is_open(repository, project),
            is_kept=is_kept,
            answers=tuple(answers),
        )

    def _seen(
        self, actor: Actor, repository: Repository, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Sequence[Supplier]]:
        """Returns what supplies projects by the pages that were seen last, without asking anybody.

        Projects that the actor does not get have no suppliers. Those that nobody has are left out.
        """
        readable = self._own.lists.readable(actor, repository, projects)
        own = self._own.lists.projects(repository, readable)
        seen = seen_suppliers(
            actor,
            readable,
            {name: self._own_supplier(repository, project) for name, project in own.items()},
            {name for name, project in own.items() if project.status == "quarantined"},
            self._configured(repository),
        )
        for name, suppliers in seen.items():
            if not self._own.is_open(repository, name):
                seen[name] = [each.not_public() for each in suppliers]
        return {**dict.fromkeys({*projects}.difference(readable), ()), **seen}

    def _seen_owners(
        self, actor: Actor, repository: Repository, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Source]:
        """Returns the first supplier of each project, of which no other hides any file."""
        seen = self._seen(actor, repository, projects)
        return {name: each[0].source for name, each in seen.items() if each}

    def _configured(self, repository: Repository) -> ConfiguredSources:
        if not repository.may_have_sources:
            return _NOTHING_CONFIGURED
        return self._configure(repository)

    def _own_supplier(self, repository: Repository, own: Project) -> Supplier:
        return Supplier(OWN_FILES, self._own, self._own.offered_page(repository, own))

    def _key(
        self, actor: Actor, repository: Repository, project: NormalizedName, path: str = ""
    ) -> SubjectKey:
        sources, is_open = self._configure(repository), self._own.is_open(repository, project)
        return SubjectKey(sources, project, path, actor.is_anonymous, is_open)

    def _file_of(
        self, actor: Actor, project: NormalizedName, path: str, location: Location
    ) -> ServedFile | Redirect:
        """Returns a file that comes from one of the sources.

        The pages that were seen last decide if they list the file: what is here then costs no
        request, and is there while a source is not.

        Raises UnknownFile or UnknownProject.
        """
        for last in (True, False):
            with suppress(UnknownFile, UnknownProject):
                suppliers = self.suppliers(actor, project, last=last)
                listing = suppliers_of_file(suppliers, location.filename)
                others = [each for each in listing if each.source is not self._own]
                return supplied_file(actor, project, path, others)
        raise unknown_file(location.name)
