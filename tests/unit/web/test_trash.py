"""The trash in the portal and in the management API."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from pypi_repo import OPERATOR, Registry, Settings
from tests.conftest import ADMINISTRATOR, PASSWORD, populate
from tests.support.api import ApiClient
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.portal import PortalClient, refusal_of, text_of
from tests.support.trash import all_columns
from tests.support.uploads import upload

ONE, SOURCE, TWO, OTHER = wheel("demo"), sdist("demo"), wheel("demo", "2.0"), wheel("other")
TRASH = "repositories/main/trash"
DEMO = "repositories/main/projects/demo"
CHANGED = wheel("demo", description="other content")


@pytest.fixture(autouse=True)
def _uploaded(registry: Registry) -> None:
    for distribution in (ONE, SOURCE, TWO, OTHER):
        upload(registry, distribution)


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    return ApiClient(registry, ADMINISTRATOR)


def undo(portal: PortalClient, path: str, page: TestResponse) -> TestResponse:
    """Clicks "Undo" in the message on a page."""
    forms = re.findall(r'<form[^>]* action="([^"]*)">(.*?)</form>', page.text, re.DOTALL)
    (form,) = (form for form in forms if ">Undo<" in form[1])
    target, content = form
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', content):
        fields.setdefault(name, []).append(value)
    assert target.endswith(TRASH)
    assert fields.pop("form_token") == [portal.form_token]
    return portal.send(TRASH, **fields)


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        (f"{DEMO}/files", {"do": "delete", "file": [ONE.filename]}),
        (f"{DEMO}/releases", {"do": "delete", "release": ["1.0"]}),
        (f"{DEMO}/releases", {"do": "delete", "release": ["1.0", "2.0"]}),
        (f"{DEMO}/releases", {"do": "delete", "release": ["1.0"], "file": [TWO.filename]}),
        (f"{DEMO}/delete", {}),
        ("repositories/main", {"do": "delete", "project": ["demo", "other"]}),
    ],
)
def test_undo_is_one_click(
    registry: Registry, portal: PortalClient, path: str, chosen: dict[str, Any]
) -> None:
    """R2: right after the deletion, whatever was chosen."""
    before = all_columns(registry)
    asked = text_of(portal.post(path, **chosen))
    assert "It can be restored for 30 days, and nothing else can be published under" in asked
    done = portal.send(path, **chosen, confirmed="yes")
    assert "Deleted " in text_of(done)
    assert all_columns(registry) != before
    undone = undo(portal, path, done)
    assert "Restored " in text_of(undone)
    assert all_columns(registry) == before
    assert "The trash is empty." in text_of(undone)


def test_what_was_restored_meanwhile_is_not_restored_again(
    registry: Registry, portal: PortalClient
) -> None:
    done = portal.send(f"{DEMO}/delete", confirmed="yes")
    (entry,) = registry.acting_as(OPERATOR).trash.entries("main")
    registry.acting_as(OPERATOR).trash.restore("main", entry.id)
    assert "Nothing was left to restore" in text_of(undo(portal, f"{DEMO}/delete", done))


def test_where_one_cannot_be_restored_none_is(registry: Registry, portal: PortalClient) -> None:
    """R1: and the page says which file is in the way."""
    operator = registry.acting_as(OPERATOR)
    ids = [
        operator.projects.delete_file("main", ONE.filename),
        operator.projects.delete("main", "other"),
    ]
    operator.repositories.change("main", allow_reuse=True)
    upload(registry, CHANGED)
    before = all_columns(registry)
    refused = portal.post(TRASH, do="restore", entry=[str(id_) for id_ in ids])
    assert refused.status_code == 409
    assert ONE.filename in refusal_of(refused)
    assert all_columns(registry) == before
    assert len(operator.trash.entries("main")) == 2


def test_the_page_shows_what_is_in_the_trash(registry: Registry, portal: PortalClient) -> None:
    """R2, R3"""
    assert "The trash is empty." in text_of(portal.get(TRASH))
    projects = registry.acting_as(OPERATOR).projects
    projects.delete_release("main", "demo", "1.0")
    projects.delete_file("main", TWO.filename)
    words = text_of(portal.get(TRASH))
    assert words.index(TWO.filename) < words.index("demo 1.0")
    assert "delete release, number 1" in words
    assert "stays here for 30 days" in words
    assert " in the trash" in text_of(portal.get("repositories/main"))
    assert " in the trash" in text_of(portal.get("repositories"))


def test_a_long_trash_has_several_pages(
    registry: Registry, portal: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pypi_repo.web.portal.lifecycle.trash._SHOWN", 2)
    projects = registry.acting_as(OPERATOR).projects
    for filename in (ONE.filename, SOURCE.filename, TWO.filename):
        projects.delete_file("main", filename)
    first = portal.get(TRASH)
    (following,) = re.findall(r'rel="next" href="[^"?]*trash(\?[^"]*)"', first.text)
    second = portal.get(f"{TRASH}{following}")
    assert [ONE.filename in text_of(each) for each in (first, second)] == [False, True]
    assert 'rel="next"' not in second.text


def test_purging_asks_first(registry: Registry, portal: PortalClient) -> None:
    """R2"""
    registry.acting_as(OPERATOR).projects.delete("main", "demo")
    asked = text_of(portal.post(TRASH, do="purge", entry="1"))
    assert "Delete for good? demo, 3 files" in asked
    assert "It cannot be taken back." in asked
    assert len(registry.acting_as(OPERATOR).trash.entries("main")) == 1
    done = text_of(portal.send(TRASH, do="purge", entry="1", confirmed="yes"))
    assert "Deleted 1 entry with 3 files for good." in done
    assert registry.acting_as(OPERATOR).trash.entries("main") == []


def test_undo_of_an_overwrite_is_one_click_too(registry: Registry, portal: PortalClient) -> None:
    """R2: right after the upload, and only of files that took the place of others."""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    path, before = f"{TRASH.removesuffix('trash')}upload", all_columns(registry)
    other = wheel("other", description="other content")
    done = portal.follow(path, portal.upload(CHANGED, TWO, other))
    assert text_of(done).count("It took the place of another file.") == 2
    undone = undo(portal, path, done)
    assert "Restored " in text_of(undone)
    assert all_columns(registry) == before
    assert "Undo" not in portal.follow(path, portal.upload(ONE, wheel("new"))).text


def test_an_overwrite_is_undone_beside_an_upload_that_is_refused(
    registry: Registry, portal: PortalClient
) -> None:
    """R2: nothing redirects then."""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    before = all_columns(registry)
    cut = Distribution(**{**vars(TWO), "content": TWO.content[:50]})
    undone = undo(portal, TRASH, portal.upload(CHANGED, cut))
    assert "Restored " in text_of(undone)
    assert all_columns(registry) == before
    sent = portal.upload(CHANGED, TWO, headers={"Accept": "application/json"})
    changed, same = json.loads(sent.text)
    entry = registry.acting_as(OPERATOR).trash.entries("main")[0]
    assert (changed["trash_entry"], same["trash_entry"]) == (entry.id, None)


@pytest.mark.parametrize("fields", [{}, {"do": "restore"}, {"do": "burn", "entry": "1"}])
def test_something_must_be_chosen(portal: PortalClient, fields: dict[str, Any]) -> None:
    assert portal.post(TRASH, **fields).status_code == 400


def test_without_a_trash_nothing_offers_to_undo() -> None:
    """R1"""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4, trash_days=0)
    with Registry(settings) as registry:
        populate(registry)
        upload(registry, ONE)
        portal = PortalClient(registry)
        portal.sign_in(ADMINISTRATOR, PASSWORD)
        assert "It cannot be taken back, and" in text_of(portal.post(f"{DEMO}/delete"))
        registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
        assert "Undo" not in portal.follow("repositories/main/upload", portal.upload(CHANGED)).text
        done = portal.send(f"{DEMO}/delete", confirmed="yes")
        assert "Undo" not in done.text
        upload(registry, OTHER)
        deleted = ApiClient(registry, ADMINISTRATOR).delete("repositories/main/projects/other")
        assert deleted.get_json() == {"trash_entry": None}
        assert "the server keeps no trash" in text_of(portal.get(TRASH))


@pytest.mark.parametrize("public", [False, True])
def test_the_page_of_a_deleted_project_leads_to_the_trash(
    registry: Registry, portal: PortalClient, public: bool
) -> None:
    """R2: also if the repository has sources, one of which could supply the name."""
    operator = registry.acting_as(OPERATOR)
    if public:
        operator.repositories.create("shared")
        operator.sources.set_sources("main", ["repository:shared"])
    operator.projects.delete("main", "demo")
    gone = portal.get(DEMO)
    assert gone.status_code == 404
    assert re.search(f'href="[^"]*{TRASH}">see the trash', gone.text)
    operator.trash.purge("main")
    assert "see the trash" not in portal.get(DEMO).text


def test_the_page_of_a_project_without_files_leads_to_the_trash(
    registry: Registry, portal: PortalClient
) -> None:
    """R2"""
    for distribution in (ONE, SOURCE, TWO):
        registry.acting_as(OPERATOR).projects.delete_file("main", distribution.filename)
    for tab in ("releases", "files"):
        assert "see the trash" in portal.get(f"{DEMO}/{tab}").text


def test_the_api_lists_restores_and_purges(registry: Registry, api: ApiClient) -> None:
    """R2"""
    before = all_columns(registry)
    entries: list[int] = []
    for path in (f"files/{ONE.filename}", "projects/demo/releases/1.0", "projects/demo"):
        deleted = api.delete(f"repositories/main/{path}")
        assert deleted.status_code == 200
        entries.append(deleted.get_json()["trash_entry"])
    listed = api.get(f"{TRASH}?limit=2").get_json()
    assert [entry["action"] for entry in listed["items"]] == ["delete project", "delete release"]
    rest = api.get(f"{TRASH}?cursor={listed['next']}").get_json()
    (file,) = rest["items"]
    assert (file["filename"], file["version"], file["files"]) == (ONE.filename, "1.0", 1)
    assert rest["next"] is None
    assert api.get(f"{TRASH}/{file['id']}").get_json() == file
    for id_ in reversed(entries):
        restored = api.post(f"{TRASH}/{id_}/restore", None)
        assert (restored.status_code, restored.get_json()["id"]) == (200, id_)
    assert all_columns(registry) == before
    again = api.post(f"{TRASH}/1/restore", None)
    assert (again.status_code, again.get_json()["error"]) == (404, "unknown-deletion")
    for filename in (ONE.filename, SOURCE.filename):
        api.delete(f"repositories/main/files/{filename}")
    assert api.delete(f"{TRASH}/4").status_code == 204
    assert api.delete(f"{TRASH}/4").status_code == 404
    purged = api.delete(TRASH)
    assert purged.status_code == 200
    assert (purged.get_json()["entries"], purged.get_json()["files"]) == (1, 1)
    assert api.get(TRASH).get_json() == {"items": [], "next": None}


def test_the_api_refuses_what_is_in_the_way(registry: Registry, api: ApiClient) -> None:
    """R1"""
    api.delete(f"repositories/main/files/{ONE.filename}")
    registry.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    upload(registry, CHANGED)
    refused = api.post(f"{TRASH}/1/restore", None)
    assert (refused.status_code, refused.get_json()["error"]) == (409, "file-already-exists")
    assert ONE.filename in refused.get_json()["detail"]
    registry.acting_as(OPERATOR).projects.delete_file("main", ONE.filename)
    registry.acting_as(OPERATOR).repositories.change("main", quota=1)
    refused = api.post(f"{TRASH}/1/restore", None)
    assert (refused.status_code, refused.get_json()["error"]) == (413, "too-large")


@pytest.mark.parametrize("cursor", ["x", "MTIzNDU2Nzg5MDEy", "LTE"])
def test_a_foreign_cursor_is_refused(api: ApiClient, cursor: str) -> None:
    assert api.get(f"{TRASH}?cursor={cursor}").status_code == 400


def test_usage_in_the_api_shows_both_sizes(api: ApiClient) -> None:
    """R3"""
    api.delete(f"repositories/main/files/{ONE.filename}")
    usage = api.get("repositories/main/usage").get_json()
    assert usage["size_of_trash"] == len(ONE.content)
    assert usage["size"] == sum(len(each.content) for each in (SOURCE, TWO, OTHER))
