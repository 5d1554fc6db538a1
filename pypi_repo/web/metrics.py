"""Counters, histograms and gauges in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/. Label values are ours and few: never
what a client sent, because each new one is kept for ever.
"""

import threading
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
            values = self._values.copy()
        return as_counter(self._name, self._meaning, self._labels, values)


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


class Derived:
    """What is made of numbers that are counted for several names together."""

    def __init__(self, tell: Callable[[], Told]) -> None:
        self.told = tell


class Distribution:
    """How many values were at most as large as each of the bounds, and all of them together."""

    __slots__ = ("counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, other: "Distribution") -> None:
        """One about the same bounds."""
        self.counts = [mine + more for mine, more in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


def as_counter(
    name: str, meaning: str, labels: Sequence[str], values: Mapping[Labels, Number]
) -> Told:
    samples = {
        _sample(name, zip(labels, key, strict=True)): value for key, value in sorted(values.items())
    }
    return Told(name, meaning, "counter", samples)


def as_histogram(
    name: str,
    meaning: str,
    labels: Sequence[str],
    bounds: Sequence[float],
    found: Mapping[Labels, Distribution],
) -> Told:
    samples: dict[str, Number] = {}
    for key in sorted(found):
        pairs = list(zip(labels, key, strict=True))
        so_far = 0
        for bound, count in zip((*bounds, "+Inf"), found[key].counts, strict=True):
            so_far += count
            samples[_sample(f"{name}_bucket", [*pairs, ("le", str(bound))])] = so_far
        samples[_sample(f"{name}_sum", pairs)] = found[key].sum
        samples[_sample(f"{name}_count", pairs)] = so_far
    return Told(name, meaning, "histogram", samples)


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
