"""Processes that count, tell it in a folder, and are killed at any moment.

`python -m tests.support.counting_processes FOLDER NOTES KILLS` prints what was seen. It forks, so
it is a program of its own without threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from pypi_repo.web.observability.metrics import Counter, family_by_label, summed
from pypi_repo.web.observability.metrics_folder import MetricsFolder

_AT_ONCE = 4


def _count(folder: Path, notes: Path) -> NoReturn:
    """Notes each step, before and after it."""
    counted = Counter("counted", "Steps.")
    kept = family_by_label("kept", "Whatever.", "gauge", "kind", {"used": 1})
    member = MetricsFolder(folder)
    member.join()
    note = os.open(notes / str(os.getpid()), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    while True:
        os.write(note, b"begun ")
        counted.add(1)
        member.write([counted.family(), kept])
        os.write(note, b"told ")
        if random.random() < 0.3:
            member.others()


def _start(folder: Path, notes: Path) -> int:
    process = os.fork()
    if process == 0:
        try:
            _count(folder, notes)
        finally:
            os._exit(1)
    return process


def _kill(process: int) -> bool:
    """Whether it had been at work until then."""
    os.kill(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def _total(folder: Path) -> float:
    found = {each.name: each.samples for each in summed(MetricsFolder(folder).others())}
    return found.get("counted", {}).get("counted", 0)


def main(folder: Path, notes: Path, kills: int) -> None:
    """Prints what was seen, as JSON."""
    processes = [_start(folder, notes) for _ in range(_AT_ONCE)]
    totals, were_at_work = [], []
    for _ in range(kills):
        time.sleep(random.random() * 0.05)
        were_at_work.append(_kill(processes.pop(random.randrange(_AT_ONCE))))
        totals.append(_total(folder))
        processes.append(_start(folder, notes))
    were_at_work += map(_kill, processes)
    totals.append(_total(folder))
    words = "".join(path.read_text() for path in notes.iterdir())
    print(
        json.dumps(
            {
                "all_were_at_work": all(were_at_work),
                "totals": totals,
                "begun": words.count("begun"),
                "told": words.count("told"),
                "files": sorted(path.name for path in folder.iterdir()),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
