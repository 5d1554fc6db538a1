"""Asks PostgreSQL for a snapshot as an event loop does, and waits for it."""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import Any

from pypi_repo.storage.database.fresh_answers import FreshAnswers


def told(fresh: FreshAnswers) -> Mapping[object, Any]:
    """What is known by now."""
    fresh.send()
    return received(fresh)


def received(fresh: FreshAnswers) -> Mapping[object, Any]:
    """The answer to what was sent."""
    while (known := fresh.receive()) is None:
        assert select.select([fresh._connection], [], [], 60)[0]
    return known


class Partly(dict[object, Any]):
    """What is known, without the answers to all but the first few questions."""

    def __init__(self, known: Mapping[object, Any], number: int) -> None:
        super().__init__(known)
        self._left = number

    def get(self, question: object, default: Any = None) -> Any:
        self._left -= 1
        return super().get(question, default) if self._left >= 0 else default
