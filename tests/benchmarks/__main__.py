"""python -m tests.benchmarks"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measuring import FULL, QUICK
from tests.benchmarks.report import Goal, goals_table
from tests.benchmarks.scenarios import SCENARIOS, Stage


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=_DESCRIPTION)
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        choices=[[], *SCENARIOS],
        help=f"what to measure, of {', '.join(SCENARIOS)}; otherwise all",
    )
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to put the data (some 5 GB): choose the disk by it; it is emptied at the end",
    )
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, medians of "
        f"{plan.rounds}. In brackets, the processor time that the server's processes spent on "
        "each answer."
    )
    goals: list[Goal] = []
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-", dir=arguments.folder) as folder,
        Stage(Path(folder), plan) as stage,
    ):
        for name in arguments.scenarios or SCENARIOS:
            began = time.monotonic()
            findings = SCENARIOS[name](stage)
            goals += findings.goals
            for table in findings.tables:
                print(f"\n{table}", flush=True)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if goals:
        print(f"\n{goals_table(goals)}")


_DESCRIPTION = (
    "Measures the server, started with its default options and asked with credentials, beside "
    "others on this machine, and prints tables in Markdown. Needs Linux and nginx, and installs "
    "pypiserver and other mirrors for itself."
)

if __name__ == "__main__":
    main()
