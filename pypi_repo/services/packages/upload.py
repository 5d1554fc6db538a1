"""Accepts uploads of distribution files, from all interfaces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.digests import Digests
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.candidates import Candidate
from pypi_repo.services.packages.placing import Accepted
from pypi_repo.services.packages.publishing import Publishing
from pypi_repo.services.packages.quota import Room
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.services.packages.upload_rules import (
    check_accepts,
    check_uploader,
    existing_file,
    file_limit,
    open_destination,
)
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.store import BlobStore, StagedFile
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.destination import Destination

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Admission:
    """What an actor may upload.

    file_limit: the largest file, in bytes.
    rules: what the repository requires of the file.
    """

    file_limit: int
    rules: Rules


class Uploads:
    """Accepts uploads to one repository.

    publishing: stores the files that may be there, and adds their rows.
    """

    def __init__(
        self,
        repository: str,
        database: Database,
        blobs: BlobStore,
        gate: Gate,
        readmes: Readmes,
        limits: Limits,
        check_new_name: Callable[[Actor, Repository, NormalizedName], None],
        publishing: Publishing,
    ) -> None:
        self._repository = repository
        self._database = database
        self._catalog = Catalog(database)
        self._blobs = blobs
        self._gate = gate
        self._readmes = readmes
        self._publishing = publishing
        self._check_new_name = check_new_name
        self.limits = limits

    def repository(self) -> Repository | None:
        """Returns the repository with its settings, whoever asks; None if it does not exist."""
        return self._catalog.repository(self._repository)

    def admit(self, actor: Actor) -> Admission:
        """Returns what an actor may upload. It is called before the body is read.

        Raises AuthenticationRequired, PermissionDenied, UnknownRepository or AttestationRequired.
        """
        repository = self._gate.repository(
            actor, Permission.UPLOAD, self._catalog, self._repository
        )
        check_accepts(repository)
        check_uploader(actor, repository)
        limit = file_limit(repository, self.limits)
        return Admission(min(limit, self._room(repository, limit)), RULES[repository.profile])

    def _room(self, repository: Repository, limit: int) -> int:
        """Returns the largest size that the quota allows, whichever file is replaced."""
        if repository.quota is None:
            return limit
        free = max(repository.quota - self._catalog.taken(repository), 0)
        if self._gate.keeps_deleted and repository.quota_counts_trash:
            return free  # what is replaced is still there
        return free + self._catalog.largest_file(repository)

    def stage(self) -> StagedFile:
        """Returns an empty staged file."""
        return self._blobs.stage()

    def add(self, actor: Actor, filename: str, stream: IO[bytes]) -> Accepted:
        """Accepts a file without a form, and reads the stream to its end.

        Raises the errors of `admit` and `accept`.
        """
        file_limit = self.admit(actor).file_limit
        form = UploadForm(DistributionFilename.parse(filename))
        with self.stage() as staged:
            while chunk := stream.read(_CHUNK):
                staged.write(chunk, file_limit)
            return self.accept(actor, form, staged)

    def accept(self, actor: Actor, form: UploadForm, staged: StagedFile) -> Accepted:
        """Stores a staged file and publishes it, completely or not at all.

        If the same file exists, nothing changes and the existing file is returned, so that a client
        that has lost the answer can repeat the upload.

        Raises a RegistryError that says what is wrong with the file or why it may not be published.
        """
        digests = staged.digests()
        filename = form.filename
        destination = open_destination(
            self._gate, self._catalog, actor, self._repository, filename, digests
        )
        has_attestations = form.attestations is not None
        check_uploader(
            actor, destination.repository, filename.project, has_attestations=has_attestations
        )
        rules = RULES[destination.repository.profile]
        form.check_digests(digests, staged.content, rules)
        existing = self._existing(actor, destination, filename, digests)
        if existing is not None and existing.digests == digests:
            return Accepted(existing, is_unchanged=True)
        if destination.project is None:
            self._check_new_name(actor, destination.repository, filename.project)
        candidate = Candidate.checked(
            actor, form, staged, rules, self.limits, self._readmes, self._database
        )
        size = candidate.publishable.size
        Room(self._gate, self._catalog).take(destination.repository, size, existing)
        (accepted,) = self._publishing.publish(actor, [candidate])
        return accepted

    def _existing(
        self,
        actor: Actor,
        destination: Destination,
        filename: DistributionFilename,
        digests: Digests,
    ) -> DistributionFile | None:
        """Returns the file that is there already under this name. Raises as `existing_file`."""
        return existing_file(self._gate, self._catalog, actor, destination, filename, digests)
