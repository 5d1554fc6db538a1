"""That upstreams do not have a project, on which it depends who else supplies it."""

from collections.abc import Iterable
from dataclasses import dataclass

from pypi_repo.domain.errors import UnknownProject, unknown_project
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.upstreams.pages import UpstreamPages


@dataclass(frozen=True, slots=True)
class Absence:
    """That an upstream said that it does not have a project."""

    pages: UpstreamPages
    upstream: Upstream
    project: NormalizedName

    @property
    def stale_for(self) -> int | None:
        """How old it is in seconds, if it counts because the upstream does not answer; or None."""
        return self.pages.absent_for(self.upstream, self.project)

    def keep(self) -> None:
        """Keeps it, because the project is elsewhere: in a later source, or in the repository.

        So an outage of the upstream does not change who supplies the project, and it is known that
        a project of the repository hides nothing. Of names that nobody has, this is not kept:
        anybody can ask for any number of them.
        """
        self.pages.keep_absence(self.upstream, self.project)


class AbsentProject(UnknownProject):
    """A source does not have a project, because upstreams do not have it.

    absences: what the upstreams have said.
    """

    def __init__(self, message: str, absences: tuple[Absence, ...] = ()) -> None:
        super().__init__(message)
        self.absences = absences


def absent_project(project: NormalizedName, absences: tuple[Absence, ...]) -> UnknownProject:
    """Returns the error for a project that none of the sources has that were asked.

    absences: what upstreams have said.
    """
    error = unknown_project(project)
    return AbsentProject(error.message, absences) if absences else error


def absences_of(error: UnknownProject) -> tuple[Absence, ...]:
    """Returns what upstreams have said that made a source raise an error."""
    return error.absences if isinstance(error, AbsentProject) else ()


def oldest(ages: Iterable[int | None]) -> int | None:
    """Returns since how long the oldest of several answers should have been asked for again.

    ages: in seconds; None for those that are fresh.
    """
    return max((age for age in ages if age is not None), default=None)
