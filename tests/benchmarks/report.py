"""The results, as the tables of docs/explanation/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Table:
    """rows: cells, the first of which say what was measured."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = [self.headings, ["---"] * len(self.headings), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True)
class Goal:
    """What is to be reached.

    what: is compared, and with what.
    bound: that each of `measured` must keep to: `at least` or `at most`.
    measured: by what was measured; nothing where there is only one.
    """

    what: str
    kind: Literal["at least", "at most"]
    bound: float
    measured: Mapping[str, float]
    unit: str = ""

    @property
    def is_reached(self) -> bool:
        if self.kind == "at least":
            return all(value >= self.bound for value in self.measured.values())
        return all(value <= self.bound for value in self.measured.values())


@dataclass
class Findings:
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)


def goals_table(goals: Iterable[Goal]) -> Table:
    rows = [
        [
            goal.what,
            f"{goal.kind} {goal.bound:g}{goal.unit}",
            ", ".join(
                f"{name}: {_number(value)}" if name else _number(value)
                for name, value in goal.measured.items()
            ),
            "yes" if goal.is_reached else "no",
        ]
        for goal in goals
    ]
    return Table(["goal", "wanted", "measured", "reached"], rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
