"""Counters and histograms in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/. Label values are ours and few: never
what a client sent, because each new one is kept for ever.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Number = int | float
Labels = tuple[str, ...]
Kind = Literal["counter", "histogram", "gauge"]


class Told(msgspec.Struct):
    """All samples of one name at one moment.

    samples: the values, each by the text that stands before it.
    """

    name: str
    meaning: str
    kind: Kind
    samples: dict[str, Number]


class Family(Protocol):
    """One name, with a sample for each of its labels' values."""

    def told(self) -> Told: ...


class Counter:
    """Only grows."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._mutex = threading.Lock()
        self._values: dict[Labels, Number] = {} if labels else {(): 0}

    def add(self, amount: Number, *labels: str) -> None:
        with self._mutex:
            self._values[labels] = self._values.get(labels, 0) + amount

    def told(self) -> Told:
        with self._mutex:
            values = sorted(self._values.items())
        samples = {
            _sample(self._name, zip(self._labels, labels, strict=True)): value
            for labels, value in values
        }
        return Told(self._name, self._meaning, "counter", samples)


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

    def told(self) -> Told:
        with self._mutex:
            found = sorted(
                (key, counts[:], self._sums[key]) for key, counts in self._counts.items()
            )
        samples: dict[str, Number] = {}
        for key, counts, total in found:
            labels = list(zip(self._labels, key, strict=True))
            so_far = 0
            for bound, count in zip((*self._bounds, "+Inf"), counts, strict=True):
                so_far += count
                samples[_sample(f"{self._name}_bucket", [*labels, ("le", str(bound))])] = so_far
            samples[_sample(f"{self._name}_sum", labels)] = total
            samples[_sample(f"{self._name}_count", labels)] = so_far
        return Told(self._name, self._meaning, "histogram", samples)


class Reading:
    """What somebody else keeps and tells when asked: a value for each value of one label."""

    def __init__(
        self, name: str, meaning: str, kind: Kind, label: str, read: Callable[[], Mapping[str, int]]
    ) -> None:
        self._name, self._meaning, self._kind, self._label = name, meaning, kind, label
        self._read = read

    def told(self) -> Told:
        samples: dict[str, Number] = {
            _sample(self._name, [(self._label, value)]): number
            for value, number in self._read().items()
        }
        return Told(self._name, self._meaning, self._kind, samples)


def all_told(families: Iterable[Family]) -> list[Told]:
    return [family.told() for family in families]


def together(parts: Iterable[Iterable[Told]]) -> list[Told]:
    """The sums of what several told, in the order in which the names came up."""
    sums: dict[str, Told] = {}
    for part in parts:
        for told in part:
            samples = sums.setdefault(
                told.name, Told(told.name, told.meaning, told.kind, {})
            ).samples
            for key, value in told.samples.items():
                samples[key] = samples.get(key, 0) + value
    return list(sums.values())


def exposition(found: Iterable[Told]) -> str:
    """What a scraper is answered."""
    return "".join(f"{line}\n" for told in found for line in _lines(told))


def _lines(told: Told) -> Iterator[str]:
    yield f"# HELP {told.name} {told.meaning}"
    yield f"# TYPE {told.name} {told.kind}"
    for key, value in told.samples.items():
        yield f"{key} {value}"


def _sample(name: str, labels: Iterable[tuple[str, str]]) -> str:
    # Values of labels are words of ours: nothing in them needs escaping.
    inside = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{inside}}}" if inside else name
