"""The documents of the management API about stages."""

from typing import Annotated

from msgspec import Meta

from pypi_repo.domain.lifecycle.stages import MOST_DAYS, STAGE_DAYS
from pypi_repo.web.api.documents import Document, File, Instant, Text


class StageSettings(Document, frozen=True, kw_only=True):
    """A stage to open, which expires after `days` with all that is in it."""

    description: Text = ""
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = STAGE_DAYS


class Stage(Document, frozen=True, kw_only=True):
    """An open stage. `size` is in bytes. The URLs are relative to that of the registry.

    `upload_url` is for twine and uv publish, and `index_url` for installers: that index shows the
    repository as it will be when the stage is published.
    """

    id: str
    description: str
    opened_by: str
    created_at: Instant
    expires_at: Instant
    files: int
    size: int
    upload_url: str
    index_url: str


class StagedFile(File, frozen=True, kw_only=True):
    """A file of a stage, or one that was published with it."""

    project: str


class StageWithFiles(Document, frozen=True, kw_only=True):
    """A stage, and its files in the order of their uploads."""

    stage: Stage
    files: list[StagedFile]


class PublishedStage(Document, frozen=True, kw_only=True):
    """The files that were published, which are all of the stage."""

    files: list[StagedFile]
