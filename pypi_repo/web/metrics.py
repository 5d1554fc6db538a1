"""Counters and histograms in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/. Label values are ours and few: never
what a client sent, because each new one is kept for ever.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Number = int | float
Labels = tuple[str, ...]


class Family(Protocol):
    """One name, with a sample for each of its labels' values."""

    def lines(self) -> Iterator[str]: ...


class Counter:
    """Only grows."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._mutex = threading.Lock()
        self._values: dict[Labels, Number] = {} if labels else {(): 0}

    def add(self, amount: Number, *labels: str) -> None:
        with self._mutex:
            self._values[labels] = self._values.get(labels, 0) + amount

    def lines(self) -> Iterator[str]:
        with self._mutex:
            values = sorted(self._values.items())
        yield from _header(self._name, self._meaning, "counter")
        for labels, value in values:
            yield _sample(self._name, zip(self._labels, labels, strict=True), value)


class Histogram:
    """How many values were at most as large as each of `bounds`."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self._name, self._meaning, self._labels, self._bounds = name, meaning, labels, bounds
        self._mutex = threading.Lock()
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def add(self, value: float, *labels: str) -> None:
        place = bisect_left(self._bounds, value)
        with self._mutex:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
                self._sums[labels] = 0.0
            counts[place] += 1
            self._sums[labels] += value

    def lines(self) -> Iterator[str]:
        with self._mutex:
            found = sorted(
                (key, counts[:], self._sums[key]) for key, counts in self._counts.items()
            )
        yield from _header(self._name, self._meaning, "histogram")
        for key, counts, total in found:
            labels = list(zip(self._labels, key, strict=True))
            so_far = 0
            for bound, count in zip((*self._bounds, "+Inf"), counts, strict=True):
                so_far += count
                yield _sample(f"{self._name}_bucket", [*labels, ("le", str(bound))], so_far)
            yield _sample(f"{self._name}_sum", labels, total)
            yield _sample(f"{self._name}_count", labels, so_far)


class Reading:
    """What somebody else keeps and tells when asked: a value for each value of one label.

    kind: `gauge`, or `counter` for what only grows.
    """

    def __init__(
        self, name: str, meaning: str, kind: str, label: str, read: Callable[[], Mapping[str, int]]
    ) -> None:
        self._name, self._meaning, self._kind, self._label = name, meaning, kind, label
        self._read = read

    def lines(self) -> Iterator[str]:
        yield from _header(self._name, self._meaning, self._kind)
        for value, number in self._read().items():
            yield _sample(self._name, [(self._label, value)], number)


def exposition(families: Sequence[Family]) -> str:
    """What a scraper is answered."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _header(name: str, meaning: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _sample(
    name: str, labels: "Iterator[tuple[str, str]] | Sequence[tuple[str, str]]", value: Number
) -> str:
    # Values of labels are words of ours: nothing in them needs escaping.
    inside = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"
