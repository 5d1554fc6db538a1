"""Files that were checked and may be published."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from pypi_repo.domain.accounts.access import Actor, ActorKind
from pypi_repo.domain.archives.inspection import inspect
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.records import DistributionFile
from pypi_repo.domain.stored_files import METADATA_SUFFIX, stored_signature_suffix
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.services.attestations.uploaded import received_attestations
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.store import StagedFile
from pypi_repo.storage.database.executor import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishable:
    """A checked file, with everything that is stored of it in the database.

    display_name: the name of the project in the metadata of the file.
    summary: the summary in the metadata of the file.
    size_beside: the size of everything that is stored beside the file, in bytes.
    provenance: the provenance of the file as JSON (PEP 740), or None.
    warnings: sentences about what is unusual in the file.
    unverified: a sentence that says why its attestations were not verified; empty if it has none.
    """

    filename: DistributionFilename
    file: DistributionFile
    display_name: str
    summary: str
    size_beside: int
    provenance: str | None = None
    warnings: tuple[str, ...] = ()
    unverified: str = ""

    @property
    def size(self) -> int:
        """The bytes that count for the quota."""
        return self.file.size + self.size_beside


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checked file that is about to be stored and published.

    staged: the content of the file.
    beside: small files to store beside it, by the suffixes of their paths.
    """

    publishable: Publishable
    staged: StagedFile
    beside: Mapping[str, bytes]

    @classmethod
    def checked(
        cls,
        actor: Actor,
        form: UploadForm,
        staged: StagedFile,
        rules: Rules,
        limits: Limits,
        readmes: Readmes,
        executor: Executor,
    ) -> Self:
        """Checks a file by the rules of a profile, and verifies the attestations of a CI job.

        executor: where the trust root of attestations is looked up.

        Raises a RegistryError if the file breaks a rule.
        """
        filename = form.filename
        check_filename(filename, rules)
        inspection = inspect(staged.content(), filename, rules, limits)
        metadata = checked_metadata(inspection.document, filename, rules, readmes)
        digests = staged.digests()
        signature = form.signature or None
        received = received_attestations(
            executor, form.attestations, filename, digests.sha256, actor.workload
        )
        provenance = received.provenance
        file = DistributionFile(
            filename=filename.filename,
            project=filename.project,
            version=str(filename.version),
            kind=filename.kind,
            python_tag=filename.python_tag,
            size=staged.size,
            digests=digests,
            requires_python=metadata.requires_python,
            metadata_sha256=hashlib.sha256(inspection.metadata).hexdigest(),
            signature_sha256=signature and hashlib.sha256(signature).hexdigest(),
            has_provenance=provenance is not None,
            yanked=None,
            uploaded_at=datetime.now(UTC),
            uploaded_by=actor.name,
            uploaded_by_user=actor.kind is ActorKind.USER,
            workload=actor.workload,
            attested=received.attested,
        )
        beside = {METADATA_SUFFIX: inspection.metadata}
        if signature is not None and file.signature_sha256 is not None:
            beside[stored_signature_suffix(file.signature_sha256)] = signature
        publishable = Publishable(
            filename=filename,
            file=file,
            display_name=metadata.name,
            summary=metadata.summary,
            size_beside=sum(map(len, beside.values())) + len((provenance or "").encode()),
            provenance=provenance,
            unverified=received.unverified,
            warnings=inspection.warnings + metadata.warnings + received.warnings,
        )
        return cls(publishable, staged, beside)

    def described(self, **fields: Any) -> Self:
        """Returns the candidate with other values of fields of its file, such as `uploaded_at`."""
        file = replace(self.publishable.file, **fields)
        return replace(self, publishable=replace(self.publishable, file=file))

    @property
    def path(self) -> str:
        """The path of the file in the file store."""
        return self.publishable.file.path

    @property
    def blobs(self) -> tuple[str, ...]:
        """The paths of everything that is stored of the file."""
        return (self.path, *(self.path + suffix for suffix in self.beside))


def check_filename(filename: DistributionFilename, rules: Rules) -> None:
    """Raises InvalidFilename if a profile does not allow a filename."""
    if rules.normalized_filenames:
        filename.check_normalized()
    for check in rules.filename_checks:
        check(filename)


def checked_metadata(
    document: Document, filename: DistributionFilename, rules: Rules, readmes: Readmes
) -> CoreMetadata:
    """Returns the core metadata of a file, checked by the rules of a profile.

    Raises InvalidMetadata or Unavailable.
    """
    metadata = CoreMetadata.of(document, rules)
    metadata.check_against(filename)
    for check in rules.metadata_checks:
        check(metadata)
    if rules.rendered_descriptions:
        readmes.check(metadata)
    return metadata
