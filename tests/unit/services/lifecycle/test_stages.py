"""Stages: files that are published together, or not at all."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry
from pypi_repo.domain.errors import (
    Conflict,
    FileAlreadyExists,
    FilenameRetired,
    Invalid,
    InvalidArchive,
    InvalidSetting,
    PermissionDenied,
    ProjectClosed,
    ReleaseClosed,
    TooLarge,
    UnknownRepository,
)
from pypi_repo.domain.lifecycle.errors import FileStaged, UnknownStage
from pypi_repo.services.lifecycle.stages import Stages
from pypi_repo.storage.database.lifecycle_tables import stages
from tests.conftest import PASSWORD
from tests.support.attestations import attestation
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.uploads import UPLOADER, damage, filenames, page, publish, stage, upload

OTHER = Actor("other@example.com", grants=Grants(Access.WRITE))
WHEEL, SDIST = wheel("demo", "1.0"), sdist("demo", "1.0")


def of(registry: Registry, actor: Actor = UPLOADER) -> Stages:
    return registry.acting_as(actor).stages


def expire(registry: Registry, id_: str) -> None:
    """As if its days were over."""
    with registry._database.begin() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(stages).where(stages.c.id == id_).values(expires_at=past))


@pytest.fixture
def opened(both: Registry) -> Iterator[str]:
    return of(both).open("main", "release 1.0").id


def test_files_are_published_together(both: Registry, opened: str) -> None:
    """G1, G2."""
    stage(both, opened, WHEEL)
    stage(both, opened, SDIST)
    stage(both, opened, wheel("tools", "2.0"))
    assert both.acting_as(OPERATOR).projects.all("main") == []
    found, files = of(both).stage("main", opened)
    assert (found.files, [file.filename for file in files]) == (
        3,
        [WHEEL.filename, SDIST.filename, wheel("tools", "2.0").filename],
    )
    before = datetime.now(UTC)
    accepted = of(both).publish("main", opened)
    assert [each.file.filename for each in accepted] == [file.filename for file in files]
    assert filenames(both) == [WHEEL.filename, SDIST.filename]
    assert all(file.uploaded_at and file.uploaded_at >= before for file in page(both).files)
    with pytest.raises(UnknownStage):
        of(both).stage("main", opened)
    assert damage(both) == []


def test_the_journal_tells_of_a_stage(both: Registry, opened: str) -> None:
    """G2."""
    stage(both, opened, WHEEL, actor=OTHER)
    of(both).publish("main", opened)
    dropped = of(both).open("main").id
    of(both).drop("main", dropped)
    entries = [entry for entry in journal_of(both, "main") if "repository" not in entry.action]
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("open stage", UPLOADER.name),
        ("upload file", UPLOADER.name),
        ("publish stage", UPLOADER.name),
        ("open stage", UPLOADER.name),
        ("drop stage", UPLOADER.name),
    ]
    # Whoever may read the journal may not read what is staged.
    assert entries[0].detail == {"stage": opened[:6], "files": "0", "description": "release 1.0"}
    assert (entries[1].detail or {})["stage"] == opened
    assert entries[2].detail == {"stage": opened, "files": "1"}
    assert page(both).files[0].filename == WHEEL.filename
    (_project, (file,)) = both.acting_as(OPERATOR).projects.get("main", "demo")
    assert file.uploaded_by == OTHER.name, "who has uploaded it stays"


def test_signature_metadata_and_provenance_come_with_it(both: Registry, opened: str) -> None:
    """G1."""
    attested = wheel("demo", "1.0", requires_python=">=3.8")
    attestations = json.dumps([attestation(attested)])
    stage(both, opened, attested, signature=b"signature", attestations=attestations)
    publish(both, attested, "other", signature=b"signature", attestations=attestations)
    of(both).publish("main", opened)
    (published,), (uploaded,) = page(both).files, page(both, repository="other").files
    assert published.metadata_hashes == uploaded.metadata_hashes
    assert (published.is_signed, published.has_provenance) == (True, True)
    assert published.requires_python == ">=3.8"
    sources = [both.repository(name).source for name in ("main", "other")]
    documents = [
        source.provenance(UPLOADER, published.project, "1.0", attested.filename)
        for source in sources
    ]
    assert documents[0] == documents[1]
    signature, _size = sources[0].file(UPLOADER, f"{published.location}.asc").open()  # type: ignore[union-attr]
    assert signature.read() == b"signature"


@pytest.fixture
def both(both: Registry) -> Registry:
    both.acting_as(OPERATOR).repositories.create("other")
    return both


def test_names_are_reserved(both: Registry, opened: str) -> None:
    """G2: also other spellings, and for other stages."""
    stage(both, opened, WHEEL)
    for name in (WHEEL, wheel("demo", "1.0.0")):
        with pytest.raises(FileStaged) as refused:
            upload(both, name, actor=OTHER)
        assert refused.value.code == "file-staged"
        assert isinstance(refused.value, Conflict)
        assert WHEEL.filename in refused.value.message
        assert UPLOADER.name in refused.value.message
    second = of(both).open("main").id
    with pytest.raises(FileStaged):
        stage(both, second, wheel("demo", "1.0", padding=3))
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    with pytest.raises(FileStaged):
        upload(both, WHEEL)
    upload(both, SDIST)
    upload(both, WHEEL, "other")
    of(both).drop("main", opened)
    upload(both, WHEEL)
    stage(both, second, wheel("demo", "1.0.0"))


def test_the_same_content_may_be_on_the_index_already(both: Registry, opened: str) -> None:
    """U54: nothing is staged, nor refused."""
    upload(both, WHEEL)
    assert stage(both, opened, WHEEL).is_unchanged
    assert of(both).stage("main", opened)[0].files == 0
    stage(both, opened, SDIST)
    assert stage(both, opened, SDIST).is_unchanged
    of(both).publish("main", opened)
    assert filenames(both) == [WHEEL.filename, SDIST.filename]
    assert damage(both) == []


def test_within_its_stage_a_file_is_replaced(both: Registry, opened: str) -> None:
    """G1: also under another spelling of its name."""
    stage(both, opened, wheel("demo", "1.0", padding=5))
    other = wheel("demo", "1.0.0")
    stage(both, opened, other)
    assert [file.filename for file in of(both).stage("main", opened)[1]] == [other.filename]
    stage(both, opened, WHEEL)
    of(both).publish("main", opened)
    assert [file.digests.sha256 for file in of_demo(both)] == [WHEEL.sha256]


def of_demo(registry: Registry) -> list:  # type: ignore[type-arg]
    return registry.acting_as(OPERATOR).projects.get("main", "demo")[1]


def test_what_is_published_may_be_uploaded_to_undo_a_replacement(
    both: Registry, opened: str
) -> None:
    """Where overwriting is allowed: what was uploaded last is what is published."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    upload(both, WHEEL)
    stage(both, opened, wheel("demo", "1.0", padding=5))
    assert stage(both, opened, WHEEL).is_unchanged
    assert of(both).stage("main", opened)[0].files == 0


@pytest.mark.parametrize(
    "then", ["upload", "delete", "archive", "quota", "rights", "sdist", "profile"]
)
def test_all_or_nothing(both: Registry, opened: str, then: str) -> None:
    """G2: everything is asked again at publishing, and the answer names the file."""
    operator = both.acting_as(OPERATOR)
    stage(both, opened, wheel("alpha", "1.0"))
    stage(both, opened, WHEEL)
    stage(both, opened, SDIST)
    expected: type[Exception] = FileAlreadyExists
    publisher = UPLOADER
    named = WHEEL.filename
    match then:
        case "upload":
            _put(both, opened, wheel("demo", "1.0", padding=5))
        case "delete":
            expected = FilenameRetired
            _put(both, opened, wheel("demo", "1.0", padding=5))
            operator.projects.delete("main", "demo")
        case "archive":
            expected = ProjectClosed
            upload(both, wheel("demo", "0.9"))
            operator.projects.set_status("main", "demo", "archived")
        case "quota":
            expected = TooLarge
            size = of(both).stage("main", opened)[0].size
            operator.repositories.change("main", quota=size - 1)
            named = SDIST.filename
        case "rights":
            expected = PermissionDenied
            alpha_only = Grants(Access.READ, patterns={("main", "alpha"): Access.WRITE})
            publisher = Actor(UPLOADER.name, grants=alpha_only)
        case "sdist":
            expected = ReleaseClosed
            stage(both, opened, second := sdist("demo", "1.0.0"))
            named = second.filename
        case "profile":
            expected = Invalid
            stage(both, opened, local := wheel("demo", "1.0+local"))
            operator.repositories.change("main", profile="pypi")
            named = local.filename
    serial = operator.repositories.get("main").serial
    staged = of(both).stage("main", opened)
    with pytest.raises(expected) as refused:
        of(both, publisher).publish("main", opened)
    assert named in str(refused.value)
    assert operator.repositories.get("main").serial == serial
    assert of(both).stage("main", opened) == staged
    assert damage(both) == []


def test_an_archive_is_read_again_by_the_rules_of_another_profile(
    both: Registry, opened: str
) -> None:
    """G2: by those of the profile that the repository has when the stage is published."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.change("main", profile="lenient")
    record = {"demo-1.0.dist-info/RECORD": b"demo/__init__.py,sha256=AA,1\n"}
    stage(both, opened, wheel(files=record))
    operator.repositories.change("main", profile="private")
    stage(both, opened, SDIST)
    with pytest.raises(InvalidArchive) as refused:
        of(both).publish("main", opened)
    assert WHEEL.filename in refused.value.message
    operator.repositories.change("main", profile="lenient")
    assert len(of(both).publish("main", opened)) == 2


def _put(registry: Registry, id_: str, dist: object) -> None:
    """Onto the index, although the name is reserved: as a restored file comes there."""
    expire(registry, id_)
    upload(registry, dist)  # type: ignore[arg-type]
    with registry._database.begin() as connection:
        later = datetime.now(UTC) + timedelta(days=1)
        connection.execute(update(stages).where(stages.c.id == id_).values(expires_at=later))


def test_an_empty_stage_is_not_published(both: Registry, opened: str) -> None:
    with pytest.raises(Conflict):
        of(both).publish("main", opened)
    assert of(both).stage("main", opened)[0].files == 0


def test_who_may_do_what(both: Registry, opened: str) -> None:
    """G2."""
    reader = Actor("reader@example.com", grants=Grants(Access.READ))
    with pytest.raises(PermissionDenied):
        of(both, reader).open("main")
    with pytest.raises(PermissionDenied):
        stage(both, opened, WHEEL, actor=reader)
    stage(both, opened, WHEEL, actor=OTHER)
    for forbidden in (of(both, OTHER).stage, of(both, OTHER).publish, of(both, OTHER).drop):
        with pytest.raises(PermissionDenied):
            forbidden("main", opened)
    with pytest.raises(PermissionDenied):
        of(both, reader).publish("main", opened)
    assert of(both, OTHER).stages("main") == []
    assert [found.id for found in of(both).stages("main")] == [opened]
    assert [found.id for found in of(both, OPERATOR).stages("main")] == [opened]
    of(both, OPERATOR).publish("main", opened)


def test_files_of_projects_that_one_may_not_read_are_not_named(both: Registry) -> None:
    grants = Grants(Access.NONE, patterns={("main", "alpha"): Access.WRITE})
    few = Actor("few@example.com", grants=grants)
    id_ = of(both, few).open("main").id
    stage(both, id_, wheel("alpha"), actor=few)
    stage(both, id_, wheel("secret"), actor=OTHER)
    _found, files = of(both, few).stage("main", id_)
    assert [file.project for file in files] == ["alpha"]
    with pytest.raises(PermissionDenied) as refused:
        of(both, few).publish("main", id_)
    assert "secret" not in refused.value.message
    source = both.repository("main").at_stage(id_).source
    listed = source.project_list(few).load()
    assert [project.name for project in listed.projects] == ["alpha"]
    of(both, OPERATOR).publish("main", id_)


def test_a_user_who_gets_the_name_of_a_deleted_one_is_somebody_else(
    both: Registry, opened: str
) -> None:
    operator = both.acting_as(OPERATOR)
    operator.accounts.delete_user(UPLOADER.name)
    operator.accounts.create_user(UPLOADER.name, PASSWORD)
    assert of(both).stages("main") == []
    with pytest.raises(PermissionDenied):
        of(both).drop("main", opened)


def test_every_id_that_leads_nowhere_is_told_the_same(both: Registry, opened: str) -> None:
    """G2."""
    of(both).publish("main", _with(both, opened))
    expired, elsewhere = of(both).open("main").id, of(both).open("other").id
    expire(both, expired)
    sentences = set()
    for id_ in (opened, expired, elsewhere, "unheard-of", "", "\0", "x" * 5000):
        for use in (of(both).stage, of(both).publish, of(both).drop):
            with pytest.raises(UnknownStage) as refused:
                use("main", id_)
            sentences.add(refused.value.message)
        with pytest.raises(UnknownStage) as refused:
            stage(both, id_, SDIST)
        sentences.add(refused.value.message)
    assert len(sentences) == 1
    with pytest.raises(UnknownRepository):
        of(both).publish("unknown", elsewhere)


def _with(registry: Registry, id_: str) -> str:
    stage(registry, id_, WHEEL)
    return id_


def test_staged_bytes_count_for_the_quota(both: Registry, opened: str) -> None:
    """U53."""
    big, bigger = (wheel("demo", "1.0", padding=size) for size in (10_000, 12_000))
    size = len(bigger.content) + len(bigger.metadata)
    both.acting_as(OPERATOR).repositories.change("main", quota=size + 100)
    stage(both, opened, big)
    with pytest.raises(TooLarge):
        upload(both, wheel("other", "1.0", padding=10_000))
    stage(both, opened, bigger)
    of(both).publish("main", opened)
    assert filenames(both) == [bigger.filename]


def test_expired_stages_are_deleted_with_their_names(both: Registry, opened: str) -> None:
    """G2."""
    stage(both, opened, WHEEL)
    other = of(both).open("other", days=1).id
    expire(both, opened)
    second = of(both).open("main").id
    stage(both, second, wheel("demo", "1.0", padding=3))  # its name is free at once
    entries = [entry for entry in journal_of(both, "main") if entry.action == "expire stage"]
    assert [(entry.actor, entry.detail) for entry in entries] == [
        ("operator", {"stage": opened, "files": "1"})
    ]
    expire(both, second)
    upload(both, WHEEL)
    done = {report.name: report.did for report in both.chores.run_due()}
    assert done["expire-stages"] == "Deleted 1 stage."
    assert [found.id for found in of(both, OPERATOR).stages("other")] == [other]
    assert damage(both) == []


@pytest.mark.parametrize("days", [0, -1, 91])
def test_a_stage_is_open_for_some_days(both: Registry, days: int) -> None:
    with pytest.raises(InvalidSetting):
        of(both).open("main", days=days)
    with pytest.raises(InvalidSetting):
        of(both).open("main", "a \x1b description")


def test_a_repository_that_takes_no_uploads_takes_none_by_a_stage(
    both: Registry, opened: str
) -> None:
    stage(both, opened, WHEEL)
    both.acting_as(OPERATOR).repositories.change("main", accepts_uploads=False)
    with pytest.raises(PermissionDenied):
        of(both).open("main")
    with pytest.raises(PermissionDenied):
        stage(both, opened, SDIST)
    with pytest.raises(PermissionDenied):
        of(both).publish("main", opened)
    of(both).drop("main", opened)
