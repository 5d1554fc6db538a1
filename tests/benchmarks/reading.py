"""A hot page and a small file: more and more clients, and the same application on other servers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from tests.benchmarks.installation import Installation
from tests.benchmarks.load import read
from tests.benchmarks.measuring import Median, Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.support.processes import ServerProcess

_ALL, _SOME = (1, 8, 64, 256), (8, 64)
_MANY = 64
_SERVE, _TWO_WORKERS = "`serve`", "`serve --workers 2`"
_GRANIAN, _TWO_GRANIANS = "granian, 1 worker of 1 thread", "granian, 2 workers of 1 thread"
_CONTENTS = _PAGE, _FILE = "page", "20 kB"

_Medians = Mapping[tuple[str, str, int], Median]


def measure(installation: Installation, engine: str, plan: Plan) -> Findings:
    """engine: the name of the database's."""
    page, file = installation.hot
    targets = {_PAGE: page, _FILE: file}
    with ExitStack() as stack:
        servers: dict[str, ServerProcess] = {_SERVE: installation.server}
        for name, server in _others(installation):
            servers[name] = stack.enter_context(server)
        for server in servers.values():
            for target in targets.values():
                read(server, target, _MANY, 0.5)  # each worker has hashed the password then
        runs = in_turns(
            plan.rounds,
            {
                (content, name, connections): functools.partial(
                    read, server, target, connections, plan.seconds
                )
                for content, target in targets.items()
                for connections in _ALL
                for name, server in servers.items()
                if name == _SERVE or connections in _SOME
            },
        )
    medians = {cell: Median.of(found) for cell, found in runs.items()}
    tables = [
        _table(f"{content}, {engine}", content, list(servers), medians) for content in targets
    ]
    return Findings(tables, list(_goals(engine, medians)))


def measure_access_log(installation: Installation, plan: Plan) -> Findings:
    """What it costs to log each request."""
    page, _file = installation.hot
    with (
        installation.serve("--workers", "1") as logging,
        installation.serve("--workers", "1", "--no-access-log") as silent,
    ):
        servers = {"with its access log": logging, "`--no-access-log`": silent}
        for server in servers.values():
            read(server, page, 8, 0.5)
        runs = in_turns(
            plan.rounds,
            {
                name: functools.partial(read, server, page, 8, 2 * plan.seconds)
                for name, server in servers.items()
            },
        )
    with_log, without = (Median.of(found) for found in runs.values())
    rows = [[name, str(Median.of(found))] for name, found in runs.items()]
    table = Table(["page, 8 connections, 1 worker", "requests"], rows)
    goal = Goal(
        "page with the access log, beside without",
        "at least",
        0.9,
        {"": with_log.rate / without.rate},
    )
    return Findings([table], [goal])


def _others(installation: Installation) -> Iterator[tuple[str, ServerProcess]]:
    yield "`serve --workers 1`", installation.serve("--workers", "1")
    yield _TWO_WORKERS, installation.serve("--workers", "2")
    yield _GRANIAN, installation.under("granian", workers=1, threads=1)
    yield _TWO_GRANIANS, installation.under("granian", workers=2, threads=1)
    yield "granian, 2 workers of 8 threads", installation.under("granian", workers=2, threads=8)
    yield "gunicorn, 2 workers of 8 threads", installation.under("gunicorn", workers=2, threads=8)


def _table(title: str, content: str, servers: list[str], medians: _Medians) -> Table:
    rows = []
    for name in servers:
        crowd = medians[content, name, _MANY]
        cells = [
            str(medians[content, name, connections])
            if (content, name, connections) in medians
            else ""
            for connections in _ALL
        ]
        rows.append([name, *cells, f"{crowd.p99_of_mean:.1f}", f"{crowd.fairness:.2f}"])
    clients = [f"{connections} client{'s' * (connections > 1)}" for connections in _ALL]
    of_many = [f"{measure} of {_MANY}" for measure in ("p99 / mean", "slowest / fastest")]
    return Table([title, *clients, *of_many], rows)


def _goals(engine: str, medians: _Medians) -> Iterator[Goal]:
    def rate(content: str, name: str, connections: int) -> float:
        return medians[content, name, connections].rate

    for many, few, bound in ((8, 1, 1.3), (64, 8, 0.8), (256, 8, 0.8)):
        yield Goal(
            f"{engine}: {many} connections beside {few}",
            "at least",
            bound,
            {each: rate(each, _SERVE, many) / rate(each, _SERVE, few) for each in _CONTENTS},
        )
    crowds = {content: medians[content, _SERVE, _MANY] for content in _CONTENTS}
    yield Goal(
        f"{engine}: p99 beside the mean, {_MANY} connections",
        "at most",
        3,
        {content: crowd.p99_of_mean for content, crowd in crowds.items()},
    )
    yield Goal(
        f"{engine}: the slowest of {_MANY} clients beside the fastest",
        "at least",
        0.5,
        {content: crowd.fairness for content, crowd in crowds.items()},
    )
    yield Goal(
        f"{engine}: beside granian, 1 worker of 1 thread, 8 connections",
        "at least",
        0.5,
        {each: rate(each, _SERVE, 8) / rate(each, _GRANIAN, 8) for each in _CONTENTS},
    )
    yield Goal(
        f"{engine}: page, {_TWO_WORKERS} beside granian, 2 workers of 1 thread",
        "at least",
        0.8,
        {
            f"{connections} connections": rate(_PAGE, _TWO_WORKERS, connections)
            / rate(_PAGE, _TWO_GRANIANS, connections)
            for connections in _SOME
        },
    )
