"""The journal: what happened, and who did it."""

from datetime import UTC, datetime

import msgspec

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.journal import JournalFilter
from pypi_repo.web.api.documents import Entry, Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, cursor_number, cut
from pypi_repo.web.api.queries import JournalQuery

table = Table("Journal", "")

_SHORTEST_MOMENT = len("2026-01-31T09:30:00Z")


@table.operation("GET", "/journal", {200: Page[Entry]}, query=JournalQuery)
def list_journal(call: Call) -> ApiResponse:
    """The entries of the journal, the newest first."""
    asked: JournalQuery = call.query
    entries = call.acting.activity.entries(
        JournalFilter(
            actor=asked.actor,
            action=asked.action,
            repository=asked.repository,
            project=asked.project,
            version=asked.version,
            filename=asked.filename,
            since=_moment(asked.since),
            until=_moment(asked.until),
        ),
        limit=asked.limit + 1,
        before=cursor_number(asked.cursor),
    )
    return ApiResponse(
        cut(
            entries,
            asked.limit,
            lambda entry: str(entry.id),
            lambda entry: msgspec.convert(entry, Entry, from_attributes=True),
        )
    )


def _moment(text: str | None) -> datetime | None:
    """RFC 3339."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and len(text) >= _SHORTEST_MOMENT:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # of a moment that UTC puts outside of years 1 to 9999
        pass
    raise InvalidSetting("A moment is written like 2026-01-31T09:30:00Z, with its offset from UTC.")
