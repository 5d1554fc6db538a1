"""What changes as a registry grows: next to nothing should."""

from __future__ import annotations

import functools
import statistics
from pathlib import Path

from tests.benchmarks import forms, generated
from tests.benchmarks.client import Connection, head
from tests.benchmarks.consumption import PeakMemory, processor_seconds
from tests.benchmarks.installation import Installation
from tests.benchmarks.load import Target, fetch, read
from tests.benchmarks.measuring import Median, Plan, in_turns
from tests.benchmarks.report import Findings, Table
from tests.benchmarks.starting import until_it_answers

_KEPT_PROJECTS = 2_000
_COLD_ROUNDS = 5


def measure(small: Installation, folder: Path, plan: Plan) -> Findings:
    """small: has next to nothing in it."""
    rows = [("first page of 1,000 files after a publication", _page_of_a_thousand(small))]
    with Installation(folder) as large:
        database = folder / "registry.db"
        generated.fill(database, plan.files)
        large.command("repository", "create", "wide")
        generated.fill_with_projects(database, "wide", plan.projects)
        rows.append((f"page in a registry of {plan.files:,} files", _beside(small, large, plan)))
        projects = plan.files // generated.FILES_PER_PROJECT
        for repository, number in (("main", projects), ("wide", plan.projects)):
            spent = _cold_root_page(large, database, repository)
            rows.append((f"root page of {number:,} projects, cold", spent))
        kept = min(_KEPT_PROJECTS, projects)
        memory = f"memory after {plan.pages:,} pages of {kept:,} projects"
        rows.append((memory, _memory(large, plan.pages, kept)))
    started = statistics.median(until_it_answers(folder) for _round in range(plan.rounds))
    rows.append((f"`serve` to its first answer, {plan.files:,} files", f"{started:.2f} s"))
    return Findings([Table(["a registry that grows", ""], rows)])


def _page_of_a_thousand(installation: Installation) -> str:
    installation.publish(forms.releases("project-1000", 1000))
    page = installation.page("project-1000")
    spent = []
    for form in forms.releases("project-1000", _COLD_ROUNDS, first=2):
        installation.send(form)
        spent.append(_processor_time(installation, page))
    return f"{1000 * statistics.median(spent):.1f} ms of CPU"


def _beside(small: Installation, large: Installation, plan: Plan) -> str:
    subjects = {
        name: functools.partial(read, each.server, each.hot[0], 8, plan.seconds)
        for name, each in (("small", small), ("large", large))
    }
    for warm_up in subjects.values():
        warm_up()
    small_one, large_one = map(Median.of, in_turns(plan.rounds, subjects).values())
    return f"{large_one.rate / small_one.rate:.2f} of the rate in a small one"


def _cold_root_page(installation: Installation, database: Path, repository: str) -> str:
    page = installation.page("", repository=repository)
    spent = []
    for _round in range(_COLD_ROUNDS):
        generated.touch(database, repository)
        spent.append(_processor_time(installation, page))
    return f"{1000 * statistics.median(spent):.0f} ms of CPU"


def _memory(installation: Installation, pages: int, projects: int) -> str:
    memory = PeakMemory(installation.pid)
    with Connection(installation.server.port) as connection:
        for number in range(pages):
            page = installation.page(f"generated-{number % projects}")
            connection.send(head("GET", page.path, page.headers))
            status, _size = connection.receive()
            if status != 200:
                raise RuntimeError(f"{page.path} answered {status}")
    return f"{memory.now:.0f} MiB"


def _processor_time(installation: Installation, page: Target) -> float:
    before = processor_seconds(installation.pid)
    fetch(installation.server, page)
    return processor_seconds(installation.pid) - before
