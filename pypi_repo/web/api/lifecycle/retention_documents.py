"""The documents of the management API about retention rules and pins."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from pypi_repo.domain.lifecycle.retention import MOST_KEPT, VersionKind
from pypi_repo.services.lifecycle.retention import FILES_OF_A_RUN
from pypi_repo.web.api.documents import Document, Instant, Text

MOST_SHOWN = 1_000
"""How many releases a preview names; the others are on the list of what expires."""


class RetentionRuleSettings(Document, frozen=True, kw_only=True):
    """`pattern` is a name or a pattern, such as `acme-*`, and `only` kinds of versions, or all.

    At least one of the terms must be given, and one of them is enough to keep a release.
    `keep_younger` and `keep_downloaded` are durations such as `90d`, and `keep_matching` is a
    version specifier.
    """

    pattern: Text
    only: tuple[VersionKind, ...] = ()
    keep_last: Annotated[int, Meta(ge=0, le=MOST_KEPT)] | None = None
    keep_younger: Text | None = None
    keep_downloaded: Text | None = None
    keep_matching: Text | None = None


class RetentionRule(RetentionRuleSettings, frozen=True, kw_only=True):
    """A retention rule. The first that is about a release decides.

    `previewed_at` is null if nobody has previewed the rules since one was added or deleted.
    """

    id: int
    author: str
    created_at: Instant
    previewed_at: Instant | None


class ExpiringRelease(Document, frozen=True, kw_only=True):
    """A release that a run would delete now, by which rule, and why. `size` is in bytes."""

    project: str
    version: str
    files: int
    size: int
    here_since: Instant
    downloaded_on: date | None
    rule_id: int
    reason: str


class RetentionPreview(Document, frozen=True, kw_only=True):
    """What a run would delete now. `is_previewed` is whether the rules may be run.

    `items` are the first 1,000 of these releases, by project and version.
    """

    releases: int
    files: int
    size: int
    kept: int
    is_previewed: bool
    items: list[ExpiringRelease]


class RetentionLimit(Document, frozen=True, kw_only=True):
    """How many files a run deletes at most."""

    limit: Annotated[int, Meta(ge=1, le=1_000_000)] = FILES_OF_A_RUN


class RetentionRun(Document, frozen=True, kw_only=True):
    """What a run has deleted. `is_complete` is whether nothing is left for the next run."""

    releases: int
    files: int
    size: int
    is_complete: bool


class Pin(Document, frozen=True, kw_only=True):
    """Why no retention rule may delete a release."""

    reason: Text = ""
