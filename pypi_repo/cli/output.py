"""How commands print what they found: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import click

from pypi_repo.domain.text import printable
from pypi_repo.domain.values.durations import format_duration

_HELD = 1_000  # rows of a long table, whose widths those of its columns are


def say(line: str, *, err: bool = False) -> None:
    """Prints one line, on stderr with `err`; whatever stands in it, it stays one line."""
    click.echo(printable(line), err=err)


def takes_no_more() -> bool:
    """Tells whether standard output fails; if not, there is an empty line more on it."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def print_records(
    records: Sequence[dict[str, Any]], as_json: bool, *, if_none: str = "There are none."
) -> None:
    """As a JSON array, or as a table whose columns are the keys of the first record.

    if_none: what people are told on stderr in the place of an empty table.
    """
    if as_json:
        click.echo(json.dumps(records, indent=2, default=_plain))
    elif records:
        rows = [[key.upper() for key in records[0]]]
        rows += [[_text(value) for value in record.values()] for record in records]
        _print_table(rows)
    else:
        say(if_none, err=True)


class Listing:
    """Prints records as they come, as `print_records` does, without keeping many in memory.

    The columns of a table are as wide as the first records need.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._held: list[Sequence[str]] = []
        self._widths: list[int] | None = None
        self._is_empty = True

    def add(self, record: dict[str, Any]) -> None:
        """Prints a record, or holds it until the widths of columns are known."""
        if self._as_json:
            text = json.dumps(record, indent=2, default=_plain)
            click.echo("[" if self._is_empty else ",")
            click.echo("  " + text.replace("\n", "\n  "), nl=False)
        else:
            if self._is_empty:
                self._held.append([key.upper() for key in record])
            self._held.append([printable(_text(value)) for value in record.values()])
            if self._widths is not None or len(self._held) > _HELD:
                self._print_held()
        self._is_empty = False

    def end(self, *, if_none: str) -> None:
        """Prints what is held.

        if_none: what people are told on stderr in the place of an empty table.
        """
        if self._as_json:
            click.echo("[]" if self._is_empty else "\n]")
        elif self._is_empty:
            say(if_none, err=True)
        else:
            self._print_held()

    def _print_held(self) -> None:
        self._widths = self._widths or _widths(self._held)
        _print_rows(self._held, self._widths)
        self._held.clear()


def print_record(record: dict[str, Any], as_json: bool) -> None:
    """As a JSON object, or one line per key."""
    if as_json:
        click.echo(json.dumps(record, indent=2, default=_plain))
    else:
        _print_table([[f"{key}:", _text(value)] for key, value in record.items()])


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    rows = [[printable(cell) for cell in row] for row in rows]
    _print_rows(rows, _widths(rows))


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]


def _print_rows(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, timedelta):
        return format_duration(int(value.total_seconds()))
    if isinstance(value, list | tuple):
        return ", ".join(value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "-"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    raise TypeError(f"{type(value)} has no JSON form")
