"""What a backup says is judged as what is uploaded: it may come from anywhere."""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.errors import InvalidBackup, RegistryError
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.storage.backup import dump as module
from tests.conftest import ADMINISTRATOR, PASSWORD, populate
from tests.support import dumps
from tests.support.attestations import attestation
from tests.support.ci_publishers import trust_ci
from tests.support.distributions import wheel
from tests.support.dumps import Lines
from tests.support.uploads import filenames, publish, stage, upload

WHEEL = wheel()


def made(folder: Path) -> Registry:
    settings = Settings(
        database=folder / "registry.db", blobs=folder / "store" / "blobs", password_cost=4
    )
    return Registry(settings)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with something in every table."""
    folder = tmp_path_factory.mktemp("source")
    with made(folder) as registry:
        populate(registry)
        registry.acting_as(OPERATOR).accounts.create_user(
            "ci", PASSWORD, named={"main": Access.READ}
        )
        registry.acting_as(OPERATOR).accounts.create_token("ci", name="token")
        registry.acting_as(OPERATOR).administrators.create_token(
            ADMINISTRATOR, name="script", read_only=True
        )
        registry.sessions.sign_in(ADMINISTRATOR, PASSWORD, "127.0.0.1")
        upload(registry, WHEEL, attestations=json.dumps([attestation(WHEEL)]))
        publish(registry, wheel("signed"), "main", signature=b"signature")
        upload(registry, wheel("deleted"))
        registry.acting_as(OPERATOR).projects.delete("main", "deleted")
        registry.acting_as(OPERATOR).retention.add_rule(
            "main", "*", only=["dev"], keep_last=10, keep_younger="90d", keep_matching=">=2"
        )
        stage(registry, registry.acting_as(OPERATOR).stages.open("main").id, wheel("staged"))
        registry._usage.count_download(
            DownloadedRelease(
                registry.acting_as(OPERATOR).repositories.get("main").id, "demo", "1.0"
            )
        )
        registry._usage.flush()
        trust_ci(registry, "main")
        registry.backup.create(str(folder / "backup"))
    return folder / "backup"


@pytest.fixture
def place(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Path]]:
    """An empty registry, which stays empty."""
    folder = tmp_path_factory.mktemp("target")
    with made(folder) as registry:
        yield registry, folder


@pytest.fixture
def target(shared: tuple[Registry, Path]) -> Iterator[Registry]:
    registry, folder = shared
    yield registry
    assert registry.acting_as(OPERATOR).repositories.all() == []
    assert registry.acting_as(OPERATOR).accounts.users() == []
    assert not (folder / "store").exists(), "something was written"


def refusal(target: Registry, place: Path) -> str:
    with pytest.raises(InvalidBackup) as caught:
        target.backup.restore(str(place))
    assert caught.value.message.count("\n") == 0
    return caught.value.message


def refused(target: Registry, place: Path, table: str, column: str, value: Any) -> str:
    """What is said of a dump that has this value."""
    path = dumps.newest(place)
    line = dumps.line_of(dumps.read(path), table)
    dumps.forge(path, lambda lines: dumps.changed(lines, table, column, value))
    said = refusal(target, place)
    assert f"(line {line}: " in said
    return said


OUTSIDE = [
    "../../../../outside-1.0.tar.gz",
    "/outside-1.0.tar.gz",
    "a/b-1.0.tar.gz",
    "..\\outside-1.0.tar.gz",
    ".hidden-1.0.tar.gz",
    "a\n-1.0.tar.gz",
    "a\0-1.0.tar.gz",
    "..",
    "",
    "x" * 300 + ".whl",
    "demo-1.0.exe",
    "demo\u2044-1.0.tar.gz",
]


@pytest.mark.parametrize("table", ["files", "retired_filenames", "staged_files", "trashed_files"])
@pytest.mark.parametrize("filename", OUTSIDE)
def test_filenames(target: Registry, place: Path, table: str, filename: str) -> None:
    refused(target, place, table, "filename", filename)


DIGESTS = ["", "../" * 21 + "x", "A" * 64, "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", 1, True]


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize(
    "column", ["sha256", "blake2_256", "md5", "metadata_sha256", "signature_sha256"]
)
def test_digests_of_files(target: Registry, place: Path, column: str, digest: Any) -> None:
    refused(target, place, "files", column, digest)


@pytest.mark.parametrize("table", ["tokens", "administrator_tokens", "sessions"])
def test_digests_of_secrets(target: Registry, place: Path, table: str) -> None:
    refused(target, place, table, "secret_sha256", "0" * 63)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("repositories", "name", "../main"),
        ("repositories", "name", "Main"),
        ("repositories", "name", ""),
        ("repositories", "name", None),
        ("repositories", "profile", "none"),
        ("repositories", "public", 1),
        ("repositories", "public", "yes"),
        ("repositories", "quota", -1),
        ("repositories", "max_file_size", 2**63),
        ("repositories", "max_file_size", 1.5),
        ("repositories", "serial", "1"),
        ("repositories", "id", 2**31),
        ("repositories", "id", 2**31 - 1),
        ("repositories", "id", True),
        ("repositories", "description", 5),
        ("repositories", "description", "\ud800"),
        ("repositories", "description", "\0"),
        ("repositories", "created_at", "yesterday"),
        ("repositories", "created_at", "2026-01-01T00:00:00"),
        ("repositories", "created_at", "0001-01-01T00:00:00+23:00"),
        ("repositories", "created_at", 5),
        ("projects", "name", "<script>"),
        ("projects", "normalized_name", "Demo"),
        ("projects", "normalized_name", "other"),
        ("projects", "status", "hidden"),
        ("releases", "version", "../1.0"),
        ("trash", "project", "other"),
        ("trash", "project_name", "<script>"),
        ("trash", "status", "hidden"),
        ("trash", "version", "../1.0"),
        ("trash", "filename", "../deleted-1.0.tar.gz"),
        ("trash", "deleted_by_kind", "root"),
        ("trashed_releases", "canonical_version", "2"),
        ("trashed_files", "kind", "exe"),
        ("trashed_files", "size", 2**50),
        ("trashed_files", "identity", "other"),
        ("trashed_files", "provenance", "[]"),
        ("trashed_files", "sha256", "../" * 21 + "x"),
        ("releases", "canonical_version", "2"),
        ("retention_rules", "pattern", "Acme_*"),
        ("retention_rules", "only", "pre  dev"),
        ("retention_rules", "only", "dev pre"),
        ("retention_rules", "only", "final"),
        ("retention_rules", "keep_last", 1_000_001),
        ("retention_rules", "keep_younger", "soon"),
        ("retention_rules", "keep_younger", "90D"),
        ("retention_rules", "keep_downloaded", ""),
        ("retention_rules", "keep_matching", ">= 2"),
        ("files", "kind", "egg"),
        ("files", "size", -1),
        ("files", "size", 2**63 - 1),
        ("files", "size_beside", 2**63 - 1),
        ("downloads", "count", 2**63 - 1),
        ("repositories", "serial", 2**63 - 1),
        ("journal", "id", 2**63 - 1),
        ("files", "identity", "other-1.0-py3-none-any.whl"),
        ("retired_filenames", "identity", "other-1.0-py3-none-any.whl"),
        ("files", "has_provenance", None),
        ("files", "uploaded_at", ""),
        ("provenances", "document", "no json"),
        ("provenances", "document", "[]"),
        ("provenances", "document", "[" * 100_000),
        ("journal", "detail", ["a"]),
        ("journal", "detail", {"a": 1}),
        ("journal", "actor_kind", "root"),
        ("users", "name", "a:b"),
        ("users", "name", "ADA"),
        ("users", "name", "a/b"),
        ("users", "everywhere", 3),
        ("users", "password_hash", "secret"),
        ("users", "password_hash", "$2b$31$" + "a" * 53),
        ("grants", "access", -1),
        ("administrators", "name", ""),
        ("administrators", "areas", "everything"),
        ("administrator_tokens", "areas", "repositories root"),
        ("downloads", "day", "2026-13-01"),
        ("downloads", "count", -5),
        ("downloads", "version", ""),
        ("downloads", "version", "../1.0"),
        ("stages", "id", "../simple"),
        ("stages", "id", "-" * 22),
        ("stages", "opened_by_kind", "root"),
        ("staged_files", "display_name", "other"),
        ("staged_files", "project", "Staged"),
        ("staged_files", "filename", "other-1.0-py3-none-any.whl"),
        ("staged_files", "version", "../1.0"),
        ("staged_files", "provenance", "[]"),
        ("staged_files", "profile", "none"),
        ("staged_files", "identity", "other-1.0-py3-none-any.whl"),
        ("publishers", "name", "../main"),
        ("publishers", "kind", "root"),
        ("publishers", "issuer", "ftp://ci.example.com"),
        ("publishers", "claims", {}),
        ("publishers", "claims", {"sub": 1}),
        ("publishers", "claims", {"sub": "*"}),
        ("publishers", "projects", "Acme_*"),
        ("publishers", "projects", "acme-*  demo"),
        ("publishers", "access", 0),
        ("publishers", "access", 3),
        ("publishers", "minutes", 10**6),
        ("publishers", "ca_file", 5),
        ("trust_roots", "document", "[]"),
        ("repositories", "trusted_publishing_only", "Acme_*"),
        ("repositories", "attestations_required", "acme-*  demo"),
        ("files", "workload", {"kind": "github"}),
        ("files", "workload", {"kind": "root", "issuer": "x", "subject": "x"}),
        ("files", "attested", {"kind": "oidc", "issuer": "x", "subject": "x", "more": "x"}),
        ("trashed_files", "attested", {"kind": "oidc"}),
        ("staged_files", "workload", []),
    ],
)
def test_names_numbers_choices_and_moments(
    target: Registry, place: Path, table: str, column: str, value: Any
) -> None:
    said = refused(target, place, table, column, value)
    assert len(said) < 400


def _with_table(name: Any) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines, {"table": name, "columns": ["name"]}, ["x"]]


def _twice(table: str) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        place = dumps.line_of(lines, table) - 1
        lines[0]["rows"][table] += 1
        return [*lines[: place + 1], lines[place], *lines[place + 1 :]]

    return change


def _header(**values: Any) -> Callable[[Lines], Lines]:
    return lambda lines: [{**lines[0], **values}, *lines[1:]]


@pytest.mark.parametrize(
    "change",
    [
        _with_table("sqlite_master"),
        _with_table("alembic_version"),
        _with_table(["files"]),
        _with_table(None),
        lambda lines: [line if line != "x" else None for line in [*lines, "x"]],
        lambda lines: [[*lines[0]], *lines[1:]],
        lambda lines: [lines[0], {"table": "files", "columns": ["id", "path"]}, *lines[1:]],
        lambda lines: [lines[0], {"table": "files"}, *lines[1:]],
        _header(revision="000"),
        _header(revision="0000"),
        _header(revision="-1"),
        _header(revision=1),
        _header(format="1"),
        _header(rows={"files": -1}),
        _header(rows=[]),
        _header(counters={"projects": 2**70}),
        _header(counters={"repositories": 2**31 - 1}),
        _header(counters={"files": 2**31}),
        _header(bytes="many"),
        _header(pypi_repo="\x1b[31m"),
        _header(created_at=None),
        _header(surplus=1),
    ],
)
def test_tables_and_headers(
    target: Registry, place: Path, change: Callable[[Lines], Lines]
) -> None:
    dumps.forge(dumps.newest(place), change)
    assert "is damaged (" in refusal(target, place)


@pytest.mark.parametrize("table", ["repositories", "projects", "files", "users", "grants"])
def test_rows_that_are_there_twice(target: Registry, place: Path, table: str) -> None:
    """It is known before a file is copied."""
    dumps.forge(dumps.newest(place), _twice(table))
    assert f"its table {table} does not fit" in refusal(target, place)


@pytest.mark.parametrize(
    ("table", "column"),
    [("projects", "repository_id"), ("files", "release_id"), ("tokens", "user_id")],
)
def test_rows_that_refer_to_nothing(target: Registry, place: Path, table: str, column: str) -> None:
    dumps.forge(dumps.newest(place), lambda lines: dumps.changed(lines, table, column, 999))
    assert "does not fit" in refusal(target, place)


def test_a_line_without_end(target: Registry, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_LINE", 100_000)
    path = dumps.newest(place)
    content = gzip.decompress(path.read_bytes()).rpartition(b"{")[0] + b"[" + b" " * 200_000
    digest = hashlib.sha256(content).hexdigest()
    path.write_bytes(gzip.compress(content + json.dumps({"sha256": digest}).encode()))
    assert "a line is cut off or too long" in refusal(target, place)


@pytest.mark.parametrize("what", ["file", "folder", "metadata"])
def test_links_that_lead_out_of_the_backup(place: Path, tmp_path: Path, what: str) -> None:
    """Also where the content there is what the dump says, which a hostile one may know."""
    (blob,) = place.rglob(WHEEL.filename)
    linked = {"file": blob, "folder": blob.parent, "metadata": place / "metadata"}[what]
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    with made(tmp_path) as registry:
        with pytest.raises(RegistryError, match="is a link or lies behind one"):
            registry.backup.restore(str(place))
        assert registry.acting_as(OPERATOR).repositories.all() == []


def test_a_backup_does_not_write_through_links(original: Path, tmp_path: Path) -> None:
    with made(tmp_path) as registry:
        registry.backup.restore(str(original))
        (tmp_path / "elsewhere").mkdir()
        (blob,) = original.rglob(WHEEL.filename)
        top = tmp_path / "backup" / blob.relative_to(original).parts[0]
        top.parent.mkdir()
        top.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RegistryError, match="is a link"):
            registry.backup.create(str(tmp_path / "backup"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_place_may_be_a_link_itself(original: Path, tmp_path: Path) -> None:
    os.symlink(original, tmp_path / "link")
    with made(tmp_path) as registry:
        registry.backup.restore(str(tmp_path / "link"))
        registry.backup.create(str(tmp_path / "link"))


@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_a_file_that_never_ends_is_not_read_to_its_end(
    place: Path, tmp_path: Path, suffix: str
) -> None:
    (blob,) = place.rglob(WHEEL.filename + suffix)
    with blob.open("ab") as file:
        file.truncate(10 * 2**30)
    with made(tmp_path) as registry:
        with pytest.raises(InvalidBackup, match="damaged there") as caught:
            registry.backup.restore(str(place))
        assert "It is damaged: it is larger than it was." in caught.value.lost[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes on Windows")
@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_a_pipe_is_not_waited_for(place: Path, tmp_path: Path, suffix: str) -> None:
    (blob,) = place.rglob(WHEEL.filename + suffix)
    blob.unlink()
    os.mkfifo(blob)
    with made(tmp_path) as registry:
        with pytest.raises(InvalidBackup, match="damaged there") as caught:
            registry.backup.restore(str(place))
        assert "It cannot be read" in caught.value.lost[0]


def test_after_a_refusal_a_good_one_is_restored(place: Path, tmp_path: Path) -> None:
    path = dumps.newest(place)
    good = path.read_bytes()
    dumps.forge(path, lambda lines: dumps.changed(lines, "files", "filename", OUTSIDE[0]))
    with made(tmp_path) as registry:
        refusal(registry, place)
        path.write_bytes(good)
        registry.backup.restore(str(place))
        assert filenames(registry) == [WHEEL.filename]
    assert not list(tmp_path.parent.glob("outside*"))
