"""Work for which requests wait: once for all, so much at once, and to its end."""

import threading
from collections.abc import Iterator

import pytest

from pypi_repo.domain.errors import RegistryError, Unavailable, UnknownFile, UpstreamFailed
from pypi_repo.services.upstreams.fetching import errands as module
from pypi_repo.services.upstreams.fetching.errands import Errand, Errands
from tests.support.waiting import wait_until

AT_ONCE = module._AT_ONCE


class Waiting(Errand):
    """Works until it may end."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.may_end = threading.Event()
        self.has_begun = False
        self._error = error

    def work(self) -> None:
        self.has_begun = True
        while not self.may_end.wait(0.01):
            if self.is_stopped:
                raise UpstreamFailed("stopped")
        if self._error is not None:
            raise self._error


@pytest.fixture
def errands() -> Iterator[Errands]:
    errands = Errands()
    yield errands
    errands.close()


def begun(made: list[Waiting]) -> int:
    return sum(each.has_begun for each in made)


def test_who_wants_the_same_waits_for_the_same(errands: Errands) -> None:
    first = errands.join(1, "key", Waiting)
    assert errands.join(1, "key", Waiting) is first
    assert errands.join(1, "other", Waiting) is not first


def test_a_slow_upstream_takes_nothing_from_others(errands: Errands) -> None:
    slow = [errands.join(1, number, Waiting) for number in range(AT_ONCE + 5)]
    quick = errands.join(2, "quick", Waiting)
    wait_until(lambda: quick.has_begun)
    wait_until(lambda: begun(slow) == AT_ONCE)
    for each in slow[:3]:
        each.may_end.set()
    wait_until(lambda: begun(slow) == AT_ONCE + 3)
    for each in slow:
        each.may_end.set()
    wait_until(lambda: all(each.is_over for each in slow))


def test_too_many_are_refused(errands: Errands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUEUED", 2)
    for number in range(AT_ONCE + 2):
        errands.join(1, number, Waiting)
    with pytest.raises(UpstreamFailed) as refused:
        errands.join(1, "one more", Waiting)
    assert refused.value.retry_after > 0


def test_who_waits_too_long_is_told_to_come_back(
    errands: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    with pytest.raises(UpstreamFailed) as refused:
        errands.join(1, "key", Waiting).wait_until(lambda: False)
    assert refused.value.retry_after > 0


@pytest.mark.parametrize(
    ("raised", "got"),
    [
        (UpstreamFailed("No.", retry_after=7), UpstreamFailed),
        (UnknownFile("No."), UnknownFile),
        (ZeroDivisionError(), Unavailable),
    ],
)
def test_all_get_what_went_wrong_and_nobody_tries_again_at_once(
    errands: Errands, raised: Exception, got: type[RegistryError], monkeypatch: pytest.MonkeyPatch
) -> None:
    errand = errands.join(1, "key", lambda: Waiting(raised))
    errand.may_end.set()
    errors = []
    for _time in range(2):
        with pytest.raises(got) as caught:
            errands.join(1, "key", Waiting).wait_until(lambda: False)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    if isinstance(raised, UpstreamFailed):
        assert [error.retry_after for error in errors] == [7, 7]
    monkeypatch.setattr(module, "_NOT_TRIED_AGAIN", 0)
    assert errands.join(1, "key", Waiting) is not errand


def test_the_end_does_not_wait_for_ever(errands: Errands) -> None:
    under_way = [errands.join(1, number, Waiting) for number in range(AT_ONCE + 1)]
    wait_until(lambda: begun(under_way) == AT_ONCE)
    errands.close()
    assert all(each.is_over and each.failure is not None for each in under_way)
    again = errands.join(1, 0, Waiting)
    wait_until(lambda: again.has_begun)
