"""What is measured, and beside what."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from tests.benchmarks import (
    disk,
    forms,
    growth,
    installing,
    other_servers,
    reference,
    starting,
)
from tests.benchmarks.answers import Answer
from tests.benchmarks.client import Connection, Form, head
from tests.benchmarks.installation import Installation, send
from tests.benchmarks.load import Target, requests_per_second, uploads_per_second
from tests.benchmarks.measuring import Measure, Result, in_turns
from tests.benchmarks.memory import PeakMemory
from tests.support.processes import ServerProcess

_SMALL_FILE = 20_000
_MEGABYTE = 1_000_000
_CLIENTS = 4


@dataclass(frozen=True)
class Plan:
    """How long to measure; all sizes are bytes."""

    rounds: int
    seconds: float
    small_uploads: int
    large_file: int
    grown: growth.Size


FULL = Plan(
    rounds=3,
    seconds=3.0,
    small_uploads=400,
    large_file=500 * _MEGABYTE,
    grown=growth.Size(files=1_000_000, projects=100_000, pages=10_000),
)
QUICK = Plan(
    rounds=1,
    seconds=1.0,
    small_uploads=100,
    large_file=100 * _MEGABYTE,
    grown=growth.Size(files=100_000, projects=10_000, pages=2_000),
)


def measure(folder: Path, plan: Plan) -> Iterator[Result]:
    """Everything, in an empty folder on the disk that is to be measured."""
    recorded = folder / "recorded"
    recorded.mkdir()
    with Installation(folder / "data") as installation:
        pages = _prepare_pages(installation, recorded)
        large, large_forms = _prepare_large(recorded, plan)
        with reference.start(recorded, installation.database) as server:
            for name, (title, target) in pages.items():
                yield _read(title, plan, target, server, name)
            yield from _small_uploads(installation, server, plan)
            yield _durable_writes(folder, plan)
            yield from _large(installation, server, plan, large, large_forms)
        yield from installing.measure(installation, folder, plan.rounds)
        grown = folder / "grown"
        yield from growth.measure(installation, grown, plan.grown, plan.rounds, plan.seconds)
    yield from other_servers.measure(
        pages, folder, folder / "data", recorded, plan.rounds, plan.seconds
    )
    yield from starting.measure(folder, grown, plan.rounds)


def _prepare_pages(installation: Installation, recorded: Path) -> dict[str, tuple[str, Target]]:
    """What is read, by the name of its recorded answer."""
    for files in (100, 1000):
        installation.publish(forms.releases(f"project-{files}", files))
    installation.publish(forms.small_wheels("download", 1, _SMALL_FILE))
    hundred, thousand = (installation.page(f"project-{files}") for files in (100, 1000))
    answer = Answer.of(hundred)
    unchanged = installation.page("project-100", **{"If-None-Match": answer.header("ETag")})
    unchanged = replace(unchanged, expected=304)
    holder = installation.page("download-0", **{"Accept-Encoding": "identity"})
    url = json.loads(Answer.of(holder).body)["files"][0]["url"]
    pages = {
        "page-100": ("project page, 100 files", hundred),
        "page-unchanged": ("the same, If-None-Match", unchanged),
        "page-1000": ("project page, 1,000 files", thousand),
        "small.whl": ("download of 20 kB", installation.file(holder, url)),
    }
    for name, (_title, target) in pages.items():
        answer = Answer.of(target)
        if name.endswith(".whl"):
            (recorded / name).write_bytes(answer.body)
        else:
            answer.save(recorded, name)
    return pages


def _read(title: str, plan: Plan, target: Target, server: ServerProcess, name: str) -> Result:
    def rate(target: Target) -> Measure:
        return lambda: requests_per_second(target, plan.seconds)

    bare, floor = (
        replace(target, port=server.port, path=f"/{kind}/{name}") for kind in ("bare", "floor")
    )
    requests_per_second(target, 1)  # bcrypt, caches, and the threads' connections
    requests_per_second(floor, 1)
    return in_turns(title, "requests/s", plan.rounds, rate(target), rate(bare), rate(floor))


def _small_uploads(
    installation: Installation, server: ServerProcess, plan: Plan
) -> Iterator[Result]:
    labels = (f"upload-{number}" for number in count())

    def rate(target: Target, clients: int) -> float:
        wheels = forms.small_wheels(next(labels), plan.small_uploads, _SMALL_FILE)
        return uploads_per_second(target, [wheels[client::clients] for client in range(clients)])

    bare, floor = _digesting(server)
    for title, clients in (
        ("uploads of 20 kB, one client", 1),
        ("the same, four at once", _CLIENTS),
    ):
        yield in_turns(
            title,
            "uploads/s",
            plan.rounds,
            functools.partial(rate, installation.upload, clients),
            functools.partial(rate, bare, clients),
            functools.partial(rate, floor, clients),
        )


def _durable_writes(folder: Path, plan: Plan) -> Result:
    rate = functools.partial(disk.durable_writes_per_second, folder, _SMALL_FILE, plan.seconds)
    return replace(
        in_turns("disk: write, sync, rename, commit", "times/s", plan.rounds, rate),
        note="no server: what the disk allows",
    )


def _prepare_large(recorded: Path, plan: Plan) -> tuple[Path, list[Form]]:
    """A form for each round, since a file that is there already is not stored again."""
    wheels = [
        forms.large_wheel(recorded, "large", f"1.{number}", plan.large_file)
        for number in range(plan.rounds)
    ]
    return wheels[0][0], [form for _path, form in wheels]


def _large(
    installation: Installation, server: ServerProcess, plan: Plan, path: Path, wheels: list[Form]
) -> Iterator[Result]:
    megabytes = path.stat().st_size / _MEGABYTE
    bare, floor = _digesting(server)
    remaining = iter(wheels)

    def upload(target: Target, form: Form) -> float:
        return megabytes / _seconds(lambda: send(target, form))

    memory = PeakMemory(installation.pid)
    result = in_turns(
        f"upload of {megabytes:.0f} MB",
        "MB/s",
        plan.rounds,
        lambda: upload(installation.upload, next(remaining)),
        lambda: upload(bare, wheels[0]),
        lambda: upload(floor, wheels[0]),
    )
    yield replace(result, note=str(memory))

    page = installation.page("large", **{"Accept-Encoding": "identity"})
    url = json.loads(Answer.of(page).body)["files"][0]["url"]
    bare, floor = (Target(server.port, f"/{kind}/{path.name}") for kind in ("bare", "floor"))

    def download(target: Target) -> Measure:
        return lambda: megabytes / _seconds(lambda: _fetch(target))

    memory = PeakMemory(installation.pid)
    result = in_turns(
        f"download of {megabytes:.0f} MB",
        "MB/s",
        plan.rounds,
        download(installation.file(page, url)),
        download(bare),
        download(floor),
    )
    yield replace(result, note=str(memory))


def _digesting(server: ServerProcess) -> tuple[Target, Target]:
    return Target(server.port, "/bare/upload"), Target(server.port, "/floor/upload")


def _fetch(target: Target) -> None:
    with Connection(target.port) as connection:
        connection.send(head("GET", target.path, target.headers))
        status, _size = connection.receive()
    if status != target.expected:
        raise RuntimeError(f"{target.path} answered {status}")


def _seconds(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
