"""Sixteen clients and two server processes over one database: one file, one winner."""

import threading
from concurrent.futures import ThreadPoolExecutor

from pypi_repo import OPERATOR
from tests.serve.conftest import Prepared, download_path, publisher_of
from tests.support.distributions import Distribution, wheel
from tests.support.journal import journal_of
from tests.support.live import ServeProcess
from tests.support.publisher import Answer

CLIENTS = 16


def race(servers: list[ServeProcess], dists: list[Distribution]) -> list[Answer]:
    """All uploads at once, each from a client of its own."""
    together = threading.Barrier(len(dists))

    def upload(number: int) -> Answer:
        with publisher_of(servers[number % len(servers)]) as publisher:
            publisher.get("/repositories/main/simple/")  # connected and logged in
            together.wait(120)
            return publisher.upload(dists[number])

    with ThreadPoolExecutor(len(dists)) as threads:
        return list(threads.map(upload, range(len(dists))))


def test_one_filename_with_sixteen_contents(prepared_on_each_engine: Prepared) -> None:
    dists = [wheel("demo", files={"demo/who.txt": b"%d" % n}) for n in range(CLIENTS)]
    with prepared_on_each_engine.start() as one, prepared_on_each_engine.start() as two:
        answers = race([one, two], dists)
        with publisher_of(two) as publisher:
            page = publisher.get("/repositories/main/simple/demo/").text
            winners = [d for d, answer in zip(dists, answers, strict=True) if answer.status == 200]
            download = publisher.get(download_path(winners[0]))
    losers = [answer for answer in answers if answer.status != 200]

    assert len(winners) == 1
    assert [answer.status for answer in losers] == [409] * (CLIENTS - 1)
    assert all("already exists" in answer.reason for answer in losers)
    assert all("already exists" in answer.text for answer in losers)
    assert page.count("<a ") == 1
    assert winners[0].sha256 in page
    assert download.body == winners[0].content


def test_one_filename_with_one_content(prepared_on_each_engine: Prepared) -> None:
    """Nobody loses: it is what everybody wanted."""
    with prepared_on_each_engine.start() as one, prepared_on_each_engine.start() as two:
        answers = race([one, two], [wheel("demo")] * CLIENTS)
    registry = prepared_on_each_engine.registry()
    journal = [entry.action for entry in journal_of(registry, "main")]
    registry.close()

    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert journal.count("upload file") == 1


def test_sixteen_versions_of_a_new_project(prepared_on_each_engine: Prepared) -> None:
    """The first of them makes the project; no other one stumbles over that."""
    dists = [wheel("demo", f"1.{number}") for number in range(CLIENTS)]
    with prepared_on_each_engine.start() as one, prepared_on_each_engine.start() as two:
        answers = race([one, two], dists)
        with publisher_of(one) as publisher:
            page = publisher.get("/repositories/main/simple/demo/").text

    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert all(dist.filename in page for dist in dists)


def test_overwriting_by_sixteen(prepared_on_each_engine: Prepared) -> None:
    """Where it is allowed everybody is told 200, and the last one's content is what is served."""
    registry = prepared_on_each_engine.registry()
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    dists = [wheel("demo", files={"demo/who.txt": b"%d" % n}) for n in range(CLIENTS)]
    with prepared_on_each_engine.start() as one, prepared_on_each_engine.start() as two:
        answers = race([one, two], dists)
        with publisher_of(one) as publisher, publisher_of(two) as other:
            pages = [p.get("/repositories/main/simple/demo/").text for p in (publisher, other)]
    journal = [entry.action for entry in journal_of(registry, "main")]
    registry.close()

    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert pages[0] == pages[1]
    assert pages[0].count("<a ") == 1
    assert sum(dist.sha256 in pages[0] for dist in dists) == 1
    assert journal.count("overwrite file") == CLIENTS - 1
