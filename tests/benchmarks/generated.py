"""A registry of a million files that nobody uploaded: rows made by SQLite itself, without blobs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FILES_PER_RELEASE, RELEASES_PER_PROJECT = 10, 10
FILES_PER_PROJECT = FILES_PER_RELEASE * RELEASES_PER_PROJECT

_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
)
_AT = "'2026-01-02 03:04:05.000000'"
_DIGEST = "lower(hex(randomblob(32)))"
_PROJECTS = f"""{_NUMBERS}
INSERT INTO projects (id, repository_id, name, normalized_name, status, status_reason, serial,
                      created_at)
SELECT :first + n, :repository, :label || '-' || n, :label || '-' || n, 'active', '', 1, {_AT}
FROM numbers"""
_RELEASES = f"""{_NUMBERS}
INSERT INTO releases (id, project_id, version, canonical_version, created_at)
SELECT :first + n, :first + n / {RELEASES_PER_PROJECT}, '1.' || (n % {RELEASES_PER_PROJECT}),
       rtrim('1.' || (n % {RELEASES_PER_PROJECT}), '.0'), {_AT}
FROM numbers"""
_FILES = f"""{_NUMBERS}
INSERT INTO files (repository_id, release_id, filename, kind, python_tag, size, sha256, blake2_256,
                   md5, requires_python, metadata_sha256, has_provenance, uploaded_at, uploaded_by)
SELECT :repository, :first + n / {FILES_PER_RELEASE},
       :label || '_' || (n / {FILES_PER_PROJECT}) || '-1.'
           || (n / {FILES_PER_RELEASE} % {RELEASES_PER_PROJECT}) || '-'
           || (n % {FILES_PER_RELEASE}) || '-py3-none-any.whl',
       'bdist_wheel', 'py3', 20000, {_DIGEST}, {_DIGEST}, lower(hex(randomblob(16))), '>=3.9',
       {_DIGEST}, 0, {_AT}, 'nobody'
FROM numbers"""
_Values = dict[str, str | int]

_FIRST = 1_000_000  # id, far above those that the registry gave itself


def fill(database: Path, files: int) -> None:
    """Puts projects `generated-0`, `generated-1` ... of a hundred files each into `main`."""
    projects = files // FILES_PER_PROJECT
    main = _repository(database, "main")
    names: _Values = {"repository": main, "label": "generated", "first": _FIRST}
    _insert(database, _PROJECTS, {**names, "last": projects - 1})
    _insert(database, _RELEASES, {**names, "last": projects * RELEASES_PER_PROJECT - 1})
    _insert(database, _FILES, {**names, "last": files - 1})


def fill_with_projects(database: Path, repository: str, projects: int) -> None:
    """Puts that many projects without releases into a repository that has none."""
    id_ = _repository(database, repository)
    names: _Values = {"repository": id_, "label": repository, "first": (id_ + 1) * _FIRST}
    _insert(database, _PROJECTS, {**names, "last": projects - 1})


def touch(database: Path, repository: str) -> None:
    """What a publication does to the root page of its repository: nobody has it rendered now."""
    _insert(
        database, "UPDATE repositories SET serial = serial + 1 WHERE name = :n", {"n": repository}
    )


def _repository(database: Path, name: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT id FROM repositories WHERE name = ?"
        return int(connection.execute(query, (name,)).fetchone()[0])


def _insert(database: Path, statement: str, values: _Values) -> None:
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.execute(statement, values)
