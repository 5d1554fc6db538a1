"""Accepts uploads to a stage, whose files are on no index until it is published."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.digests import Digests
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.lifecycle.stages import FileOfStage, check_room, unknown_stage
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.expiry import expire_stages
from pypi_repo.services.packages.candidates import Publishable
from pypi_repo.services.packages.placing import Accepted, Terms, check_place
from pypi_repo.services.packages.publishing import Publishing
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.services.packages.upload import Admission, Uploads
from pypi_repo.services.packages.upload_rules import existing_file, is_proven, refuse_foreign
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.destination import Destination
from pypi_repo.storage.lifecycle.stages import StageRows


class StageUploads(Uploads):
    """Accepts uploads to one stage of a repository.

    stage: the id of the stage, which need not be open.
    """

    def __init__(
        self,
        repository: str,
        stage: str,
        database: Database,
        blobs: BlobStore,
        gate: Gate,
        readmes: Readmes,
        limits: Limits,
        check_new_name: Callable[[Actor, Repository, NormalizedName], None],
    ) -> None:
        placing = partial(place_in_stage, stage)
        publishing = Publishing(repository, database, blobs, gate, placing)
        super().__init__(
            repository, database, blobs, gate, readmes, limits, check_new_name, publishing
        )
        self._stage = stage
        self._stored = StageRows(database)

    def admit(self, actor: Actor) -> Admission:
        """Returns what an actor may upload. It is called before the body is read.

        Raises UnknownStage, and the errors of `Uploads.admit`.
        """
        admission = super().admit(actor)
        if self._stored.find(self._repository, self._stage, datetime.now(UTC)) is None:
            raise unknown_stage(self._repository)
        return admission

    def _existing(
        self,
        actor: Actor,
        destination: Destination,
        filename: DistributionFilename,
        digests: Digests,
    ) -> DistributionFile | None:
        existing = existing_file(
            self._gate, self._catalog, actor, destination, filename, digests, self._stage
        )
        staged = self._stored.file_like(self._stage, filename.filename)
        if staged is None or not is_proven(destination.repository, staged.file):
            return existing  # the same file comes again, with the proofs
        return staged.file


def place_in_stage(
    stage: str, gate: Gate, catalog: Catalog, actor: Actor, repository: str, new: Publishable
) -> Accepted:
    """Checks a file as if it were published now, and adds it to a stage.

    It replaces a file of the stage with the same name. The transaction must have locked the
    repository.

    stage: the id of the stage.

    Raises UnknownStage, and other errors if the file could not be published.
    """
    stored, file, now = catalog.stages, new.file, datetime.now(UTC)
    there_before = stored.file_like(stage, file.filename)
    replaced = None if there_before is None else there_before.file
    if replaced is not None:
        stored.delete_file(stage, replaced.filename)  # the quota does not count both
    there, existing = check_place(gate, catalog, actor, repository, new, terms=Terms(stage=stage))
    if replaced is not None:
        refuse_foreign(gate, actor, there.repository, replaced)
    found = stored.find(repository, stage, now)
    if found is None:
        raise unknown_stage(repository)
    if existing is not None and existing.digests == file.digests:
        return Accepted(existing, is_unchanged=True, replaced=replaced)
    check_room(found)
    expire_stages(catalog, repository, now)  # the names of others that have just become free
    stored.add_file(
        there.repository,
        stage,
        FileOfStage(
            file=file,
            display_name=new.display_name,
            summary=new.summary,
            size_beside=new.size_beside,
            provenance=new.provenance,
            profile=there.repository.profile,
        ),
    )
    return Accepted(file, new.warnings, replaced=replaced)
