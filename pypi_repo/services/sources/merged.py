"""A source that offers the projects of several sources."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import UnknownFile, UnknownProject, unknown_file
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import (
    ListedProject,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.services.sources.absences import Absence, absences_of, absent_project, oldest
from pypi_repo.services.sources.lists.of_several import (
    releases_of,
    supplied_summaries,
    united_releases,
)
from pypi_repo.services.sources.source import REFUSED, Redirect, ServedFile, Source, require_source
from pypi_repo.services.sources.wrappers import restricted, restricted_file

Content = TypeVar("Content")


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
            with suppress(*REFUSED):
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

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        return {
            name: None if found is None else self._adopted(*found)
            for name, found in self._seen(actor, projects).items()
        }

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        seen = self._seen(actor, projects)
        return supplied_summaries(
            actor, {name: found[0] for name, found in seen.items() if found is not None}
        )

    def newest_releases(self, actor: Actor, limit: int) -> Sequence[NewestRelease]:
        self.check_access(actor)
        return united_releases(
            releases_of(actor, self._sources, limit),
            lambda names: {
                name: None if found is None else found[0]
                for name, found in self._seen(actor, names).items()
            },
            limit,
        )

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        self.check_access(actor)
        for source in self._sources:
            try:
                found = source.file(actor, path)
            except UnknownFile:
                continue
            if self._owner(actor, found.project) is source:
                return restricted_file(found, self._first)
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

    def _seen(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, tuple[Source, Versioned[ProjectPage]] | None]:
        """Returns the owners of projects, with the pages that were seen last, as `_owned` does.

        An owner that refuses the project to the actor is None.
        """
        self.check_access(actor)
        seen: dict[NormalizedName, tuple[Source, Versioned[ProjectPage]] | None] = {}
        for source in self._sources:
            rest = [name for name in projects if name not in seen]
            pages: Mapping[NormalizedName, Versioned[ProjectPage] | None] = dict.fromkeys(rest)
            with suppress(*REFUSED):
                pages = source.seen_pages(actor, rest)
            for name, page in pages.items():
                if page is not None:
                    seen[name] = source, page
                elif _refuses(source, actor, name):
                    seen[name] = None
        return seen

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
        absences: tuple[Absence, ...] = ()
        for source in self._sources:
            try:
                page = source.project_page(actor, project)
            except UnknownProject as error:
                absences += absences_of(error)
                continue
            for absence in absences:
                absence.keep()
            ages = (absence.stale_for for absence in absences)
            return source, replace(page, stale_for=oldest([page.stale_for, *ages]))
        raise absent_project(project, absences)

    def _adopted(self, owner: Source, content: Versioned[Content]) -> Versioned[Content]:
        """Names the owner in the key, because another source may use the same keys."""
        key = (self._sources.index(owner), content.key)
        return restricted(replace(content, key=key), self._first)


def _refuses(source: Source, actor: Actor, project: NormalizedName) -> bool:
    """Returns whether a source refuses a project to an actor, rather than not to know it."""
    try:
        source.project_page(actor, project)
    except REFUSED:
        return True
    except UnknownProject:
        return False
    return False


def _merged(lists: Iterable[ProjectList]) -> ProjectList:
    owned: dict[NormalizedName, ListedProject] = {}
    serial = 0
    for each in lists:
        serial += each.serial
        for project in each.projects:
            owned.setdefault(project.normalized_name, project)
    in_order = tuple(owned[name] for name in sorted(owned))
    return ProjectList(serial=serial, projects=in_order)
