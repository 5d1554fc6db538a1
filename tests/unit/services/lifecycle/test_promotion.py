"""Releases that are copied or moved to another repository, all of their files or none."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import IO, Any

import pytest
from sqlalchemy import select

from pypi_repo import OPERATOR, Access, Actor, Grants, Permission, Registry, Settings
from pypi_repo.domain.accounts.access import ANONYMOUS, GrantPolicy
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    Conflict,
    FileAlreadyExists,
    FilenameRetired,
    InvalidArchive,
    InvalidFilename,
    InvalidMetadata,
    InvalidName,
    InvalidSetting,
    PermissionDenied,
    ProjectClosed,
    RegistryError,
    ReleaseClosed,
    TooLarge,
    UnknownFile,
    UnknownProject,
    UnknownRelease,
    UnknownRepository,
)
from pypi_repo.domain.events.event import Event
from pypi_repo.domain.lifecycle.errors import FileStaged
from pypi_repo.domain.records import DistributionFile, ProjectPage, Repository
from pypi_repo.domain.upstreams.errors import NameSupplied
from pypi_repo.services.lifecycle import promotion
from pypi_repo.services.sources.source import Redirect
from pypi_repo.storage.database.tables import releases
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.journal import journal_of
from tests.support.sql import count_statements
from tests.support.uploads import UPLOADER, damage, filenames, page, publish, stage, upload

WHEEL, SDIST, NEWER = wheel(), sdist(), wheel(version="2.0")
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
RECORD = "demo-1.0.dist-info/RECORD"
EVERYTHING = timedelta(minutes=-1)
"""A grace for the sweep that spares nothing."""

Change = Callable[[Registry], Any]

_PINNED = select(releases.c.version, releases.c.pinned).order_by(releases.c.version)


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


@pytest.fixture
def demo(both: Registry) -> Registry:
    """`main` has two releases of a project, and `releases` has nothing."""
    both.acting_as(OPERATOR).repositories.create("releases")
    publish(both, WHEEL, signature=SIGNATURE, attestations=json.dumps([attestation(WHEEL)]))
    upload(both, SDIST)
    upload(both, NEWER)
    return both


def promote(registry: Registry, *, actor: Actor = OPERATOR, move: bool = False) -> Any:
    return registry.acting_as(actor).promotion.release("main", "demo", "1.0", "releases", move=move)


def _files(registry: Registry, repository: str, project: str = "demo") -> list[DistributionFile]:
    return registry.acting_as(OPERATOR).projects.get(repository, project)[1]


def _provenance(registry: Registry, repository: str, dist: Distribution) -> Any:
    source = registry.repository(repository).source
    return json.loads(source.provenance(UPLOADER, page(registry).name, "1.0", dist.filename))


def _actions(registry: Registry, repository: str) -> list[tuple[str, str | None, Any]]:
    return [(each.action, each.version, each.detail) for each in journal_of(registry, repository)]


def _content(registry: Registry, repository: str, path: str) -> bytes:
    served = registry.repository(repository).source.file(UPLOADER, path)
    assert not isinstance(served, Redirect)
    content, _size = served.open()
    with content:
        return content.read()


def assert_nothing_promoted(registry: Registry, target: str = "releases") -> None:
    with pytest.raises(UnknownProject):
        page(registry, repository=target)
    assert "receive release" not in {each.action for each in journal_of(registry, target)}
    assert filenames(registry)[:2] == [WHEEL.filename, SDIST.filename]
    assert "promote release" not in {each.action for each in journal_of(registry, "main")}


# What is promoted


def test_all_that_is_known_of_the_files_stays(demo: Registry) -> None:
    """M1: digests, upload-time, uploader, metadata, provenance, signatures, yanks."""
    demo.acting_as(OPERATOR).projects.yank_file("main", SDIST.filename, "broken")
    before = _files(demo, "main")
    promoted = promote(demo)
    assert _files(demo, "releases") == before[:2] == list(promoted.files)
    assert _files(demo, "main") == before
    assert _provenance(demo, "releases", WHEEL) == _provenance(demo, "main", WHEEL)
    for file in before[:2]:
        assert _content(demo, "releases", file.path) == _content(demo, "main", file.path)
    assert _content(demo, "releases", before[0].path + ".metadata") == WHEEL.metadata
    assert _content(demo, "releases", before[0].path + ".asc") == SIGNATURE


def test_the_journal_has_both_ends(demo: Registry) -> None:
    """M1"""
    before = len(journal_of(demo, "main"))
    promote(demo, actor=UPLOADER)
    assert _actions(demo, "main")[before:] == [
        ("promote release", "1.0", {"to": "releases", "files": "2"})
    ]
    assert _actions(demo, "releases")[1:] == [
        ("upload file", "1.0", {"sha256": WHEEL.sha256, "from": "main"}),
        ("upload file", "1.0", {"sha256": SDIST.sha256, "from": "main"}),
        ("receive release", "1.0", {"from": "main"}),
    ]
    entries = journal_of(demo, "releases")[1:]
    assert {each.actor for each in entries} == {UPLOADER.name}
    assert sorted(each.at for each in entries) == [each.at for each in entries]
    assert [each.serial for each in entries] == [1, 2, 3]


def test_who_is_subscribed_is_told_of_both_ends(demo: Registry) -> None:
    """E1, M1: and of nothing where the target refuses one file."""
    told: list[Event] = []
    end = demo.subscribe(told.append)
    demo.acting_as(OPERATOR).repositories.change("releases", quota=len(WHEEL.content) + 1)
    with pytest.raises(TooLarge):
        promote(demo, move=True)
    assert told == []
    demo.acting_as(OPERATOR).repositories.change("releases", quota=None)
    promote(demo, move=True)
    end()
    assert [(event.type, event.repository, event.filename) for event in told] == [
        ("file.uploaded", "releases", WHEEL.filename),
        ("file.uploaded", "releases", SDIST.filename),
        ("release.promoted", "main", None),
        ("release.received", "releases", None),
    ]


def test_no_byte_is_copied(demo: Registry) -> None:
    """M1: nothing is put into the file store, and no archive is read."""
    blobs = {each.path: each.modified for each in demo._blobs.walk()}
    promote(demo)
    assert {each.path: each.modified for each in demo._blobs.walk()} == blobs


def test_a_move_leaves_nothing_and_retires_the_names(demo: Registry) -> None:
    """M1, M2"""
    demo.acting_as(OPERATOR).projects.yank_file("main", SDIST.filename, "")
    before = _files(demo, "main")
    assert promote(demo, move=True).is_moved
    assert _files(demo, "releases") == before[:2]
    assert filenames(demo) == [NEWER.filename]
    assert page(demo).versions == ("2.0",)
    for dist in (WHEEL, SDIST):
        with pytest.raises(FilenameRetired):
            upload(demo, dist)
    assert _actions(demo, "main")[-1] == (
        "promote release",
        "1.0",
        {"to": "releases", "moved": "yes", "files": "2"},
    )


def test_a_sweep_right_after_a_move_keeps_the_bytes(demo: Registry) -> None:
    """M1"""
    promote(demo, move=True)
    assert demo.upkeep.sweep(EVERYTHING).blobs == 0
    assert damage(demo) == []
    for file in _files(demo, "releases"):
        assert _content(demo, "releases", file.path) in (WHEEL.content, SDIST.content)


def test_a_whole_project(demo: Registry) -> None:
    """M1"""
    before = _files(demo, "main")
    promoted = demo.acting_as(OPERATOR).promotion.project("main", "Demo", "releases")
    assert _files(demo, "releases") == before == list(promoted.files)
    assert [action[:2] for action in _actions(demo, "main")[-2:]] == [
        ("promote release", "1.0"),
        ("promote release", "2.0"),
    ]
    demo.acting_as(OPERATOR).projects.delete("releases", "demo")
    demo.acting_as(OPERATOR).repositories.change("releases", allow_reuse=True)
    demo.acting_as(OPERATOR).promotion.project("main", "Demo", "releases", move=True)
    assert _files(demo, "releases") == before
    with pytest.raises(UnknownProject):
        page(demo)
    assert _actions(demo, "main")[-1] == ("delete project", None, {"to": "releases"})
    assert demo.acting_as(OPERATOR).sources.of("main").kept == {"demo"}


def test_a_move_keeps_the_pin(demo: Registry) -> None:
    """K2: what is in use is not deleted by a rule of the target."""
    demo.acting_as(OPERATOR).pins.pin("main", "demo", "1.0", "in use")
    promote(demo, move=True)
    rows = demo._database.execute(_PINNED).all()
    assert [tuple(row) for row in rows] == [("1.0", "in use"), ("2.0", None)]


def _yank(registry: Registry) -> None:
    registry.acting_as(OPERATOR).projects.yank_file("main", SDIST.filename, "broken")


def _sign(registry: Registry) -> None:
    """The target has the other wheel without signature and provenance."""
    registry.acting_as(OPERATOR).projects.delete("releases", "demo")
    registry.acting_as(OPERATOR).repositories.change("releases", allow_reuse=True)
    upload(registry, WHEEL, "releases")


@pytest.mark.parametrize("differ", [_yank, _sign])
def test_a_move_loses_nothing_of_a_file_that_is_there_already(
    demo: Registry, differ: Change
) -> None:
    """M1: yanks, signatures and provenance."""
    promote(demo)
    differ(demo)
    before = _files(demo, "main"), _files(demo, "releases"), len(journal_of(demo))
    with pytest.raises(Conflict) as refused:
        promote(demo, move=True)
    assert refused.value.code == "conflict"
    assert (_files(demo, "main"), _files(demo, "releases"), len(journal_of(demo))) == before
    promote(demo)  # as a copy
    demo.acting_as(OPERATOR).repositories.change("releases", allow_reuse=True)
    demo.acting_as(OPERATOR).projects.delete("releases", "demo")
    promote(demo, move=True)
    assert _files(demo, "releases") == before[0][:2]


@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_a_project_that_is_moved_keeps_its_status(demo: Registry, status: Any) -> None:
    """M1"""
    projects = demo.acting_as(OPERATOR).projects
    promotion = demo.acting_as(OPERATOR).promotion
    projects.set_status("main", "demo", status, "see other")
    promotion.project("main", "demo", "releases", move=True)
    moved, files = projects.get("releases", "demo")
    assert (moved.status, moved.status_reason, len(files)) == (status, "see other", 3)
    detail = {"reason": "see other", "from": "main"}
    assert _actions(demo, "releases")[-1] == (f"set status {status}", None, detail)


def test_a_move_that_would_lose_the_status_is_refused(demo: Registry) -> None:
    """M1"""
    projects = demo.acting_as(OPERATOR).projects
    promotion = demo.acting_as(OPERATOR).promotion
    promotion.project("main", "demo", "releases")
    projects.set_status("main", "demo", "archived")
    with pytest.raises(Conflict):
        promotion.project("main", "demo", "releases", move=True)
    assert len(_files(demo, "main")) == 3
    projects.set_status("releases", "demo", "archived")
    with pytest.raises(ProjectClosed):
        promotion.project("main", "demo", "releases", move=True)
    for repository in ("main", "releases"):
        projects.set_status(repository, "demo", "deprecated")
    promotion.project("main", "demo", "releases", move=True)
    assert projects.get("releases", "demo")[0].status == "deprecated"


def test_what_is_there_already_stays_as_it_is(demo: Registry) -> None:
    promote(demo)
    demo.acting_as(OPERATOR).projects.yank_file("releases", WHEEL.filename, "only here")
    before, entries = _files(demo, "releases"), len(journal_of(demo))
    again = promote(demo)
    assert again.is_unchanged
    assert list(again.files) == before == _files(demo, "releases")
    assert len(journal_of(demo)) == entries
    assert promote(demo, move=True).is_unchanged
    assert _files(demo, "releases") == before
    assert filenames(demo) == [NEWER.filename]


def test_files_that_came_later_follow(demo: Registry) -> None:
    promote(demo)
    later = wheel(build="2")
    upload(demo, later)
    promoted = promote(demo)
    assert [each.is_unchanged for each in promoted.accepted] == [True, True, False]
    assert filenames(demo, repository="releases")[2:] == [later.filename]


@pytest.mark.parametrize("spelling", ["1.0", "1.0.0", "v1", "1"])
def test_any_spelling_of_name_and_version(demo: Registry, spelling: str) -> None:
    demo.acting_as(OPERATOR).promotion.release("main", "DEMO", spelling, "releases")
    assert page(demo, repository="releases").versions == ("1.0",)


def test_overwriting_where_it_is_allowed(demo: Registry) -> None:
    demo.acting_as(OPERATOR).repositories.change("releases", allow_overwrite=True)
    other = wheel(description="other content")
    upload(demo, other, "releases")
    promote(demo)
    assert _files(demo, "releases") == _files(demo, "main")[:2]
    assert "overwrite file" in {each.action for each in journal_of(demo, "releases")}
    (entry,) = demo.acting_as(OPERATOR).trash.entries("releases")
    assert (entry.action, entry.filename) == ("overwrite file", WHEEL.filename)


def test_what_is_moved_is_not_in_the_trash(demo: Registry) -> None:
    promote(demo, move=True)
    assert demo.acting_as(OPERATOR).trash.entries("main") == []


def test_what_is_in_the_trash_is_not_promoted(demo: Registry) -> None:
    demo.acting_as(OPERATOR).projects.delete_file("main", SDIST.filename)
    promote(demo)
    assert filenames(demo, repository="releases") == [WHEEL.filename]


def test_several_promotions_as_one(demo: Registry) -> None:
    """With what comes after them, or not at all."""
    promotion = demo.acting_as(OPERATOR).promotion

    def both_releases(second: str) -> None:
        for version in ("1.0", second):
            promotion.release("main", "demo", version, "releases", move=True)

    with pytest.raises(UnknownRelease):
        demo.as_one(lambda: both_releases("3.0"))
    assert_nothing_promoted(demo)
    demo.as_one(lambda: both_releases("2.0"))
    assert len(filenames(demo, repository="releases")) == 3


# Whose rights are asked


READ_BOTH = Actor("reader", grants=Grants(Access.READ))
WRITE_TARGET = Actor("ci", grants=Grants(named={"main": Access.READ, "releases": Access.WRITE}))
ONLY_TARGET = Actor("outsider", grants=Grants(named={"releases": Access.WRITE}))
OTHER_PROJECTS = Actor(
    "other", grants=Grants(Access.READ, patterns={("releases", "acme-*"): Access.WRITE})
)


def test_read_on_the_source_and_upload_on_the_target_are_enough(demo: Registry) -> None:
    """M2"""
    promote(demo, actor=WRITE_TARGET)
    assert filenames(demo, repository="releases") == [WHEEL.filename, SDIST.filename]


@pytest.mark.parametrize(
    ("actor", "move", "error"),
    [
        (READ_BOTH, False, PermissionDenied),
        (ONLY_TARGET, False, PermissionDenied),
        (OTHER_PROJECTS, False, PermissionDenied),
        (ANONYMOUS, False, AuthenticationRequired),
        (WRITE_TARGET, True, PermissionDenied),
        (UPLOADER, True, PermissionDenied),
    ],
    ids=["may not upload", "may not read", "other projects", "anonymous", "move", "move of own"],
)
def test_other_rights_are_not_enough(
    demo: Registry, actor: Actor, move: bool, error: type[RegistryError]
) -> None:
    """M2; a move deletes files, for which nobody but who manages the source has the right."""
    with pytest.raises(error):
        promote(demo, actor=actor, move=move)
    assert_nothing_promoted(demo)


class Managing(GrantPolicy):
    """`manager` manages what is in `main`."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if permission is Permission.MANAGE and actor.name == "manager":
            return repository.name == "main"
        return super().allows(actor, permission, repository, project)


def test_who_manages_the_source_may_move() -> None:
    """M2"""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings, policy=Managing()) as registry:
        for name in ("main", "releases"):
            registry.acting_as(OPERATOR).repositories.create(name)
        upload(registry, WHEEL)
        promote(registry, actor=replace(UPLOADER, name="manager"), move=True)
        assert filenames(registry, repository="releases") == [WHEEL.filename]


# What the target refuses


def _overwritten(registry: Registry) -> None:
    upload(registry, sdist(description="other content"), "releases")


def _deleted(registry: Registry) -> None:
    upload(registry, SDIST, "releases")
    registry.acting_as(OPERATOR).projects.delete_file("releases", SDIST.filename)


def _archived(registry: Registry) -> None:
    upload(registry, NEWER, "releases")
    registry.acting_as(OPERATOR).projects.set_status("releases", "demo", "archived")


def _staged(registry: Registry) -> None:
    stage(registry, registry.acting_as(UPLOADER).stages.open("releases").id, SDIST, "releases")


def _changed(**settings: Any) -> Change:
    return lambda registry: registry.acting_as(OPERATOR).repositories.change("releases", **settings)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_overwritten, FileAlreadyExists),
        (_deleted, FilenameRetired),
        (_staged, FileStaged),
        (_archived, ProjectClosed),
        (_changed(accepts_uploads=False), PermissionDenied),
        (_changed(quota=len(WHEEL.content) + len(SDIST.content)), TooLarge),
        (_changed(max_file_size=len(WHEEL.content) - 1), TooLarge),
        (_changed(profile="pypi"), InvalidMetadata),
    ],
    ids=["protected", "retired", "staged", "archived", "closed", "quota", "file size", "profile"],
)
def test_each_rule_of_the_target_refuses_the_whole(
    demo: Registry, change: Change, error: type[RegistryError]
) -> None:
    """M1: nothing is left of the files that it would have taken, and nothing is moved."""
    upload(demo, wheel(build="7", extra_metadata="Classifier: Home :: Made"))
    change(demo)
    at_first = journal_of(demo)
    for move in (False, True):
        with pytest.raises(error):
            promote(demo, move=move)
        assert journal_of(demo) == at_first
    assert WHEEL.filename not in _names(demo, "releases")
    assert filenames(demo)[:2] == [WHEEL.filename, SDIST.filename]


def _names(registry: Registry, repository: str) -> list[str]:
    try:
        return [file.filename for file in _files(registry, repository)]
    except UnknownProject:
        return []


def test_a_refusal_names_the_file(demo: Registry) -> None:
    odd = wheel(build="7", extra_metadata="Classifier: Home :: Made")
    upload(demo, odd)
    demo.acting_as(OPERATOR).repositories.change("releases", profile="pypi")
    with pytest.raises(InvalidMetadata) as refused:
        promote(demo)
    assert refused.value.message.startswith(f"{odd.filename}: ")


def test_a_release_with_another_source_distribution(demo: Registry) -> None:
    demo.acting_as(OPERATOR).repositories.change("releases", profile="lenient")
    upload(demo, sdist(filename="demo-1.0.0.tar.gz"), "releases")
    demo.acting_as(OPERATOR).repositories.change("releases", profile="private")
    with pytest.raises(ReleaseClosed):
        promote(demo)
    assert _names(demo, "releases") == ["demo-1.0.0.tar.gz"]


def test_a_name_that_is_too_similar_or_comes_from_a_source(demo: Registry) -> None:
    """The sources of the target as well: whoever promotes could else replace what all get."""
    operator = demo.acting_as(OPERATOR)
    upload(demo, wheel("Dem0"), "releases")
    operator.repositories.change("releases", profile="pypi")
    with pytest.raises(InvalidName):
        promote(demo)
    operator.repositories.create("below")
    operator.repositories.create("front")
    upload(demo, NEWER, "below")
    operator.sources.set_sources("front", ["repository:below"])
    with pytest.raises(NameSupplied):
        operator.promotion.release("main", "demo", "1.0", "front")


@pytest.mark.parametrize(
    ("dist", "error"),
    [
        (wheel(files={RECORD: b"demo/__init__.py,sha256=AA,1\n"}), InvalidArchive),
        (wheel(files={"demo-1.0.dist-info/WHEEL": b"Wheel-Version: 9.0\n"}), InvalidArchive),
        (sdist(metadata_version="2.4", extra_metadata="License-File: LICENSE"), InvalidArchive),
        (wheel(extra_metadata="Project-URL: no comma"), InvalidMetadata),
        (sdist(filename="Demo-1.0.tar.gz"), InvalidFilename),
    ],
    ids=["record", "wheel file", "licence file", "metadata", "filename"],
)
def test_what_only_a_lenient_repository_takes(
    both: Registry, dist: Distribution, error: type[RegistryError]
) -> None:
    """M1: the archive is read where the target asks more than the source did."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("old", profile="lenient")
    operator.repositories.create("older", profile="lenient")
    upload(both, dist, "old")
    with pytest.raises(error):
        operator.promotion.release("old", "demo", "1.0", "main")
    with pytest.raises(UnknownProject):
        page(both)
    operator.promotion.release("old", "demo", "1.0", "older")
    assert filenames(both, repository="older") == [dist.filename]


def test_core_metadata_of_many_wheels_are_read_once(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object store answers each request after some hundredths of a second."""
    registry.acting_as(OPERATOR).repositories.create("releases")
    for number in range(5):
        upload(registry, wheel(build=str(number)))
    upload(registry, SDIST)
    opened, open_blob = [], registry._blobs.open

    def noted(path: str) -> IO[bytes]:
        opened.append(path)
        return open_blob(path)

    monkeypatch.setattr(registry._blobs, "open", noted)
    promote(registry)
    assert len(opened) == 1
    assert opened[0].endswith(".whl.metadata")


def _damage(registry: Registry, dist: Distribution, *, at: int) -> None:
    """Changes one byte of a stored file."""
    content = bytearray(dist.content)
    content[at] ^= 0xFF
    blobs = registry._blobs
    with blobs.stage() as staged:
        staged.write(bytes(content), len(content))
        blobs.put(dist.path, staged, {})


LARGE = wheel("large", padding=100_000)
_IN_ITS_PADDING = len(LARGE.content) - 50_000
_AT_ITS_END = len(LARGE.content) - 10


def test_archives_are_only_read_for_rules_that_the_source_did_not_have(demo: Registry) -> None:
    """M1: and of wheels that were read before, only the parts that the rules are about."""
    operator = demo.acting_as(OPERATOR)
    operator.repositories.create("lenient", profile="lenient")
    operator.repositories.create("pypi", profile="pypi")
    upload(demo, LARGE)
    _damage(demo, LARGE, at=_IN_ITS_PADDING)
    for target in ("lenient", "pypi"):
        operator.promotion.release("main", "large", "1.0", target)
    with pytest.raises(InvalidArchive):  # RECORD has digests of all members
        operator.promotion.release("lenient", "large", "1.0", "releases")
    _damage(demo, LARGE, at=_AT_ITS_END)
    operator.promotion.release("main", "large", "1.0", "releases")
    operator.repositories.change("pypi", allow_reuse=True)
    operator.projects.delete("pypi", "large")
    with pytest.raises(InvalidArchive):
        operator.promotion.release("main", "large", "1.0", "pypi")


def test_a_good_release_of_a_lenient_repository_is_taken(demo: Registry) -> None:
    operator = demo.acting_as(OPERATOR)
    operator.repositories.change("main", profile="lenient")
    promote(demo)
    assert filenames(demo, repository="releases") == [WHEEL.filename, SDIST.filename]


def test_an_exempted_file_must_be_allowed_by_the_target(demo: Registry) -> None:
    """What was imported as it is would have been refused by the profile of its own repository."""
    operator = demo.acting_as(OPERATOR)
    operator.repositories.change("main", profile="lenient")
    odd = wheel("odd", extra_metadata="Project-URL: no comma")
    upload(demo, odd)
    with demo._database.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE files SET exemption = 'odd' WHERE filename = '{odd.filename}'"
        )
    operator.repositories.change("main", profile="private")
    with pytest.raises(InvalidMetadata):
        operator.promotion.release("main", "odd", "1.0", "releases")
    operator.repositories.change("releases", profile="lenient")
    operator.promotion.release("main", "odd", "1.0", "releases")
    (file,) = _files(demo, "releases", "odd")
    assert file.exemption is None


# What is not there


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (("main", "demo", "3.0", "releases"), UnknownRelease),
        (("main", "demo", "no version", "releases"), UnknownRelease),
        (("main", "other", "1.0", "releases"), UnknownProject),
        (("nowhere", "demo", "1.0", "releases"), UnknownRepository),
        (("main", "demo", "1.0", "nowhere"), UnknownRepository),
        (("main", "demo", "1.0", "main"), InvalidSetting),
    ],
)
def test_what_is_not_there(
    demo: Registry, what: tuple[str, str, str, str], error: type[RegistryError]
) -> None:
    with pytest.raises(error):
        demo.acting_as(OPERATOR).promotion.release(*what)
    assert_nothing_promoted(demo)


def test_no_more_files_than_can_be_promoted_while_others_wait(
    demo: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M1: SQLite lets nobody else write meanwhile."""
    monkeypatch.setattr(promotion, "MOST_FILES", 2)
    promotions = demo.acting_as(OPERATOR).promotion
    with pytest.raises(Conflict):
        promotions.project("main", "demo", "releases")
    promotions.release("main", "demo", "1.0", "releases")
    assert len(filenames(demo, repository="releases")) == 2


def test_a_release_without_files(demo: Registry) -> None:
    operator = demo.acting_as(OPERATOR)
    for dist in (WHEEL, SDIST):
        operator.projects.delete_file("main", dist.filename)
    with pytest.raises(UnknownFile):
        promote(demo, move=True)


def test_what_is_quarantined_is_offered_to_no_other_repository(demo: Registry) -> None:
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined", "bad")
    with pytest.raises(ProjectClosed):
        promote(demo)
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", "archived")
    promote(demo)
    assert _page(demo).status == "active"


def _page(registry: Registry) -> ProjectPage:
    return page(registry, repository="releases")


def test_files_of_sources_are_refused(demo: Registry) -> None:
    """Neither those of an upstream nor those of another repository are the source's own."""
    operator = demo.acting_as(OPERATOR)
    operator.repositories.create("front")
    operator.upstreams.create("public", url="https://index.example/simple/", offline=True)
    operator.sources.set_sources("front", ["repository:main", "upstream:public"])
    assert filenames(demo, repository="front")
    for name in ("demo", "elsewhere"):
        with pytest.raises(UnknownProject, match="only what was uploaded"):
            operator.promotion.release("front", name, "1.0", "releases")
    assert_nothing_promoted(demo)


def test_lost_bytes_are_not_passed_on(demo: Registry) -> None:
    (file, *_rest) = _files(demo, "main")
    demo._blobs.delete(file.path + ".metadata")
    with pytest.raises(UnknownFile):
        promote(demo)
    assert_nothing_promoted(demo)


def test_statements_grow_with_the_files_and_not_with_the_repository(demo: Registry) -> None:
    """M1: a promotion of many files is one short transaction."""
    for number in range(8):
        upload(demo, wheel("many", "1.0", build=str(number)))
        upload(demo, wheel("few", "1.0") if number == 0 else wheel(f"other-{number}"))
    promotion, counts = demo.acting_as(OPERATOR).promotion, []
    promotion.release("main", "demo", "2.0", "releases")  # what is asked once is asked now
    for name in ("few", "many"):
        with count_statements(demo._database) as statements:
            promotion.release("main", name, "1.0", "releases")
        counts.append(len(statements))
    assert counts[1] - counts[0] <= 7 * 7
