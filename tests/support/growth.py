"""Asks how the time that something takes grows with its input."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from werkzeug.exceptions import HTTPException

from pypi_repo.domain.errors import RegistryError

Input = TypeVar("Input")

_TRIES = 3
_NEGLIGIBLE = 0.25  # seconds: less may be noise, and hurts nobody
_TOLERATED = 10.0  # 4 is linear, 16 quadratic


def assert_linear(
    work: Callable[[Input], object], hostile: Callable[[int], Input], size: int
) -> None:
    """Fails if the time for four times as much is far more than four times the time.

    work: may refuse its input with an error of ours, or of Werkzeug's, or with a ValueError.
    hostile: makes an input of a size; it gets `size` for the larger of two inputs.
    """
    for _ in range(_TRIES):
        large = _seconds(work, hostile(size))
        small = _seconds(work, hostile(size // 4)) if large > _NEGLIGIBLE else large
        if large < small * _TOLERATED:
            return
    raise AssertionError(f"{small:.3f} s, then {large:.3f} s")


def _seconds(work: Callable[[Input], object], given: Input) -> float:
    """Of this thread's processor, in the best of a few tries."""
    best = float("inf")
    for _ in range(_TRIES):
        start = time.thread_time()
        with suppress(RegistryError, HTTPException, ValueError):
            work(given)
        best = min(best, time.thread_time() - start)
        if best < _NEGLIGIBLE:
            break
    return best
