"""python -m tests.benchmarks"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import load, report
from tests.benchmarks.scenarios import FULL, QUICK, measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=_DESCRIPTION)
    parser.add_argument("--quick", action="store_true", help="one short round of each, 100 MB")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to put the data (some 7 GB): choose the disk by it; it is emptied at the end",
    )
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    conditions = {
        "load": load.generator(),
        "python": platform.python_version(),
        "processors": str(os.cpu_count()),
        "plan": f"medians of {plan.rounds}, {plan.seconds:g} s each",
    }
    results = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=arguments.folder) as folder:
        for result in measure(Path(folder), plan):
            results.append(result)
            print(f"{result.name} ...", file=sys.stderr)
    if arguments.json:
        print(report.as_json(results, conditions))
        return
    print(", ".join(f"{name}: {value}" for name, value in conditions.items()), end="\n\n")
    print(report.table(results))


_DESCRIPTION = (
    "Measures the server beside bare WSGI apps on the same WSGI server. A ratio of 1 says: as "
    "fast as the reference; the absolute numbers are this machine's."
)

if __name__ == "__main__":
    main()
