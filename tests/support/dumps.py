"""Looks into the dumps of a backup on disk, and forges them."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy

from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database

Lines = list[Any]
"""The documents of a dump, without the last one, which is their digest."""


def newest(backup: Path) -> Path:
    return max((backup / "metadata").iterdir())


def read(path: Path) -> Lines:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()][:-1]


def rows(path: Path) -> Lines:
    """All that does not depend on when and from which engine it was dumped."""
    header, *rest = read(path)
    return [{**header, "created_at": None}, *rest]


def forge(path: Path, change: Callable[[Lines], Lines]) -> None:
    """Rewrites a dump, with a digest that is right again."""
    lines = [json.dumps(document).encode() + b"\n" for document in change(read(path))]
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    lines.append(json.dumps({"sha256": digest}).encode() + b"\n")
    path.write_bytes(gzip.compress(b"".join(lines)))


def changed(lines: Lines, table: str, column: str, value: Any) -> Lines:
    """The dump with another value in the first row of a table, which is on line `line_of`."""
    place = line_of(lines, table) - 1
    columns = lines[place - 1]["columns"]
    row = [
        value if name == column else old for name, old in zip(columns, lines[place], strict=True)
    ]
    return [*lines[:place], row, *lines[place + 1 :]]


def line_of(lines: Lines, table: str) -> int:
    """Of the first row of a table, counted from 1."""
    named = (isinstance(line, dict) and line.get("table") == table for line in lines)
    return list(named).index(True) + 2


def as_of(database: Database, lines: Lines) -> Lines:
    """A dump as it would have been at the revision of the schema that `database` has."""
    with database.snapshot(guarded=False) as connection:
        inspector = sqlalchemy.inspect(connection)
        columns = {
            table: {column["name"] for column in inspector.get_columns(table)}
            for table in inspector.get_table_names()
        }
    header, *rest = lines
    kept = {name: count for name, count in header["rows"].items() if name in columns}
    old: Lines = [{**header, "revision": schema.current_revision(database), "rows": kept}]
    table, places = "", []
    for document in rest:
        if isinstance(document, dict):
            table, names = document["table"], document["columns"]
            had = columns.get(table, set())
            places = [place for place, name in enumerate(names) if name in had]
            document = {"table": table, "columns": [names[place] for place in places]}
        else:
            document = [document[place] for place in places]
        if table in columns:
            old.append(document)
    return old
