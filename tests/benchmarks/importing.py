"""Imports of small files, of a folder and of an index, beside uploads of such files."""

from __future__ import annotations

import statistics
import time
from itertools import count
from pathlib import Path

from tests.benchmarks import forms, load
from tests.benchmarks.installation import SMALL_FILE, Installation
from tests.benchmarks.measuring import Plan
from tests.benchmarks.report import Findings, Goal, Table

_AT_ONCE = 4  # clients, and jobs of an import
_UPLOADS, _FOLDER, _INDEX = "uploads, four clients", "import of a folder", "import of an index"
_AGAIN = "import of the same index again"
_NEAR = ("--allow-http", "--allow-private-network")

_labels = count()


def measure(installation: Installation, folder: Path, plan: Plan) -> Findings:
    """All store on the disk of `folder`. The commands are timed from their start to their end.

    Imports take minutes, so uploads are measured before and after each: the machine may be busier
    at one time than at another.
    """
    installation.command("repository", "create", "imported", "--public")
    index = installation.public_index_url("imported")
    rates: dict[str, list[float]] = {name: [] for name in (_UPLOADS, _FOLDER, _INDEX, _AGAIN)}
    with Installation(folder / "moved") as moved:
        for _round in range(plan.rounds):
            rates[_UPLOADS].append(_upload(installation, plan.uploads))
            label = f"imported-{next(_labels)}"
            for file in forms.small_files(label, plan.imports, SMALL_FILE):
                file.save(folder / label)
            projects = folder / f"{label}.txt"
            projects.write_text(f"{label}-*\n")
            only_these = ("--projects", str(projects), *_NEAR)
            ways = {
                _FOLDER: (installation, ("imported", str(folder / label))),
                _INDEX: (moved, ("main", index, *only_these)),
                _AGAIN: (moved, ("main", index, *only_these)),
            }
            for name, (target, arguments) in ways.items():
                began = time.monotonic()
                target.command("import", *arguments)
                rates[name].append(plan.imports / (time.monotonic() - began))
                rates[_UPLOADS].append(_upload(installation, plan.uploads))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    rows = [[name, f"{rate:,.0f}/s"] for name, rate in medians.items()]
    ratios = {name: medians[name] / medians[_UPLOADS] for name in (_FOLDER, _INDEX)}
    return Findings(
        [Table([f"{plan.imports:,} files of 20 kB", ""], rows)],
        [Goal("imports beside uploads from four clients", "at least", 0.5, ratios)],
    )


def _upload(installation: Installation, files: int) -> float:
    wheels = forms.small_wheels(f"uploaded-{next(_labels)}", files, SMALL_FILE)
    clients = [wheels[number::_AT_ONCE] for number in range(_AT_ONCE)]
    return load.upload(installation.server, installation.upload, clients).rate
