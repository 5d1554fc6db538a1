"""Looks into archives without a registry, and at what that costs."""

from __future__ import annotations

import io
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from pypi_repo.domain.archives.inspection import Inspection, inspect
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.validation.profiles import PROFILES, RULES, Profile
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.settings import MIB, Limits

ALL = PROFILES
STRICT: tuple[Profile, ...] = ("private", "pypi")
WHEEL_NAME = "demo-1.0-py3-none-any.whl"
SDIST_NAME = "demo-1.0.tar.gz"


class _NoRules:
    def __getattr__(self, rule: str) -> None:
        raise AssertionError(f"{rule} is read, so it depends on the profile")


NO_RULES = cast("Rules", _NoRules())
"""Fails when a rule is read: what is refused under these is refused in every profile."""


def inspected(
    content: bytes | IO[bytes],
    filename: str = WHEEL_NAME,
    profile: Profile = "private",
    limits: Limits | None = None,
    *,
    rules: Rules | None = None,
) -> Inspection:
    """What `inspect` says of a file of this content; `rules` stand in for the profile's."""
    name = DistributionFilename.parse(filename)
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    return inspect(file, name, rules or RULES[profile], limits or Limits())


@contextmanager
def bounded(memory: int, seconds: float) -> Iterator[None]:
    """Fails if the block takes more memory at its peak (bytes), or more time of the processor.

    seconds: on a machine that counts to a million in 0.02 s; a slower one has longer.
    """
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        spent, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory, f"{peak / MIB:.1f} MiB"
    allowed = seconds * slowness()
    assert spent < allowed, f"{spent:.1f} s of {allowed:.1f} s"


def slowness() -> float:
    """How many times slower this machine is now than one that counts to a million in 0.02 s."""
    start = time.process_time()
    for _ in range(1_000_000):
        pass
    return max(1.0, (time.process_time() - start) / 0.02)
