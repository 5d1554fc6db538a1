"""Counters, histograms and gauges in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/. Label values are ours and few: never
what a client sent, because each new one is kept for ever.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Number = int | float
Labels = tuple[str, ...]
Kind = Literal["counter", "histogram", "gauge"]


class MetricFamily(msgspec.Struct):
    """All samples of one metric at one moment.

    samples: the values, each by the text that stands before it.
    """

    name: str
    documentation: str
    kind: Kind
    samples: dict[str, Number]


Collector = Callable[[], Sequence[MetricFamily]]
"""Reads what is counted at this moment."""


class Counter:
    """Only grows."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self._name, self._documentation, self._labels = name, documentation, labels
        self._mutex = threading.Lock()
        self._values: dict[Labels, Number] = {} if labels else {(): 0}

    def add(self, amount: Number, *labels: str) -> None:
        with self._mutex:
            self._values[labels] = self._values.get(labels, 0) + amount

    def family(self) -> MetricFamily:
        with self._mutex:
            values = self._values.copy()
        return counter_family(self._name, self._documentation, self._labels, values)


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


def family_by_label(
    name: str, documentation: str, kind: Kind, label: str, values: Mapping[str, int]
) -> MetricFamily:
    """Of a metric with one label; values: by that of the label."""
    samples: dict[str, Number] = {
        _sample(name, [(label, text)]): value for text, value in values.items()
    }
    return MetricFamily(name, documentation, kind, samples)


def counter_family(
    name: str, documentation: str, labels: Sequence[str], values: Mapping[Labels, Number]
) -> MetricFamily:
    samples = {
        _sample(name, zip(labels, key, strict=True)): value for key, value in sorted(values.items())
    }
    return MetricFamily(name, documentation, "counter", samples)


def histogram_family(
    name: str,
    documentation: str,
    labels: Sequence[str],
    bounds: Sequence[float],
    found: Mapping[Labels, Distribution],
) -> MetricFamily:
    samples: dict[str, Number] = {}
    for key in sorted(found):
        pairs = list(zip(labels, key, strict=True))
        so_far = 0
        for bound, count in zip((*bounds, "+Inf"), found[key].counts, strict=True):
            so_far += count
            samples[_sample(f"{name}_bucket", [*pairs, ("le", str(bound))])] = so_far
        samples[_sample(f"{name}_sum", pairs)] = found[key].sum
        samples[_sample(f"{name}_count", pairs)] = so_far
    return MetricFamily(name, documentation, "histogram", samples)


def summed(parts: Iterable[Iterable[MetricFamily]]) -> list[MetricFamily]:
    """The sums of what several collected, in the order in which the names came up."""
    sums: dict[str, MetricFamily] = {}
    for part in parts:
        for each in part:
            empty = MetricFamily(each.name, each.documentation, each.kind, {})
            samples = sums.setdefault(each.name, empty).samples
            for key, value in each.samples.items():
                samples[key] = samples.get(key, 0) + value
    return list(sums.values())


def exposition(families: Iterable[MetricFamily]) -> str:
    """What a scraper is answered."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: MetricFamily) -> Iterator[str]:
    yield f"# HELP {family.name} {family.documentation}"
    yield f"# TYPE {family.name} {family.kind}"
    for key, value in family.samples.items():
        yield f"{key} {value}"


def _sample(name: str, labels: Iterable[tuple[str, str]]) -> str:
    # Values of labels are words of ours: nothing in them needs escaping.
    inside = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{inside}}}" if inside else name
