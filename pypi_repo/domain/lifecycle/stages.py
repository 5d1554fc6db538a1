"""Stages: files that are uploaded one after the other, and published together."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from pypi_repo.domain.errors import Conflict, InvalidSetting
from pypi_repo.domain.lifecycle.errors import UnknownStage
from pypi_repo.domain.records import DistributionFile
from pypi_repo.domain.validation.profiles import Profile

STAGE_DAYS = 7
"""For how many days a stage is open unless it is said."""

MOST_DAYS = 90
"""For how many days a stage may be open."""


MOST_FILES = 1_000
"""How many files a stage may have, because nobody else can write while all are published."""


MOST_STAGES = 500
"""How many stages of one actor may be open in a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An open stage: what is uploaded to it is on no index until it is published.

    id: what its URLs contain; it cannot be guessed.
    repository: the name of the repository in which its files are published.
    opened_by: the name of the actor that has opened it, and the kind of the actor.
    files: the number of its files.
    size: the size of its files, and of what is stored beside them, in bytes.
    """

    id: str
    repository: str
    description: str
    opened_by: str
    opened_by_kind: str
    created_at: datetime
    expires_at: datetime
    files: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOfStage:
    """A file of a stage, with what else is stored of it until it is published.

    display_name: the name of the project in the metadata of the file.
    summary: the summary in the metadata of the file.
    size_beside: the size of everything that is stored beside the file, in bytes.
    provenance: the provenance of the file as JSON (PEP 740), or None.
    profile: the profile of the repository by whose rules the file was checked.
    """

    file: DistributionFile
    display_name: str
    summary: str
    size_beside: int
    provenance: str | None
    profile: Profile


def new_stage_id() -> str:
    """Returns the id of a new stage, which no command line takes for an option."""
    while (id_ := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return id_


def stage_life(days: int) -> timedelta:
    """Returns for how long a stage is open. Raises InvalidSetting."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidSetting(f"A stage is open for 1 to {MOST_DAYS} days, and not for {days}.")
    return timedelta(days=days)


def check_room(stage: Stage) -> None:
    """Raises Conflict if a stage takes no further file."""
    if stage.files >= MOST_FILES:
        raise Conflict(
            f"A stage has at most {MOST_FILES:,} files; publish this one, and open another one for "
            "the rest."
        )


def check_few(stages: Collection[Stage]) -> None:
    """Raises Conflict if an actor who has opened these stages may open no other one."""
    if len(stages) >= MOST_STAGES:
        raise Conflict(
            f"You have {len(stages):,} open stages in this repository; publish or drop some before "
            "you open another one."
        )


def stage_urls(stage: Stage, root: str = "") -> tuple[str, str]:
    """Returns the URL for uploads to a stage, and the URL of its index.

    root: the URL of the registry, with or without a slash at its end; empty for URLs that are
        relative to it.
    """
    path = f"repositories/{stage.repository}/stages/{stage.id}/"
    upload_url = f"{root.rstrip('/')}/{path}" if root else path
    return upload_url, f"{upload_url}simple/"


def unknown_stage(repository: str) -> UnknownStage:
    """Returns the one error for each id that leads to no open stage of a repository."""
    return UnknownStage(
        f"There is no such stage in {repository!r}: it was published or dropped, or it has "
        "expired; open a new one."
    )
