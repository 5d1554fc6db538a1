"""Looks into the dumps of a backup on disk, and forges them."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def as_of_revision_1(lines: Lines) -> Lines:
    """A dump as the first revision of the schema would have had it."""
    later_tables = {"provenances", "administrator_tokens", "sessions", "downloads"}
    later_columns = {
        "repositories": {"allow_reuse", "quota", "profile"},
        "files": {"signature_sha256", "has_provenance"},
        "journal": {"actor_kind"},
        "users": {"disabled", "last_used_at"},
        "tokens": {"last_used_at"},
        "administrators": {"areas"},
    }
    header, *rest = lines
    kept = {name: count for name, count in header["rows"].items() if name not in later_tables}
    old: Lines = [{**header, "revision": "0001", "rows": kept}]
    table, places = "", []
    for document in rest:
        if isinstance(document, dict):
            table = document["table"]
            columns = document["columns"]
            missing = later_columns.get(table, set())
            places = [place for place, name in enumerate(columns) if name not in missing]
            document = {"table": table, "columns": [columns[place] for place in places]}
        else:
            document = [document[place] for place in places]
        if table not in later_tables:
            old.append(document)
    return old
