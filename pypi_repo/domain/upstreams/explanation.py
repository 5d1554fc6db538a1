"""Why a project comes from where it does, and what the cooldown would have withheld."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.verdicts import Withheld

Answer = Literal["supplies", "has-none", "keeps-name", "fails", "not-asked"]
"""What a source says of a project.

supplies: its files are offered. has-none: the next source is asked. keeps-name: it offers nothing,
and no other source may. fails: it cannot say, so no other source may either. not-asked: the name is
decided before.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSource:
    """What one source of a repository says of a project.

    source: the source, as `upstream:NAME` or `repository:NAME`.
    told: one sentence about the answer.
    has_project: whether it has the project, as far as is known; None if that is not known.
    checked_at: when an upstream confirmed last what is known; None if it never did.
    stale_for: since how many seconds an upstream should have been asked again, while it does not
        answer; None if what is known is fresh.
    """

    source: str
    answer: Answer
    told: str
    has_project: bool | None = None
    checked_at: datetime | None = None
    stale_for: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """From where the project with a name comes in a repository, and why.

    supplier: `own-files`, `upstream:NAME` or `repository:NAME`; several, with commas between them,
        for a merged name; empty if nobody supplies the name.
    why: one sentence about the supplier.
    is_merged: whether the repository and all its sources supply the name together.
    asked: what the sources of the repository say, in their order.
    withheld: the files of the supplier that are not offered.
    """

    repository: str
    project: NormalizedName
    supplier: str
    why: str
    is_merged: bool
    asked: tuple[AskedSource, ...]
    withheld: tuple[Withheld, ...]

    @property
    def shadowed(self) -> tuple[str, ...]:
        """The sources that have a project of this name, too, which nobody gets."""
        return tuple(
            each.source for each in self.asked if each.answer == "not-asked" and each.has_project
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowedName:
    """A project of a repository, or of one of its sources, that hides one in a later source.

    source: the source whose project is hidden, as `upstream:NAME` or `repository:NAME`.
    by: `own-files`, or the earlier source that has the name.
    """

    project: NormalizedName
    source: str
    by: str = "own-files"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A release that was downloaded, and would have been withheld by a cooldown then.

    source: the source, as `upstream:NAME`.
    downloads: how often it was downloaded on days on which it would have been withheld.
    last_day: the last of these days, in UTC.
    withheld: the files that would have been withheld at the end of that day.
    is_whole: whether these are all files of the release.
    """

    project: NormalizedName
    version: str
    source: str
    downloads: int
    last_day: date
    withheld: tuple[Withheld, ...]
    is_whole: bool
