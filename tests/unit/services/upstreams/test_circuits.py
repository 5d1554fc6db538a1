"""P3: a dead upstream is asked once in half a minute, and nobody else waits for it."""

from __future__ import annotations

from pypi_repo.services.upstreams.circuits import Circuit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_p3_after_five_failures_in_a_row_one_asks_every_half_minute() -> None:
    clock = Clock()
    circuit = Circuit(clock)
    for _failure in range(5):
        assert circuit.lets_ask()
        circuit.note_failure()
    assert circuit.is_open
    clock.now = 29.9
    assert not circuit.lets_ask()
    clock.now = 30.0
    assert [circuit.lets_ask() for _reader in range(3)] == [True, False, False]
    circuit.note_failure()
    clock.now = 59.9
    assert not circuit.lets_ask()
    clock.now = 60.0
    assert circuit.lets_ask()


def test_p3_an_answer_closes_it() -> None:
    circuit = Circuit(Clock())
    for _round in range(2):
        for _failure in range(4):
            circuit.note_failure()
        assert circuit.lets_ask()
        assert circuit.note_answer()
    assert not circuit.note_answer()
