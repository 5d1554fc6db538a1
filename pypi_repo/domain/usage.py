"""What is stored and how much it is used, as values."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class DownloadedRelease:
    """What a download is counted for."""

    repository_id: int
    project: str
    version: str


@dataclass(frozen=True, slots=True)
class DownloadCount:
    """Downloads of a release on one day (UTC)."""

    repository_id: int
    project: str
    version: str
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class RepositoryUsage:
    """What a repository holds; `size` is in bytes."""

    projects: int = 0
    files: int = 0
    size: int = 0
    last_upload: datetime | None = None


@dataclass(frozen=True, slots=True)
class TopProject:
    repository: str
    project: str
    downloads: int


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as the list of the newest shows it; `size` is in bytes."""

    repository: str
    project: str
    version: str
    filename: str
    size: int
    uploaded_at: datetime
    uploaded_by: str


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """One day (UTC) of a repository, or of all.

    downloads: of files, whole or from their beginning.
    stored: bytes, at the end of the day, of the files that are here now.
    """

    day: date
    downloads: int
    stored: int
