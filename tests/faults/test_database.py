"""A database server that is killed and restarted under load, and connections cut at each step."""

from collections.abc import Callable

import pytest
from sqlalchemy import make_url

from tests.faults.conftest import scaled_out
from tests.serve.conftest import addresses, publisher_of
from tests.support.distributions import wheel
from tests.support.fault_proxy import FaultProxy, cuts_instead_of_answering
from tests.support.installation import PATHS, Installation, assert_all_is_well, shown_files
from tests.support.journal import journal_of
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.s3 import S3Server


@pytest.fixture
def installation(own_postgres: PostgresServer, s3: S3Server) -> Installation:
    return scaled_out(own_postgres, s3)


@pytest.mark.parametrize("end", [PostgresServer.crash, PostgresServer.stop])
def test_restarted_under_load(
    end: Callable[[PostgresServer], None], installation: Installation, own_postgres: PostgresServer
) -> None:
    with installation.start() as server:
        load = Load(server, addresses(server).target(), "load")
        load.wait_for_more(8)
        before = server.resources()
        end(own_postgres)
        own_postgres.start()
        load.wait_for_more(8)
        load.stop()
        after = server.resources()
        output = server.output
    assert set(load.statuses) <= {200, 503}
    assert "Exception while serving" not in output, output
    assert after[0] <= before[0] + 8
    assert after[1] <= before[1] + 30_000
    assert_all_is_well(installation, load.answered)


def test_restarted_while_nobody_asks(
    installation: Installation, own_postgres: PostgresServer
) -> None:
    """Every connection in the pool is dead, and no client learns of it."""
    dists = [wheel("demo", f"1.{number}") for number in range(2)]
    with installation.start() as server, publisher_of(server) as publisher:
        assert publisher.upload(dists[0]).status == 200
        own_postgres.crash()
        own_postgres.start()
        statuses = [publisher.get(PATHS[1]).status, publisher.upload(dists[1]).status]
        own_postgres.crash()
        own_postgres.start()
        again = publisher.upload(wheel("demo", "1.2")).status
    assert (statuses, again) == ([200, 200], 200)
    assert_all_is_well(installation, [*dists, wheel("demo", "1.2")])


@pytest.mark.parametrize(
    ("words", "is_shown"),
    [
        (b"FOR UPDATE", False),
        (b"INSERT INTO projects", False),
        (b"INSERT INTO files", False),
        (b"INSERT INTO journal", False),
        (b"COMMIT\0", True),
    ],
)
def test_cut_while_the_answer_to_a_statement_is_awaited(
    words: bytes, is_shown: bool, installation: Installation, own_postgres: PostgresServer
) -> None:
    """What becomes of the change is known to nobody: 503, and the client's repeat settles it."""
    dist = wheel("demo")
    with FaultProxy(own_postgres.socket) as proxy:
        name = make_url(installation.settings.database).database
        proxied = installation.over(
            database=f"postgresql+psycopg://postgres@127.0.0.1:{proxy.port}/{name}"
        )
        with proxied.registry() as registry:
            site = proxied.site(registry)
            assert site.get(site.index_url).status_code == 200
            proxy.set_fault(cuts_instead_of_answering(words))
            first = site.upload(dist)
            proxy.set_fault(None)
            shown = shown_files(site)
            second = site.upload(dist)
            journal = [entry.action for entry in journal_of(registry, "main")]
    assert first.status_code == 503
    assert "metadata database cannot be used right now" in first.status
    assert (dist.filename in shown) is is_shown
    assert second.status_code == 200
    assert journal.count("upload file") == 1
    assert_all_is_well(installation, [dist])
