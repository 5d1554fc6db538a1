"""Makes what accepts files: for repositories, and for stages of them."""

from dataclasses import dataclass

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.recheck import Rechecks
from pypi_repo.services.lifecycle.stage_source import StageSource
from pypi_repo.services.lifecycle.stage_uploads import StageUploads
from pypi_repo.services.lifecycle.stages import Stages
from pypi_repo.services.packages.publishing import Publishing
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.services.packages.upload import Uploads
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.sources.source import Source
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.database.database import Database


@dataclass(frozen=True, slots=True)
class Intake:
    """Makes uploads and stages of a registry."""

    database: Database
    blobs: BlobStore
    gate: Gate
    readmes: Readmes
    limits: Limits
    readers: Readers
    rechecks: Rechecks

    def uploads_to(self, repository: str) -> Uploads:
        """Returns what accepts files for a repository."""
        return Uploads(
            repository,
            self.database,
            self.blobs,
            self.gate,
            self.readmes,
            self.limits,
            self.readers.check_new_name,
            Publishing(repository, self.database, self.blobs, self.gate),
        )

    def uploads_to_stage(self, repository: str, stage: str) -> Uploads:
        """Returns what accepts files for a stage.

        stage: the id of the stage, which need not be open.
        """
        return StageUploads(
            repository,
            stage,
            self.database,
            self.blobs,
            self.gate,
            self.readmes,
            self.limits,
            self.readers.check_new_name,
        )

    def source_at_stage(self, source: Source, repository: str, stage: str) -> Source:
        """Returns the source of a repository with the files of a stage on top."""
        return StageSource(source, self.readers.own_files_of(repository), self.database, stage)

    def stages(self, actor: Actor) -> Stages:
        """Returns the stages on behalf of an actor."""
        return Stages(
            actor,
            self.database,
            self.blobs,
            self.gate,
            self.rechecks,
            self.readers.check_new_name,
        )
