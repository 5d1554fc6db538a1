"""The lists of what was uploaded to a repository."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from pypi_repo.domain.accounts.access import ANONYMOUS, Actor, Permission
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import Project, ProjectList, ProjectSummary, Repository, Versioned
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lists import Lists

KeepList: TypeAlias = Callable[[Versioned[ProjectList]], Versioned[ProjectList]]
"""Lets a list be loaded only once, however often it is asked for."""

_UPLOADS_EACH = 8  # files that are looked at for each release


class OwnLists:
    """Reads lists for whoever may read the repository.

    keep: a function that lets a list be loaded only once.
    """

    def __init__(self, database: Database, gate: Gate, keep: KeepList) -> None:
        self._catalog = Catalog(database)
        self._lists = Lists(database)
        self._gate = gate
        self._keep = keep

    def whole(self, actor: Actor, repository: Repository) -> Versioned[ProjectList]:
        """Returns all projects that the index lists, also those that the actor may not read."""
        asked = Permission.READ, repository
        is_same_for_all = actor.is_anonymous or self._gate.treats_projects_alike(ANONYMOUS, *asked)
        return self._keep(
            Versioned(
                key=("list", repository.id, repository.serial),
                serial=repository.serial,
                public=is_same_for_all and self._gate.is_open(repository),
                load=lambda: ProjectList(
                    serial=repository.serial, projects=self._catalog.listed_projects(repository)
                ),
            )
        )

    def readable_part(
        self, whole: Versioned[ProjectList], actor: Actor, repository: Repository
    ) -> Versioned[ProjectList]:
        """Returns a list without the projects that the actor may not read.

        Nor does its serial tell that one of these has changed.
        """
        if self._gate.treats_projects_alike(actor, Permission.READ, repository):
            return whole
        page = whole.load()
        hidden = self._hidden(actor, repository, page)
        shown = tuple(project for project in page.projects if project.normalized_name not in hidden)
        serial = max((project.serial for project in shown), default=0)
        part = replace(page, serial=serial, projects=shown)
        return replace(whole, key=(whole.key, hidden), serial=serial, load=lambda: part)

    def readable(
        self, actor: Actor, repository: Repository, names: Sequence[NormalizedName]
    ) -> Sequence[NormalizedName]:
        """Returns those of the projects that the actor may read, whoever has them."""
        hidden = self._gate.hidden(actor, Permission.READ, repository, lambda: names)
        return [name for name in names if name not in hidden]

    def closed_names(self, repository: Repository) -> frozenset[NormalizedName]:
        """Returns the names of quarantined projects, which no list shows."""
        return self._lists.closed_names(repository)

    def projects(
        self, repository: Repository, names: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Project]:
        """Returns those of the projects that are in the repository."""
        return self._lists.projects_named(repository, names)

    def summaries(
        self, repository: Repository, names: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        """Returns what lists say of those of the projects that are in the repository."""
        found = self._lists.summaries(repository, names)
        return {each.normalized_name: _as_shown(each) for each in found}

    def newest_releases(
        self, actor: Actor, repository: Repository, limit: int
    ) -> Sequence[NewestRelease]:
        """Returns the releases that were uploaded last, the newest first."""
        looked_at = self._looked_at(actor, repository)
        uploads = limit * _UPLOADS_EACH
        while True:
            # A release has several files, and this is the cheapest way to find the newest ones.
            found, are_all = self._lists.newest_releases(repository, uploads, **looked_at)
            if are_all or len(found) >= limit:
                return found[:limit]
            uploads *= 4

    def _looked_at(
        self, actor: Actor, repository: Repository
    ) -> dict[str, Collection[NormalizedName]]:
        """Returns what tells the database which projects the actor may read."""
        if self._gate.treats_projects_alike(actor, Permission.READ, repository):
            return {}
        page = self.whole(actor, repository).load()
        hidden = self._hidden(actor, repository, page)
        if len(hidden) <= len(page.projects) // 2:
            return {"hidden": hidden}
        return {"among": {each.normalized_name for each in page.projects} - hidden}

    def _hidden(
        self, actor: Actor, repository: Repository, page: ProjectList
    ) -> frozenset[NormalizedName]:
        return self._gate.hidden(
            actor,
            Permission.READ,
            repository,
            lambda: (project.normalized_name for project in page.projects),
        )


def _as_shown(summary: ProjectSummary) -> ProjectSummary:
    """Returns what readers learn: a quarantined project offers nothing (PEP 792)."""
    if summary.status != "quarantined":
        return summary
    return replace(summary, latest=None, summary="", releases=0, files=0, size=0, last_upload=None)
