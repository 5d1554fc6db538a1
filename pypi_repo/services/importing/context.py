"""What an import needs of the registry."""

from dataclasses import dataclass

from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.database.database import Database


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What an import needs of the registry."""

    database: Database
    blobs: BlobStore
    gate: Gate
    readmes: Readmes
    limits: Limits
    client: OutboundClient
