"""What supplies a project: one of the sources of a repository, or several."""

from dataclasses import dataclass, replace

from pypi_repo.domain.accounts.access import OPERATOR, Actor
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    PermissionDenied,
    UnknownProject,
    UnknownRepository,
    unknown_project,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ProjectPage, Versioned
from pypi_repo.domain.upstreams.errors import NameWithheld
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.sources.screened import Screened
from pypi_repo.services.sources.source import Source

REFUSED = (AuthenticationRequired, PermissionDenied, UnknownRepository)
"""What a source raises for a reader who may not read from it."""


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


@dataclass(frozen=True, slots=True)
class NamedSource:
    """One of the sources of a repository.

    name: how pages say that they come from it, such as `upstream:NAME`.
    needs_login: whether anonymous readers get nothing from it.
    """

    name: str
    source: Source
    needs_login: bool = False

    def supplier(self, actor: Actor, project: NormalizedName, *, last: bool) -> Supplier | None:
        """Returns the source with its page of a project, or None if it does not own the name.

        last: whether the page that was seen last is enough.

        Raises NameWithheld if it owns the name, and does not offer the project to the actor.
        """
        if actor.is_anonymous and self.needs_login:
            _require_none(self.source, project)
            return None
        page = page_of(actor, self.source, project, last=last)
        if page is None:
            return None
        if page.source != self.name:
            page = replace(page, source=self.name)
        return Supplier(self.name, self.source, page)

    def withheld(self, project: NormalizedName) -> tuple[Withheld, ...]:
        """Returns why files of a project of the source are not offered.

        Raises UnknownProject.
        """
        if isinstance(self.source, Screened):
            return self.source.withheld(OPERATOR, project)
        return ()


@dataclass(frozen=True, slots=True)
class ConfiguredSources:
    """The sources of a repository in their order, and what is configured for them."""

    configured: RepositorySources
    sources: tuple[NamedSource, ...]


def page_of(
    actor: Actor, source: Source, project: NormalizedName, *, last: bool = False
) -> Versioned[ProjectPage] | None:
    """Returns the page of a project of a source, or None if the source does not own its name.

    last: whether the page that was seen last is enough.

    Raises NameWithheld if the source owns the name, and does not offer the project to the actor.
    """
    try:
        return (source.last_page if last else source.project_page)(actor, project)
    except NameWithheld:
        raise
    except UnknownProject:
        return None
    except REFUSED:
        _require_none(source, project)
        return None


def _require_none(source: Source, project: NormalizedName) -> None:
    """Raises NameWithheld if a source that the reader may not read may have a project.

    Nobody else is asked for such a reader, who could otherwise find out names by it.
    """
    if source.may_have(project):
        # It says no more than of a project that does not exist: its name may be a secret.
        raise NameWithheld(unknown_project(project).message) from None
