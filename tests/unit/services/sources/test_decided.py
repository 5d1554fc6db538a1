"""What was decided is kept of all repositories together, up to a number."""

import pytest

from pypi_repo.services.sources import decided
from pypi_repo.services.sources.decided import Decided, Premise


class Deciding:
    """Decides by numbers, and counts how often."""

    def __init__(self) -> None:
        self.decided = Decided()
        self.times = 0

    def ask(self, key: int, state: int = 0) -> int:
        return self.decided.get_or_decide(
            key, lambda: [Premise(state, None, is_found=True)], self._decide, lambda _result: True
        )

    def _decide(self) -> int:
        self.times += 1
        return self.times


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Deciding:
    """It has decided about as many as it keeps."""
    monkeypatch.setattr(decided, "_KEPT", 10)
    deciding = Deciding()
    for key in range(10):
        deciding.ask(key)
    return deciding


def test_a_new_decision_about_the_same_makes_no_other_forgotten(full: Deciding) -> None:
    """As after each confirmation of a page."""
    for state in range(1, 6):
        full.ask(9, state)
    decided_before = full.times
    assert [full.ask(key) for key in range(9)] == list(range(1, 10))
    assert full.ask(9, 5) == decided_before
    assert full.times == decided_before


def test_one_more_forgets_the_one_that_was_not_asked_for_longest(full: Deciding) -> None:
    full.ask(0)
    full.ask(10)
    assert [full.ask(key) for key in (0, *range(2, 10))] == [1, *range(3, 11)]
    assert full.ask(1) == 12
