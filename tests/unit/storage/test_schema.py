"""Migrations: from nothing to the newest revision and back, on both engines."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, update

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry, Settings
from pypi_repo.domain.errors import SchemaOutdated, Unavailable
from pypi_repo.settings import MOST_TRASH_DAYS
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import METADATA, files, journal
from tests.support.distributions import sdist, wheel
from tests.support.uploads import page, upload

_UPGRADE = """
import sys
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
database = Database(sys.argv[1])
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
schema.upgrade(database)
schema.require_current(database)
database.close()
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(schema.script_location())


def _migrate(database: Database, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", schema.script_location())
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


def _differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "version_table": schema.VERSION_TABLE,
            },
        )
        return list(compare_metadata(context, METADATA))


def _tables(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        return set(sqlalchemy.inspect(connection).get_table_names()) - {"sqlite_sequence"}


def test_every_revision_one_after_the_other_leads_to_the_tables(database: Database) -> None:
    database.make_file()
    assert schema.current_revision(database) is None
    for script in reversed(list(_scripts().walk_revisions())):
        _migrate(database, script.revision)
        assert schema.current_revision(database) == script.revision
    assert _differences(database) == []
    schema.require_current(database)


def test_every_revision_can_be_taken_back(database: Database) -> None:
    schema.upgrade(database)
    for script in _scripts().walk_revisions():
        _migrate(database, "-1", down=True)
        assert schema.current_revision(database) == script.down_revision
    assert _tables(database) == {"pypi_repo_version"}
    schema.upgrade(database)
    assert _differences(database) == []


def test_the_comparison_would_notice_a_difference(database: Database) -> None:
    schema.upgrade(database)
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE projects ADD COLUMN colour VARCHAR"))
    assert _differences(database) != []


def test_head_is_the_newest_revision() -> None:
    scripts = _scripts()
    assert scripts.get_heads() == [schema.HEAD]
    newest = max(path.name for path in Path(schema.script_location(), "versions").glob("*.py"))
    assert newest.startswith(f"{schema.HEAD}_")
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True), "they are compared as texts"


def test_an_upgrade_is_safe_to_repeat(database: Database) -> None:
    schema.upgrade(database)
    schema.upgrade(database)
    schema.require_current(database)


def test_an_upgrade_keeps_what_is_there(database_url: str) -> None:
    registry = Registry(Settings(database=database_url, blobs="memory://"))
    registry.upgrade()
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.upgrade()
    assert [repository.name for repository in registry.acting_as(OPERATOR).repositories.all()] == [
        "main"
    ]
    registry.close()


def test_revision_0004_gives_every_file_its_identity(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U112: those that are there and those that were deleted, in each repository."""
    schema.upgrade(database)
    _migrate(database, "0003", down=True)
    names = [f"demo-1.{n}-py3.py2-none-any.whl" for n in range(1005)] + ["Demo-1.0.tar.gz"]
    with database.begin(guarded=False) as connection:
        for statement in (
            "INSERT INTO repositories (id, name, description, public, allow_overwrite, serial,"
            " created_at) VALUES (:n, :n || '', '', false, false, 0, '2026-01-01')",
            "INSERT INTO projects (id, repository_id, name, normalized_name, status,"
            " status_reason, serial, created_at)"
            " VALUES (:n, :n, 'demo', 'demo', 'active', '', 0, '2026-01-01')",
            "INSERT INTO releases (id, project_id, version, canonical_version, created_at)"
            " VALUES (:n, :n, '1.0', '1', '2026-01-01')",
        ):
            connection.execute(sqlalchemy.text(statement), [{"n": 1}, {"n": 2}])
        for table, columns, values in (
            ("retired_filenames", "", ""),
            (
                "files",
                ", release_id, kind, python_tag, size, sha256, blake2_256, md5, uploaded_at,"
                " uploaded_by",
                ", :n, 'bdist_wheel', 'py3', 1, '', '', '', '2026-01-01', ''",
            ),
        ):
            connection.execute(
                sqlalchemy.text(
                    f"INSERT INTO {table} (repository_id, filename{columns})"
                    f" VALUES (:n, :filename{values})"
                ),
                [{"n": n, "filename": name} for n in (1, 2) for name in names],
            )
    schema.upgrade(database)
    for table in ("retired_filenames", "files"):
        with database.snapshot() as connection:
            rows = connection.execute(
                sqlalchemy.text(f"SELECT repository_id, filename, identity FROM {table}")
            ).all()
        assert sorted(rows) == sorted(
            (n, name, name.replace("py3.py2", "py2.py3").replace("1.0-", "1-"))
            for n in (1, 2)
            for name in names
        )


def test_revision_0009_leaves_the_rights_of_users_and_tokens_as_they_are(
    database_url: str, database: Database
) -> None:
    """G1: and on the way back, no right on some projects becomes one on all."""
    schema.upgrade(database)
    with Registry(Settings(database=database_url, blobs="memory://", password_cost=4)) as registry:
        operator = registry.acting_as(OPERATOR)
        for name in ("main", "other"):
            operator.repositories.create(name)
        operator.accounts.create_user("ada", "correct horse", named={"main": Access.READ})
        operator.accounts.create_user("ben", "correct horse", everywhere=Access.READ)
        operator.accounts.create_token("ada", name="whole", repository="main", read_only=True)
        before = (operator.accounts.users(), operator.accounts.tokens("ada"))
        patterns = {("main", "acme-*"): Access.WRITE}
        operator.accounts.set_access("ben", Access.READ, {}, patterns)
        operator.accounts.create_token("ada", name="narrow", projects=["acme-*"])
        operator.groups.create("platform", patterns=patterns)
        operator.groups.add_members("platform", ["ben"])
    _migrate(database, "0008", down=True)
    schema.upgrade(database)
    with Registry(Settings(database=database_url, blobs="memory://", password_cost=4)) as registry:
        operator = registry.acting_as(OPERATOR)
        assert (operator.accounts.users(), operator.accounts.tokens("ada")) == before
        assert operator.groups.all() == []


def test_revision_0009_knows_from_the_journal_what_users_have_uploaded(
    database_url: str, database: Database
) -> None:
    """B5: and takes nothing for theirs that somebody else of the same name has uploaded."""
    schema.upgrade(database)
    with Registry(Settings(database=database_url, blobs="memory://", password_cost=4)) as registry:
        registry.acting_as(OPERATOR).repositories.create("main")
        user = Actor("operator", grants=Grants(Access.WRITE))
        upload(registry, wheel(), actor=user)
        upload(registry, sdist(), actor=OPERATOR)
    with database.begin() as connection:  # as that version did it: one time for both
        its_entry = select(journal.c.at).where(journal.c.filename == files.c.filename)
        connection.execute(update(files).values(uploaded_at=its_entry.scalar_subquery()))
    _migrate(database, "0008", down=True)
    schema.upgrade(database)
    with Registry(Settings(database=database_url, blobs="memory://", password_cost=4)) as registry:
        own = registry.repository("main").own_uploads.among(user, page(registry).files)
        assert [file.filename for file in own] == [wheel().filename]


def test_revision_0012_keeps_old_entries_of_the_trash_as_long_as_any_process_may_have_promised(
    database_url: str, database: Database
) -> None:
    """R1"""
    schema.upgrade(database)
    settings = Settings(
        database=database_url, blobs="memory://", password_cost=4, trash_days=MOST_TRASH_DAYS
    )
    with Registry(settings) as registry:
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create("main")
        upload(registry, wheel(), actor=OPERATOR)
        operator.projects.delete("main", "demo")
        (before,) = operator.trash.entries("main")
    _migrate(database, "0011", down=True)
    schema.upgrade(database)
    with Registry(settings) as registry:
        (after,) = registry.acting_as(OPERATOR).trash.entries("main")
    assert after == before


def _set_revision(database: Database, revision: str) -> None:
    with database.begin() as connection:
        connection.execute(
            sqlalchemy.text("UPDATE pypi_repo_version SET version_num = :revision"),
            {"revision": revision},
        )


def test_an_empty_schema_is_refused_with_the_way_on(database: Database) -> None:
    database.make_file()
    with pytest.raises(SchemaOutdated, match=r"is empty.* run `pypi-repo db upgrade`"):
        schema.require_current(database)


def test_an_outdated_schema_is_refused_with_the_way_on(database: Database) -> None:
    schema.upgrade(database)
    _set_revision(database, "0000")
    expected = f"at revision 0000, .*needs {schema.HEAD}; run `pypi-repo db upgrade`"
    with pytest.raises(SchemaOutdated, match=expected) as caught:
        schema.require_current(database)
    assert isinstance(caught.value, Unavailable)


def test_a_newer_schema_is_refused_and_no_upgrade_is_offered(database: Database) -> None:
    schema.upgrade(database)
    _set_revision(database, "9999")
    with pytest.raises(SchemaOutdated, match="9999, newer than") as caught:
        schema.require_current(database)
    assert "db upgrade" not in caught.value.message


def test_a_registry_refuses_to_work_on_an_outdated_schema(database_url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        registry = Registry(Settings(database=database_url, blobs="memory://"))
        registry.upgrade()
        registry.close()
        patch.setattr(schema, "HEAD", "9998")
        registry = Registry(Settings(database=database_url, blobs="memory://"))
        for use in (
            registry.acting_as(OPERATOR).repositories.all,
            registry.check,
            registry.acting_as(OPERATOR).accounts.users,
        ):
            with pytest.raises(SchemaOutdated, match=re.escape("run `pypi-repo db upgrade`")):
                use()
        registry.close()


def test_a_refused_registry_works_once_it_was_upgraded(postgres_url: str) -> None:
    registry = Registry(Settings(database=postgres_url, blobs="memory://"))
    with pytest.raises(SchemaOutdated):
        registry.acting_as(OPERATOR).repositories.all()
    assert registry.revision() is None
    registry.upgrade()
    assert registry.acting_as(OPERATOR).repositories.all() == []
    assert registry.revision() == schema.HEAD
    registry.close()


def test_a_new_sqlite_database_gets_its_schema_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/below/registry.db"
    registry = Registry(Settings(database=url, blobs="memory://"))
    assert registry.revision() == schema.HEAD
    registry.close()


def test_a_sqlite_database_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "registry.db").touch()
    registry = Registry(Settings(database=f"sqlite:///{tmp_path}/registry.db", blobs="memory://"))
    with pytest.raises(SchemaOutdated):
        registry.check()
    assert registry.revision() is None
    registry.close()


def test_two_processes_may_upgrade_at_once(database_url: str) -> None:
    Database(database_url).make_file()
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _UPGRADE, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    database = Database(database_url)
    assert _differences(database) == []
    database.close()


def test_the_migrations_are_found_whatever_the_folder_is_called(tmp_path: Path) -> None:
    """A '%' would mean something to the configuration parser."""
    url = f"sqlite:///{tmp_path}/100%/registry.db"
    database = Database(url)
    schema.upgrade(database)
    assert (tmp_path / "100%" / "registry.db").exists()
    database.close()
