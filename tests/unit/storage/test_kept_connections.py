"""What the tests share of a PostgreSQL server does not carry anything from one to the next."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy import URL

from tests.support.kept_connections import kept_connections

_READ_ONLY = "default_transaction_read_only"


def test_a_connection_is_used_again_and_as_new(postgres_url: str) -> None:
    url, numbers = sqlalchemy.make_url(postgres_url), []
    with kept_connections(url):
        for _ in range(2):
            with _connection(url) as driver:
                numbers.append(driver.info.backend_pid)
                assert driver.execute(f"SHOW {_READ_ONLY}").fetchone() == ("off",)
                driver.commit()
                driver.autocommit = True
                driver.execute(f"SET {_READ_ONLY} = on")

    assert numbers[0] == numbers[1]
    assert driver.closed


def test_one_that_the_server_has_ended_is_not(postgres_url: str) -> None:
    url, numbers = sqlalchemy.make_url(postgres_url), []
    with kept_connections(url):
        for _ in range(2):
            with _connection(url) as driver:
                numbers.append(driver.info.backend_pid)
            with psycopg.connect(
                host=url.query["host"], user=url.username, dbname="postgres", autocommit=True
            ) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", numbers[-1:])

    assert numbers[0] != numbers[1]


@contextmanager
def _connection(url: URL) -> Iterator[psycopg.Connection[Any]]:
    engine = sqlalchemy.create_engine(url)
    with closing(engine.raw_connection()) as connection:
        driver = connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        yield driver
    engine.dispose()
