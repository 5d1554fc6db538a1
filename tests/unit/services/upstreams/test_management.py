"""Upstreams: made, changed, deleted, and their secrets nowhere (S1)."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from pypi_repo import EVERY_AREA, OPERATOR, Actor, ActorKind, Registry
from pypi_repo.domain.accounts.access import ANONYMOUS, Area
from pypi_repo.domain.errors import (
    Conflict,
    InvalidName,
    InvalidSetting,
    NameTaken,
    PermissionDenied,
)
from pypi_repo.domain.upstreams.errors import UnknownUpstream
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.upstreams.configuring.management import UpstreamManagement
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import METADATA
from tests.support.journal import journal_of
from tests.support.uploads import UPLOADER

URL = "https://index.example.com/simple/"
SECRET = "s3cret-and-long"


def upstreams(registry: Registry, actor: Actor = OPERATOR) -> UpstreamManagement:
    return registry.acting_as(actor).upstreams


def create(registry: Registry, name: str = "public", **given: Any) -> Upstream:
    return upstreams(registry).create(name, **{"url": URL} | given)


def test_a_new_upstream_is_asked_with_care(both: Registry) -> None:
    created = create(both)
    assert upstreams(both).get("public") == created
    assert (created.url, created.fresh_for, created.stale_for) == (URL, 600, None)
    assert (created.cooldown, created.cooldown_mode, created.first_seen) == (None, "off", False)
    assert not created.allow_http
    assert not created.allow_private_network
    assert not created.offline
    assert (created.has_credentials, created.file_hosts, created.cache_size) == (False, (), None)
    assert created.host == "index.example.com"


def test_all_settings_are_kept(both: Registry) -> None:
    given: dict[str, Any] = {
        "url": "http://index.internal:8080/pypi/simple/",
        "username": "reader",
        "secret": SECRET,
        "file_hosts": ("files.example.com", "cdn.example.com:8443"),
        "fresh_for": 60,
        "stale_for": 7 * 86_400,
        "cache_size": 50 * 2**30,
        "allow_http": True,
        "allow_private_network": True,
        "ca_file": "/etc/ssl/ours.pem",
        "offline": True,
        "cooldown": "3d",
        "cooldown_mode": "audit",
        "first_seen": True,
    }
    create(both, **given)
    found = upstreams(both).get("public")
    assert {name: getattr(found, name) for name in given} == given


def test_they_are_listed_by_name(both: Registry) -> None:
    for name in ("public", "alpha", "torch.cpu"):
        create(both, name)
    assert [each.name for each in upstreams(both).all()] == ["alpha", "public", "torch.cpu"]


def test_a_slash_is_added_to_the_url(both: Registry) -> None:
    assert create(both, url=URL.removesuffix("/")).url == URL
    assert upstreams(both).change("public", url="https://other.example.com/simple").url == (
        "https://other.example.com/simple/"
    )


@pytest.mark.parametrize("name", ["", "Public", "a/b", "..", "a\0b", "a b", "x" * 65])
def test_an_invalid_name(both: Registry, name: str) -> None:
    with pytest.raises(InvalidName):
        create(both, name)
    assert upstreams(both).all() == []


def test_a_name_is_given_once(both: Registry) -> None:
    first = create(both)
    with pytest.raises(NameTaken, match="choose another name"):
        create(both, url="https://other.example.com/simple/")
    assert upstreams(both).all() == [first]


def test_an_upstream_is_no_repository(both: Registry) -> None:
    assert create(both, "main").name == "main"


@pytest.mark.parametrize(
    "given",
    [
        {"url": ""},
        {"url": "index.example.com/simple/"},
        {"url": "http://index.example.com/simple/"},
        {"url": "ftp://index.example.com/simple/"},
        {"url": "https:///simple/"},
        {"url": "https://index.example.com/simple/?x=1"},
        {"url": "https://index.example.com/simple/#x"},
        {"url": f"https://user:{SECRET}@index.example.com/simple/"},
        {"url": "https://index.example.com:99999/simple/"},
        {"url": "https://index.example.com/" + "x" * 3000 + "/"},
        {"url": "https://index.example.com/\0/"},
        {"username": ""},
        {"username": "a:b", "secret": SECRET},
        {"secret": SECRET, "secret_variable": "INDEX_TOKEN"},
        {"username": "reader", "secret_variable": "INDEX_TOKEN"},
        {"file_hosts": ("https://files.example.com",)},
        {"file_hosts": ("files.example.com/x",)},
        {"file_hosts": ("a b",)},
        {"file_hosts": ("user@files.example.com",)},
        {"fresh_for": -1},
        {"fresh_for": 10**12},  # no date has room for it
        {"stale_for": -1},
        {"stale_for": 10**12},
        {"cache_size": -1},
        {"cache_size": 2**63},
        {"cooldown": "soon"},
        {"cooldown_mode": "maybe"},
        {"ca_file": "a\0b"},
    ],
)
def test_invalid_settings_are_refused_and_nothing_is_stored(
    both: Registry, given: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSetting) as refused:
        create(both, **given)
    assert SECRET not in str(refused.value)
    assert upstreams(both).all() == []
    before = create(both)
    with pytest.raises(InvalidSetting):
        upstreams(both).change("public", **given)
    assert upstreams(both).get("public") == before


def test_changing_some_settings(both: Registry) -> None:
    before = create(both, cooldown="3d", file_hosts=("files.example.com",))
    changed = upstreams(both).change("public", cooldown_mode="enforce", fresh_for=60)
    assert changed == upstreams(both).get("public")
    assert (changed.cooldown_mode, changed.fresh_for) == ("enforce", 60)
    assert (changed.id, changed.cooldown, changed.file_hosts) == (
        before.id,
        "3d",
        ("files.example.com",),
    )


def test_changing_nothing_is_not_written_down(both: Registry) -> None:
    created = create(both)
    before = journal_of(both)
    assert upstreams(both).change("public") == created
    assert journal_of(both) == before


def test_values_that_contradict_those_that_are_kept(both: Registry) -> None:
    create(both, url="http://index.internal/simple/", allow_http=True)
    with pytest.raises(InvalidSetting, match="not encrypted"):
        upstreams(both).change("public", allow_http=False)


@pytest.mark.parametrize("name", ["other", "Public", "a\0b", "x" * 500])
def test_an_upstream_that_does_not_exist(both: Registry, name: str) -> None:
    create(both)
    for call in (
        lambda: upstreams(both).get(name),
        lambda: upstreams(both).health(name),
        lambda: upstreams(both).change(name, offline=True),
        lambda: upstreams(both).delete(name),
    ):
        with pytest.raises(UnknownUpstream):
            call()


def test_nothing_is_known_of_an_upstream_that_was_not_asked(both: Registry) -> None:
    create(both)
    health = upstreams(both).health("public")
    assert (health.answered_at, health.failing_since, health.failure) == (None, None, "")


def test_changes_are_in_the_journal(both: Registry) -> None:
    create(both, file_hosts=("files.example.com", "cdn.example.com"))
    upstreams(both).change("public", cooldown="3d", stale_for=None)
    upstreams(both).delete("public")
    created, changed, deleted = journal_of(both)[-3:]
    assert [each.action for each in (created, changed, deleted)] == [
        "create upstream",
        "change upstream",
        "delete upstream",
    ]
    assert {each.actor for each in (created, changed, deleted)} == {OPERATOR.name}
    assert created.detail is not None
    assert created.detail["url"] == URL
    assert created.detail["file_hosts"] == "files.example.com cdn.example.com"
    assert changed.detail == {"upstream": "public", "cooldown": "3d", "stale_for": "None"}
    assert deleted.detail == {"upstream": "public"}


def test_s1_a_secret_is_nowhere_but_in_its_column(
    both: Registry, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    created = create(both, username="reader", secret="first-" + SECRET)
    changed = upstreams(both).change("public", username="reader", secret=SECRET)
    assert changed.secret == SECRET
    assert changed.has_credentials
    for shown in (created, changed, upstreams(both).all(), upstreams(both).health("public")):
        assert SECRET not in repr(shown)
    assert SECRET not in caplog.text
    with database.snapshot() as connection:
        for table in METADATA.sorted_tables:
            stored = repr(list(connection.execute(select(table))))
            assert (SECRET in stored) is (table.name == "upstreams")
    shown = [each.detail for each in journal_of(both) if each.detail and "secret" in each.detail]
    assert [each["secret"] for each in shown] == ["(not shown)", "(not shown)"]


def test_s1_credentials_can_be_taken_away(both: Registry) -> None:
    create(both, username="reader", secret=SECRET)
    changed = upstreams(both).change("public", username=None, secret=None)
    assert not changed.has_credentials
    create(both, "other", secret_variable="PYPI_REPO_UPSTREAM_TOKEN")
    assert upstreams(both).get("other").has_credentials


@pytest.mark.parametrize(
    "actor",
    [
        UPLOADER,
        ANONYMOUS,
        Actor("admin", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA - {Area.REPOSITORIES}),
    ],
)
def test_only_who_manages_repositories_manages_upstreams(both: Registry, actor: Actor) -> None:
    create(both)
    mine = upstreams(both, actor)
    for call in (
        lambda: mine.create("other", url=URL),
        mine.all,
        lambda: mine.get("public"),
        lambda: mine.get("other"),
        lambda: mine.health("public"),
        lambda: mine.change("public", offline=True),
        lambda: mine.delete("public"),
    ):
        with pytest.raises(PermissionDenied):
            call()
    allowed = Actor("admin", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES}))
    assert [each.name for each in upstreams(both, allowed).all()] == ["public"]


ADMIN = Actor("admin", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)


@pytest.mark.parametrize("given", [{"allow_private_network": True}, {"ca_file": "/etc/passwd"}])
def test_only_the_operator_opens_the_network_and_the_files_of_the_server(
    both: Registry, given: dict[str, Any]
) -> None:
    """Or a page of an administrator's own could have anything there fetched and shown."""
    with pytest.raises(PermissionDenied, match="command line"):
        upstreams(both, ADMIN).create("theirs", url=URL, **given)
    upstreams(both, ADMIN).create("theirs", url=URL)
    with pytest.raises(PermissionDenied):
        upstreams(both, ADMIN).change("theirs", **given)
    assert upstreams(both).change("theirs", **given) == upstreams(both).get("theirs")
    assert upstreams(both, ADMIN).change("theirs", offline=True, **given).offline
    before = create(both, "other", **given)
    defaults = {"allow_private_network": False, "ca_file": None}
    back = {name: defaults[name] for name in given}
    with pytest.raises(PermissionDenied):
        upstreams(both, ADMIN).change("other", **back)
    assert upstreams(both).get("other") == before


@pytest.mark.parametrize(
    "given", [{"url": "https://10.0.0.9/simple/"}, {"file_hosts": ("db.internal:5432",)}]
)
def test_only_the_operator_says_what_in_a_private_network_is_asked(
    both: Registry, given: dict[str, Any]
) -> None:
    before = create(both, "inner", allow_private_network=True)
    with pytest.raises(PermissionDenied):
        upstreams(both, ADMIN).change("inner", **given)
    assert upstreams(both).get("inner") == before
    upstreams(both, ADMIN).change("inner", url=URL[:-1], file_hosts=(), cooldown="3d")
    create(both, "outer")
    upstreams(both, ADMIN).change("outer", **given)


def test_a_source_of_a_repository_cannot_be_deleted(both: Registry) -> None:
    create(both)
    sources = both.acting_as(OPERATOR).sources
    sources.set_sources("main", ["upstream:public"])
    with pytest.raises(Conflict, match="is a source of main"):
        upstreams(both).delete("public")
    assert sources.of("main").references == ("upstream:public",)
    sources.set_sources("main", [])
    upstreams(both).delete("public")
    assert upstreams(both).all() == []


def test_the_name_of_a_deleted_upstream_can_be_given_again(both: Registry) -> None:
    first = create(both)
    upstreams(both).delete("public")
    assert create(both).id > first.id  # what is remembered by its id is not that of another one


def test_each_change_raises_the_revision_of_whoever_reads_it(both: Registry) -> None:
    repositories = both.acting_as(OPERATOR).repositories
    repositories.create("other")
    create(both)
    both.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    before = repositories.get("main").sources_revision
    upstreams(both).change("public", offline=True)
    assert repositories.get("main").sources_revision == before + 1
    assert repositories.get("other").sources_revision == 0


def test_an_upstream_is_deleted_or_used_but_not_both(both: Registry) -> None:
    for _ in range(5):
        create(both)
        start = Barrier(2)

        def delete(start: Barrier = start) -> bool:
            start.wait()
            try:
                upstreams(both).delete("public")
            except Conflict:
                return False
            return True

        def use(start: Barrier = start) -> bool:
            start.wait()
            try:
                both.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
            except UnknownUpstream:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            deleted, used = threads.submit(delete), threads.submit(use)
            assert deleted.result() is not used.result()
        both.acting_as(OPERATOR).sources.set_sources("main", [])
        if not deleted.result():
            upstreams(both).delete("public")
