"""Strangers who try passwords by the dozen hold up nobody who is known."""

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.support.http import basic
from tests.support.live import ServeProcess

STRANGERS = 64
ROUNDS = 10
INDEX = "/repositories/main/simple/"


class Strangers:
    """Each asks for the index again and again, every time from another address, as far as the
    server is told.

    sharing: how many of them try the same name and password, one after the other.
    """

    def __init__(self, port: int, sharing: int) -> None:
        self.answers: Counter[int] = Counter()
        self.retry_after: set[str | None] = set()
        self._port = port
        self._sharing = sharing
        self._numbers = itertools.count()
        self._ended = threading.Event()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._guess) for _ in range(STRANGERS)]

    def __enter__(self) -> "Strangers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _guess(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        while not self._ended.is_set():
            number = next(self._numbers)
            address = f"198.51.{number // 250 % 250}.{number % 250}"
            headers = {
                **basic(f"guess{number // self._sharing}", "guess"),
                "X-Forwarded-For": address,
            }
            connection.request("GET", INDEX, headers=headers)
            answer = connection.getresponse()
            answer.read()
            with self._counting:
                self.answers[answer.status] += 1
                if answer.status == 429:
                    self.retry_after.add(answer.getheader("Retry-After"))
        connection.close()


@pytest.fixture
def ask(data: Path) -> "tuple[ServeProcess, Callable[..., int]]":
    # Each process remembers by itself who is known. Warm ones check a guess in no time.
    options = ("--workers", "1", "--trusted-proxy", "127.0.0.1")
    with ServeProcess("--data", data, *options, warm=False) as server:

        def ask(path: str, **headers: str) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            connection.request("GET", path, headers=headers)
            status = connection.getresponse().status
            connection.close()
            return status

        yield server, ask


@pytest.mark.parametrize("sharing", [1, 32])
def test_64_strangers_hold_up_nobody_who_is_known(
    sharing: int, ask: "tuple[ServeProcess, Callable[..., int]]"
) -> None:
    """Counted, not timed: before each answer to who is known, only few guesses were checked."""
    server, get = ask
    known = basic(USER, PASSWORD)
    assert get(INDEX, **known) == 200
    with Strangers(server.port, sharing) as strangers:
        while sum(strangers.answers.values()) < STRANGERS:
            assert get("/healthz") == 200
        checked_before = strangers.answers[401]
        answered = [
            status for _ in range(ROUNDS) for status in (get("/healthz"), get(INDEX, **known))
        ]
        checked = strangers.answers[401] - checked_before
    assert answered == [200] * 2 * ROUNDS
    assert checked < len(answered) * 8, "without bounds, nearly 64 are checked before each answer"
    assert set(strangers.answers) == {401, 429}
    assert strangers.retry_after == {"2"}
