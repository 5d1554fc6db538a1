"""The journal: filtered, page by page, and as a file."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.journal import JournalEntry, JournalFilter
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage

_DAY = timedelta(days=1)
_SHOWN = 50
_EXPORTED_AT_ONCE = 1000
_COLUMNS = (
    "at",
    "actor",
    "actor_kind",
    "action",
    "repository",
    "project",
    "version",
    "filename",
    "serial",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FIELDS = ("actor", "action", "repository", "project", "since", "until")


def show(page: PortalPage) -> Response:
    """Shows the journal. The filter says of a day that does not exist that there is none."""
    before, wanted = page.asked("before"), _filter(page)
    entries = page.acting.activity.entries(
        wanted,
        limit=0 if page.refused else _SHOWN + 1,
        before=int(before) if before.isdecimal() and len(before) < 18 else None,
    )
    return page.render(
        "portal/activity.html",
        400 if page.refused else 200,
        entries=entries[:_SHOWN],
        next=entries[_SHOWN - 1].id if len(entries) > _SHOWN else None,
        asked={name: page.asked(name) for name in _FIELDS},
        actions=page.acting.activity.actions(),
        repositories=[found.name for found in page.acting.repositories.all(Permission.AUDIT)],
    )


def export(page: PortalPage) -> Response:
    """Returns all entries that the filter leaves, as CSV, the newest first."""
    page.acting.activity.entries(limit=0)
    wanted = _filter(page)
    forms.settle(page)
    response = Response(_lines(page, wanted), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return page.answer(response)


def _lines(page: PortalPage, wanted: JournalFilter) -> Iterator[str]:
    yield _line([*_COLUMNS, "detail"])
    before = None
    while entries := page.acting.activity.entries(wanted, limit=_EXPORTED_AT_ONCE, before=before):
        for entry in entries:
            yield _line(_cells(entry))
        before = entries[-1].id


def _cells(entry: JournalEntry) -> list[str]:
    values = [getattr(entry, column) for column in _COLUMNS]
    values[0] = entry.at.isoformat(timespec="seconds")
    cells = ["" if value is None else str(value) for value in values]
    detail = json.dumps(entry.detail, sort_keys=True) if entry.detail else ""
    return [*cells, detail]


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    # A spreadsheet would run what begins like a formula, and names come from strangers.
    csv.writer(buffer).writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
    return buffer.getvalue()


def _filter(page: PortalPage) -> JournalFilter:
    """Notes days that do not exist."""
    since, until = (
        forms.read(page, name, partial(_day, page, name)) for name in ("since", "until")
    )
    return JournalFilter(
        actor=page.asked("actor") or None,
        action=page.asked("action") or None,
        repository=page.asked("repository") or None,
        project=page.asked("project") or None,
        since=since,
        until=until and until + _DAY,
    )


def _day(page: PortalPage, name: str) -> datetime | None:
    text = page.asked(name)
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.max
    if day is None:
        return None
    if not date.min < day < date.max:
        raise InvalidSetting(f"{text[:20]!r} is not a day; write it like 2026-01-31.")
    return datetime.combine(day, time(), UTC)
