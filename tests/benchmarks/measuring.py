"""How a measurement is made: registry and references take turns, and the medians count."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

Measure = Callable[[], float]


@dataclass(frozen=True)
class Result:
    """One line of the report.

    bare, floor: what the references reached, where there is such a reference.
    more_is_better: false for times.
    """

    name: str
    unit: str
    ours: float
    bare: float | None = None
    floor: float | None = None
    more_is_better: bool = True
    note: str = ""

    def ratio(self, reference: float | None) -> float | None:
        """1.0 where we are as fast as the reference, 0.5 where half as fast."""
        if reference is None:
            return None
        return self.ours / reference if self.more_is_better else reference / self.ours


def in_turns(
    name: str,
    unit: str,
    rounds: int,
    ours: Measure,
    bare: Measure | None = None,
    floor: Measure | None = None,
    *,
    more_is_better: bool = True,
) -> Result:
    """Each of them once per round, so that a busy moment of the machine hits all alike."""
    subjects = {"ours": ours, "bare": bare, "floor": floor}
    found: dict[str, list[float]] = {subject: [] for subject in subjects}
    for _round in range(rounds):
        for subject, measure in subjects.items():
            if measure is not None:
                found[subject].append(measure())
    medians = {
        subject: statistics.median(values) if values else None for subject, values in found.items()
    }
    assert medians["ours"] is not None
    return Result(
        name,
        unit,
        medians["ours"],
        medians["bare"],
        medians["floor"],
        more_is_better=more_is_better,
    )
