"""The results, for people and for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tests.benchmarks.measuring import Result

_HEADINGS = ("", "", "pypi_repo", "bare", "ratio", "floor", "ratio", "")


def table(results: Sequence[Result]) -> str:
    rows = [_HEADINGS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 1, len(row) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def as_json(results: Sequence[Result], conditions: dict[str, str]) -> str:
    measured = [
        {
            **dataclasses.asdict(result),
            "of_bare": result.ratio(result.bare),
            "of_floor": result.ratio(result.floor),
        }
        for result in results
    ]
    return json.dumps({"conditions": conditions, "results": measured}, indent=2)


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        result.unit,
        f"{result.ours:,.0f}",
        _number(result.bare),
        _ratio(result.ratio(result.bare)),
        _number(result.floor),
        _ratio(result.ratio(result.floor)),
        result.note,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
