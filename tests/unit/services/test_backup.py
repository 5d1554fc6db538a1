"""A backup is the registry of one moment, and becomes one again on any engine."""

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry, Settings
from pypi_repo.domain.accounts.errors import UnknownInvitation
from pypi_repo.domain.errors import (
    ConfigurationError,
    Conflict,
    FileAlreadyExists,
    FilenameRetired,
    InvalidBackup,
    RegistryError,
)
from pypi_repo.domain.events.event import EVENT_TYPES
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.services.events.announcing import announce
from pypi_repo.services.notes import Note
from pypi_repo.services.operations import backup as module
from pypi_repo.services.operations.backup import dumps
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support import dumps as dumped
from tests.support.attestations import attestation
from tests.support.ci_publishers import trust_ci
from tests.support.distributions import sdist, wheel
from tests.support.jobs import JOB, mark_attested
from tests.support.postgres import PostgresServer
from tests.support.s3 import S3Server
from tests.support.uploads import damage, filenames, page, publish, stage, upload

WHEEL, SDIST = wheel(), sdist()
EVERYTHING = timedelta(minutes=-1)

NewRegistry = Callable[..., Registry]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[NewRegistry]:
    """Makes registries with a schema and without a row, on SQLite and disk unless told."""
    with ExitStack() as stack:

        def make(name: str, **settings: Any) -> Registry:
            folder = tmp_path / name
            usual = {"database": f"sqlite:///{folder}/registry.db", "password_cost": 4}
            registry = Registry(
                Settings(**{"blobs": f"file://{folder}/blobs", **usual, **settings})
            )
            stack.callback(registry.close)
            registry.upgrade()
            return registry

        yield make


@pytest.fixture
def registry(database_url: str, new: NewRegistry) -> Registry:
    """On each engine, with two files of `demo` in `main`, and without a trash."""
    registry = new("source", database=database_url, trash_days=0)
    populate(registry)
    upload(registry, WHEEL)
    upload(registry, SDIST)
    return registry


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def stored(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def lived_in(registry: Registry) -> Registry:
    """With something in every table, and with ids that were used and are free."""
    populate(registry)
    registry.acting_as(OPERATOR).repositories.create("open", public=True, allow_overwrite=True)
    registry.acting_as(OPERATOR).accounts.create_user("ci", PASSWORD, named={"open": Access.WRITE})
    registry.acting_as(OPERATOR).accounts.create_token("ci", name="old", repository="open")
    registry.acting_as(OPERATOR).accounts.revoke_token(
        registry.acting_as(OPERATOR).accounts.create_token("ci", name="new")[0].id
    )
    registry.acting_as(OPERATOR).administrators.create_token(
        ADMINISTRATOR, name="script", read_only=True
    )
    registry.sessions.sign_in(ADMINISTRATOR, PASSWORD, "127.0.0.1")
    registry.user_sessions.sign_in("ci", PASSWORD, "127.0.0.1", "Browser/1.0 \N{SNOWMAN}")
    registry.acting_as(OPERATOR).accounts.create_user("invited@example.com", None)
    registry.acting_as(OPERATOR).invitations.invite("invited@example.com")
    registry.notes.leave(ADMINISTRATOR, Note(text="Done"))
    upload(registry, WHEEL)
    upload(registry, SDIST)
    upload(registry, WHEEL, "open")
    attested = wheel("attested", requires_python=">=3.11")
    upload(registry, attested, attestations=json.dumps([attestation(attested)]))
    publish(registry, wheel("signed", "2.0"), "open", signature=b"signature")
    upload(registry, wheel("acme-demo"), "open", actor=JOB)
    mark_attested(registry)
    demands = {"trusted_publishing_only": ["acme-*", "x"], "attestations_required": ["acme-*"]}
    registry.acting_as(OPERATOR).repositories.change("open", **demands)  # type: ignore[misc]
    upload(registry, wheel("deleted"), "open")
    registry.acting_as(OPERATOR).projects.delete("open", "deleted")
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "broken \N{SNOWMAN}")
    registry.acting_as(OPERATOR).projects.set_status("main", "attested", "archived", "done")
    operator = registry.acting_as(OPERATOR)
    operator.upstreams.create("public", url="https://packages.example.com/simple/", secret="hidden")
    operator.groups.create("developers", patterns={("main", "acme-*"): Access.WRITE})
    operator.groups.add_members("developers", ["ci"])
    operator.identity_providers.create(
        "sso",
        issuer="https://sso.example.com",
        client_id="pypi-repo",
        client_secret="hidden",
        groups_claim="groups",
        mapping={"dev \N{SNOWMAN}": ("developers",)},
        conditions={"hd": "example.com"},
    )
    operator.identity_providers.link("sso", "ci", "248289761001")
    operator.sources.set_sources("main", ["upstream:public", "repository:open"])
    operator.sources.reserve("main", ["acme-*"])
    operator.sources.add_rule("main", "deny", "demo<2", kind="sdist", reason="broken")
    operator.retention.add_rule("main", "acme-*", only=["dev", "finals"], keep_last=10)
    operator.pins.pin("main", "demo", "1.0", "in use \N{SNOWMAN}")
    stage(registry, operator.stages.open("open", "next \N{SNOWMAN}").id, wheel("staged"), "open")
    operator.webhooks.create(
        "ci",
        "main",
        url="https://ci.example.com/hidden",
        secret="hidden" * 3,
        events=EVENT_TYPES[:2],
    )
    operator.accounts.create_token("ci", name="short", expires_in=timedelta(days=3))
    trust_ci(registry, "main")
    announce(registry._database)
    (repository, _other) = operator.repositories.all()
    registry._usage.count_download(DownloadedRelease(repository.id, "demo", "1.0"))
    registry._usage.note_use(1)
    registry._usage.flush()
    return registry


def test_from_engine_to_engine_and_store_to_store(
    tmp_path: Path, postgres: PostgresServer, s3: S3Server, new: NewRegistry
) -> None:
    """SQLite and disk -> PostgreSQL and S3 -> SQLite and memory: the same to the last row."""
    bucket = s3.create_bucket("growing")
    options = s3.storage_options
    small = lived_in(new("small"))
    grown = {"database": postgres.create_database(), "blobs": f"s3://{bucket}/packages"}
    large = new("large", **grown, blob_options=options)
    again = new("again", blobs="memory://")
    first = small.backup.create(str(tmp_path / "one"))
    large.backup.restore(str(tmp_path / "one"))
    large.backup.create(f"s3://{bucket}/backup", options)
    again.backup.restore(f"s3://{bucket}/backup", options)
    assert all(first.dump.header.rows.values()), "nothing in some table"
    original = dumped.rows(dumped.newest(tmp_path / "one"))
    for registry, name in ((large, "two"), (again, "three")):
        assert damage(registry) == []
        registry.backup.create(str(tmp_path / name))
        assert dumped.rows(dumped.newest(tmp_path / name)) == original
        assert page(registry) == page(small)
    serial = page(small).serial
    ids = [_ids_that_come_next(registry) for registry in (small, large, again)]
    assert ids[0] == ids[1] == ids[2]
    assert page(large).serial == page(again).serial == page(small).serial > serial


def test_no_invitation_is_good_again_after_a_restore(
    registry: Registry, new: NewRegistry, place: Path
) -> None:
    """It may have been accepted since, and the other registry may be somebody else's."""
    session = registry.user_sessions.sign_in(USER, PASSWORD, "127.0.0.1")
    secret = registry.acting_as(OPERATOR).invitations.invite(USER)
    registry.backup.create(str(place), with_cache=True)
    restored = new("restored")
    restored.backup.restore(str(place))
    with pytest.raises(UnknownInvitation):
        restored.invitations.find(secret)
    assert restored.user_sessions.find(session.secret) is not None


def _ids_that_come_next(registry: Registry) -> list[int]:
    """Of what must never be given the id of something deleted; all else is tried as well."""
    upload(registry, wheel("demo", "3.0"))
    upload(registry, wheel("new"), "open")
    registry.acting_as(OPERATOR).accounts.create_user("later@example.com", PASSWORD)
    registry.acting_as(OPERATOR).administrators.create("later@example.com", PASSWORD)
    token, _secret = registry.acting_as(OPERATOR).accounts.create_token("ci", name="later")
    repository = registry.acting_as(OPERATOR).repositories.create("later")
    newest = max(project.id for project in registry.acting_as(OPERATOR).projects.all("open"))
    return [newest, token.id, repository.id]


def test_what_is_there_is_not_copied_again(registry: Registry, place: Path) -> None:
    first = registry.backup.create(str(place))
    second = registry.backup.create(str(place))
    upload(registry, wheel("other"))
    third = registry.backup.create(str(place))
    assert [done.blobs for done in (first, second, third)] == [4, 0, 2]
    assert first.bytes > len(WHEEL.content) + len(SDIST.content)
    assert second.bytes == 0


def test_what_was_cut_off_is_copied_again(registry: Registry, place: Path) -> None:
    registry.backup.create(str(place))
    (copy,) = place.rglob("*.whl")
    copy.write_bytes(WHEEL.content[:-1])
    assert registry.backup.create(str(place)).blobs == 1
    assert copy.read_bytes() == WHEEL.content


def test_files_have_the_same_paths(registry: Registry, tmp_path: Path, place: Path) -> None:
    registry.backup.create(str(place))
    copies = {path for path in stored(place) if not path.startswith("metadata/")}
    assert copies == stored(tmp_path / "source" / "blobs")


def test_only_the_owner_can_read_a_dump(registry: Registry, place: Path) -> None:
    modes: set[int] = set()

    def look(_done: int, _total: int) -> None:
        staged = (place / ".staging").rglob("*")  # copies of files may be there as well
        modes.update(path.stat().st_mode & 0o777 for path in staged if _is_dump(path))

    registry.backup.create(str(place), listener=look)
    assert modes | _modes(place / "metadata") == {0o600}
    assert not any(mode & 0o007 for mode in _modes(place))
    folders = {place, *(path for path in place.rglob("*") if path.is_dir())}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def _is_dump(path: Path) -> bool:
    try:
        with gzip.open(path) as lines:
            return lines.read(1) == b"{"
    except (OSError, EOFError):
        return False


def _modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_every_moment_can_be_restored(registry: Registry, place: Path, new: NewRegistry) -> None:
    first = registry.backup.create(str(place)).dump
    registry.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    second = registry.backup.create(str(place)).dump
    assert dumps(str(place)) == [first, second]
    assert (first.header.rows["files"], second.header.rows["files"]) == (2, 1)
    assert first.header.bytes == len(WHEEL.content) + len(SDIST.content)
    early, late = new("early"), new("late")
    early.backup.restore(str(place), name=first.name)
    late.backup.restore(str(place))
    assert filenames(early) == [WHEEL.filename, SDIST.filename]
    assert filenames(late) == [SDIST.filename]


def test_progress_is_told_in_bytes(registry: Registry, place: Path, new: NewRegistry) -> None:
    size = len(WHEEL.content) + len(SDIST.content)
    for work in (registry.backup.create, registry.backup.create, new("target").backup.restore):
        heard: list[tuple[int, int]] = []
        work(str(place), listener=lambda *moment, heard=heard: heard.append(moment))
        assert (heard[0], heard[-1]) == ((0, size), (size, size))
        assert heard == sorted(heard)


@pytest.mark.parametrize("anything", ["repository", "user", "administrator", "blob"])
def test_only_what_is_empty_is_filled(
    anything: str, registry: Registry, place: Path, new: NewRegistry, tmp_path: Path
) -> None:
    registry.backup.create(str(place))
    target = new("target")
    if anything == "repository":
        target.acting_as(OPERATOR).repositories.create("main")
    elif anything == "user":
        target.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    elif anything == "administrator":
        target.acting_as(OPERATOR).administrators.create(USER, PASSWORD)
    else:
        (tmp_path / "target/blobs").mkdir()
        (tmp_path / "target/blobs/notes").write_bytes(b"mine")
    before = stored(tmp_path / "target/blobs")
    with pytest.raises(Conflict, match=r"not empty|holds files already"):
        target.backup.restore(str(place))
    assert stored(tmp_path / "target/blobs") == before


def test_what_is_put_to_use_meanwhile_is_not_filled(
    registry: Registry, place: Path, database_url: str, new: NewRegistry, postgres: PostgresServer
) -> None:
    registry.backup.create(str(place))
    other = {} if "sqlite" in database_url else {"database": postgres.create_database()}
    target = new("target", **other)

    def use(done: int, total: int) -> None:
        if done == total and not target.acting_as(OPERATOR).repositories.all():
            target.acting_as(OPERATOR).repositories.create("mine")

    with pytest.raises(Conflict, match="not empty"):
        target.backup.restore(str(place), listener=use)
    assert [repository.name for repository in target.acting_as(OPERATOR).repositories.all()] == [
        "mine"
    ]
    assert target.acting_as(OPERATOR).accounts.users() == []


def test_an_empty_postgresql_database_gets_its_schema(
    registry: Registry, place: Path, postgres: PostgresServer
) -> None:
    registry.backup.create(str(place))
    with Registry(Settings(database=postgres.create_database(), blobs="memory://")) as target:
        target.backup.restore(str(place))
        assert filenames(target) == [WHEEL.filename, SDIST.filename]
        target.check()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_an_older_dump_is_upgraded(
    revision: str, tmp_path: Path, database_url: str, new: NewRegistry, postgres: PostgresServer
) -> None:
    """Restored into the schema that it had, and brought to the newest from there."""
    old = Database("sqlite://")
    with old.begin() as connection:
        schema.migrate(connection, revision)
    registry = lived_in(new("old"))
    registry.backup.create(str(tmp_path / "backup"))
    dumped.forge(dumped.newest(tmp_path / "backup"), partial(dumped.as_of, old))
    old.close()
    other = {} if "sqlite" in database_url else {"database": postgres.create_database()}
    target = new("target", **other)
    target.backup.restore(str(tmp_path / "backup"))
    target.check()
    assert damage(target) == []
    assert [file.digests for file in page(target).files] == [
        file.digests for file in page(registry).files
    ]
    assert target.acting_as(OPERATOR).repositories.get("open").profile == "private"
    upload(target, wheel("new"))
    with pytest.raises(FileAlreadyExists):
        upload(target, wheel("demo", "1.0.0"))
    target.acting_as(OPERATOR).repositories.change("open", allow_overwrite=False)
    with pytest.raises(FilenameRetired):
        upload(target, wheel("deleted", "1.0.0"), "open")


def test_a_dump_from_before_groups_keeps_rights_and_tokens(
    tmp_path: Path, database_url: str, new: NewRegistry, postgres: PostgresServer
) -> None:
    """G1."""
    old = Database("sqlite://")
    with old.begin() as connection:
        schema.migrate(connection, "0008")
    registry = new("old")
    populate(registry)
    accounts = registry.acting_as(OPERATOR).accounts
    accounts.create_user("ci", PASSWORD, everywhere=Access.NONE, named={"main": Access.READ})
    accounts.create_token("ci", name="narrow", repository="main", read_only=True)
    registry.backup.create(str(tmp_path / "backup"))
    dumped.forge(dumped.newest(tmp_path / "backup"), partial(dumped.as_of, old))
    old.close()
    other = {} if "sqlite" in database_url else {"database": postgres.create_database()}
    target = new("target", **other)
    target.backup.restore(str(tmp_path / "backup"))
    restored = target.acting_as(OPERATOR)
    assert restored.accounts.users() == accounts.users()
    assert restored.accounts.tokens("ci") == accounts.tokens("ci")
    restored.groups.create("platform", patterns={("main", "acme-*"): Access.WRITE})
    restored.groups.add_members("platform", ["ci"])
    assert restored.accounts.user("ci").groups == ("platform",)


@pytest.mark.parametrize("newer", [{"revision": "9999"}, {"format": 2}])
def test_a_newer_dump_is_refused(
    newer: dict[str, Any], registry: Registry, place: Path, new: NewRegistry
) -> None:
    registry.backup.create(str(place))
    dumped.forge(
        dumped.newest(place), lambda lines: [{**lines[0], "pypi_repo": "7.0", **newer}, *lines[1:]]
    )
    with pytest.raises(InvalidBackup, match=r"by pypi_repo 7\.0 .*install that version"):
        new("target").backup.restore(str(place))


def _drop_a_row(path: Path) -> None:
    """With the right digest."""
    dumped.forge(
        path, lambda lines: [line for line in lines if not isinstance(line, list) or line[0] != 2]
    )


def _change_a_row(path: Path) -> None:
    """Without another digest."""
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b'"main"', b'"mine"')))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no dump"),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes()[:200] + b"x" + path.read_bytes()[201:]),
        _drop_a_row,
        _change_a_row,
    ],
    ids=["empty", "other", "cut", "half", "flipped", "fewer rows", "another digest"],
)
def test_a_damaged_dump_is_refused(
    spoil: Callable[[Path], None], registry: Registry, place: Path, new: NewRegistry, tmp_path: Path
) -> None:
    registry.backup.create(str(place))
    spoil(dumped.newest(place))
    target = new("target")
    with pytest.raises(InvalidBackup, match="is damaged"):
        target.backup.restore(str(place))
    assert target.acting_as(OPERATOR).repositories.all() == []
    assert stored(tmp_path / "target/blobs") == set()


def test_there_must_be_a_backup(registry: Registry, place: Path, new: NewRegistry) -> None:
    target = new("target")
    for what in (lambda: dumps(str(place)), lambda: target.backup.restore(str(place))):
        with pytest.raises(InvalidBackup, match="There is no backup in"):
            what()
    registry.backup.create(str(place))
    with pytest.raises(InvalidBackup, match="There is no dump yesterday"):
        target.backup.restore(str(place), name="yesterday")


def test_the_wrong_registry_is_not_backed_up(place: Path, new: NewRegistry) -> None:
    with pytest.raises(ConfigurationError, match="is empty"):
        new("empty").backup.create(str(place))
    assert stored(place) == set()


@pytest.mark.parametrize("inside", [".", "backup"])
def test_no_backup_where_a_sweep_would_take_it(
    inside: str, registry: Registry, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="inside the file store"):
        registry.backup.create(str(tmp_path / "source/blobs" / inside))


def test_a_lost_file_is_told_and_the_rest_backed_up(
    registry: Registry, tmp_path: Path, place: Path, new: NewRegistry
) -> None:
    lost = page(registry).files[0].path
    (tmp_path / "source/blobs" / lost).unlink()
    done = registry.backup.create(str(place))
    assert done.lost == (f"{lost} (main): It is missing.",)
    target = new("target")
    with pytest.raises(InvalidBackup, match="1 files are not in the backup") as caught:
        target.backup.restore(str(place))
    assert caught.value.lost == done.lost
    assert target.acting_as(OPERATOR).repositories.all() == []
    restored = target.backup.restore(str(place), skip_lost=True)
    assert restored.lost == done.lost
    assert filenames(target) == [SDIST.filename]
    assert damage(target) == []
    upload(target, WHEEL)


@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_every_byte_is_checked_when_it_is_restored(
    suffix: str, registry: Registry, place: Path, new: NewRegistry
) -> None:
    """Also where a file is left out that came with attestations."""
    registry.backup.create(str(place))
    path = place / (page(registry).files[0].path + suffix)
    path.write_bytes(path.read_bytes()[::-1])
    target = new("target")
    with pytest.raises(InvalidBackup) as caught:
        target.backup.restore(str(place))
    assert caught.value.lost == (
        f"{path.relative_to(place)} (main): It is damaged: the digest differs.",
    )
    target.backup.restore(str(place), skip_lost=True)
    assert damage(target) == []


def test_a_damaged_file_is_left_out_of_every_repository(
    registry: Registry, place: Path, new: NewRegistry
) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    path = upload(registry, WHEEL, "other").path
    registry.backup.create(str(place))
    (place / path).unlink()
    target = new("target")
    done = target.backup.restore(str(place), skip_lost=True)
    assert done.lost == tuple(f"{path} ({name}): It is missing." for name in ("main", "other"))
    assert damage(target) == []
    assert filenames(target) == [SDIST.filename]
    assert filenames(target, repository="other") == []


class _Interrupted(BaseException):
    """Like Ctrl+C."""


def _interrupt(done: int, total: int) -> None:
    if 0 < done < total:
        raise _Interrupted


def test_an_interrupted_backup_goes_on(registry: Registry, place: Path) -> None:
    with pytest.raises(_Interrupted):
        registry.backup.create(str(place), listener=_interrupt)
    with pytest.raises(InvalidBackup):
        dumps(str(place))
    left = registry.backup.create(str(place))
    assert left.dump.header.rows["files"] == 2
    assert stored(place) == stored(place) - {".staging"}


def test_an_interrupted_restore_leaves_no_row_and_goes_on(
    registry: Registry, place: Path, new: NewRegistry, tmp_path: Path
) -> None:
    registry.backup.create(str(place))
    first = registry.backup.create(str(place)).dump.name
    target = new("target")
    with pytest.raises(_Interrupted):
        target.backup.restore(str(place), listener=_interrupt)
    assert target.acting_as(OPERATOR).repositories.all() == []
    upload(registry, wheel("other"))
    registry.backup.create(str(place))
    with pytest.raises(Conflict, match=f"{first} .*restore that dump to finish it"):
        target.backup.restore(str(place))
    with pytest.raises(Conflict, match="no repository"):
        target.upkeep.sweep(grace=EVERYTHING)
    target.backup.restore(str(place), name=first)
    assert damage(target) == []
    assert stored(tmp_path / "target/blobs") == {
        path for file in page(registry).files for path in (file.path, f"{file.path}.metadata")
    }


def test_what_a_killed_backup_left_is_tidied_away(registry: Registry, place: Path) -> None:
    (place / ".staging").mkdir(parents=True)
    for name, age in (("old", 2), ("young", 0)):
        path = place / ".staging" / name
        path.touch()
        moment = path.stat().st_mtime - timedelta(days=age).total_seconds()
        os.utime(path, (moment, moment))
    registry.backup.create(str(place))
    assert [path.name for path in (place / ".staging").iterdir()] == ["young"]


def test_what_is_swept_away_meanwhile_is_not_in_it(
    registry: Registry, place: Path, new: NewRegistry
) -> None:
    """The rows were read already: a later moment is taken."""
    gone = max(page(registry).files, key=lambda file: file.digests.sha256)

    def delete(done: int, total: int) -> None:
        if done == 0 and gone.filename in filenames(registry):
            registry.acting_as(OPERATOR).projects.delete_file("main", gone.filename)
            assert registry.upkeep.sweep(grace=EVERYTHING).blobs == 2

    done = registry.backup.create(str(place), listener=delete)
    assert done.lost == ()
    assert done.dump.header.rows["files"] == 1
    target = new("target")
    target.backup.restore(str(place))
    assert damage(target) == []
    assert len(filenames(target)) == 1


def test_a_backup_that_never_catches_up_says_so(
    registry: Registry, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    gone = max(page(registry).files, key=lambda file: file.digests.sha256)

    def delete(done: int, _total: int) -> None:
        if done == 0 and gone.filename in filenames(registry):
            registry.acting_as(OPERATOR).projects.delete_file("main", gone.filename)
            registry.upkeep.sweep(grace=EVERYTHING)

    with pytest.raises(RegistryError, match="swept away faster"):
        registry.backup.create(str(place), listener=delete)


def test_backups_beside_uploads_overwrites_deletions_and_sweeps(
    registry: Registry, place: Path, new: NewRegistry
) -> None:
    """Whenever one was made, it restores to a registry in which every row has its file."""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    done = threading.Event()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        actor = Actor(f"user-{number}", grants=Grants(Access.WRITE))
        round_ = 0
        while not done.is_set():
            round_ += 1
            versions = [wheel("demo", f"{number}.{minor}") for minor in range(3)]
            try:
                for distribution in versions:
                    upload(registry, distribution, actor=actor)
                changed = wheel("demo", f"{number}.1", files={"new.py": b"%d" % round_})
                upload(registry, changed, actor=actor)
                registry.acting_as(OPERATOR).projects.delete_file("main", versions[2].filename)
            except RegistryError as error:
                if error.code != "unavailable":  # swept away: send it again
                    failures.append(error)
                    return

    def sweep() -> None:
        while not done.wait(0.15):
            registry.upkeep.sweep(grace=EVERYTHING)

    threads = [threading.Thread(target=work, args=(number,)) for number in (5, 6)]
    threads.append(threading.Thread(target=sweep))
    for thread in threads:
        thread.start()
    try:
        made = [registry.backup.create(str(place)) for _ in range(6)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    for number, one in enumerate(made):
        assert one.lost == ()
        target = new(f"target-{number}")
        target.backup.restore(str(place), name=one.dump.name)
        assert damage(target) == []
        assert len(filenames(target)) == one.dump.header.rows["files"]
