"""The trash of a repository: what was deleted or overwritten."""

import msgspec

from pypi_repo.domain.lifecycle import trash
from pypi_repo.web.api.documents import Document, Instant, Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, cursor_number, cut
from pypi_repo.web.api.queries import PageQuery

table = Table("Trash", "repositories")

_TRASH = "/repositories/{repository}/trash"
_ENTRY = f"{_TRASH}/{{entry}}"
_LONGEST_ID = 10  # digits


class TrashEntry(Document, frozen=True, kw_only=True):
    """A deletion or an overwrite, which can be undone until `kept_until`. `size` is in bytes.

    `version` and `filename` are null where more was deleted than one release, or file.
    """

    id: int
    action: str
    project: str
    version: str | None
    filename: str | None
    files: int
    size: int
    deleted_at: Instant
    deleted_by: str
    deleted_by_kind: str
    kept_until: Instant


class Purged(Document, frozen=True, kw_only=True):
    """What was deleted for good. `bytes` are freed by the next sweep."""

    entries: int
    files: int
    bytes: int


@table.operation("GET", _TRASH, {200: Page[TrashEntry]}, query=PageQuery)
def list_trash(call: Call, repository: str) -> ApiResponse:
    """What is in the trash, the newest first."""
    asked: PageQuery = call.query
    before = cursor_number(asked.cursor, _LONGEST_ID)
    older = {} if before is None else {"before": before}
    found = call.acting.trash.entries(repository, limit=asked.limit + 1, **older)
    return ApiResponse(cut(found, asked.limit, lambda entry: str(entry.id), _shown))


@table.operation("DELETE", _TRASH, {200: Purged})
def delete_trash(call: Call, repository: str) -> ApiResponse:
    """Delete everything in the trash for good."""
    purged = call.acting.trash.purge(repository)
    return ApiResponse(msgspec.convert(purged, Purged, from_attributes=True))


@table.operation("GET", _ENTRY, {200: TrashEntry})
def get_trash_entry(call: Call, repository: str, entry: int) -> ApiResponse:
    """A deletion or an overwrite."""
    return ApiResponse(_shown(call.acting.trash.get(repository, entry)))


@table.operation("DELETE", _ENTRY, {204: None})
def delete_trash_entry(call: Call, repository: str, entry: int) -> ApiResponse:
    """Delete what is in an entry for good."""
    call.acting.trash.purge(repository, [entry])
    return ApiResponse(status=204)


@table.operation("POST", f"{_ENTRY}/restore", {200: TrashEntry}, refusals=(409, 413))
def restore_trash_entry(call: Call, repository: str, entry: int) -> ApiResponse:
    """Undo a deletion or an overwrite."""
    return ApiResponse(_shown(call.acting.trash.restore(repository, entry)))


def _shown(entry: trash.TrashEntry) -> TrashEntry:
    return msgspec.convert(entry, TrashEntry, from_attributes=True)
