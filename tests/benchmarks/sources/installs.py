"""`uv pip install` and `pip install` of many packages through a repository in front of an index."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.consumption import processor_seconds_of_all_threads
from tests.benchmarks.forms import form_of
from tests.benchmarks.installing import PIP, UV, install_into_nothing
from tests.benchmarks.measuring import Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.benchmarks.sources.site import REPOSITORY, Site
from tests.support.distributions import Distribution, wheel

_PACKAGES, _SIZE = 50, 5_000
_OWN, _US, _UPSTREAM = "own files", "through `serve`", "upstream alone"


class _Cost(NamedTuple):
    """What an installation takes: seconds, and those of the processors of `serve`."""

    seconds: float
    processor: float


_Costs = Mapping[str, Sequence[_Cost]]


def measure(site: Site, folder: Path, plan: Plan) -> Findings:
    """Warm, everything was installed before; cold, nothing of it was ever asked for."""
    warm = _wheels("warm")
    site.warm_up()
    site.index.add(warm)
    site.installation.publish([form_of(each) for each in warm])
    indexes = {
        _UPSTREAM: site.index.index_url,
        _OWN: site.installation.index_url(),
        _US: site.installation.index_url(REPOSITORY),
        **{name: mirror.index_url for name, mirror in site.mirrors.items()},
    }
    rows: list[list[str]] = []
    warmed, chilled = {}, {}
    for tool, command, rounds in (("uv", UV, plan.installs), ("pip", PIP, plan.rounds)):
        install = functools.partial(_measure, site, command, folder)
        for index in indexes.values():
            install(index, iter([warm]))
        found = in_turns(
            rounds,
            {
                name: functools.partial(install, index, repeat(warm))
                for name, index in indexes.items()
            },
        )
        rows.append([f"`{tool}`, warm", *_cells(found, indexes)])
        warmed[tool] = _ratio(found, _US, _OWN)
        batches = [_wheels(f"{tool}-{number}") for number in range(rounds)]
        for batch in batches:
            site.index.add(batch)
        found = in_turns(
            rounds,
            {
                name: functools.partial(install, index, iter(batches))
                for name, index in indexes.items()
                if name != _OWN
            },
        )
        rows.append([f"`{tool}`, cold", *_cells(found, indexes)])
        chilled[tool] = _ratio(found, _US, _UPSTREAM)
    return Findings(
        [Table([f"`install` of {_PACKAGES} packages", *indexes], rows)],
        [
            Goal("`install` through an upstream, warm, beside own files", "at most", 1.1, warmed),
            Goal("`install`, cold, beside the upstream alone", "at most", 1.5, chilled),
        ],
    )


def _wheels(label: str) -> list[Distribution]:
    return [wheel(f"{label}-{number}", padding=_SIZE) for number in range(_PACKAGES)]


def _measure(
    site: Site, command: list[str], folder: Path, index: str, batches: Iterator[list[Distribution]]
) -> _Cost:
    names = [each.name for each in next(batches)]
    pid = site.installation.pid
    before = processor_seconds_of_all_threads(pid)
    seconds = install_into_nothing(command, index, names, folder)
    return _Cost(seconds, processor_seconds_of_all_threads(pid) - before)


def _cells(found: _Costs, indexes: Mapping[str, str]) -> Iterator[str]:
    for name in indexes:
        costs = found.get(name, [])
        cell = f"{statistics.median(cost.seconds for cost in costs):.2f} s" if costs else ""
        if costs and name in (_OWN, _US):
            spent = statistics.median(cost.processor for cost in costs)
            cell += f" ({1000 * spent:.0f} ms)"
        yield cell


def _ratio(found: _Costs, name: str, other: str) -> float:
    """The median of those of the pairs, which a busy moment of the machine hits alike."""
    pairs = zip(found[name], found[other], strict=True)
    return statistics.median(a.seconds / b.seconds for a, b in pairs)
