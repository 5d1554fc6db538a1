"""Providers of this process, and a clock that tests set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.identity_provider import ScriptedProvider


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


class SetClock:
    """Says the time, and goes on when it is told."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()
