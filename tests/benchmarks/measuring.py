"""How a measurement is made: all that is compared takes turns, and the medians count."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.benchmarks.hammer import Run

Subject = TypeVar("Subject", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    seconds: of each run of requests that are sent again and again.
    uploads: of each run that uploads small files.
    imports: the small files of each import.
    installs: of each installer.
    large: bytes of the file that is large.
    files, projects, pages: of the registry that is large; its root page's; visited in it.
    """

    rounds: int
    seconds: float
    uploads: int
    imports: int
    installs: int
    large: int
    files: int
    projects: int
    pages: int


FULL = Plan(
    rounds=3,
    seconds=1.5,
    uploads=400,
    imports=10_000,
    installs=7,
    large=200_000_000,
    files=1_000_000,
    projects=100_000,
    pages=10_000,
)
QUICK = Plan(
    rounds=1,
    seconds=0.5,
    uploads=100,
    imports=500,
    installs=1,
    large=50_000_000,
    files=100_000,
    projects=10_000,
    pages=2_000,
)


def in_turns(
    rounds: int, subjects: Mapping[Subject, Callable[[], Value]]
) -> dict[Subject, list[Value]]:
    """Each once per round, so that a busy moment of the machine hits all alike."""
    found: dict[Subject, list[Value]] = {subject: [] for subject in subjects}
    for _round in range(rounds):
        for subject, measure in subjects.items():
            found[subject].append(measure())
    return found


@dataclass(frozen=True)
class Median:
    """Of several runs, each number for itself. Times are seconds; `processor` is for an answer."""

    rate: float
    mean: float
    p99_of_mean: float
    fairness: float
    processor: float

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Median:
        def median(number: Callable[[Run], float]) -> float:
            return statistics.median(map(number, runs))

        return cls(
            median(lambda run: run.rate),
            median(lambda run: run.mean),
            median(lambda run: run.p99 / run.mean),
            median(lambda run: run.fairness),
            median(lambda run: run.processor_per_answer),
        )

    def __str__(self) -> str:
        microseconds = self.processor * 1e6
        return (
            f"{self.rate:,.0f}/s ({microseconds:,.0f} µs)"
            if microseconds
            else f"{self.rate:,.0f}/s"
        )
