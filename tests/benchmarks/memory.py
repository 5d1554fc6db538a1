"""The peak memory of a process, as Linux counts it."""

from __future__ import annotations

import re
from pathlib import Path

_KIB_PER_MIB = 1024


class PeakMemory:
    """How much a process has grown, at its peak, since this object was made."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._before = self._peak()
        if self._before is not None:
            (self._folder / "clear_refs").write_text("5")  # the peak starts again from here
            self._before = self._peak()

    def __str__(self) -> str:
        """Empty on a system that does not tell."""
        after = self._peak()
        if after is None or self._before is None:
            return ""
        return f"peak memory {after:.0f} MiB, +{after - self._before:.0f}"

    @property
    def now(self) -> float | None:
        """MiB."""
        return self._read("VmRSS")

    def _peak(self) -> float | None:
        return self._read("VmHWM")

    def _read(self, field: str) -> float | None:
        try:
            status = (self._folder / "status").read_text()
        except FileNotFoundError:
            return None
        found = re.search(rf"^{field}:\s*(\d+) kB", status, re.MULTILINE)
        return int(found[1]) / _KIB_PER_MIB if found else None
