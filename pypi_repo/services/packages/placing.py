"""Places a checked file on the index, in the transaction of whoever publishes it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.candidates import Publishable
from pypi_repo.services.packages.quota import Room
from pypi_repo.services.packages.upload_rules import (
    check_new_project,
    check_open,
    check_proven,
    existing_file,
    open_destination,
    other_content,
)
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.destination import Destination


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result of an upload that was accepted.

    file: the file as it is on the index.
    warnings: sentences about what is unusual in the file.
    is_unchanged: whether the same file was already there, so that nothing changed.
    replaced: the file in whose place it came, if that was in a stage.
    trash_entry: the id in the trash with which the overwrite of another file can be undone; None if
        none was overwritten, or without a trash.
    """

    file: DistributionFile
    warnings: tuple[str, ...] = ()
    is_unchanged: bool = False
    replaced: DistributionFile | None = None
    trash_entry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a file comes onto the index.

    may_replace: whether it may replace another file, where the repository allows that.
    into_archived: whether an archived project takes it.
    must_be_proven: whether it must have the proofs that the repository wants of its project.
    stage: the id of the stage to which it comes before; the names that the stage reserves are its
        own.
    """

    may_replace: bool = True
    into_archived: bool = False
    must_be_proven: bool = True
    stage: str | None = None


_AN_UPLOAD_TAKES = timedelta(minutes=1)

OF_UPLOADS = Terms()
"""The terms of whoever has only the rights of an uploader."""


def place(
    gate: Gate,
    catalog: Catalog,
    actor: Actor,
    repository: str,
    new: Publishable,
    origin: Mapping[str, str] = {},
    terms: Terms = OF_UPLOADS,
    room: Room | None = None,
) -> Accepted:
    """Checks a file by the rules of a repository, and adds its rows, with an entry in the journal.

    The transaction must have locked the repository, and the caller cares for the stored file.

    origin: what the journal says about where the file comes from.
    room: where all files are counted that the transaction adds to the repository; None for the
        only one.

    Raises a RegistryError if the file may not be published.
    """
    file = new.file
    there, existing = check_place(gate, catalog, actor, repository, new, terms, room)
    if existing is not None and existing.digests == file.digests:
        return Accepted(existing, is_unchanged=True)
    project_id = _project(catalog, there, new)
    release_id = _release(catalog, there, project_id, new)
    entry = None
    if existing is None:
        file_id = catalog.add_file(there.repository, release_id, file, new.size_beside)
    else:
        if gate.keeps_deleted:
            entry = catalog.trash.keep_file(
                there.repository, existing, "overwrite file", actor, gate.trash_days
            )
        file_id = catalog.replace_file(
            there.repository, release_id, file, new.size_beside, existing.filename
        )
    if existing is not None or new.provenance is not None:
        catalog.set_provenance(file_id, new.provenance)
    serial = catalog.next_serial(there.repository)
    catalog.note_publication(project_id, new.display_name, serial)
    catalog.journal.record(_journal_entry(actor, there.repository, serial, new, existing, origin))
    return Accepted(file, new.warnings, trash_entry=entry)


def check_place(
    gate: Gate,
    catalog: Catalog,
    actor: Actor,
    repository: str,
    new: Publishable,
    terms: Terms = OF_UPLOADS,
    room: Room | None = None,
) -> tuple[Destination, DistributionFile | None]:
    """Checks whether a file may be placed on the index.

    A file with an exemption is treated as in a repository of the profile `lenient`.

    Returns what exists where the file is to be placed, and the file that it would replace, or that
    has the same name and the same content.

    Raises a RegistryError if it may not be placed.
    """
    file, asked = new.file, (gate, catalog, actor)
    there = open_destination(
        *asked, repository, new.filename, file.digests, into_archived=terms.into_archived
    )
    if file.exemption is not None:
        there = there._replace(repository=replace(there.repository, profile="lenient"))
    existing = existing_file(*asked, there, new.filename, file.digests, terms.stage)
    if existing is not None and existing.digests == file.digests:
        return there, existing
    if terms.must_be_proven:
        check_proven(there.repository, file, new.unverified)
    if existing is not None and not terms.may_replace:
        raise other_content(there.repository, new.filename, existing)
    (room or Room(gate, catalog)).take(there.repository, new.size, existing)
    if there.project is None:
        check_new_project(*asked, there.repository, new.display_name)
    if there.release is not None:
        check_open(there.repository, there.release, file, existing)
    return there, existing


@contextmanager
def naming(filename: str) -> Iterator[None]:
    """Lets every refusal within the block say which of several files it is about."""
    try:
        yield
    except RegistryError as error:
        if filename not in error.message:
            error.args = (f"{filename}: {error.message}", *error.args[1:])
        raise


def _project(catalog: Catalog, there: Destination, new: Publishable) -> int:
    """Returns the id of the project of the file, which is created if it is new."""
    if there.project is not None:
        return there.project.id
    file = new.file
    return catalog.add_project(there.repository, new.display_name, file.project, file.uploaded_at)


def _release(catalog: Catalog, there: Destination, project_id: int, new: Publishable) -> int:
    """Returns the id of the release of the file, which is created if it is new."""
    file, summary, found = new.file, new.summary, there.release
    if found is None:
        return catalog.add_release(project_id, file.version, summary, file.uploaded_at)
    changed: dict[str, Any] = {}
    if found.summary != summary:
        changed["summary"] = summary
    if file.uploaded_at < found.created_at:  # it was uploaded elsewhere, before the others
        changed["created_at"] = file.uploaded_at
    now = datetime.now(UTC)
    if now - file.uploaded_at > _AN_UPLOAD_TAKES:  # its upload time does not say that it came now
        changed["arrived_at"] = now
    if changed:
        catalog.change_release(found.id, **changed)
    return found.id


def _jobs(file: DistributionFile) -> dict[str, str]:
    """Returns what the journal says about the CI job that has uploaded a file.

    It also says which job the verified attestations of the file name.
    """
    told: dict[str, str] = {}
    if (job := file.workload) is not None:
        told |= {
            "issuer": job.issuer,
            "subject": job.subject,
            "repository": job.repository,
            "run": job.run_url,
        }
    if (job := file.attested) is not None:
        told |= {
            "attested_issuer": job.issuer,
            "attested_repository": job.repository,
            "attested_workflow": job.workflow,
            "attested_email": job.email,
            "attested_run": job.run_url,
        }
    return {name: value for name, value in told.items() if value}


def _journal_entry(
    actor: Actor,
    repository: Repository,
    serial: int,
    new: Publishable,
    replaced: DistributionFile | None,
    origin: Mapping[str, str],
) -> JournalEntry:
    file = new.file
    detail = {"sha256": file.digests.sha256, **_jobs(file), **origin}
    if replaced is not None:
        detail["replaced_sha256"] = replaced.digests.sha256
        if replaced.filename != file.filename:
            detail["replaced_filename"] = replaced.filename
    if file.exemption is not None:
        detail["exemption"] = file.exemption
    if new.warnings:
        detail["warnings"] = " ".join(new.warnings)
    return JournalEntry.by(
        actor,
        "upload file" if replaced is None else "overwrite file",
        repository=repository.name,
        serial=serial,
        project=file.project,
        version=file.version,
        filename=file.filename,
        detail=detail,
    )
