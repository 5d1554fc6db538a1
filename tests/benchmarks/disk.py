"""What the disk itself allows: the least that a durable upload has to do."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path


def durable_writes_per_second(folder: Path, size: int, seconds: float) -> float:
    """A file written, synced and renamed, its folder synced, and one SQLite commit in WAL mode."""
    content = os.urandom(size)
    count = 0
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, name TEXT)")
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            _write_durably(folder, f"file-{count}", content)
            database.execute("INSERT INTO files (name) VALUES (?)", (f"file-{count}",))
            count += 1
        return count / (time.monotonic() - began)


def _write_durably(folder: Path, name: str, content: bytes) -> None:
    staged = folder / "staged"
    with staged.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
