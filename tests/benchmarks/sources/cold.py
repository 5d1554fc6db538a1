"""What nobody asked for before: a page of many files, and a large file that many want at once."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple
from urllib.parse import urljoin

from tests.benchmarks.consumption import PeakMemory, processor_seconds_of_all_threads
from tests.benchmarks.forms import large_wheel
from tests.benchmarks.load import Target, fetch, read_once
from tests.benchmarks.measuring import Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.benchmarks.sources.site import REPOSITORY, Site
from tests.benchmarks.sources.static_index import generated_files
from tests.support.processes import ServerProcess

_FILES = 10_000
_CROWD = 100
_US, _UPSTREAM = "`serve`", "upstream alone"
_ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json, text/html; q=0.1"}

_numbers = count()


def measure_page(site: Site, plan: Plan) -> Findings:
    """For each round another page, which is asked for as pip does."""
    site.warm_up()
    projects = [f"huge-{number}" for number in range(plan.rounds)]
    for project in projects:
        files = generated_files(project, _FILES)
        site.index.write_page(project, [f"1.{number}" for number in range(_FILES // 2)], files)
    us = site.installation
    page = us.page("", repository=REPOSITORY)
    subjects = {
        _UPSTREAM: _Cold(site.index, "/simple/", {**_ACCEPT, "Accept-Encoding": "gzip"}, projects),
        _US: _Cold(us.server, page.path, page.headers, projects),
    }
    for name, mirror in site.mirrors.items():
        headers = {**_ACCEPT, "Accept-Encoding": "gzip"}
        subjects[name] = _Cold(mirror.server, mirror.path, headers, projects)
    found = in_turns(plan.rounds, {name: subject.measure for name, subject in subjects.items()})
    rows = []
    for name, costs in found.items():
        seconds, processor, memory = (statistics.median(c) for c in zip(*costs, strict=True))
        cells = [f"{1000 * processor:.0f} ms", f"{memory:.0f} MiB"]
        rows.append([name, f"{seconds:.2f} s", *(cells if name != _UPSTREAM else ["", ""])])
    beside = statistics.median(
        a.seconds - b.seconds for a, b in zip(found[_US], found[_UPSTREAM], strict=True)
    )
    grown = max(cost.memory for cost in found[_US])
    headings = [f"page of {_FILES:,} files, cold", "", "processor time", "growth of memory"]
    return Findings(
        [Table(headings, rows)],
        [
            Goal("page, cold, beside the upstream's time", "at most", 0.5, {"": beside}, " s"),
            Goal("growth of memory by this page", "at most", 100, {"": grown}, " MiB"),
        ],
    )


class _Cost(NamedTuple):
    """What a page takes: seconds, those of the server's processors, and MiB."""

    seconds: float
    processor: float
    memory: float


class _Cold:
    """Asks a server for pages, each for the first time."""

    def __init__(
        self, server: ServerProcess, path: str, headers: Mapping[str, str], projects: list[str]
    ) -> None:
        self._server, self._path, self._headers = server, path, headers
        self._projects = iter(projects)

    def measure(self) -> _Cost:
        pid = self._server.process.pid
        memory, processor, began = (
            PeakMemory(pid),
            processor_seconds_of_all_threads(pid),
            time.monotonic(),
        )
        fetch(self._server, Target(f"{self._path}{next(self._projects)}/", self._headers))
        seconds = time.monotonic() - began
        return _Cost(seconds, processor_seconds_of_all_threads(pid) - processor, memory.growth)


def measure_crowd(site: Site, plan: Plan) -> Findings:
    """The upstream sends slowly, or else this machine's memory would be what is measured.

    proxpi is left out: it sends clients to the upstream when a file takes more than a second.
    """
    site.warm_up()
    us = site.installation
    headings = ["one client", f"{_CROWD} clients", "ratio", "fetches for them"]

    def ratio(server: ServerProcess, path: str, headers: dict[str, str]) -> list[float]:
        times, names = [], []
        for clients in (1, _CROWD):
            project = f"crowd-{next(_numbers)}"
            large, _form = large_wheel(site.index.slow_folder, project, "1.0", plan.large)
            site.index.add_slow(project, large)
            target = _file(server, Target(f"{path}{project}/", {**_ACCEPT, **headers}))
            times.append(read_once(server, target, clients).elapsed)
            names.append(large.name)
        return [*times, times[1] / times[0], site.index.asked_for(f"/slow/{names[1]}")]

    page = us.page("", repository=REPOSITORY, encoding="identity")
    runs = {_US: [ratio(us.server, page.path, dict(page.headers)) for _ in range(plan.rounds)]}
    for name in ("devpi-server", "simple-repository-server"):
        mirror = site.mirrors[name]
        runs[name] = [ratio(mirror.server, mirror.path, {})]
    medians = {
        name: [statistics.median(column) for column in zip(*found, strict=True)]
        for name, found in runs.items()
    }
    rows = [
        [name, f"{one:.1f} s", f"{many:.1f} s", f"{beside:.2f}", f"{fetches:.0f}"]
        for name, (one, many, beside, fetches) in medians.items()
    ]
    return Findings(
        [Table([f"a file of {plan.large // 1_000_000} MB, cold", *headings], rows)],
        [
            Goal(f"{_CROWD} clients beside one", "at most", 1.5, {"": medians[_US][2]}),
            Goal("fetches for them", "at most", 1, {"": medians[_US][3]}),
        ],
    )


def _file(server: ServerProcess, page: Target) -> Target:
    url = json.loads(fetch(server, page))["files"][0]["url"]
    return Target(urljoin(page.path, url).partition("#")[0], page.headers)
