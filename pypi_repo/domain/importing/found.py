"""What a folder or another index says of its projects and files. None of it was checked yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ProjectStatus

_UNKNOWN = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file that can be imported, as its source describes it.

    filename: its name, which need not be one that a repository takes.
    location: where the source has it, in the source's own terms: an absolute URL or a path.
    hashes: hexadecimal digests in lower case, by the names of hashlib; empty if none is known.
    size: the size of the file, in bytes; None if it is not known.
    uploaded_at: when it was uploaded there, in UTC; None if the source does not say.
    uploaded_by: who has uploaded it there; None if the source does not say.
    yanked: None, or the reason for which it is yanked (PEP 592), which may be empty.
    signature: where the source has an OpenPGP signature of it; None if it has none.
    provenance: where the source has attestations of it (PEP 740); None if it has none.
    metadata: where the source has its core metadata (PEP 658); None if it has none.
    """

    filename: str
    location: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    uploaded_at: datetime | None = None
    uploaded_by: str | None = None
    yanked: str | None = None
    signature: str | None = None
    provenance: str | None = None
    metadata: str | None = None

    @property
    def age(self) -> tuple[datetime, str]:
        """By what files are sorted so that the oldest is the first."""
        return self.uploaded_at or _UNKNOWN, self.filename


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not imported.

    project: the project to which it belongs; empty if that is not known.
    filename: the name of the file; empty for a whole project, or where the name is not known.
    reason: why, as one sentence.
    detail: the cause, such as a URL.
    """

    project: str
    filename: str
    reason: str
    detail: str = ""

    @classmethod
    def because(cls, error: RegistryError, project: str, filename: str = "") -> Self:
        """Returns what is left out because of an error."""
        return cls(project, filename, error.message, error.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProject:
    """A project that can be imported.

    status: the status of PEP 792, with the reason in `status_reason`.
    files: the files, each filename once.
    left_out: what else there is of the project, which nobody can import.
    """

    name: NormalizedName
    status: ProjectStatus = "active"
    status_reason: str = ""
    files: tuple[FoundFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
