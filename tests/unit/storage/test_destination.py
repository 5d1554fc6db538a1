"""What an upload asks of the database, which must not read more the more files there are."""

import re

from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.destination import DESTINATION


def test_files_are_found_by_indexes_without_statistics() -> None:
    """As in every new SQLite database."""
    database = Database("sqlite://")
    schema.upgrade(database)
    with database.begin() as connection:
        statement = str(DESTINATION.on(connection.dialect).compile(dialect=connection.dialect))
        values = ("",) * statement.count("?")
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        steps = [row[3] for row in plan]
    database.close()
    found = re.findall(r"SEARCH (\w+) USING .*? \((.*?)\)", "\n".join(steps))
    assert {table for table, _by in found} >= {
        "same",
        "of_the_name",
        "retired_filenames",
        "content",
    }
    assert "repository_id=?" not in {by for _table, by in found}, steps
