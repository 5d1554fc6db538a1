"""Imports one file."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pypi_repo.domain.accounts.access import AccessPolicy, Actor, Permission
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    Invalid,
    InvalidAttestation,
    InvalidFilename,
    InvalidName,
    InvalidSetting,
    RegistryError,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.importing.attestations import attestations_in
from pypi_repo.domain.importing.found import FoundFile
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.names import NormalizedName, account_name
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.domain.text import LONGEST_TEXT, printable, require_text
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.services.attestations.uploaded import received_attestations
from pypi_repo.services.importing.context import ImportContext
from pypi_repo.services.importing.receiving import receive
from pypi_repo.services.importing.sources.source import ImportSource
from pypi_repo.services.packages.candidates import Candidate, check_filename, checked_metadata
from pypi_repo.services.packages.placing import Terms, check_place, place
from pypi_repo.services.packages.publishing import Publishing
from pypi_repo.services.packages.upload_rules import file_limit, other_content
from pypi_repo.storage.blobs.store import StagedFile
from pypi_repo.storage.catalog import Catalog

_TERMS = Terms(may_replace=False, into_archived=True, must_be_proven=False)
_ANYBODY = Actor("anybody")


class _NamingNothing(AccessPolicy):
    """Allows uploads, and no message to name other projects.

    Readers of a project see why one of its files is an exemption. Nothing is published by this
    policy.
    """

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        return permission is Permission.UPLOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file that could be imported.

    is_new: whether it was not here before.
    notes: sentences about what is not as the source has it.
    """

    file: DistributionFile
    is_new: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A file that could be imported.

    is_new: whether it is not here yet.
    refusal: why a rule of the repository refuses it, so that it can only be imported as it is.
    """

    is_new: bool
    refusal: str | None


class FileImports:
    """Imports files of one source to one repository. Threads may share it.

    as_is: whether files are imported that a rule of the repository's profile refuses.
    keep_uploaders: whether files are said to be uploaded by who has uploaded them there.
    """

    def __init__(
        self,
        actor: Actor,
        context: ImportContext,
        source: ImportSource,
        repository: Repository,
        *,
        as_is: bool,
        keep_uploaders: bool,
    ) -> None:
        self._actor = actor
        self._registry = context
        self._source = source
        self._repository = repository
        self._as_is = as_is
        self._keep_uploaders = keep_uploaders
        self._gate, self._judge = context.gate, actor
        if as_is:
            self._gate, self._judge = replace(self._gate, policy=_NamingNothing()), _ANYBODY
        self._is_stopped = threading.Event()
        self._publishing = Publishing(
            repository.name,
            context.database,
            context.blobs,
            context.gate,
            partial(place, origin={"from": str(source)}, terms=_TERMS),
        )

    def stop(self) -> None:
        """Lets files that are being received fail."""
        self._is_stopped.set()

    def run(self, project: NormalizedName, file: FoundFile) -> Imported:
        """Imports a file, completely or not at all.

        Raises a RegistryError that says why it cannot be imported.
        """
        with self._received(project, file) as (filename, staged):
            if (existing := self._same(filename, staged)) is not None:
                return Imported(file=existing, is_new=False)
            notes: list[str] = []
            candidate = self._candidate(file, filename, staged, notes)
            (accepted,) = self._publishing.publish(self._actor, [candidate])
        return Imported(file=accepted.file, is_new=not accepted.is_unchanged, notes=tuple(notes))

    def is_here(self, file: FoundFile, existing: DistributionFile) -> bool:
        """Returns whether a file of this name is known to have the same content.

        Raises FileAlreadyExists if it is known to have another one.
        """
        known = {"sha256": existing.digests.sha256, "md5": existing.digests.md5}
        comparable = known.keys() & file.hashes.keys()
        if all(known[name] == file.hashes[name] for name in comparable):
            return bool(comparable)
        raise other_content(self._repository, self.filename(existing.project, file), existing)

    def filename(self, project: NormalizedName, file: FoundFile) -> DistributionFilename:
        """Returns the parsed name of a file. Raises InvalidFilename."""
        filename = DistributionFilename.parse(file.filename, project)
        if filename.project != project:
            raise InvalidFilename(f"{file.filename!r} is not the name of a file of {project!r}.")
        return filename

    def judged(self, project: NormalizedName, file: FoundFile) -> Judged:
        """Judges a file by its content.

        Raises a RegistryError for a file that cannot be imported.
        """
        with self._received(project, file) as (filename, staged):
            if self._same(filename, staged) is not None:
                return Judged(False, None)
            candidate = self._candidate(file, filename, staged, [])
            return Judged(True, candidate.publishable.file.exemption)

    def judged_from_afar(self, project: NormalizedName, file: FoundFile) -> Judged:
        """Judges a file by its name, and by its core metadata if the source has them by themselves.

        Raises a RegistryError for a file that cannot be imported.
        """
        filename, document = self.filename(project, file), None
        if file.metadata is not None and filename.kind == "bdist_wheel":
            content = self._source.read_beside(file.metadata, self._registry.limits.metadata_size)
            document = None if content is None else Document(content)
        try:
            self._check_from_afar(filename, document, RULES[self._repository.profile])
        except Invalid as refusal:
            self._check_from_afar(filename, document, RULES["lenient"])
            return Judged(True, refusal.message)
        return Judged(True, None)

    def _check_from_afar(
        self, filename: DistributionFilename, document: Document | None, rules: Rules
    ) -> None:
        check_filename(filename, rules)
        if document is not None:
            checked_metadata(document, filename, rules, self._registry.readmes)

    @contextmanager
    def _received(
        self, project: NormalizedName, file: FoundFile
    ) -> Iterator[tuple[DistributionFilename, StagedFile]]:
        """Returns a context with the name and the content of a file that is what it should be."""
        filename = self.filename(project, file)
        limit = file_limit(self._repository, self._registry.limits)
        with self._registry.blobs.stage() as staged:
            receive(self._source, file, staged, limit, self._is_stopped.is_set)
            yield filename, staged

    def _same(self, filename: DistributionFilename, staged: StagedFile) -> DistributionFile | None:
        """Returns the file that is here, if it has this name and this content."""
        digests, catalog = staged.digests(), Catalog(self._registry.database)
        there = catalog.destination(self._repository.name, filename, digests.sha256)
        existing = there and there.file
        return existing if existing is not None and existing.digests == digests else None

    def _candidate(
        self,
        file: FoundFile,
        filename: DistributionFilename,
        staged: StagedFile,
        notes: list[str],
    ) -> Candidate:
        """Returns a file that may be imported, perhaps with an exemption.

        notes: gets sentences about what is not as the source has it.
        """
        signature = self._beside(file.signature, "signature", notes)
        attestations = self._attestations(file, filename, staged, notes)
        form = UploadForm(filename, {}, signature, attestations)
        described = self._described(file, notes)
        try:
            return self._by(RULES[self._repository.profile], form, staged, described)
        except (Invalid, FileAlreadyExists) as refusal:
            if not self._as_is:
                raise
            exempt = {**described, "exemption": refusal.message}
            return self._by(RULES["lenient"], form, staged, exempt)

    def _by(
        self, rules: Rules, form: UploadForm, staged: StagedFile, described: Mapping[str, Any]
    ) -> Candidate:
        """Returns a file that these rules accept, as it is described."""
        registry = self._registry
        candidate = Candidate.checked(
            self._actor, form, staged, rules, registry.limits, registry.readmes, registry.database
        ).described(**described)
        catalog = Catalog(registry.database)
        asked = (self._gate, catalog, self._judge, self._repository.name)
        check_place(*asked, candidate.publishable, _TERMS)
        return candidate

    def _described(self, file: FoundFile, notes: list[str]) -> dict[str, Any]:
        """Returns the fields that are as the source says."""
        now = datetime.now(UTC)
        described: dict[str, Any] = {
            "uploaded_at": min(file.uploaded_at or now, now),
            "yanked": None if file.yanked is None else storable(file.yanked),
        }
        if self._keep_uploaders and file.uploaded_by is not None:
            try:
                described["uploaded_by"] = account_name(file.uploaded_by)
                described["uploaded_by_user"] = True
            except InvalidName:
                notes.append(f"{file.filename}: who has uploaded it has no name for an account.")
        return described

    def _attestations(
        self,
        file: FoundFile,
        filename: DistributionFilename,
        staged: StagedFile,
        notes: list[str],
    ) -> str | None:
        document = self._beside(file.provenance, "provenance", notes)
        if document is None:
            return None
        try:
            attestations = attestations_in(document)
            database, sha256 = self._registry.database, staged.digests().sha256
            received = received_attestations(database, attestations, filename, sha256, None)
            if received.provenance is not None:
                return attestations
            notes.append(
                f"{file.filename}: without its attestations, because the extra `attestations` is "
                "not installed."
            )
        except InvalidAttestation as error:
            notes.append(f"{file.filename}: without its attestations. {error.message}")
        return None

    def _beside(self, location: str | None, what: str, notes: list[str]) -> bytes | None:
        if location is None:
            return None
        try:
            found = self._source.read_beside(location, self._registry.limits.attestations_size)
            why = "It is not there."
        except RegistryError as error:
            found, why = None, error.for_operator
        if found is None:
            notes.append(f"{location}: without this {what}. {why}")
        return found


def storable(reason: str) -> str:
    """Returns a reason as it can be stored here, which is the same one for usual reasons."""
    try:
        require_text(reason)
    except InvalidSetting:
        return printable(reason)[:LONGEST_TEXT]
    return reason
