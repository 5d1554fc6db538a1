"""No question of a request is answered by reading a whole table, however large it has grown."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event, insert

from pypi_repo import Access, Actor, Grants, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import files, projects, releases, repositories, users
from tests.conftest import USER
from tests.support.distributions import wheel
from tests.support.uploads import UPLOADER, page, upload

_PROJECTS, _FILES_EACH = 400, 30
_TABLES = (repositories, projects, releases, files, users)


@pytest.fixture
def large(both: Registry, database: Database) -> Registry:
    """`main` with 12,000 files, beside 500 repositories and 2,000 users."""
    upload(both, wheel("demo", "1.0"))
    with database.begin() as connection:
        one = {
            table: dict(connection.execute(sqlalchemy.select(table)).mappings().first() or {})
            for table in _TABLES
        }
        _copies(connection, repositories, one, 500, lambda n: {"name": f"repository-{n}"})
        _copies(connection, users, one, 2000, lambda n: {"name": f"user-{n}@example.com"})
        _copies(
            connection,
            projects,
            one,
            _PROJECTS,
            lambda n: {"name": f"p-{n}", "normalized_name": f"p-{n}"},
        )
        _copies(connection, releases, one, _PROJECTS, lambda n: {"project_id": n + 1000})
        _copies(
            connection,
            files,
            one,
            _PROJECTS * _FILES_EACH,
            lambda n: {
                "release_id": n // _FILES_EACH + 1000,
                "filename": f"p_{n}-1.0-py3-none-any.whl",
                "identity": f"p_{n}-1-py3-none-any.whl",
                "sha256": f"{n:064}",
                "blake2_256": f"{n:064}",
            },
        )
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("ANALYZE"))
    return both


def _copies(connection: Any, table: Any, one: Any, number: int, other: Any) -> None:
    connection.execute(
        insert(table),
        [{**one[table], "id": 1000 + n, **other(n)} for n in range(number)],
    )


@pytest.fixture
def asked(large: Registry, database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What SQLAlchemy executes for the registry within the test."""
    statements: list[tuple[str, Any]] = []

    def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    engine = large._database.engine
    event.listen(engine, "before_cursor_execute", remember)
    yield statements
    event.remove(engine, "before_cursor_execute", remember)


def test_no_request_reads_a_whole_table(
    large: Registry, database: Database, asked: list[tuple[str, Any]]
) -> None:
    for number in range(2):
        upload(large, wheel("demo", f"2.{number}"))
    page(large, "demo")
    large.repository("main").source.project_details(UPLOADER, normalize("demo")).load()
    large.repository("main").source.release_details(UPLOADER, normalize("demo"), "2.0")
    source = large.repository("main").source
    source.project_list(UPLOADER)
    source.summaries(UPLOADER, [normalize(f"p-{number}") for number in range(50)])
    few = Grants(Access.NONE, patterns={("main", "p-7*"): Access.READ})
    for actor in (UPLOADER, Actor("few", grants=few)):
        source.newest_releases(actor, 10)
    catalog, users = Catalog(database), Users(database)
    users.user(USER)
    users.token_holder("0" * 64)
    catalog.locate_file("main", "p_77-1.0-py3-none-any.whl")
    catalog.locate("main", normalize("demo"))
    asked += _prepared(database, large._database)
    plans = {statement: _plan(database, statement, parameters) for statement, parameters in asked}
    assert len(plans) >= 11
    scans = {statement: plan for statement, plan in plans.items() if _scans(plan)}
    assert scans == {}


def test_nothing_is_looked_for_by_its_repository_alone_as_long_as_there_are_no_statistics(
    registry: Registry,
) -> None:
    """Which SQLite does for an upload, if it has the choice."""
    upload(registry, wheel("demo"))
    database = registry._database
    for statement, parameters in _prepared(database):
        plan = _plan(database, statement, parameters)
        assert not re.search(r"\(repository_id=\?\)", plan), (statement, plan)


def _prepared(*databases: Database) -> list[tuple[str, Any]]:
    """The questions that they were asked, with parameters."""
    given = {
        "name": "main",
        "repository_id": 1,
        "repository": "main",
        "project": "demo",
        "project_id": 1,
        "shown_name": "demo",
        "new_serial": 7,
        "canonical_version": "2",
        "kind": "sdist",
        "filename": "p_77-1.0-py3-none-any.whl",
        "identity": "p_77-1-py3-none-any.whl",
        "sha256": "0" * 64,
        "digest": "0" * 64,
        "now": datetime.now(UTC),
    }
    return [
        (prepared.sql, prepared.given(given))
        for database in databases
        for prepared in database._prepared.values()
        if not prepared.sql.startswith("INSERT")
    ]


def _plan(database: Database, statement: str, parameters: Any) -> str:
    if not re.match(r"\s*(SELECT|UPDATE|DELETE)", statement):
        return ""
    with database.snapshot() as connection:
        if database.dialect.name == "sqlite":
            explain = "EXPLAIN QUERY PLAN"
        else:
            explain = "EXPLAIN"
            # Tables that are nearly empty are read as a whole all the same, where they can be.
            connection.exec_driver_sql("SET enable_seqscan = off")
        rows = connection.exec_driver_sql(f"{explain} {statement}", _driver_form(parameters)).all()
    return "\n".join(str(row[-1]) for row in rows)


def _driver_form(parameters: Any) -> Any:
    return tuple(parameters) if isinstance(parameters, list) else parameters


def _scans(plan: str) -> bool:
    """SQLite says SCAN, also of the one row of a SELECT without table; PostgreSQL Seq Scan."""
    return bool(re.search(r"^SCAN (?!CONSTANT ROW)|Seq Scan", plan, flags=re.MULTILINE))
