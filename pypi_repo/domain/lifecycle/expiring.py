"""What retention rules let go, for those who look at it and for the record."""

from dataclasses import dataclass
from datetime import date, datetime

from pypi_repo.domain.names import NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringRelease:
    """A release that the retention rules of its repository do not keep.

    project: the normalized name of the project, and `name` as its newest file spells it.
    files: the number of files.
    size: the size of the files together, in bytes.
    here_since: when the newest file was uploaded, or when the release came here if that is later.
    downloaded_on: the last day on which it was downloaded, in UTC; None if it never was.
    rule_id: the rule that is about it.
    reason: why the rule does not keep it, as a phrase.
    """

    project: NormalizedName
    name: str
    version: str
    files: int
    size: int
    here_since: datetime
    downloaded_on: date | None
    rule_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPreview:
    """What a run would delete, in numbers.

    releases: the number of releases that would be deleted.
    files: the number of their files.
    size: the size of these files together, in bytes.
    kept: the number of releases that are kept, of projects that a rule is about.
    is_previewed: whether the rules may be run.
    """

    releases: int = 0
    files: int = 0
    size: int = 0
    kept: int = 0
    is_previewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """What a run has deleted, in numbers.

    releases: the number of releases that were deleted.
    files: the number of their files.
    size: the size of these files together, in bytes.
    is_complete: whether nothing was left for the next run.
    """

    releases: int = 0
    files: int = 0
    size: int = 0
    is_complete: bool = True

    def __add__(self, other: "RetentionRun") -> "RetentionRun":
        """Returns what two runs have deleted together."""
        return RetentionRun(
            releases=self.releases + other.releases,
            files=self.files + other.files,
            size=self.size + other.size,
            is_complete=self.is_complete and other.is_complete,
        )
