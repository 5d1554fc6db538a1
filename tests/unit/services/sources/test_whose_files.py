"""Whose files a repository with sources offers where several have the name, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, Access, Registry
from tests.conftest import PASSWORD, READER
from tests.support.distributions import Distribution, wheel
from tests.support.http import JSON, basic
from tests.support.uploads import upload
from tests.support.written_index import Entry, WrittenIndex

GUEST = "guest@example.com"


@pytest.fixture
def index() -> Iterator[WrittenIndex]:
    with WrittenIndex() as index:
        yield index


@pytest.fixture
def merging(registry: Registry, index: WrittenIndex) -> Client:
    """A client of a repository whose name `demo` is merged with that of an upstream."""
    upload(registry, wheel("demo", "1.0"))
    index.create_on(registry, "elsewhere")
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:elsewhere"])
    registry.acting_as(OPERATOR).sources.merge("main", ["demo"])
    return Client(registry.wsgi_app())


def get(client: Client, path: str, user: str = READER) -> TestResponse:
    headers = {"Accept": JSON, **basic(user, PASSWORD)}
    return client.get(f"/repositories/main/{path}", headers=headers)


def listed(client: Client, project: str = "demo", user: str = READER) -> list[str]:
    response = get(client, f"simple/{project}/", user)
    assert response.status_code == 200, response.text
    return [file["filename"] for file in response.get_json()["files"]]


def status_of(client: Client, distribution: Distribution, suffix: str = "") -> int:
    return get(client, f"files/{distribution.path}{suffix}").status_code


def test_a_closed_project_offers_nothing_of_its_name(
    registry: Registry, merging: Client, index: WrittenIndex
) -> None:
    """V3: not even what is merged into it, or the page would list what cannot be downloaded."""
    same, other = wheel("demo", "1.0"), wheel("demo", "2.0")
    index.entries = [Entry(same), Entry(other)]
    assert listed(merging) == [same.filename, other.filename]
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    assert listed(merging) == []
    assert status_of(merging, other) == 404
    assert status_of(merging, same) == 403


def test_a_project_that_is_closed_elsewhere_keeps_its_own_files(
    registry: Registry, merging: Client, index: WrittenIndex
) -> None:
    """V3: whoever closes it there does not close it here."""
    index.entries = [Entry(wheel("demo", "2.0"))]
    index.statuses = {"demo": "quarantined"}
    assert listed(merging) == ["demo-1.0-py3-none-any.whl"]
    registry.acting_as(OPERATOR).projects.delete("main", "demo")
    registry.acting_as(OPERATOR).sources.give_up_name("main", "demo")
    page = get(merging, "simple/demo/").get_json()
    assert (page["project-status"]["status"], page["files"]) == ("quarantined", [])


def test_a_file_of_a_merged_name_is_withheld_with_a_reason(
    registry: Registry, merging: Client, index: WrittenIndex
) -> None:
    """C4."""
    young = wheel("demo", "2.0")
    index.entries = [Entry(young, age=timedelta(days=1))]
    registry.acting_as(OPERATOR).upstreams.change(
        "elsewhere", cooldown="3d", cooldown_mode="enforce"
    )
    assert listed(merging) == ["demo-1.0-py3-none-any.whl"]
    response = get(merging, f"files/{young.path}")
    assert response.status_code == 403
    assert "cooldown: 3 days" in response.status


def test_a_source_that_withholds_a_merged_name_adds_nothing(
    registry: Registry, merging: Client
) -> None:
    """V3, V6: what others may read there does not take the own files from a guest."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("secret")
    upload(registry, wheel("demo", "2.0"), "secret")
    operator.sources.set_sources("main", ["repository:secret"])
    operator.accounts.create_user(
        GUEST, PASSWORD, everywhere=Access.NONE, named={"main": Access.READ}
    )
    assert listed(merging, user=GUEST) == ["demo-1.0-py3-none-any.whl"]
    assert listed(merging) == ["demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"]


def test_nothing_tells_a_secret_name_from_one_that_nobody_has(registry: Registry) -> None:
    """V6: neither of a project, nor of a reserved name, nor that there is such a repository."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("secret")
    upload(registry, wheel("hidden", "1.0"), "secret")
    operator.sources.reserve("secret", ["kept"])
    operator.repositories.create("between")
    operator.sources.set_sources("between", ["repository:secret"])
    operator.accounts.create_user(
        GUEST,
        PASSWORD,
        everywhere=Access.NONE,
        named=dict.fromkeys(("main", "between"), Access.READ),
    )
    client = Client(registry.wsgi_app())
    for sources in (["repository:secret"], ["repository:between"]):
        operator.sources.set_sources("main", sources)
        for path in ("simple/{}/", "pypi/{}/json"):
            told = set()
            for name in ("hidden", "kept", "absent"):
                answer = get(client, path.format(name), GUEST)
                assert answer.status_code == 404
                told.add((answer.status + answer.text).replace(name, "NAME"))
            assert len(told) == 1


def test_signatures_of_an_upstream_are_not_offered(merging: Client, index: WrittenIndex) -> None:
    """P5: they cannot be served, because nobody could check them."""
    signed = wheel("demo", "2.0")
    index.entries = [Entry(signed, is_signed=True)]
    (file,) = (
        file
        for file in get(merging, "simple/demo/").get_json()["files"]
        if file["filename"] == signed.filename
    )
    assert not file.get("gpg-sig")
    assert status_of(merging, signed, ".asc") == 404


def test_what_is_told_of_a_project_comes_from_who_has_it(
    registry: Registry, merging: Client, index: WrittenIndex
) -> None:
    """P6: through a merge, and through a repository between, of which a rule is about something."""
    newest = wheel("demo", "2.0", extra_metadata="Summary: It comes from elsewhere.")
    index.entries = [Entry(newest)]
    assert get(merging, "pypi/demo/json").get_json()["info"]["summary"] == (
        "It comes from elsewhere."
    )
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("between")
    operator.sources.set_sources("between", ["upstream:elsewhere"])
    operator.projects.delete("main", "demo")
    operator.sources.give_up_name("main", "demo")
    operator.sources.set_sources("main", ["repository:between"])
    operator.sources.merge("main", [])
    operator.sources.add_rule("main", "deny", "demo<1")
    for path in ("pypi/demo/json", "pypi/demo/2.0/json"):
        info = get(merging, path).get_json()["info"]
        assert (info["version"], info["summary"]) == ("2.0", "It comes from elsewhere.")


def test_c4_a_file_that_an_inner_repository_withholds(
    registry: Registry, index: WrittenIndex
) -> None:
    """Also if the outer one has rules of its own; but who may not read there learns nothing."""
    young, denied = wheel("demo", "2.0"), wheel("demo", "1.0")
    index.entries = [Entry(young, age=timedelta(days=1)), Entry(denied, age=timedelta(days=9))]
    index.create_on(registry, "elsewhere")
    operator, client = registry.acting_as(OPERATOR), Client(registry.wsgi_app())
    operator.repositories.create("team", cooldown="3d", cooldown_mode="enforce")
    operator.sources.set_sources("team", ["upstream:elsewhere"])
    operator.sources.set_sources("main", ["repository:team"])
    operator.accounts.create_user(
        GUEST, PASSWORD, everywhere=Access.NONE, named={"main": Access.READ}
    )
    paths = [f"files/{young.path}", f"files/{young.path}.metadata"]
    for _rules in range(2):
        assert young.filename not in listed(client)
        for path in paths:
            response = get(client, path)
            assert (response.status_code, "cooldown: 3 days" in response.status) == (403, True)
            assert get(client, path, GUEST).status_code == 404
        operator.sources.add_rule("main", "deny", "demo<2")
    assert status_of(client, denied) == 403
