"""Uploads through the service: what is stored, what is refused, and who wins a race."""

import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest
from sqlalchemy import update

from pypi_repo import (
    ANONYMOUS,
    OPERATOR,
    Access,
    AccessPolicy,
    Actor,
    Grants,
    Limits,
    Permission,
    Registry,
    Settings,
)
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    DigestMismatch,
    FileAlreadyExists,
    FilenameRetired,
    InvalidArchive,
    InvalidFilename,
    InvalidMetadata,
    PermissionDenied,
    ProjectClosed,
    RegistryError,
    TooLarge,
    UnknownProject,
    UnknownRepository,
)
from pypi_repo.domain.filenames import identity_of
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import ProjectStatus, Repository
from pypi_repo.storage.database import tables
from pypi_repo.storage.database.database import Database
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.journal import journal_of
from tests.support.uploads import UPLOADER, filenames, form_of, page, upload

Result = TypeVar("Result")

DEMO = normalize("demo")
WHEEL = wheel(requires_python=">=3.8")
OTHER_CONTENT = wheel(requires_python=">=3.8", files={"demo/new.py": b"new = True\n"})


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    """On disk, and in S3."""
    return real_files


def _at_once(count: int, task: Callable[[int], Result]) -> list[Result | RegistryError]:
    """What `task(0)`, `task(1)` ... gave, or raised of our errors, all started together."""
    start = Barrier(count)

    def run(number: int) -> Result | RegistryError:
        start.wait()
        try:
            return task(number)
        except RegistryError as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def _serial(registry: Registry, repository: str = "main") -> int:
    return registry.acting_as(OPERATOR).repositories.get(repository).serial


def _uploads_in_journal(registry: Registry) -> int:
    return sum(entry.action == "upload file" for entry in journal_of(registry, "main"))


def test_what_an_upload_stores(both: Registry) -> None:
    """U74, U95, X36"""
    stored = upload(both, WHEEL)
    shown = page(both)
    assert shown.files == (stored,)
    assert shown.versions == ("1.0",)
    assert stored.digests.sha256 == WHEEL.sha256
    assert stored.digests.blake2_256 == WHEEL.blake2_256
    assert stored.digests.md5 == WHEEL.md5
    assert stored.size == len(WHEEL.content)
    assert stored.requires_python == ">=3.8"
    assert stored.metadata_sha256 == hashlib.sha256(WHEEL.metadata).hexdigest()
    assert stored.uploaded_by == "user@example.com"
    assert stored.uploaded_at.utcoffset() is not None


def _download(registry: Registry, path: str) -> bytes:
    source = registry.repository("main").source
    stored, size = source.file(UPLOADER, path).open()
    with stored:
        content = stored.read()
    assert len(content) == size
    return content


def test_the_bytes_and_the_metadata_come_back(both: Registry) -> None:
    """U74, X40"""
    stored = upload(both, WHEEL)
    assert _download(both, stored.path) == WHEEL.content
    assert _download(both, stored.path + ".metadata") == WHEEL.metadata


def test_metadata_are_taken_from_the_artifact_and_not_from_the_form(both: Registry) -> None:
    """U31: flit's form and file differ."""
    stored = upload(both, WHEEL, requires_python=">=2.7", summary="something else")
    assert stored.requires_python == ">=3.8"


def test_only_a_wheel_offers_its_metadata(both: Registry) -> None:
    """X42"""
    stored = upload(both, sdist())
    assert stored.metadata_hashes is None
    assert stored.python_tag == "source"


def test_the_walk_of_some_uploads_through_the_journal(both: Registry) -> None:
    """X95: serials grow by one, each with its entry."""
    before = _serial(both)
    for distribution in (wheel(), sdist(), wheel(version="2.0"), wheel("other")):
        upload(both, distribution)
    entries = [entry for entry in journal_of(both, "main") if entry.serial is not None]
    assert [entry.serial for entry in entries] == [before + number for number in (1, 2, 3, 4)]
    assert _serial(both) == before + 4
    first = entries[0]
    assert (first.action, first.actor) == ("upload file", "user@example.com")
    assert (first.project, first.version) == ("demo", "1.0")
    assert first.filename == wheel().filename
    assert first.detail == {"sha256": wheel().sha256}
    assert [(page(both, name).serial) for name in ("demo", "other")] == [before + 3, before + 4]


def test_identical_content_again_changes_nothing(both: Registry) -> None:
    """U54: also by somebody else, who gets the file as it is."""
    stored = upload(both, WHEEL)
    serial, journal = _serial(both), journal_of(both)
    assert upload(both, WHEEL, actor=Actor("colleague", grants=Grants(Access.WRITE))) == stored
    assert (_serial(both), journal_of(both)) == (serial, journal)


def test_other_content_under_an_existing_name_is_refused(both: Registry) -> None:
    """U55: with the words that clients look for."""
    stored = upload(both, WHEEL)
    serial = _serial(both)
    with pytest.raises(FileAlreadyExists, match=r"^File already exists"):
        upload(both, OTHER_CONTENT)
    assert page(both).files == (stored,)
    assert _serial(both) == serial


def test_equal_content_under_two_names_is_allowed(both: Registry) -> None:
    """U56"""
    upload(both, wheel(tag="py3-none-any"))
    renamed = wheel(tag="py3-none-any", filename="demo-1.0-1-py3-none-any.whl")
    assert renamed.content == wheel().content
    upload(both, renamed)
    assert len(filenames(both)) == 2


def test_overwriting_where_it_is_allowed(both: Registry) -> None:
    """U55: the new URL at once, and both digests in the journal."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    old = upload(both, WHEEL)
    key = both.repository("main").source.project_page(UPLOADER, DEMO).key
    new = upload(both, OTHER_CONTENT)
    assert new.path != old.path
    assert [file.path for file in page(both).files] == [new.path]
    assert both.repository("main").source.project_page(UPLOADER, DEMO).key != key
    entry = journal_of(both, "main")[-1]
    assert entry.action == "overwrite file"
    assert entry.detail == {"sha256": new.digests.sha256, "replaced_sha256": old.digests.sha256}
    assert _download(both, new.path) == OTHER_CONTENT.content
    with pytest.raises(RegistryError, match="no file"):
        _download(both, old.path)


def test_identical_content_is_no_overwriting(both: Registry) -> None:
    """U54"""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    upload(both, WHEEL)
    serial = _serial(both)
    upload(both, WHEEL)
    assert _serial(both) == serial


def test_overwriting_takes_back_a_yank(both: Registry) -> None:
    """X45: the yank was about the old content."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.yank_file("main", WHEEL.filename, "broken")
    upload(both, OTHER_CONTENT)
    assert [file.yanked for file in page(both).files] == [None]


def test_switching_protection_on_again(both: Registry) -> None:
    """U55"""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    upload(both, WHEEL)
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=False)
    with pytest.raises(FileAlreadyExists):
        upload(both, OTHER_CONTENT)


def test_the_name_of_a_deleted_file_stays_taken(both: Registry) -> None:
    """U57: for the same content too."""
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    for distribution in (WHEEL, OTHER_CONTENT):
        with pytest.raises(FilenameRetired, match="raise the version"):
            upload(both, distribution)
    assert filenames(both) == []


def test_where_their_reuse_is_allowed_deleted_names_can_be_used_again(both: Registry) -> None:
    """U57: and what is there is protected all the same."""
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    both.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    changed = wheel(files={"demo/new.py": b""})
    assert upload(both, changed).digests.sha256 == changed.sha256
    with pytest.raises(FileAlreadyExists):
        upload(both, WHEEL)


def test_where_overwriting_is_allowed_deleted_names_can_be_used_again(both: Registry) -> None:
    """U57"""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    upload(both, OTHER_CONTENT)
    assert filenames(both) == [WHEEL.filename]


UNSORTED = wheel(tag="py3.py2-none-any")
SORTED = wheel(tag="py2.py3-none-any")


@pytest.mark.parametrize(("first", "second"), [(SORTED, UNSORTED), (UNSORTED, SORTED)])
def test_another_spelling_is_the_same_wheel(
    both: Registry, first: Distribution, second: Distribution
) -> None:
    """U112: refused, or unchanged, where its exact name would be."""
    stored = upload(both, first)
    serial = _serial(both)
    with pytest.raises(FileAlreadyExists, match=f"{first.filename}"):
        upload(both, second)
    assert upload(both, replace(first, filename=second.filename)) == stored
    assert (page(both).files, _serial(both)) == ((stored,), serial)
    both.acting_as(OPERATOR).projects.delete_file("main", first.filename)
    for content in (first, second):
        with pytest.raises(FilenameRetired, match=f"^{first.filename}"):
            upload(both, replace(content, filename=second.filename))
    assert filenames(both) == []


def test_overwriting_a_wheel_under_another_spelling(both: Registry) -> None:
    """U112: one wheel is one file, under the name that came last."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    old = upload(both, UNSORTED)
    new = upload(both, SORTED)
    assert page(both).files == (new,)
    entry = journal_of(both, "main")[-1]
    assert (entry.action, entry.filename) == ("overwrite file", SORTED.filename)
    assert entry.detail["replaced_filename"] == UNSORTED.filename
    assert _download(both, new.path) == SORTED.content
    with pytest.raises(RegistryError, match="no file"):
        _download(both, old.path)
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=False)
    with pytest.raises(FileAlreadyExists):
        upload(both, UNSORTED)


def test_spellings_that_were_here_before_are_themselves(both: Registry, database: Database) -> None:
    """U112: each answers for its own name first, also where an older version wrote the row."""
    upload(both, UNSORTED)
    with database.begin() as connection:
        connection.execute(update(tables.files).values(identity=""))
    upload(both, SORTED)
    for fill in (lambda name: "", identity_of):
        with database.begin() as connection:
            for name in (UNSORTED.filename, SORTED.filename):
                connection.execute(
                    update(tables.files)
                    .where(tables.files.c.filename == name)
                    .values(identity=fill(name))
                )
        serial = _serial(both)
        for distribution in (UNSORTED, SORTED):
            assert upload(both, distribution).filename == distribution.filename
        assert _serial(both) == serial


@pytest.mark.parametrize(
    "other",
    [
        "Demo-1.0-py3-none-any.whl",
        "demo-1.0.0-py3-none-any.whl",
        "demo-v1.0-py3-none-any.whl",
    ],
)
def test_in_lenient_names_and_versions_are_spellings_too(both: Registry, other: str) -> None:
    """U112"""
    both.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    upload(both, WHEEL)
    with pytest.raises(FileAlreadyExists, match=f"{WHEEL.filename}"):
        upload(both, replace(OTHER_CONTENT, filename=other))


@pytest.mark.parametrize(("first", "second"), [("1.0", "1.0.0"), ("1.0.0", "1.0"), ("1", "1.0.0")])
def test_spellings_of_a_version_join_in_one_release(
    both: Registry, first: str, second: str
) -> None:
    """U85, X32: under the first spelling."""
    upload(both, wheel(version=first))
    upload(both, sdist(version=second))
    shown = page(both)
    assert shown.versions == (first,)
    assert {file.version for file in shown.files} == {first}
    assert len(shown.files) == 2


def test_different_versions_stay_apart(both: Registry) -> None:
    """U32, U85"""
    versions = ["1.0", "1.0.post1", "1.0rc1", "1.0+corp.1", "1!1.0", "1.0.dev1"]
    for version in versions:
        upload(both, wheel(version=version))
    assert list(page(both).versions) == versions


def test_spellings_of_a_name_join_in_one_project(both: Registry) -> None:
    """U82: the latest spelling is shown, that of the file itself."""
    upload(both, wheel("Some.Thing", "1.0"))
    upload(both, wheel("SOME_thing", "2.0"), name="some-thing")
    (listed,) = both.repository("main").source.project_list(UPLOADER).load().projects
    assert (listed.name, listed.normalized_name) == ("SOME_thing", "some-thing")
    assert len(filenames(both, "some-thing")) == 2


@pytest.mark.parametrize(
    ("status", "open_"),
    [("active", True), ("deprecated", True), ("archived", False), ("quarantined", False)],
)
def test_closed_projects_take_no_uploads(
    both: Registry, status: ProjectStatus, open_: bool
) -> None:
    """U22"""
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.set_status("main", "demo", status, "for a reason")
    serial = _serial(both)
    if open_:
        upload(both, wheel(version="2.0"))
    else:
        with pytest.raises(ProjectClosed, match=rf"{status} .*for a reason"):
            upload(both, wheel(version="2.0"))
        assert _serial(both) == serial


def test_a_project_that_is_made_active_again_takes_uploads(both: Registry) -> None:
    """U22"""
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "archived")
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    upload(both, wheel(version="2.0"))
    assert len(filenames(both)) == 2


@pytest.mark.parametrize(
    ("distribution", "overrides", "refusal"),
    [
        (wheel(filename="Demo-1.0-py3-none-any.whl"), {}, InvalidFilename),
        (WHEEL, {"version": "2.0"}, InvalidFilename),
        (WHEEL, {"sha256_digest": "0" * 64}, DigestMismatch),
        (wheel(filename="demo-2.0-py3-none-any.whl"), {"version": "2.0"}, InvalidArchive),
        (sdist(filename="demo-2.0.tar.gz"), {"version": "2.0"}, InvalidMetadata),
        (sdist("other", filename="demo-1.0.tar.gz"), {"name": "demo"}, InvalidMetadata),
        (wheel(requires_python="3.8"), {}, InvalidMetadata),
        (wheel(metadata_version="3.0"), {}, InvalidMetadata),
        (wheel(files={"demo-1.0.dist-info/METADATA": b""}), {}, InvalidMetadata),
    ],
)
def test_a_refused_upload_leaves_nothing(
    registry: Registry,
    distribution: Distribution,
    overrides: dict[str, Any],
    refusal: type[RegistryError],
) -> None:
    """U28, U30, U38, U45, U48, U67, U72: no project, no journal entry, no blob."""
    serial, journal = _serial(registry), journal_of(registry)
    with pytest.raises(refusal):
        upload(registry, distribution, **overrides)
    assert (_serial(registry), journal_of(registry)) == (serial, journal)
    assert registry.acting_as(OPERATOR).projects.all("main") == []
    with pytest.raises(UnknownProject):
        page(registry)
    assert _swept(registry) == 0


def _swept(registry: Registry) -> int:
    """How many blobs nothing refers to."""
    return registry.upkeep.sweep(grace=timedelta(minutes=-1)).blobs


def test_the_size_limit_of_the_registry() -> None:
    """U52"""
    small = Settings(
        database="sqlite://", blobs="memory://", password_cost=4, limits=Limits(file_size=100)
    )
    registry = Registry(small)
    registry.acting_as(OPERATOR).repositories.create("main", max_file_size=10_000_000)
    assert registry.repository("main").uploads.admit(UPLOADER).file_limit == 100
    with pytest.raises(TooLarge):
        upload(registry, WHEEL)
    registry.close()


def test_the_size_limit_of_a_repository(both: Registry) -> None:
    """U52: at the limit it is still accepted, one byte more is not."""
    both.acting_as(OPERATOR).repositories.change("main", max_file_size=len(WHEEL.content) - 1)
    with pytest.raises(TooLarge):
        upload(both, WHEEL)
    both.acting_as(OPERATOR).repositories.change("main", max_file_size=len(WHEEL.content))
    upload(both, WHEEL)
    both.acting_as(OPERATOR).repositories.change("main", max_file_size=None)
    assert both.repository("main").uploads.admit(UPLOADER).file_limit == Limits().file_size


@pytest.mark.parametrize("public", [False, True])
def test_who_may_not_upload_is_refused_before_anything_is_read(
    both: Registry, public: bool
) -> None:
    """U01, U20, U21"""
    both.acting_as(OPERATOR).repositories.change("main", public=public)
    uploads = both.repository("main").uploads
    with pytest.raises(AuthenticationRequired, match="to upload"):
        uploads.admit(ANONYMOUS)
    reader = Actor("reader", grants=Grants(Access.READ))
    with pytest.raises(PermissionDenied, match="may not upload"):
        uploads.admit(reader)


def test_permission_is_asked_again_for_the_project(both: Registry) -> None:
    """U02, U21: whatever else is wrong, permission comes first."""
    upload(both, WHEEL)
    reader = Actor("reader", grants=Grants(Access.READ))
    uploads = both.repository("main").uploads
    form = form_of(WHEEL, sha256_digest="0" * 64)
    with uploads.stage() as staged, pytest.raises(PermissionDenied):
        uploads.accept(reader, form, staged)


def test_an_unknown_repository_takes_nothing(both: Registry) -> None:
    with pytest.raises(UnknownRepository):
        upload(both, WHEEL, repository="nowhere")


def test_repositories_are_independent(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    upload(both, WHEEL)
    upload(both, OTHER_CONTENT, repository="other")
    assert page(both).files[0].digests.sha256 == WHEEL.sha256
    assert page(both, repository="other").files[0].digests.sha256 == OTHER_CONTENT.sha256
    assert (_serial(both), _serial(both, "other")) == (1, 1)


class _TeamPolicy(AccessPolicy):
    """A host's policy: each team owns the projects that begin with its name."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if f"exactly {project}" in actor.groups:
            return True
        return project is None or any(project.startswith(team) for team in actor.groups)


def test_a_host_decides_by_project() -> None:
    """U21"""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    registry = Registry(settings, policy=_TeamPolicy())
    registry.acting_as(OPERATOR).repositories.create("main")
    actor = Actor("ada", groups=frozenset({"demo"}))
    upload(registry, wheel("demo-app"), actor=actor)
    with pytest.raises(PermissionDenied, match="'other'"):
        upload(registry, wheel("other"), actor=actor)
    registry.close()


@pytest.mark.parametrize("content_differs", [True, False])
def test_nobody_replaces_the_file_of_another_project(content_differs: bool) -> None:
    """The name of an old sdist can be read as that of several projects."""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings, policy=_TeamPolicy()) as registry:
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create("main", profile="lenient", allow_overwrite=True)
        theirs = replace(sdist("tool-1", "2"), filename="tool-1-2.tar.gz")
        upload(registry, theirs, actor=Actor("bob", groups=frozenset({"tool-1"})))
        mine = replace(sdist("tool", "1.post2"), filename=theirs.filename)
        if not content_differs:
            mine = replace(mine, content=theirs.content)
        with pytest.raises(PermissionDenied, match="another project"):
            upload(registry, mine, actor=Actor("ada", groups=frozenset({"exactly tool"})))
        assert operator.projects.file("main", theirs.filename).digests.sha256 == theirs.sha256


# Races: sixteen at once, each engine's own locking


def test_one_filename_different_contents_one_winner(both: Registry) -> None:
    """U55, U60"""
    distributions = [wheel(files={"demo/number.py": b"%d" % number}) for number in range(16)]
    results = _at_once(16, lambda number: upload(both, distributions[number]))
    winners = [result for result in results if not isinstance(result, RegistryError)]
    losers = [result for result in results if isinstance(result, RegistryError)]
    assert len(winners) == 1
    assert {type(loser) for loser in losers} == {FileAlreadyExists}
    assert page(both).files == (winners[0],)
    assert _uploads_in_journal(both) == 1
    assert _serial(both) == 1
    assert _download(both, winners[0].path) in [item.content for item in distributions]


def test_spellings_of_one_wheel_at_once_one_winner(both: Registry) -> None:
    """U60, U112: no unique index sees that they are one."""
    tags = list(itertools.islice(itertools.permutations(["py2", "py3", "py35", "py36"]), 16))
    distributions = [wheel(tag=f"{'.'.join(each)}-none-any") for each in tags]
    results = _at_once(16, lambda number: upload(both, distributions[number]))
    winners = [result for result in results if not isinstance(result, RegistryError)]
    losers = [result for result in results if isinstance(result, RegistryError)]
    assert len(winners) == 1
    assert {type(loser) for loser in losers} == {FileAlreadyExists}
    assert page(both).files == (winners[0],)


def test_one_filename_identical_contents_all_succeed(both: Registry) -> None:
    """U54, U60"""
    results = _at_once(16, lambda _number: upload(both, WHEEL))
    assert {getattr(result, "path", result) for result in results} == {page(both).files[0].path}
    assert _uploads_in_journal(both) == 1
    assert _serial(both) == 1


def test_sixteen_files_of_a_new_project_make_one_project_and_one_release(both: Registry) -> None:
    """U60"""
    distributions = [wheel(build=f"{number}") for number in range(16)]
    results = _at_once(16, lambda number: upload(both, distributions[number]))
    assert not [result for result in results if isinstance(result, RegistryError)]
    assert [project.name for project in both.acting_as(OPERATOR).projects.all("main")] == ["demo"]
    assert page(both).versions == ("1.0",)
    assert sorted(filenames(both)) == sorted(item.filename for item in distributions)
    serials = [entry.serial for entry in journal_of(both, "main")][-16:]
    assert serials == list(range(1, 17))


def test_overwriting_from_sixteen_sides_leaves_one_file(both: Registry) -> None:
    """U55, U60: each replaces another one's, and the journal tells in which order."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    distributions = [wheel(files={"demo/number.py": b"%d" % number}) for number in range(16)]
    results = _at_once(16, lambda number: upload(both, distributions[number]))
    assert not [result for result in results if isinstance(result, RegistryError)]
    details = [entry.detail or {} for entry in journal_of(both, "main")][-16:]
    replaced = [detail.get("replaced_sha256") for detail in details]
    assert replaced == [None, *(detail["sha256"] for detail in details[:-1])]
    assert [file.digests.sha256 for file in page(both).files] == [details[-1]["sha256"]]


def test_uploads_and_deletions_of_a_project_at_once_lose_nothing(both: Registry) -> None:
    upload(both, wheel(version="0.1"))

    def change(number: int) -> None:
        if number % 4 == 0:
            both.acting_as(OPERATOR).projects.delete("main", "demo")
        else:
            upload(both, wheel(version=f"{number}.0"))

    results = _at_once(16, change)
    failures = [result for result in results if isinstance(result, RegistryError)]
    assert {type(failure) for failure in failures} <= {UnknownProject}
    journal = [entry for entry in journal_of(both, "main") if entry.serial is not None]
    assert [entry.serial for entry in journal] == list(range(1, len(journal) + 1))
    last_deletion = max(i for i, entry in enumerate(journal) if entry.action == "delete project")
    expected = {entry.filename for entry in journal[last_deletion + 1 :]}
    shown = set(filenames(both)) if both.acting_as(OPERATOR).projects.all("main") else set()
    assert shown == expected
