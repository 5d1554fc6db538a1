"""What changes as a registry grows: next to nothing should."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks import cpu, forms, generated
from tests.benchmarks.client import Connection, head
from tests.benchmarks.installation import Installation
from tests.benchmarks.load import Target, requests_per_second
from tests.benchmarks.measuring import Result, in_turns
from tests.benchmarks.memory import PeakMemory

_KEPT_PROJECTS = 2_000
_COLD_ROUNDS = 5


@dataclass(frozen=True)
class Size:
    """files: of the generated registry; projects: of the repository with the long root page."""

    files: int
    projects: int
    pages: int


def measure(
    small: Installation, folder: Path, size: Size, rounds: int, seconds: float
) -> Iterator[Result]:
    """small: has `project-100` and `project-1000` and little else.

    Leaves the generated registry in `folder`.
    """
    yield _first_page_after_a_publication(small)
    with Installation(folder) as large:
        database = folder / "registry.db"
        large.publish(forms.releases("project-100", 100))
        generated.fill(database, size.files)
        _create_repository(folder, "wide")
        generated.fill_with_projects(database, "wide", size.projects)
        rate = functools.partial(requests_per_second, seconds=seconds)
        yield in_turns(
            f"project page, {size.files:,} files (bare: {_KEPT_PROJECTS:,} or less)",
            "requests/s",
            rounds,
            lambda: rate(large.page("project-100")),
            lambda: rate(small.page("project-100")),
        )
        projects = size.files // generated.FILES_PER_PROJECT
        yield from _root_page(large, database, "main", projects, rate)
        yield from _root_page(large, database, "wide", size.projects, rate)
        yield _memory(large, size.pages, min(_KEPT_PROJECTS, projects))


def _first_page_after_a_publication(installation: Installation) -> Result:
    page = installation.page("project-1000")
    spent = []
    for form in forms.releases("project-1000", _COLD_ROUNDS, first=2):
        installation.send(form)
        spent.append(_processor_time(installation.pid, page))
    name = "first page after a publication, 1,000 files"
    return Result(name, "ms of CPU", statistics.median(spent), more_is_better=False)


def _root_page(
    installation: Installation,
    database: Path,
    repository: str,
    projects: int,
    rate: Callable[[Target], float],
) -> Iterator[Result]:
    page = installation.page("", repository=repository)
    spent = []
    for _round in range(_COLD_ROUNDS):
        generated.touch(database, repository)
        spent.append(_processor_time(installation.pid, page))
    name = f"root page, {projects:,} projects"
    yield Result(f"{name}, cold", "ms of CPU", statistics.median(spent), more_is_better=False)
    yield Result(f"{name}, hot", "requests/s", rate(page))


def _memory(installation: Installation, pages: int, projects: int) -> Result:
    memory = PeakMemory(installation.pid)
    with Connection(installation.server.port) as connection:
        for number in range(pages):
            page = installation.page(f"generated-{number % projects}")
            connection.send(head("GET", page.path, page.headers))
            if connection.receive()[0] != page.expected:
                raise RuntimeError(f"{page.path} is not there")
    result = Result(
        f"memory after {pages:,} pages of {projects:,} projects",
        "MiB",
        memory.now or 0,
        more_is_better=False,
    )
    return replace(result, note=str(memory))


def _processor_time(pid: int, page: Target) -> float:
    before = cpu.milliseconds(pid)
    with Connection(page.port) as connection:
        connection.send(head("GET", page.path, page.headers))
        connection.receive()
    return cpu.milliseconds(pid) - before


def _create_repository(data: Path, name: str) -> None:
    command = [sys.executable, "-m", "pypi_repo", "repository", "create", name]
    subprocess.run([*command, "--data", str(data)], check=True, capture_output=True)
