"""Retention rules at work: what a preview lists, what a run deletes (K1 to K4)."""

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from pypi_repo import (
    EVERY_AREA,
    OPERATOR,
    Actor,
    ActorKind,
    GrantPolicy,
    Permission,
    Registry,
    Settings,
)
from pypi_repo.domain.errors import (
    Conflict,
    InvalidSetting,
    PermissionDenied,
    UnknownProject,
    UnknownRelease,
    UnknownRepository,
)
from pypi_repo.domain.lifecycle.errors import NotPreviewed, UnknownRetentionRule
from pypi_repo.domain.lifecycle.expiring import ExpiringRelease, RetentionPreview, RetentionRun
from pypi_repo.domain.records import Repository
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.services.lifecycle.retention import Retention
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import projects, releases
from tests.conftest import ADMINISTRATOR
from tests.support.aging import fill, grow_old, note_download
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.sql import count_statements
from tests.support.uploads import UPLOADER, page, upload

VERSIONS = ("1.0", "2.0", "3.0", "4.0")
ADMIN = Actor(ADMINISTRATOR, kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)


@pytest.fixture
def demo(both: Registry, database: Database) -> Registry:
    """With four old releases of a project."""
    for version in VERSIONS:
        upload(both, wheel(version=version))
    grow_old(database)
    return both


@pytest.fixture
def retention(demo: Registry) -> Retention:
    return demo.acting_as(OPERATOR).retention


def preview(retention: Retention, repository: str = "main") -> list[ExpiringRelease]:
    """What is listed; after that, the rules may be run."""
    found: list[ExpiringRelease] = []
    retention.preview(repository, found.append)
    return found


def versions(registry: Registry, project: str = "demo") -> set[str]:
    return set(page(registry, project).versions)


def test_k3_a_run_deletes_what_the_preview_listed_and_nothing_else(
    demo: Registry, retention: Retention, database: Database
) -> None:
    upload(demo, sdist(version="1.0"))
    upload(demo, wheel("other", "0.1"))
    grow_old(database)
    rule = retention.add_rule("main", "demo", keep_last=2)
    listed = preview(retention)
    assert [(found.project, found.version, found.files) for found in listed] == [
        ("demo", "1.0", 2),
        ("demo", "2.0", 1),
    ]
    assert {found.reason for found in listed} == {"not among the last 2 final releases"}
    assert {found.rule_id for found in listed} == {rule.id}
    done = retention.run("main")
    assert done == RetentionRun(releases=2, files=3, size=sum(found.size for found in listed))
    assert versions(demo) == {"3.0", "4.0"}
    assert versions(demo, "other") == {"0.1"}
    assert retention.run("main") == RetentionRun()


def test_k1_what_is_not_kept_goes_to_the_trash_with_its_reason(
    demo: Registry, retention: Retention
) -> None:
    rule = retention.add_rule("main", "*", keep_last=3)
    preview(retention)
    retention.run("main")
    entry = journal_of(demo, "main")[-1]
    assert (entry.action, entry.project, entry.version, entry.actor) == (
        *("expire release", "demo", "1.0", "operator"),
    )
    assert entry.detail == {
        "rule": str(rule.id),
        "reason": "not among the last 3 final releases",
    }
    assert entry.serial == page(demo).serial


def test_k3_rules_are_not_run_before_their_preview(demo: Registry, retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=1)
    with pytest.raises(NotPreviewed, match="preview them first"):
        retention.run("main")
    assert retention.run_all() == RetentionRun()
    assert versions(demo) == set(VERSIONS)
    assert len(preview(retention)) == 3
    assert retention.run_all().releases == 3


def test_k3_a_change_of_one_rule_makes_all_wait_for_a_preview(
    demo: Registry, retention: Retention
) -> None:
    first = retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    assert all(rule.previewed_at for rule in retention.rules("main"))
    second = retention.add_rule("main", "other", keep_last=1)
    assert [rule.previewed_at for rule in retention.rules("main")] == [None, None]
    with pytest.raises(NotPreviewed):
        retention.run("main")
    preview(retention)
    retention.delete_rule("main", second.id)
    assert [(rule.id, rule.previewed_at) for rule in retention.rules("main")] == [(first.id, None)]
    with pytest.raises(NotPreviewed):
        retention.run("main")


def test_k3_looking_alone_lets_nothing_be_run(retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=1)
    found: list[ExpiringRelease] = []
    seen = retention.expiring("main", found.append)
    size = sum(each.size for each in found)
    assert seen == RetentionPreview(releases=3, files=3, size=size, kept=1, is_previewed=False)
    with pytest.raises(NotPreviewed):
        retention.run("main")


def test_k3_a_preview_that_was_not_shown_to_its_end_does_not_count(retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=1)

    def broken(_found: ExpiringRelease) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        retention.preview("main", broken)
    with pytest.raises(NotPreviewed):
        retention.run("main")


def test_k3_a_rule_that_comes_during_the_preview_is_not_previewed(retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=3)
    with pytest.raises(Conflict, match="changed meanwhile"):
        retention.preview("main", lambda _found: retention.add_rule("main", "*", keep_last=0))
    with pytest.raises(NotPreviewed):
        retention.run("main")


def test_k3_previews_are_in_the_journal_once(demo: Registry, retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=1)
    first, second = preview(retention), preview(retention)
    assert first == second
    actions = [entry.action for entry in journal_of(demo, "main")]
    assert actions[-2:] == ["add retention rule", "preview retention"]
    assert journal_of(demo, "main")[-1].detail == {"releases": "3", "files": "3"}


def test_k3_at_most_so_many_files_in_a_run(
    demo: Registry, retention: Retention, database: Database
) -> None:
    upload(demo, sdist(version="1.0"))
    upload(demo, sdist(version="2.0"))
    grow_old(database)
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    done = retention.run("main", limit=3)
    assert (done.releases, done.files, done.is_complete) == (2, 3, False)
    assert versions(demo) == {"2.0", "4.0"}, "a release that fits in no more waits for the next run"
    done = retention.run("main", limit=2)
    assert (done.releases, done.files, done.is_complete) == (1, 2, True)
    with pytest.raises(InvalidSetting):
        retention.run("main", limit=0)


def test_k2_a_pinned_release_stays(demo: Registry, retention: Retention) -> None:
    pins = demo.acting_as(OPERATOR).pins
    pins.pin("main", "Demo", "1.0.0", "in use by the plant")
    retention.add_rule("main", "*", keep_last=1)
    assert [found.version for found in preview(retention)] == ["2.0", "3.0"]
    retention.run("main")
    assert versions(demo) == {"1.0", "4.0"}
    pins.unpin("main", "demo", "1.0")
    retention.run("main")
    assert versions(demo) == {"4.0"}


def test_k2_pins_are_told_and_journalled(demo: Registry) -> None:
    pins = demo.acting_as(ADMIN).pins
    before = page(demo).serial
    pins.pin("main", "demo", "1.0", "in use")
    pins.pin("main", "demo", "2.0")
    pins.pin("main", "demo", "2.0")
    assert pins.of("main", "demo") == {"1.0": "in use", "2.0": ""}
    pins.unpin("main", "demo", "2.0")
    pins.unpin("main", "demo", "3.0")
    assert pins.of("main", "demo") == {"1.0": "in use"}
    told = [(each.action, each.version, each.detail) for each in journal_of(demo, "main")[-3:]]
    assert told == [
        ("pin release", "1.0", {"reason": "in use"}),
        ("pin release", "2.0", None),
        ("unpin release", "2.0", None),
    ]
    assert page(demo).serial == before + 3
    with pytest.raises(UnknownRelease):
        pins.pin("main", "demo", "9.0")
    with pytest.raises(UnknownProject):
        pins.pin("main", "unknown", "1.0")
    with pytest.raises(InvalidSetting):
        pins.pin("main", "demo", "1.0", "a\0b")
    for actor in (UPLOADER, Actor("nobody", kind=ActorKind.ADMINISTRATOR)):
        with pytest.raises(PermissionDenied):
            demo.acting_as(actor).pins.pin("main", "demo", "1.0")


def test_k2_a_young_file_and_the_last_final_release_stay(
    demo: Registry, retention: Retention
) -> None:
    upload(demo, sdist(version="2.0"))
    upload(demo, wheel(version="5.0rc1"))
    retention.add_rule("main", "*", keep_last=0)
    retention_list = preview(retention)
    assert [found.version for found in retention_list] == ["1.0", "3.0"]
    demo.acting_as(OPERATOR).projects.yank_release("main", "demo", "4.0", "broken")
    assert [found.version for found in preview(retention)] == ["1.0", "4.0"]


def test_k2_what_came_by_another_way_is_as_young_as_its_stay_here(
    demo: Registry, retention: Retention, database: Database
) -> None:
    """A release that was promoted, imported or restored keeps its old time of upload."""
    retention.add_rule("main", "*", keep_younger="30d")
    with database.begin() as connection:
        now = datetime.now(UTC)
        for version, days in (("1.0", 0.5), ("2.0", 29), ("3.0", 31)):
            connection.execute(
                update(releases)
                .where(releases.c.version == version)
                .values(arrived_at=now - timedelta(days=days))
            )
    assert [found.version for found in preview(retention)] == ["3.0"]


def test_k2_what_was_restored_stays_for_a_day(demo: Registry, retention: Retention) -> None:
    """R2: whoever takes back a deletion is not contradicted by the next run."""
    demo.acting_as(OPERATOR).pins.pin("main", "demo", "3.0", "in use")
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    assert retention.run("main").releases == 2
    trash = demo.acting_as(OPERATOR).trash
    (newest, oldest) = trash.entries("main")
    assert (newest.action, newest.version, oldest.version) == ("expire release", "2.0", "1.0")
    trash.restore("main", oldest.id)
    assert versions(demo) == {"1.0", "3.0", "4.0"}
    assert retention.run("main") == RetentionRun()


@pytest.mark.parametrize("way", ["restored", "overwritten", "promoted"])
def test_k2_a_file_that_comes_into_an_old_release_keeps_it_for_a_day(
    demo: Registry, retention: Retention, database: Database, way: str
) -> None:
    """R2, M1: the file keeps its old time of upload, by which it is not younger than 24 hours."""
    operator = demo.acting_as(OPERATOR)
    repository = "main"
    if way == "promoted":
        repository = "dev"
        operator.repositories.create("dev")
    file = upload(demo, sdist(version="1.0"), repository)
    grow_old(database)
    if way == "restored":
        entry = operator.projects.delete_file("main", file.filename)
    elif way == "overwritten":
        operator.repositories.change("main", allow_overwrite=True)
        upload(demo, sdist(version="1.0", description="other"))
        (found,) = operator.trash.entries("main")
        entry = found.id
    retention.add_rule("main", "*", keep_last=1)
    if way == "promoted":
        operator.promotion.release("dev", "demo", "1.0", "main")
    else:
        assert entry is not None
        grow_old(database)
        operator.trash.restore("main", entry)
    assert [found.version for found in preview(retention)] == ["2.0", "3.0"]
    assert retention.run("main").releases == 2


def test_k4_a_restored_registry_deletes_nothing_that_nobody_previewed(
    demo: Registry, retention: Retention, database: Database, tmp_path: Path
) -> None:
    """What was downloaded since the backup is not known."""
    for days in range(31, 70):
        note_download(database, "1.0", days)
    retention.add_rule("main", "*", keep_downloaded="30d")
    assert preview(retention) == []  # nothing was recorded within the window
    demo.backup.create(str(tmp_path / "backup"))
    settings = Settings(database=tmp_path / "again.db", blobs=tmp_path / "again", password_cost=4)
    with Registry(settings) as restored:
        restored.backup.restore(str(tmp_path / "backup"))
        again = restored.acting_as(OPERATOR).retention
        assert [rule.previewed_at for rule in again.rules("main")] == [None]
        with pytest.raises(NotPreviewed):
            again.run("main")
        assert preview(again) == []
        assert versions(restored) == set(VERSIONS)


def test_k4_downloads_count_once_a_whole_window_was_recorded(
    demo: Registry, retention: Retention, database: Database
) -> None:
    retention.add_rule("main", "*", keep_downloaded="30d")
    assert preview(retention) == []
    note_download(database, "1.0", 29)
    note_download(database, "2.0", 30, repository="main", project="other")
    assert preview(retention) == []
    note_download(database, "2.0", 32, project="other")
    assert [found.version for found in preview(retention)] == ["2.0", "3.0"]
    assert [found.downloaded_on for found in preview(retention)] == [None, None]


def test_k4_downloads_of_another_repository_do_not_count(
    demo: Registry, retention: Retention, database: Database
) -> None:
    demo.acting_as(OPERATOR).repositories.create("other")
    note_download(database, "1.0", 1, repository="other")
    note_download(database, "1.0", 40)
    note_download(database, "4.0", 1)
    retention.add_rule("main", "*", keep_downloaded="30d")
    assert [found.version for found in preview(retention)] == ["1.0", "2.0", "3.0"]


def test_k4_a_download_that_was_counted_just_now_is_seen(
    demo: Registry, retention: Retention, database: Database
) -> None:
    """It may still be in memory, with others that are written together."""
    note_download(database, "4.0", 40)
    note_download(database, "4.0")
    retention.add_rule("main", "*", keep_downloaded="30d")
    assert [found.version for found in preview(retention)] == ["1.0", "2.0", "3.0"]
    (main,) = demo.acting_as(OPERATOR).repositories.all()
    demo._usage.count_download(DownloadedRelease(main.id, "demo", "1.0"))
    assert [found.version for found in preview(retention)] == ["2.0", "3.0"]
    demo._usage.count_download(DownloadedRelease(main.id, "demo", "2.0"))
    assert retention.run("main").releases == 1
    assert versions(demo) == {"1.0", "2.0", "4.0"}


def test_rules_are_kept_as_they_were_added(demo: Registry, retention: Retention) -> None:
    added = demo.acting_as(ADMIN).retention.add_rule(
        "main",
        "Acme_*",
        only=["dev", "pre"],
        keep_last=3,
        keep_younger="90d",
        keep_downloaded="4w",
        keep_matching=">=2.0",
    )
    other = retention.add_rule("main", "*", keep_last=10)
    assert retention.rules("main") == (added, other)
    assert retention.rule("main", added.id) == added
    assert (added.pattern, added.only, added.author) == ("acme-*", ("pre", "dev"), ADMINISTRATOR)
    assert retention.delete_rule("main", added.id) == added
    assert retention.rules("main") == (other,)
    assert retention.add_rule("main", "x", keep_last=1).id > other.id
    told = [(entry.action, entry.detail) for entry in journal_of(demo, "main")[-4:]]
    described = {
        "rule": str(added.id),
        "pattern": "acme-*",
        "only": "pre dev",
        "keep_last": "3",
        "keep_younger": "90d",
        "keep_downloaded": "4w",
        "keep_matching": ">=2.0",
    }
    assert told[0] == ("add retention rule", described)
    assert told[2] == ("delete retention rule", described)


def test_rules_belong_to_one_repository(demo: Registry, retention: Retention) -> None:
    demo.acting_as(OPERATOR).repositories.create("other")
    rule = retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    assert retention.rules("other") == ()
    for act in (retention.rule, retention.delete_rule):
        with pytest.raises(UnknownRetentionRule):
            act("other", rule.id)
    retention.add_rule("other", "*", keep_last=1)
    assert all(rule.previewed_at for rule in retention.rules("main"))
    assert preview(retention, "other") == []
    assert retention.run("other") == RetentionRun()
    assert versions(demo) == set(VERSIONS)


def test_only_who_manages_a_repository_has_to_do_with_its_rules(demo: Registry) -> None:
    retention = demo.acting_as(UPLOADER).retention
    for act in (
        lambda: retention.rules("main"),
        lambda: retention.add_rule("main", "*", keep_last=1),
        lambda: retention.delete_rule("main", 1),
        lambda: retention.preview("main", print),
        lambda: retention.expiring("main", print),
        lambda: retention.run("main"),
    ):
        with pytest.raises(PermissionDenied):
            act()
    with pytest.raises(UnknownRepository):
        demo.acting_as(OPERATOR).retention.rules("unknown")


def test_without_rules_nothing_is_deleted(demo: Registry, retention: Retention) -> None:
    assert preview(retention) == []
    assert retention.run("main") == RetentionRun()
    assert retention.run_all() == RetentionRun()
    assert versions(demo) == set(VERSIONS)


# While others change something


def _main(registry: Registry) -> Repository:
    return registry.acting_as(OPERATOR).repositories.get("main")


RACES: dict[str, tuple[Callable[[Registry], object], set[str]]] = {
    "a pin": (
        lambda registry: registry.acting_as(OPERATOR).pins.pin("main", "demo", "1.0"),
        {"1.0", "4.0"},
    ),
    "a download": (
        lambda registry: registry._usage.count_download(
            DownloadedRelease(
                registry.acting_as(OPERATOR).repositories.get("main").id, "demo", "2.0"
            )
        ),
        {"2.0", "4.0"},
    ),
    "a yank, which lets go of what was not planned": (
        lambda registry: registry.acting_as(OPERATOR).projects.yank_release(
            "main", "demo", "4.0", "broken"
        ),
        {"3.0", "4.0"},
    ),
    "an upload": (
        lambda registry: upload(registry, sdist(version="3.0")),
        {"3.0", "4.0"},
    ),
    "a newer release, which lets go no more than was planned": (
        lambda registry: upload(registry, wheel(version="5.0")),
        {"4.0", "5.0"},
    ),
    "a deletion": (
        lambda registry: registry.acting_as(OPERATOR).projects.delete_release(
            "main", "demo", "1.0"
        ),
        {"4.0"},
    ),
}


@pytest.mark.parametrize("race", RACES)
def test_k3_what_changes_between_plan_and_deletion_counts(
    demo: Registry, retention: Retention, database: Database, race: str
) -> None:
    change, left = RACES[race]
    note_download(database, "4.0", 40)
    note_download(database, "1.0", project="other")  # so downloads are still recorded
    retention.add_rule("main", "*", keep_downloaded="30d")
    preview(retention)
    plans = retention._plans("main")
    (planned,), _are_all = plans.choose(1000)
    assert len(planned.expiring) == 3
    change(demo)
    done = plans.carry_out(planned)
    assert versions(demo) == left
    expired = [entry for entry in journal_of(demo, "main") if entry.action == "expire release"]
    assert done.releases == len(expired)
    assert done.is_complete


def test_k3_a_project_that_is_deleted_meanwhile_is_nothing_to_be_done(
    demo: Registry, retention: Retention
) -> None:
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    plans = retention._plans("main")
    (planned,), _are_all = plans.choose(1000)
    demo.acting_as(OPERATOR).projects.delete("main", "demo")
    upload(demo, wheel(version="0.1"))
    assert plans.carry_out(planned) == RetentionRun()
    assert versions(demo) == {"0.1"}


def test_k3_rules_that_change_meanwhile_end_the_run(demo: Registry, retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    plans = retention._plans("main")
    (planned,), _are_all = plans.choose(1000)
    retention.add_rule("main", "other", keep_last=1)
    with pytest.raises(NotPreviewed):
        plans.carry_out(planned)
    assert versions(demo) == set(VERSIONS)


def test_k3_two_runs_at_once_delete_each_release_once(demo: Registry, retention: Retention) -> None:
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _number: retention.run("main"), range(4)))
    assert sum(run.releases for run in runs) == 3
    expired = [entry for entry in journal_of(demo, "main") if entry.action == "expire release"]
    assert sorted(entry.version or "" for entry in expired) == ["1.0", "2.0", "3.0"]


def test_k2_runs_beside_uploads_and_pins_take_nothing_that_is_protected(
    demo: Registry, retention: Retention
) -> None:
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    new = [f"{major}.0" for major in range(5, 11)]

    def publish_all() -> None:
        for version in new:
            upload(demo, wheel(version=version))

    def pin() -> set[str]:
        """Of those that are still there."""
        pinned = set()
        for version in VERSIONS:
            with suppress(UnknownRelease):
                demo.acting_as(OPERATOR).pins.pin("main", "demo", version, "in use")
                pinned.add(version)
        return pinned

    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(retention.run, "main") for _ in range(3)]
        published, pinned = threads.submit(publish_all), threads.submit(pin)
        runs += [threads.submit(retention.run, "main") for _ in range(3)]
        for done in (published, *runs):
            done.result()
    retention.run("main")
    assert versions(demo) == {*pinned.result(), *new}


class _ButSecrets(GrantPolicy):
    """Administrators may not manage projects called secret."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        return project != "secret" and super().allows(actor, permission, repository, project)


def test_k3_who_does_not_see_all_projects_previews_for_nobody(
    both: Registry, database: Database, database_url: str
) -> None:
    for project in ("demo", "secret"):
        for version in VERSIONS:
            upload(both, wheel(project, version))
    grow_old(database)
    settings = Settings(database=database_url, blobs="memory://")
    with Registry(settings, policy=_ButSecrets()) as registry:
        theirs, operators = (registry.acting_as(each).retention for each in (ADMIN, OPERATOR))
        theirs.add_rule("main", "*", keep_last=3)
        found: list[ExpiringRelease] = []
        seen = theirs.preview("main", found.append)
        assert [each.project for each in found] == ["demo"]
        assert (seen.kept, seen.is_previewed) == (3, False)
        with pytest.raises(NotPreviewed):
            theirs.run("main")
        assert len(preview(operators)) == 2
        assert theirs.run("main").releases == 1
        assert operators.run("main").releases == 1


# In the course of time


def test_the_chore_runs_what_was_previewed(demo: Registry, retention: Retention) -> None:
    demo.acting_as(OPERATOR).repositories.create("other")
    retention.add_rule("other", "*", keep_last=1)
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    (report,) = [each for each in demo.chores.run_due() if each.name == "retention"]
    assert report.failure is None
    assert report.did.startswith("Deleted 3 releases with 3 files, ")
    assert versions(demo) == {"4.0"}


def test_k5_a_deletion_takes_no_longer_in_a_large_project(
    demo: Registry, retention: Retention, database: Database
) -> None:
    """It asks for what may have changed, and not for all releases again."""
    retention.add_rule("main", "*", keep_last=1)
    preview(retention)
    plans = retention._plans("main")
    (planned,), _are_all = plans.choose(1000)
    with count_statements(demo._database) as statements:
        plans.carry_out(planned)
    assert len(statements) < 20 * len(planned.expiring)
    assert not [statement for statement in statements if "GROUP BY" in statement.upper()]


def test_k5_projects_are_read_a_few_at_a_time(
    both: Registry, retention: Retention, database: Database
) -> None:
    fill(database, projects=450, releases_each=2)
    retention.add_rule("main", "many-*", keep_last=1)
    with count_statements(both._database) as statements:
        seen = retention.expiring("main", lambda _found: None)
    assert (seen.releases, seen.kept) == (450, 450)
    assert len(statements) < 15


def test_k5_memory_does_not_grow_with_the_repository(registry: Registry) -> None:
    retention = registry.acting_as(OPERATOR).retention
    retention.add_rule("main", "*", keep_last=1)
    fill(registry._database, projects=300, releases_each=3)
    few = _peak(retention)
    _empty(registry)
    fill(registry._database, projects=1500, releases_each=3)
    assert _peak(retention) < 2 * few


def _empty(registry: Registry) -> None:
    with registry._database.begin() as connection:
        connection.execute(delete(projects))


def _peak(retention: Retention) -> int:
    """Bytes, in the second of two previews: the first compiles statements."""
    for _ in range(2):
        tracemalloc.start()
        retention.expiring("main", lambda _found: None)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak
