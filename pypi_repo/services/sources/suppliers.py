"""What supplies a project: one of the sources of a repository, or several."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from pypi_repo.domain.accounts.access import OPERATOR, Actor
from pypi_repo.domain.errors import (
    UnknownFile,
    UnknownProject,
    UpstreamFailed,
    UpstreamRefused,
    unknown_file,
    unknown_project,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ProjectDetails, ProjectPage, Repository, Versioned
from pypi_repo.domain.upstreams.errors import NameWithheld, name_kept
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.sources.absences import Absence, absences_of, absent_project, oldest
from pypi_repo.services.sources.decided import Premise, Premises
from pypi_repo.services.sources.lists.united import Listed, united_page
from pypi_repo.services.sources.screened import Screened
from pypi_repo.services.sources.source import REFUSED, Redirect, ServedFile, Source
from pypi_repo.services.sources.stored_file import StoredFile


@dataclass(frozen=True, slots=True)
class Supplier:
    """A source that supplies a project, and its page of it."""

    name: str
    source: Source
    page: Versioned[ProjectPage]

    def not_public(self) -> "Supplier":
        """Returns the same, but shared caches may not store the page."""
        if not self.page.public:
            return self
        return replace(self, page=replace(self.page, public=False))

    def as_old_as(self, age: int | None) -> "Supplier":
        """Returns the same, but the page is as old as what it depends on, if that is not fresh.

        age: in seconds; None for what is fresh.
        """
        if age is None:
            return self
        return replace(self, page=replace(self.page, stale_for=oldest([self.page.stale_for, age])))


@dataclass(frozen=True, slots=True)
class Answer:
    """What one of the sources of a repository says of a project.

    supplier: the source with its page; None if it has none.
    failure: why it offers nothing although it owns the name, or may own it.
    absences: the upstreams that do not have the project, so that the source has none.
    """

    supplier: Supplier | None = None
    failure: NameWithheld | UpstreamFailed | UpstreamRefused | None = None
    absences: tuple[Absence, ...] = ()

    def decides(self, *, is_merged: bool) -> bool:
        """Returns whether later sources are not asked.

        is_merged: whether all sources supply the name together.
        """
        if is_merged:
            return self.failure is not None and not isinstance(self.failure, NameWithheld)
        return self.supplier is not None or self.failure is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who supplies a project in a repository, and what its sources have said.

    own: the repository itself, if it has the project.
    is_open: whether shared caches may store what the sources supply.
    is_kept: whether the repository keeps the name from its sources.
    answers: those of the sources that were asked, in their order. Others need not be.
    """

    repository: Repository
    project: NormalizedName
    own: Supplier | None
    is_open: bool
    is_kept: bool
    answers: tuple[Answer, ...]

    def suppliers(self) -> Sequence[Supplier]:
        """Returns what supplies the project: one source, or several if the name is merged.

        What lets them supply it is kept for the time when it cannot be asked for.

        Raises UnknownProject, and what a source has raised that cannot say whether it has the
        project.
        """
        suppliers = self._suppliers()
        absences = self._absences()
        for absence in absences:
            absence.keep()
        age = oldest(absence.stale_for for absence in absences)
        return [each.as_old_as(age) for each in suppliers]

    def _suppliers(self) -> Sequence[Supplier]:
        failures = [each.failure for each in self.answers if each.failure is not None]
        for failure in failures:
            if not isinstance(failure, NameWithheld):
                raise failure
        found = [each.supplier for each in self.answers if each.supplier is not None]
        found = found if self.is_open else [each.not_public() for each in found]
        if self.own is not None:
            return [self.own, *found]
        if found:
            return found
        if self.is_kept:
            raise name_kept(self.project, self.repository.name)
        if failures:  # which have the same text as the last: it may be a secret
            raise failures[0]
        if self.answers:
            raise absent_project(self.project, self._absences())
        raise unknown_project(self.project, self.repository.name)

    def _absences(self) -> tuple[Absence, ...]:
        return tuple(absence for answer in self.answers for absence in answer.absences)


@dataclass(frozen=True, slots=True)
class NamedSource:
    """One of the sources of a repository.

    name: how pages say that they come from it, such as `upstream:NAME`.
    needs_login: whether anonymous readers get nothing from it.
    premises: tells what its answers depend on, if it is an upstream.
    """

    name: str
    source: Source
    needs_login: bool = False
    premises: Premises | None = None

    def answer(self, actor: Actor, project: NormalizedName, *, last: bool) -> Answer:
        """Returns what the source says of a project.

        last: whether the page that was seen last is enough.
        """
        try:
            return Answer(supplier=self.supplier(actor, project, last=last))
        except (NameWithheld, UpstreamFailed, UpstreamRefused) as error:
            return Answer(failure=error)
        except UnknownProject as error:
            return Answer(absences=absences_of(error))

    def supplier(self, actor: Actor, project: NormalizedName, *, last: bool) -> Supplier:
        """Returns the source with its page of a project.

        last: whether the page that was seen last is enough.

        Raises UnknownProject if it does not own the name, and NameWithheld if it does, and does not
        offer the project to the actor.
        """
        if actor.is_anonymous and self.needs_login:
            raise _refused(self.source, project)
        page = page_of(actor, self.source, project, last=last)
        if page.source != self.name:
            page = replace(page, source=self.name)
        return Supplier(self.name, self.source, page)

    def seen(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Supplier | None]:
        """Returns the source with its pages of several projects, as they were seen last.

        Nobody is asked. A project is left out if the source does not own its name, and None if it
        owns it without offering the project to the actor.
        """
        pages: Mapping[NormalizedName, Versioned[ProjectPage] | None] = dict.fromkeys(projects)
        if not (actor.is_anonymous and self.needs_login):
            with suppress(*REFUSED):
                pages = self.source.seen_pages(actor, projects)
        return {
            name: None if page is None else Supplier(self.name, self.source, page)
            for name, page in pages.items()
            if page is not None or self.source.may_have(name)
        }

    def listed(self, actor: Actor) -> Listed:
        """Returns the projects of the source, which the actor may not see if it refuses them."""
        if not (actor.is_anonymous and self.needs_login):
            with suppress(*REFUSED):
                return Listed(self.source.project_list(actor), is_shown=True)
        return Listed(self.source.project_list(OPERATOR), is_shown=False)

    def withheld(self, project: NormalizedName) -> tuple[Withheld, ...]:
        """Returns why files of a project are not offered, by the page that was seen last."""
        if isinstance(self.source, Screened):
            with suppress(UnknownProject):
                return self.source.withheld(OPERATOR, project)
        return ()


@dataclass(frozen=True, slots=True, eq=False)  # each is another one, even if nothing differs
class ConfiguredSources:
    """The sources of a repository in their order, and what is configured for them."""

    configured: RepositorySources
    sources: tuple[NamedSource, ...]

    def premises(self, project: NormalizedName, *, last: bool) -> Sequence[Premise] | None:
        """Returns what depends on sources in the question of who supplies a project.

        It is for a project that the repository does not have. Returns None if the sources have to
        be asked, which is always so for other repositories and for merged names.

        last: whether the pages that were seen last are enough.
        """
        found: list[Premise] = []
        if self.configured.merged and self.configured.merges(project):
            return None
        for named in self.sources:
            premises = named.premises
            premise = None if premises is None else premises.of(project, last=last)
            if premise is None:
                return None
            found.append(premise)
            if premise.is_found:
                return found
        return None


class SubjectKey(NamedTuple):
    """What is asked of the sources of a repository, and by whom.

    sources: what is configured.
    project: the project.
    path: the location of a file of it; empty for what supplies the project.
    is_anonymous: whether nobody is logged in; upstreams treat all others alike.
    is_open: whether everybody may read the project, as far as the repository is concerned.
    """

    sources: ConfiguredSources
    project: NormalizedName
    path: str
    is_anonymous: bool
    is_open: bool

    def premises(self) -> Sequence[Premise] | None:
        """Returns what the sources have to do with the answer, or None if they must be asked.

        The page that was seen last decides about a file, and a fresh one about the project.
        """
        return self.sources.premises(self.project, last=bool(self.path))

    def decides_suppliers(self, suppliers: Sequence[Supplier]) -> bool:
        """Returns whether the suppliers of a project depend on nothing else but sources."""
        return self.is_open or not any(each.page.public for each in suppliers)

    def decides_file(self, file: ServedFile | Redirect) -> bool:
        """Returns whether a file depends on nothing else but sources."""
        return isinstance(file, StoredFile) and (self.is_open or not file.public)


def page_of(
    actor: Actor, source: Source, project: NormalizedName, *, last: bool = False
) -> Versioned[ProjectPage]:
    """Returns the page of a project of a source.

    last: whether the page that was seen last is enough.

    Raises UnknownProject if the source does not own the name, and NameWithheld if it does, and does
    not offer the project to the actor.
    """
    try:
        return (source.last_page if last else source.project_page)(actor, project)
    except REFUSED:
        raise _refused(source, project) from None


def _refused(source: Source, project: NormalizedName) -> UnknownProject:
    """Returns NameWithheld if a source that the reader may not read may have a project.

    Nobody else is asked for such a reader, who could otherwise find out names by it.
    """
    nothing = unknown_project(project)
    # It says no more than of a project that does not exist: its name may be a secret.
    return NameWithheld(nothing.message) if source.may_have(project) else nothing


def supplied_file(
    actor: Actor, project: NormalizedName, path: str, suppliers: Sequence[Supplier]
) -> ServedFile | Redirect:
    """Returns the file at a location from the first that has it as a file of the project.

    Raises UnknownFile.
    """
    for supplier in suppliers:
        with suppress(UnknownFile):
            served = supplier.source.file(actor, path)
            if served.project == project:
                if isinstance(served, ServedFile) and not supplier.page.public:
                    return served.not_public()
                return served
    raise unknown_file(path.rpartition("/")[2])


def suppliers_of_file(suppliers: Sequence[Supplier], filename: str) -> Sequence[Supplier]:
    """Returns the one that lists a file, or all if none does: any of them may withhold it."""
    if len(suppliers) > 1:
        for supplier in suppliers:
            if any(file.filename == filename for file in supplier.page.load().files):
                return [supplier]
    return suppliers


def supplied_page(suppliers: Sequence[Supplier]) -> Versioned[ProjectPage]:
    """Returns the page of a project that one source supplies, or several together."""
    if len(suppliers) == 1:
        return suppliers[0].page
    return united_page([supplier.page for supplier in suppliers])


def adopted(supplier: Supplier, details: Versioned[ProjectDetails]) -> Versioned[ProjectDetails]:
    """Returns details with what is true for the page."""
    return replace(
        details,
        public=details.public and supplier.page.public,
        source=supplier.name,
        stale_for=oldest([details.stale_for, supplier.page.stale_for]),
    )
