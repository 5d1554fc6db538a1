"""What a server takes of the machine, all its processes together, as Linux counts it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_KIB_PER_MIB = 1024


def processor_seconds(pid: int) -> float:
    """Of a process and its descendants, since they started; 0 where the system does not tell."""
    total = 0
    for process in _family(pid):
        for task in (process / "task").glob("*"):
            with suppress(OSError):  # a thread may have ended meanwhile
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def processor_seconds_of_all_threads(pid: int) -> float:
    """The same, with threads that have ended, to a hundredth of a second."""
    total = 0
    for process in _family(pid):
        with suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])  # utime and stime
    return total / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """How much a server has grown, at its peak, since this object was made.

    Processes share some of it, and it is counted for each.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        for process in _family(pid):
            (process / "clear_refs").write_text("5")  # the peak starts again from here
        self._before = self._peak

    def __str__(self) -> str:
        return f"{self._peak:.0f} MiB, +{self.growth:.0f}"

    @property
    def growth(self) -> float:
        """MiB."""
        return self._peak - self._before

    @property
    def now(self) -> float:
        """MiB."""
        return self._sum("VmRSS")

    @property
    def _peak(self) -> float:
        return self._sum("VmHWM")

    def _sum(self, name: str) -> float:
        pattern = re.compile(rf"^{name}:\s*(\d+) kB", re.MULTILINE)
        found = (pattern.search((each / "status").read_text()) for each in _family(self._pid))
        return sum(int(each[1]) for each in found if each) / _KIB_PER_MIB


def _family(pid: int) -> Iterator[Path]:
    process = Path(f"/proc/{pid}")
    if process.exists():
        yield process
        for task in (process / "task").glob("*"):
            with suppress(OSError):
                for child in (task / "children").read_text().split():
                    yield from _family(int(child))
