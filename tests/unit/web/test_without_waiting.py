"""What the application answers on a server's loop, where nothing may wait, and what it leaves to a
thread.
"""

import json
import logging
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client

from pypi_repo import ANONYMOUS, OPERATOR, GrantPolicy, Registry, Settings
from pypi_repo.storage.database.fresh_answers import FreshAnswers
from pypi_repo.web.api.tables import TABLES
from pypi_repo.web.portal.app import ROUTES
from pypi_repo.web.proxy import behind_proxy
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.api import KNOWN
from tests.support.attestations import attestation
from tests.support.distributions import wheel
from tests.support.http import JSON, Site, basic, bearer, call, environ_of
from tests.support.on_a_loop import Request, in_a_thread, on_a_loop, watch
from tests.support.postgres import PostgresServer
from tests.support.snapshots import Partly, told
from tests.support.sql import count_statements, watch_statements
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

METRICS_TOKEN = "0123456789abcdef"
SMALL = wheel("demo", "1.0")
LARGE = wheel("large", "1.0", padding=100_000)
GOOD = basic(USER, PASSWORD)

Headers = dict[str, str]


@dataclass(frozen=True)
class Served:
    """A registry with a private repository `main` and a public one, which have the same files.

    small, large: the paths of two files below a repository.
    """

    registry: Registry
    app: "WSGIApplication"
    token: str
    small: str
    large: str

    def state(self) -> list[str]:
        """What a request must not change that was not answered."""
        headers = bearer(METRICS_TOKEN)
        text = Client(self.app).get("/metrics", headers=headers).text
        # Beside these requests, and what is being written to the database meanwhile.
        others = ('route="health"', "pypi_repo_database_connections")
        return [line for line in text.splitlines() if not any(other in line for other in others)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    database = tmp_path / "registry.db"
    settings = Settings(database=database, password_cost=4, metrics_token=METRICS_TOKEN)
    with Registry(settings) as registry:
        yield filled(registry)


def filled(registry: Registry) -> Served:
    populate(registry)
    registry.acting_as(OPERATOR).repositories.create("open", public=True)
    registry.acting_as(OPERATOR).administrators.create("spare@example.com", PASSWORD)
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    app = registry.wsgi_app()
    for repository in ("main", "open"):
        folder = f"/repositories/{repository}"
        site = Site(Client(app), f"{folder}/", f"{folder}/simple/", f"{folder}/files/", GOOD)
        assert site.upload(SMALL, attestations=json.dumps([attestation(SMALL)])).status_code == 200
        assert site.upload(LARGE).status_code == 200
    small, large = (site.file_url(each).removeprefix(folder) for each in (SMALL, LARGE))
    watch(registry._database.engine)
    return Served(registry, app, secret, small, large)


def paths_of(served: Served) -> list[str]:
    """Of all routes."""
    below = [
        "", "/", "/simple", "/simple/", "/simple/demo/", "/simple/demo", "/simple/Demo/",
        "/simple/none/", "/simple/a/b/", "/+simple/demo/", "/legacy/", "/legacy/+simple/demo/",
        "/demo/", "/demo/json", "/pypi/demo/json", "/pypi/demo/1.0/json", "/pypi/demo/1/json",
        f"/integrity/demo/1.0/{SMALL.filename}/provenance", "/integrity/x",
        served.small, f"{served.small}.metadata", served.large, f"{served.large}.metadata",
        f"{served.small}.asc", "/files/x", "/files/", "/elsewhere",
    ]  # fmt: skip
    portal = [
        route.path.replace("<repository>", "main")
        .replace("<project>", "demo")
        .replace("<name>", USER)
        .replace("<path:path>", served.small.removeprefix("/files/"))
        for route in ROUTES
        if route.show is not None
    ]
    api = [operation.path.format_map(KNOWN) for table in TABLES for operation in table.operations]
    return [
        *(f"/repositories/{name}{path}" for name in ("main", "open", "none") for path in below),
        *(f"/portal{path}" for path in ("", "/static/pages.css", *portal)),
        *(f"/api/v1{path}" for path in ("", "/openapi.json", *dict.fromkeys(api))),
        "/", "/robots.txt", "/healthz", "/readyz", "/metrics", "/repositories/", "/elsewhere",
    ]  # fmt: skip


def requests_of(served: Served) -> Iterator[Request]:
    """All routes, by all kinds of clients."""
    credentials: list[Headers] = [
        {},
        GOOD,
        bearer(served.token),
        bearer("ppr_unknown"),
        basic(USER, "wrong"),
        basic("nobody@example.com", "wrong"),
        basic(ADMINISTRATOR, PASSWORD),
        {"Authorization": "Nonsense"},
    ]
    asked: list[Headers] = [
        {},
        {"Accept": JSON, "Accept-Encoding": "gzip"},
        {"If-None-Match": "*"},
        {"Range": "bytes=5-9"},
        {"Range": "bytes=999999999-"},
        {"Origin": "https://example.org"},
    ]
    for path in paths_of(served):
        for who in credentials:
            yield Request(path, "HEAD", tuple(who.items()))
            for more in asked:
                yield Request(path, "GET", tuple({**who, **more}.items()))


def test_nothing_waits_and_what_is_not_answered_leaves_no_trace(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pypi_repo")
    at_once = 0
    for number, request in enumerate(requests_of(served)):
        before = served.state() if number % 10 == 0 else None
        caplog.clear()
        tried = on_a_loop(served.app, request)
        if tried is None:
            assert not caplog.records, request
            assert before is None or served.state() == before, request
        else:
            at_once += 1
            assert len(caplog.records) == 1, request
            assert tried == in_a_thread(served.app, request)
    assert at_once > 1000, "too few were answered to compare"


def test_what_was_asked_before_is_answered_at_once(served: Served) -> None:
    """By whoever may read it. The rest is answered at once wherever it is the same for all."""
    for path in ("/simple/", "/simple/demo/", "/+simple/demo/", "/pypi/demo/json", "/demo/json"):
        for name, who in (("main", GOOD), ("open", {}), ("open", GOOD)):
            request = Request(f"/repositories/{name}{path}", headers=tuple(who.items()))
            answer = in_a_thread(served.app, request)
            assert answer.status == "200 OK"
            assert on_a_loop(served.app, request) == answer


def test_what_is_hot_asks_nothing_until_something_changes(served: Served) -> None:
    page = Request("/repositories/open/simple/demo/")
    metadata = Request(f"/repositories/open{served.small}.metadata")
    for request in (page, metadata):
        in_a_thread(served.app, request)  # makes the page
        served.registry.acting_as(OPERATOR).usage.days(1)  # writes what is waiting to be written
        with count_statements(served.registry._database) as statements:
            for asked in ("first", "second"):
                served.registry.acting_as(OPERATOR).repositories.change("open", description=asked)
                del statements[:]
                answer = in_a_thread(served.app, request)
                assert answer.status == "200 OK"
                assert len(statements) == 1
                assert on_a_loop(served.app, request) == in_a_thread(served.app, request) == answer
                assert len(statements) == 1


def test_small_files_are_answered_at_once_and_counted(served: Served) -> None:
    """Large ones are opened by threads; one that nobody asked for yet is read by them."""
    for repository, who in (("main", GOOD), ("open", {})):
        folder = f"/repositories/{repository}"
        small = Request(folder + served.small, headers=tuple(who.items()))
        metadata = Request(f"{small.path}.metadata", headers=small.headers)
        large = Request(folder + served.large, headers=small.headers)
        part = Request(small.path, headers=(*small.headers, ("Range", "bytes=5-9")))
        for request in (small, metadata, part, replace(small, method="HEAD")):
            answer = in_a_thread(served.app, request)
            assert answer.status[0] == "2"
            assert on_a_loop(served.app, request) == answer
        for request in (large, replace(large, method="HEAD")):
            assert in_a_thread(served.app, request).status == "200 OK"
            assert on_a_loop(served.app, request) is None
    days = served.registry.acting_as(OPERATOR).usage.days(1)
    assert [day.downloads for day in days] == [6]


def test_wrong_passwords_are_counted_by_threads_alone(served: Served) -> None:
    """Of the tries on the loop, each would be one of the ten that an account has."""
    page = "/repositories/main/simple/demo/"
    wrong = Request(page, headers=tuple(basic(USER, "wrong").items()))
    for _ in range(20):
        assert on_a_loop(served.app, wrong) is None
    statuses = [in_a_thread(served.app, wrong).status[:3] for _ in range(11)]
    assert statuses == ["401"] * 10 + ["429"]
    assert on_a_loop(served.app, wrong) is None


def test_a_password_is_remembered_until_it_is_another(served: Served) -> None:
    page = "/repositories/main/simple/demo/"
    known = Request(page, headers=tuple(GOOD.items()))
    assert in_a_thread(served.app, known).status == "200 OK"
    assert on_a_loop(served.app, known) == in_a_thread(served.app, known)
    served.registry.acting_as(OPERATOR).accounts.set_password(USER, "battery staple")
    assert on_a_loop(served.app, known) is None
    assert in_a_thread(served.app, known).status.startswith("401")


@pytest.fixture
def served_from_postgresql(postgres: PostgresServer) -> Iterator[Served]:
    settings = Settings(
        database=postgres.create_database(),
        blobs="memory://",
        password_cost=4,
        metrics_token=METRICS_TOKEN,
    )
    with Registry(settings) as registry:
        registry.upgrade()
        yield filled(registry)


def test_however_much_is_known_of_another_server_s_database_it_is_asked_by_threads_alone(
    served_from_postgresql: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """And what is given up after some answers leaves no trace."""
    here = threading.current_thread()  # counts are written by another
    served, choices, at_once, given_up = served_from_postgresql, random.Random(13), 0, 0
    fresh, asked = served.registry.fresh_answers, list[str]()
    assert fresh is not None
    caplog.set_level(logging.DEBUG, "pypi_repo")
    with watch_statements(
        served.registry._database,
        lambda statement: here is threading.current_thread() and asked.append(statement),
    ):
        fresh.connect()
        for request in requests_of(served):
            if choices.random() < 0.85:
                continue
            told(fresh)
            answer = in_a_thread(served.app, request)
            known = Partly(told(fresh), choices.randrange(5))
            before = served.state() if choices.random() < 0.1 else None
            caplog.clear()
            del asked[:]
            tried = on_a_loop(served.app, request, known)
            assert not asked, request
            if tried is None:
                given_up += 1
                assert not caplog.records, request
                assert before is None or served.state() == before, request
            else:
                at_once += 1
                assert len(caplog.records) == 1, request
                assert tried == answer
    assert given_up > 150
    assert at_once > 150


def is_known(app: "WSGIApplication", request: Request, fresh: FreshAnswers) -> bool:
    """Whether it is answered at once after a thread has answered it."""
    told(fresh)
    answer = in_a_thread(app, request)
    return on_a_loop(app, request, told(fresh)) == answer


def test_what_is_known_of_another_server_s_database_is_answered_at_once(
    served_from_postgresql: Served,
) -> None:
    served, fresh = served_from_postgresql, served_from_postgresql.registry.fresh_answers
    assert fresh is not None
    fresh.connect()
    for path in ("/simple/", "/simple/demo/", served.small, f"{served.small}.metadata"):
        for name, who in (("main", GOOD), ("open", {})):
            request = Request(f"/repositories/{name}{path}", headers=tuple(who.items()))
            assert in_a_thread(served.app, request).status == "200 OK"
            wait_until(partial(is_known, served.app, request, fresh))
            served.registry.acting_as(OPERATOR).repositories.change("main", description=path + name)
            assert on_a_loop(served.app, request, told(fresh)) is None


def test_what_a_host_decides_is_asked_by_threads_alone(served: Served) -> None:
    """It may ask a directory at the other end of the world."""

    class Own(GrantPolicy):
        pass

    page = Request("/repositories/open/simple/demo/")
    served.registry.close()
    with Registry(served.registry._settings, policy=Own()) as registry:
        app = registry.wsgi_app()
        assert in_a_thread(app, page).status == "200 OK"
        assert on_a_loop(app, page) is None
    app = served.registry.wsgi_app(authenticate=lambda _environ: ANONYMOUS)
    assert in_a_thread(app, page).status == "200 OK"
    assert on_a_loop(app, page) is None


def test_a_thread_begins_to_tell_other_processes(served: Served, tmp_path: Path) -> None:
    settings = replace(served.registry._settings, metrics_folder=tmp_path / "metrics")
    with Registry(settings) as registry:
        app, request = registry.wsgi_app(), Request("/healthz")
        assert on_a_loop(app, request) is None
        assert in_a_thread(app, request).status == "200 OK"
        assert on_a_loop(app, request) is not None


def test_what_a_proxy_says_is_believed_once(served: Served) -> None:
    """A server calls the application anew with the environ that it called it with before."""
    environ = environ_of(
        "/repositories/open/", headers={"X-Forwarded-Prefix": "/pypi"}, REMOTE_ADDR="192.0.2.1"
    )
    app = behind_proxy(served.app, "192.0.2.1")
    first, second = (call(app, environ).read() for _ in range(2))
    assert b"/pypi/repositories/open/" in first
    assert second == first
