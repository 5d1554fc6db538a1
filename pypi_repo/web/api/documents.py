"""The documents of the management API, which are made from records.

The docstrings of the classes are shown in the description of the API.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from pypi_repo.domain import repository_settings
from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.records import ProjectStatus
from pypi_repo.domain.upstreams.upstream import CooldownMode
from pypi_repo.domain.validation.profiles import Profile

Item = TypeVar("Item")

Text = Annotated[str, Meta(max_length=500)]
Bytes = Annotated[int, Meta(ge=1, lt=2**62)]
Patterns = Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=100)]
Instant = Annotated[datetime, Meta(tz=True)]


class Document(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False
):
    """A document in a request or an answer."""


class Page(Document, Generic[Item], frozen=True, kw_only=True):
    """A part of a list. Send `next` as `cursor` for the next part; it is null in the last part."""

    items: list[Item]
    next: str | None


# Repositories


_TYPES: Mapping[Any, Any] = {  # in the API, by the types that settings have in the registry
    bool: bool,
    int | None: Bytes | None,
    str: Text,
    str | None: Text | None,
    tuple[str, ...]: Patterns,
    Profile: Profile,
    CooldownMode | None: CooldownMode | None,
}
if TYPE_CHECKING:  # nothing here names a setting, so mypy need not know them
    _Settings = Document
else:
    _Settings = msgspec.defstruct(
        "_Settings",
        [
            (each.name, _TYPES[each.type], each.default)
            for each in fields(repository_settings.RepositorySettings)
        ],
        bases=(Document,),
        frozen=True,
        kw_only=True,
    )


class RepositorySettings(_Settings, frozen=True, kw_only=True):
    """Sizes are in bytes; null means the limit of the server, or no quota."""


class Repository(RepositorySettings, frozen=True, kw_only=True):
    """A repository and its settings."""

    name: str
    created_at: Instant


class SavedRepository(Repository, frozen=True, kw_only=True):
    """A repository as it is now. `warnings` say what is probably a mistake."""

    warnings: list[str]


class Day(Document, frozen=True, kw_only=True):
    """One day in UTC: its downloads, and the bytes stored until its end in files that exist now."""

    day: date
    downloads: int
    stored: int


class RepositoryUsage(Document, frozen=True, kw_only=True):
    """What a repository contains. Sizes are in bytes; the last of the days is today."""

    projects: int
    files: int
    size: int
    size_of_trash: int
    size_of_stages: int
    last_upload: Instant | None
    days: list[Day]


class TopProject(Document, frozen=True, kw_only=True):
    """A project with the number of its downloads."""

    repository: str
    project: str
    downloads: int


class Usage(Document, frozen=True, kw_only=True):
    """What all repositories contain together."""

    repositories: int
    projects: int
    files: int
    size: int
    days: list[Day]
    top_projects: list[TopProject]


# What is in them


class ProjectSummary(Document, frozen=True, kw_only=True):
    """A project. `latest` is neither yanked nor a pre-release, if possible; `size` is in bytes."""

    name: str
    normalized_name: str
    status: ProjectStatus
    latest: str | None
    summary: str
    releases: int
    files: int
    size: int
    last_upload: Instant | None


class Status(Document, frozen=True, kw_only=True):
    """The status of a project (PEP 792)."""

    status: ProjectStatus
    reason: Text = ""


class Deleted(Document, frozen=True, kw_only=True):
    """What was deleted. `trash_entry` is the id that restores it; null if there is no trash."""

    trash_entry: int | None


class Yank(Document, frozen=True, kw_only=True):
    """The reason for which files are yanked (PEP 592)."""

    reason: Text = ""


class CIJob(Document, frozen=True, kw_only=True):
    """A CI job that has proved who it is. What is not known of it is an empty string."""

    kind: PublisherKind
    issuer: str
    subject: str
    repository: str
    workflow: str
    ref: str
    run_url: str
    owner_id: str
    email: str


class File(Document, frozen=True, kw_only=True):
    """A file. `size` is in bytes; `yanked` is the reason, or null if the file is not yanked.

    `exemption` is why the profile of the repository would have refused the file, which was imported
    as it is; null if it would not have. `workload` is the CI job that has uploaded the file by
    trusted publishing, and `attested` the one that its verified attestations name; null without.
    """

    filename: str
    version: str
    kind: str
    size: int
    sha256: str
    requires_python: str | None
    yanked: str | None
    uploaded_at: Instant
    uploaded_by: str
    exemption: str | None
    workload: CIJob | None
    attested: CIJob | None


class Release(Document, frozen=True, kw_only=True):
    """A release with its files."""

    version: str
    files: list[File]


class Project(Document, frozen=True, kw_only=True):
    """A project with its releases, the newest first."""

    name: str
    normalized_name: str
    status: ProjectStatus
    status_reason: str
    releases: list[Release]


class PromotionTarget(Document, frozen=True, kw_only=True):
    """The repository that gets the files. `move` also deletes them where they are."""

    to: str
    move: bool = False


class Promotion(Document, frozen=True, kw_only=True):
    """The files as they are in the target; `unchanged` if it had all of them already."""

    project: str
    source: str
    target: str
    moved: bool
    unchanged: bool
    files: list[File]


# The journal


class Entry(Document, frozen=True, kw_only=True):
    """An entry of the journal."""

    id: int
    at: Instant
    actor: str
    actor_kind: str | None
    action: str
    repository: str | None
    serial: int | None
    project: str | None
    version: str | None
    filename: str | None
    detail: dict[str, str] | None


# Chores


class Chore(Document, frozen=True, kw_only=True):
    """Work that is done beside requests. `every` and `took` are in seconds.

    `due_at` is null if it never ran, and `ended_at` if its last run has not ended. `did` is what
    the last run that succeeded has changed, and `failure` why the last run failed.
    """

    name: str
    what: str
    every: int
    running: bool
    due_at: Instant | None
    started_at: Instant | None
    ended_at: Instant | None
    took: float | None
    did: str
    failure: str | None
