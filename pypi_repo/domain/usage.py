"""What is stored and how much it is used, as frozen values."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class DownloadedRelease:
    """The release for which a download is counted."""

    repository_id: int
    project: str
    version: str


@dataclass(frozen=True, slots=True)
class DownloadCount:
    """The number of downloads of a release on one day, in UTC."""

    repository_id: int
    project: str
    version: str
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class RepositoryUsage:
    """What a repository contains.

    projects: the number of projects.
    files: the number of files.
    size: the size of the files together, in bytes.
    last_upload: when the newest file was uploaded; None if there is no file.
    size_of_trash: the size of the files in the trash together, in bytes.
    size_of_stages: the size of the files in stages together, which count for the quota, in bytes.
    """

    projects: int = 0
    files: int = 0
    size: int = 0
    last_upload: datetime | None = None
    size_of_trash: int = 0
    size_of_stages: int = 0


@dataclass(frozen=True, slots=True)
class TopProject:
    """A project with the number of its downloads in some period."""

    repository: str
    project: str
    downloads: int


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file in a list of new uploads.

    size: the size of the file, in bytes.
    uploaded_by: the name of the actor that uploaded the file.
    """

    repository: str
    project: str
    version: str
    filename: str
    size: int
    uploaded_at: datetime
    uploaded_by: str


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """The use of one repository or of all repositories on one day, in UTC.

    downloads: the number of downloads that began at the beginning of a file.
    stored: the size, in bytes, of the files that exist now and were uploaded until the end of that
        day.
    """

    day: date
    downloads: int
    stored: int
