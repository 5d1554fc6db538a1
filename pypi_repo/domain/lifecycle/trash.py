"""What was deleted or overwritten, and can come back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ProjectStatus

Subject = Literal["file", "release", "project"]

_FROM_MILD_TO_STRICT: tuple[ProjectStatus, ...] = (
    "active",
    "deprecated",
    "archived",
    "quarantined",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashEntry:
    """One act that deleted or overwrote something, and can be undone as a whole.

    action: what was done, as the journal calls it, such as `delete release`.
    project: the normalized name of the project.
    version: the version; None if the whole project was deleted.
    filename: the name of the file; None if more than one file was deleted.
    deleted_by: the name of who did it.
    deleted_by_kind: the kind of that actor, as in the journal.
    kept_until: when it is purged, unless somebody does it before.
    files: the number of files.
    size: what the files take in the file store, with what is stored beside them, in bytes.
    """

    id: int
    action: str
    project: NormalizedName
    version: str | None
    filename: str | None
    deleted_at: datetime
    deleted_by: str
    deleted_by_kind: str
    kept_until: datetime
    files: int
    size: int

    @property
    def subject(self) -> Subject:
        """What was deleted."""
        if self.filename is not None:
            return "file"
        return "project" if self.version is None else "release"

    @property
    def name(self) -> str:
        """The name of what was deleted: `demo`, `demo 1.0` or the name of the file."""
        if self.filename is not None:
            return self.filename
        return self.project if self.version is None else f"{self.project} {self.version}"


class GivenStatus(NamedTuple):
    """A status that a project has or had (PEP 792), and the reason that was given for it."""

    status: ProjectStatus
    reason: str


def strictest(statuses: Iterable[GivenStatus]) -> GivenStatus | None:
    """Returns the status that forbids most, the first of equal ones; None if there are none."""
    return max(statuses, key=lambda each: _FROM_MILD_TO_STRICT.index(each.status), default=None)


@dataclass(frozen=True, slots=True)
class TakenName:
    """A file with other content, which has come under the name of a deleted one.

    filename: the name of the deleted file.
    present: the name of the file that is there now; of a wheel, perhaps in another spelling.
    project: the normalized name of the project that the present file belongs to.
    """

    filename: str
    present: str
    project: NormalizedName
