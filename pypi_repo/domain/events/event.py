"""Events: changes that the host application and webhooks are told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Self

from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import PROJECT_STATUSES

EVENT_OF_ACTION: Mapping[str, str] = MappingProxyType(
    {
        "upload file": "file.uploaded",
        "overwrite file": "file.overwritten",
        "yank file": "file.yanked",
        "unyank file": "file.unyanked",
        "delete file": "file.deleted",
        "restore file": "file.restored",
        "yank release": "release.yanked",
        "unyank release": "release.unyanked",
        "delete release": "release.deleted",
        "restore release": "release.restored",
        "promote release": "release.promoted",
        "receive release": "release.received",
        "expire release": "release.expired",
        "pin release": "release.pinned",
        "unpin release": "release.unpinned",
        "delete project": "project.deleted",
        "restore project": "project.restored",
        **{f"set status {status}": "project.status_changed" for status in PROJECT_STATUSES},
        "publish stage": "stage.published",
        "token expiring": "token.expiring",
        "quota reached": "quota.reached",
        "add rule": "file.hidden",
    }
)
"""Action of the journal -> type of the event. All other actions are no events."""

EVENT_TYPES = tuple(dict.fromkeys(EVENT_OF_ACTION.values()))
"""All types of events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. It is an entry of the journal, under a name that does not change.

    id: the id of the entry in the journal; ids grow within a repository.
    type: what happened, such as `file.uploaded`; one of `EVENT_TYPES`.
    at: when it happened.
    actor: the name of whoever did it; that of the operator for what the registry does by itself.
    actor_kind: the kind of the actor.
    repository: the name of the repository; None for what belongs to the whole registry.
    project: the normalized name of the project, if it is about one.
    version: the version, if it is about a release or a file.
    filename: the name of the file, if it is about one.
    serial: the serial of the repository after the change, if the change has one.
    detail: further information, by name, such as the `sha256` of a file.
    """

    id: int
    type: str
    at: datetime
    actor: str
    actor_kind: str | None = None
    repository: str | None = None
    project: str | None = None
    version: str | None = None
    filename: str | None = None
    serial: int | None = None
    detail: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: JournalEntry) -> Self | None:
        """Returns the event that an entry of the journal is, or None."""
        type_ = event_type(entry)
        if type_ is None:
            return None
        return cls(
            id=entry.id,
            type=type_,
            at=entry.at,
            actor=entry.actor,
            actor_kind=entry.actor_kind,
            repository=entry.repository,
            project=entry.project,
            version=entry.version,
            filename=entry.filename,
            serial=entry.serial,
            detail=MappingProxyType(entry.detail or {}),
        )

    @property
    def subject(self) -> str:
        """What keeps events in their order: those of one project are told one after the other."""
        return f"{self.repository or ''}/{self.project or ''}"


def event_type(entry: JournalEntry) -> str | None:
    """Returns the type of the event that an entry of the journal is; None if it is no event.

    A rule that allows something hides nothing.
    """
    if entry.action == "add rule" and (entry.detail or {}).get("action") != "deny":
        return None
    return EVENT_OF_ACTION.get(entry.action)
