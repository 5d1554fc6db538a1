"""The number of worker processes that this machine can use."""

import math
import os
from pathlib import Path

_MOST = 4
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container, in microseconds: "150000 100000"


def usual_number() -> int:
    """Returns one process for each processor that this process may use, but at most four."""
    return 1 if not can_fork() else max(1, min(_MOST, _processors(), _quota()))


def can_fork() -> bool:
    """Returns whether processes can be forked. Otherwise, they cannot share listening sockets."""
    return hasattr(os, "fork")


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota() -> int:
    """Returns the number of whole processors that a container may use."""
    try:
        quota, period = _QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # there is none, or it is "max"
        return _MOST
