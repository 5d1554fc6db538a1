"""Explains from where projects come, and what their names hide."""

from collections.abc import Callable, Iterator, Set
from dataclasses import replace

from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.errors import UnknownProject, UpstreamFailed, UpstreamRefused
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches
from pypi_repo.domain.records import Repository
from pypi_repo.domain.upstreams.errors import NameWithheld
from pypi_repo.domain.upstreams.explanation import Answer as AnswerCode
from pypi_repo.domain.upstreams.explanation import AskedSource, Explanation, ShadowedName
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.sources.absences import oldest
from pypi_repo.services.sources.own_files import OWN_FILES
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.sources.suppliers import Answer, NamedSource
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_pages import UpstreamPageRows


class Explainer:
    """Explains what a reader gets who may read everything.

    for_operator: whether it is told what others must not see, such as the names of variables.
    """

    def __init__(self, database: Database, readers: Readers, *, for_operator: bool = False) -> None:
        self._for_operator = for_operator
        self._catalog = Catalog(database)
        self._pages = UpstreamPageRows(database)
        self._readers = readers

    def explain(self, repository: Repository, project: NormalizedName) -> Explanation:
        """Explains from where a project comes.

        Upstreams are asked as for a reader, so none learns a name that it would not learn anyway.
        """
        sources = self._readers.configured(repository)
        configured = sources.configured
        decision = self._readers.source_of(repository.name).decision(OPERATOR, project)
        is_merged = configured.merges(project) and not configured.keeps(project)
        asked: list[AskedSource] = []
        withheld: list[Withheld] = []
        for number, (named, source) in enumerate(
            zip(sources.sources, configured.sources, strict=True)
        ):
            if number >= len(decision.answers):
                asked.append(self._not_asked(named, source, project))
                continue
            said, hidden = self._said(named, source, project, decision.answers[number])
            asked.append(said)
            withheld += hidden
        try:
            suppliers = [supplier.name for supplier in decision.suppliers()]
        except (UnknownProject, UpstreamFailed, UpstreamRefused):
            suppliers = []
        refusals = sorted(
            (each for each in asked if each.answer in ("fails", "keeps-name")),
            key=lambda each: each.answer != "fails",  # which counts where a name is merged, too
        )
        stopped = refusals[0] if refusals and not suppliers else None
        return Explanation(
            repository=repository.name,
            project=project,
            supplier=", ".join(suppliers),
            why=stopped.told if stopped else _why(configured, project, suppliers),
            is_merged=is_merged,
            asked=tuple(asked),
            withheld=() if stopped else tuple(withheld),
        )

    def shadowed_names(
        self, repository: Repository, shows: Callable[[Repository, NormalizedName], bool]
    ) -> list[ShadowedName]:
        """Returns what hides projects of the sources, sorted by name.

        That are projects of the repository, and of a source that comes before another repository.
        No upstream is asked.

        shows: decides which projects are named.
        """
        configured = self._configured(repository)
        own = (project.normalized_name for project in self._catalog.projects(repository))
        suppliers: dict[NormalizedName, tuple[str, Upstream | Repository]] = dict.fromkeys(
            own, (OWN_FILES, repository)
        )
        found: list[ShadowedName] = []
        for reference, source in zip(configured.references, configured.sources, strict=True):
            owners = dict(reversed([*self._known_names(source)]))  # the first of each name counts
            for project, owner in owners.items():
                if configured.merges(project):
                    continue
                by, supplier = suppliers.setdefault(project, (reference, owner))
                is_hidden = by == OWN_FILES or (
                    by != reference
                    and isinstance(owner, Repository)
                    and owner != supplier  # by way of two sources
                    and not configured.keeps(project)
                    and shows(owner, project)
                )
                if is_hidden and shows(repository, project):
                    found.append(ShadowedName(project=project, source=reference, by=by))
        return sorted(found, key=lambda each: (each.project, each.source))

    def uncompared_names(
        self, repository: Repository, shows: Callable[[Repository, NormalizedName], bool]
    ) -> list[NormalizedName]:
        """Returns the projects of a repository that may hide one of a source, sorted.

        Nobody has asked all of the sources for them, so what they hide is not known. Names that are
        reserved or kept are left out, because no source is ever asked for them.

        shows: decides which projects are named.
        """
        configured = self._configured(repository)
        own = {
            name
            for project in self._catalog.projects(repository)
            if not configured.merges(name := project.normalized_name) and not configured.keeps(name)
        }
        compared = self._compared(configured, own)
        return sorted(name for name in own - compared if shows(repository, name))

    def _compared(
        self, configured: RepositorySources, names: Set[NormalizedName]
    ) -> Set[NormalizedName]:
        """Returns those of which it is known whether the sources have them."""
        for source in configured.sources:
            if isinstance(source, Upstream):
                names = names & self._pages.asked_projects(source)
            elif inner := self._repository(source):
                there = self._configured(inner)
                own = {project.normalized_name for project in self._catalog.projects(inner)}
                decided = {name for name in names if name in own or there.keeps(name)}
                names = decided | self._compared(there, names - decided)
        return names

    def _said(
        self, named: NamedSource, source: Upstream | str, project: NormalizedName, answer: Answer
    ) -> tuple[AskedSource, tuple[Withheld, ...]]:
        """Returns what a source says, and what is withheld of what it has."""
        said = AskedSource(source=named.name, answer="supplies", told="It has the project.")
        hidden: tuple[Withheld, ...] = ()
        if answer.failure is not None:
            is_kept = isinstance(answer.failure, NameWithheld)
            code: AnswerCode = "keeps-name" if is_kept else "fails"
            failure = answer.failure
            told = failure.for_operator if self._for_operator else failure.message
            said = replace(said, answer=code, told=told)
        elif answer.supplier is None:
            told = "It has no project of this name."
            stale_for = oldest(absence.stale_for for absence in answer.absences)
            said = replace(
                said, answer="has-none", has_project=False, told=told, stale_for=stale_for
            )
        else:
            hidden = named.withheld(project)
            said = replace(said, has_project=True, stale_for=answer.supplier.page.stale_for)
        if isinstance(source, Upstream):
            state = self._pages.state(source, project)
            return replace(said, checked_at=None if state is None else state.checked_at), hidden
        inner = self._repository(source)
        if inner is None or said.answer == "has-none":
            return said, hidden
        explained = self.explain(inner, project)
        return replace(said, told=f"There: {explained.why}"), (*explained.withheld, *hidden)

    def _not_asked(
        self, named: NamedSource, source: Upstream | str, project: NormalizedName
    ) -> AskedSource:
        has_project, checked_at = self._known(source, project), None
        if isinstance(source, Upstream) and (state := self._pages.state(source, project)):
            checked_at = state.checked_at
        known = {
            True: "It has a project of this name, too, which nobody gets.",
            False: "When somebody asked it last, it had no project of this name.",
            None: "It was never asked for this name.",
        }
        return AskedSource(
            source=named.name,
            answer="not-asked",
            told=known[has_project],
            has_project=has_project,
            checked_at=checked_at,
        )

    def _known(self, source: Upstream | str, project: NormalizedName) -> bool | None:
        """Returns whether a source has a project, if that is known without asking anybody."""
        if isinstance(source, Upstream):
            state = self._pages.state(source, project)
            return None if state is None else state.is_found
        if self._has_own(source, project):
            return True
        inner = self._repository(source)
        configured = RepositorySources() if inner is None else self._configured(inner)
        if configured.keeps(project):
            return False
        answers = [self._known(each, project) for each in configured.sources]
        return True if True in answers else None if None in answers else False

    def _known_names(
        self, source: Upstream | str
    ) -> Iterator[tuple[NormalizedName, Upstream | Repository]]:
        """Yields the names of the projects of a source that are known, and who has them."""
        if isinstance(source, Upstream):
            yield from ((name, source) for name in self._pages.projects(source))
        elif inner := self._repository(source):
            configured = self._configured(inner)
            yield from ((found.normalized_name, inner) for found in self._catalog.projects(inner))
            for each in configured.sources:
                known = self._known_names(each)
                yield from ((name, owner) for name, owner in known if not configured.keeps(name))

    def _has_own(self, repository: str, project: NormalizedName) -> bool:
        located = self._catalog.locate(repository, project)
        return located is not None and located[1] is not None

    def _configured(self, repository: Repository) -> RepositorySources:
        return self._readers.configured(repository).configured

    def _repository(self, name: str) -> Repository | None:
        return self._catalog.repository(name)


def _why(configured: RepositorySources, project: NormalizedName, suppliers: list[str]) -> str:
    if OWN_FILES in suppliers:
        if len(suppliers) > 1:
            return "The name is merged, so the files come from all that have the project."
        return "The repository has a project of this name itself."
    if project in configured.kept:
        return (
            "The repository had a project of this name, which was deleted, so no source supplies "
            "it until the name is given up."
        )
    for pattern in configured.reserved:
        if matches(pattern, project):
            return f"The repository has reserved {pattern}, so no source supplies the name."
    if len(suppliers) > 1:
        return "The name is merged, so the files come from all that have the project."
    if suppliers:
        return f"{suppliers[0]} is the first of the sources that has the project."
    if not configured.sources:
        return "The repository has no project of this name, and no sources."
    return "Neither the repository nor any of its sources has a project of this name."
