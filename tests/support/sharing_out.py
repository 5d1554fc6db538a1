"""Which tests each process of pytest-xdist begins with.

A process gets an equal number of them, one after the other, and takes others' last ones when it
has none left. So each begins with its share of the long ones, and the short ones are at the end:
a process that is left alone with a long one has the others wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")


def shared_out(
    tests: Sequence[T],
    processes: int,
    *,
    together: Callable[[T], Hashable],
    seconds: Callable[[T], float],
) -> list[T]:
    """The tests in the order of the processes that begin with them.

    together: what those tests have in common that neighbours share costly fixtures by.
    seconds: how long a test takes, roughly; 0 for one that is short.
    """
    short = [test for test in tests if not seconds(test)]
    groups = [list(group) for _key, group in groupby(filter(seconds, tests), together)]
    shares: list[list[T]] = [[] for _ in range(processes)]
    for group in sorted(groups, key=lambda group: -sum(map(seconds, group))):
        min(shares, key=lambda share: sum(map(seconds, share))).extend(group)
    ordered: list[T] = []
    left = len(tests)
    for number, share in enumerate(sorted(shares, key=len, reverse=True)):
        size = max(left // (processes - number), len(share))
        fill = size - len(share)
        ordered += share + short[:fill]
        del short[:fill]
        left -= size
    return ordered + short
