"""Clients that keep a server busy."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress
from http.client import HTTPException

from tests.support.distributions import Distribution, wheel
from tests.support.live import ServeProcess
from tests.support.publisher import publishing
from tests.support.waiting import until

UPLOADERS, READERS = 4, 2
_PAGE = "/repositories/main/simple/"


class Load:
    """Clients that upload one file after the other, each until it is told 200, and read pages.

    name: of the projects, which end in the client's number.
    """

    def __init__(self, server: ServeProcess, target: tuple[str, str, str], name: str) -> None:
        self._server = server
        self._target = target
        self._name = name
        self._stopping = threading.Event()
        self.statuses: list[int] = []
        self.answered: list[Distribution] = []
        self.in_flight: list[Distribution] = []
        works = [lambda n=n: self._upload(n) for n in range(UPLOADERS)]
        self._threads = [
            threading.Thread(target=work) for work in (*works, *[self._read] * READERS)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for_more(self, uploads: int) -> None:
        wanted = len(self.answered) + uploads
        assert until(lambda: len(self.answered) >= wanted), self._server.output

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _upload(self, client: int) -> None:
        with publishing(*self._target) as publisher:
            for number in itertools.count():
                dist = wheel(f"{self._name}-{client}", f"1.{number}")
                try:
                    while (status := publisher.upload(dist).status) != 200:
                        self.statuses.append(status)
                        time.sleep(0.05)
                except (HTTPException, OSError):  # the server is gone
                    self.in_flight.append(dist)
                    return
                self.answered.append(dist)
                if self._stopping.is_set():
                    return

    def _read(self) -> None:
        with publishing(*self._target) as publisher, suppress(HTTPException, OSError):
            while not self._stopping.is_set():
                self.statuses.append(publisher.get(_PAGE).status)
