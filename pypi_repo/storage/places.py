"""Where a registry keeps its files, and who may enter the folder."""

from pathlib import Path

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.settings import FilesSentBy, Settings, XAccel, XSendfile
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.folders import FOR_GROUP, PRIVATE


def folder_mode(files_sent_by: FilesSentBy | None) -> int:
    """Returns the permissions of the folder of the database.

    The files may lie below it, and a proxy that sends them must get there.
    """
    return FOR_GROUP if isinstance(files_sent_by, (XAccel, XSendfile)) else PRIVATE


def blob_place(settings: Settings, database: Database) -> str | Path:
    """Returns where files are kept: as the settings say, or beside the database.

    Raises ConfigurationError if there is no place beside the database.
    """
    if settings.blobs is not None:
        return settings.blobs
    if database.in_memory:
        return "memory://"
    if database.folder is None:
        raise ConfigurationError(
            "Say where files are kept: blobs='file:///srv/packages' or blobs='s3://bucket/folder'."
        )
    return Path(database.folder) / "blobs"
