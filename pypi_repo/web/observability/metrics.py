"""Counters, histograms and gauges in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/. The values of labels are few, and
chosen by the code: a value that a client has sent must not become one, because each new value is
kept for ever.
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
"""A function that returns the metrics with their current values."""


class Counter:
    """A number for each combination of label values, which only grows."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self._name, self._documentation, self._labels = name, documentation, labels
        self._mutex = threading.Lock()
        self._values: dict[Labels, Number] = {} if labels else {(): 0}

    def add(self, amount: Number, *labels: str) -> None:
        """Adds an amount to the number for these values of the labels."""
        with self._mutex:
            self._values[labels] = self._values.get(labels, 0) + amount

    def family(self) -> MetricFamily:
        """Returns the metric with its current values."""
        with self._mutex:
            values = self._values.copy()
        return counter_family(self._name, self._documentation, self._labels, values)


class Distribution:
    """How many values lie between each bound and the next one, and the sum of all values.

    bounds: the upper bounds, in ascending order. Values above the last one are counted, too.
    """

    __slots__ = ("counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, other: "Distribution") -> None:
        """Adds the values of another distribution with the same bounds."""
        self.counts = [mine + more for mine, more in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


def family_by_label(
    name: str, documentation: str, kind: Kind, label: str, values: Mapping[str, int]
) -> MetricFamily:
    """Returns a metric with one label.

    values: the values of the metric, by the value of the label.
    """
    samples: dict[str, Number] = {
        _sample(name, [(label, text)]): value for text, value in values.items()
    }
    return MetricFamily(name, documentation, kind, samples)


def counter_family(
    name: str, documentation: str, labels: Sequence[str], values: Mapping[Labels, Number]
) -> MetricFamily:
    """Returns a counter, given its values by the values of its labels."""
    return MetricFamily(name, documentation, "counter", _samples(name, labels, values))


def gauge_family(
    name: str, documentation: str, labels: Sequence[str], values: Mapping[Labels, Number]
) -> MetricFamily:
    """Returns a gauge, given its values by the values of its labels."""
    return MetricFamily(name, documentation, "gauge", _samples(name, labels, values))


def histogram_family(
    name: str,
    documentation: str,
    labels: Sequence[str],
    bounds: Sequence[float],
    found: Mapping[Labels, Distribution],
) -> MetricFamily:
    """Returns a histogram, given its distributions by the values of its labels.

    bounds: the upper bounds of all distributions.
    """
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
    """Returns the sums of the metrics of several processes, in the order of their first occurrence.

    parts: the metrics of each process.
    """
    sums: dict[str, MetricFamily] = {}
    for part in parts:
        for each in part:
            empty = MetricFamily(each.name, each.documentation, each.kind, {})
            samples = sums.setdefault(each.name, empty).samples
            for key, value in each.samples.items():
                samples[key] = samples.get(key, 0) + value
    return list(sums.values())


def exposition(families: Iterable[MetricFamily]) -> str:
    """Returns the metrics in the text format of Prometheus."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: MetricFamily) -> Iterator[str]:
    yield f"# HELP {family.name} {family.documentation}"
    yield f"# TYPE {family.name} {family.kind}"
    for key, value in family.samples.items():
        yield f"{key} {value}"


def _samples(
    name: str, labels: Sequence[str], values: Mapping[Labels, Number]
) -> dict[str, Number]:
    return {
        _sample(name, zip(labels, key, strict=True)): value for key, value in sorted(values.items())
    }


def _sample(name: str, labels: Iterable[tuple[str, str]]) -> str:
    # Label values are words from the code, which need no escaping.
    inside = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{inside}}}" if inside else name
