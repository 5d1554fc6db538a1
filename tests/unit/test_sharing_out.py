"""The order of tests on several processes, each of which begins with an equal number of them."""

from itertools import groupby

import pytest

from tests.support.sharing_out import shared_out

LONG = {"ship": 5, "boat": 3, "raft": 3, "plank": 1}
TESTS = [
    *(("ship", number) for number in range(4)),
    *(("short", number) for number in range(50)),
    *(("boat", number) for number in range(6)),
    *(("raft", number) for number in range(6)),
    *(("plank", number) for number in range(9)),
]


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 7])
def test_each_process_begins_with_its_share_of_the_long_ones(processes: int) -> None:
    ordered = shared_out(
        TESTS,
        processes,
        together=lambda test: test[0],
        seconds=lambda test: LONG.get(test[0], 0),
    )

    assert sorted(ordered) == sorted(TESTS)
    loads = []
    while processes:
        own, ordered = ordered[: len(ordered) // processes], ordered[len(ordered) // processes :]
        processes -= 1
        is_long = [test[0] in LONG for test in own]
        assert is_long == sorted(is_long, reverse=True)
        loads.append(sum(LONG.get(name, 0) for name, _number in own))
    assert max(loads) - min(loads) <= 20  # the largest group


def test_groups_stay_together() -> None:
    ordered = shared_out(
        TESTS, 3, together=lambda test: test[0], seconds=lambda test: LONG.get(test[0], 0)
    )

    groups = [name for name, _group in groupby(test[0] for test in ordered)]
    assert sorted(name for name in groups if name in LONG) == sorted(LONG)
