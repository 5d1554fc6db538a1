"""The management API."""

import json
import re
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, ApiApp, Area, Registry, mount
from pypi_repo.domain.repository_settings import RepositorySettings
from pypi_repo.services.accounts.hashing_slots import ADMINISTRATORS, HashingSlots, Patience
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER
from tests.support.api import ApiClient
from tests.support.distributions import sdist, wheel
from tests.support.http import CountingInput, basic, bearer, call, environ_of
from tests.support.uploads import upload

SETTINGS = json.loads(json.dumps(RepositorySettings().settings()))


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    return ApiClient(registry, ADMINISTRATOR)


def _problem(response: Any, status: int) -> dict[str, Any]:
    """RFC 9457."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert problem["status"] == status
    assert len(problem["detail"]) > 10
    assert problem["error"]
    return problem


# Who gets in


@pytest.mark.parametrize("path", ["repositories", "users", "administrators", "journal", "usage"])
def test_only_tokens_of_administrators_open_it(path: str, registry: Registry) -> None:
    of_user = registry.acting_as(OPERATOR).accounts.create_token(USER)[1]
    client = Client(registry.wsgi_app())
    session = client.post("/portal/sign-in", data={"name": ADMINISTRATOR, "password": PASSWORD})
    assert session.status_code == 303
    for headers in (
        {},
        basic(USER, PASSWORD),
        basic(ADMINISTRATOR, PASSWORD),
        bearer(of_user),
        bearer("ppa_" + "x" * 43),
        {"Authorization": "Bearer"},
        {"Authorization": "\xff"},
    ):
        response = client.get(f"/api/v1/{path}", headers=headers)
        _problem(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_manages_its_areas(registry: Registry) -> None:
    paths = {
        Area.REPOSITORIES: "repositories/main",
        Area.USERS: "users",
        Area.SETTINGS: "administrators",
    }
    for area in Area:
        api = ApiClient(registry, ADMINISTRATOR, frozenset([area]))
        for needed, path in paths.items():
            response = api.get(path)
            assert response.status_code == (200 if needed is area else 403)
        assert api.get("journal").status_code == 200


def test_a_token_that_only_reads(registry: Registry) -> None:
    api = ApiClient(registry, ADMINISTRATOR, read_only=True)
    assert api.get("repositories/main").status_code == 200
    assert api.call("HEAD", "repositories/main").status_code == 200
    for method in ("PUT", "DELETE"):
        problem = _problem(api.call(method, "repositories/main", json=SETTINGS), 403)
        assert "only read" in problem["detail"]
    assert registry.acting_as(OPERATOR).repositories.get("main").name == "main"


def test_a_revoked_token_and_a_deleted_administrator_are_out(
    registry: Registry, api: ApiClient
) -> None:
    registry.acting_as(OPERATOR).administrators.create("other@example.com", PASSWORD)
    other = ApiClient(registry, "other@example.com")
    (token,) = registry.acting_as(OPERATOR).administrators.tokens(ADMINISTRATOR)
    assert other.delete(f"administrators/{ADMINISTRATOR}/tokens/{token.id}").status_code == 204
    _problem(api.get("repositories"), 401)
    registry.acting_as(OPERATOR).administrators.delete("other@example.com")
    _problem(other.get("repositories"), 401)


def test_a_narrow_token_makes_no_wider_one(registry: Registry) -> None:
    api = ApiClient(registry, ADMINISTRATOR, frozenset([Area.USERS]))
    tokens = f"administrators/{ADMINISTRATOR}/tokens"
    _problem(api.post(tokens, {"areas": ["users"]}), 403)
    _problem(api.put(f"administrators/{ADMINISTRATOR}", {"areas": ["settings"]}), 403)


# What is sent


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 422),
        (b"[]", "application/json", 422),
        (b'{"public": "yes"}', "application/json", 422),
        (b'{"colour": "red"}', "application/json", 422),
        (b'{"quota": 0}', "application/json", 422),
        (b'{"quota": 1e400}', "application/json", 422),
        (b'{"profile": "strict"}', "application/json", 422),
        (b'{"description": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
    ],
)
def test_a_document_that_cannot_be_used(
    body: bytes, content_type: str, status: int, registry: Registry, api: ApiClient
) -> None:
    response = api.call("PUT", "repositories/made", data=body, content_type=content_type)
    _problem(response, status)
    assert [found.name for found in registry.acting_as(OPERATOR).repositories.all()] == ["main"]


@pytest.mark.parametrize("status", [401, 413, 415])
def test_a_refused_body_is_read_to_its_end(status: int, registry: Registry, api: ApiClient) -> None:
    """Many clients see no answer while they send."""
    body = CountingInput(b"x" * 3_000_000)
    headers = {
        "Authorization": "Bearer none" if status == 401 else f"Bearer {api.token}",
        "Content-Type": "text/plain" if status == 415 else "application/json",
    }
    environ = environ_of(
        "/api/v1/repositories/made", method="PUT", headers=headers, body=body, length=3_000_000
    )
    called = call(registry.wsgi_app(), environ)
    called.read()
    assert (called.status_code, body.position) == (status, 3_000_000)


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "repositories/",
        "repositories/none",
        "repositories/none/projects",
        "repositories/main/projects/none",
        "repositories/main/projects/%00",
        "repositories/main/files/none.whl",
        "users/nobody",
        "users/user@example.com/tokens/7",
        "users/user@example.com/tokens/x",
        "users/user@example.com/tokens/99999999999999999999",
        "administrators/nobody",
    ],
)
def test_what_does_not_exist(path: str, api: ApiClient) -> None:
    _problem(api.get(path), 404)


def test_methods_that_a_url_does_not_have(api: ApiClient) -> None:
    response = api.post("repositories/main", {})
    _problem(response, 405)
    assert response.headers["Allow"].split(", ") == ["GET", "HEAD", "PUT", "DELETE"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1001", "cursor=%00", "cursor=_", "cursor=é"]
)
def test_parameters_that_make_no_sense(query: str, api: ApiClient) -> None:
    for path in ("repositories", "journal"):
        response = api.get(f"{path}?{query}")
        if path == "repositories" and query == "cursor=%00":
            assert response.status_code in (200, 400)
        else:
            _problem(response, 400)


# Repositories


def test_put_makes_what_is_there_be_as_wanted(registry: Registry, api: ApiClient) -> None:
    wanted = {**SETTINGS, "quota": 10**9, "trusted_publishing_only": ["Acme_*", "tools"]}
    created = api.put("repositories/team-a", wanted)
    assert created.status_code == 201
    assert created.headers["Location"] == "/api/v1/repositories/team-a"
    assert created.get_json()["trusted_publishing_only"] == ["acme-*", "tools"]
    changes = len(registry.acting_as(OPERATOR).activity.entries())
    for _ in range(2):
        again, read = api.put("repositories/team-a", wanted), api.get("repositories/team-a")
        assert again.status_code == 200
        assert again.get_json() == created.get_json() == {**read.get_json(), "warnings": []}
        assert again.headers["ETag"] == read.headers["ETag"]
    assert len(registry.acting_as(OPERATOR).activity.entries()) == changes, (
        "nothing changed, so nothing is journalled"
    )
    api.put("repositories/team-a", {"public": True})
    shown = api.get("repositories/team-a").get_json()
    assert {name: shown[name] for name in SETTINGS} == {**SETTINGS, "public": True}
    assert api.delete("repositories/team-a").status_code == 204
    _problem(api.delete("repositories/team-a"), 404)
    _problem(api.put("repositories/not%20a%20name", {}), 400)


def test_lost_updates_are_refused(api: ApiClient) -> None:
    """RFC 9110, 13.1."""
    mine = api.get("repositories/main")
    theirs = api.put("repositories/main", {**SETTINGS, "description": "Theirs"})
    assert theirs.headers["ETag"] == api.get("repositories/main").headers["ETag"]
    for method in ("PUT", "DELETE"):
        late = api.call(
            method, "repositories/main", json=SETTINGS, headers={"If-Match": mine.headers["ETag"]}
        )
        _problem(late, 412)
    assert api.get("repositories/main").get_json()["description"] == "Theirs"
    now = {"If-Match": theirs.headers["ETag"]}
    assert api.put("repositories/main", SETTINGS, headers=now).status_code == 200
    _problem(api.put("repositories/new", {}, headers={"If-Match": "*"}), 412)
    _problem(api.put("repositories/main", {}, headers={"If-None-Match": "*"}), 412)
    assert api.put("repositories/new", {}, headers={"If-None-Match": "*"}).status_code == 201


def test_what_is_known_already_is_not_sent_again(api: ApiClient) -> None:
    first = api.get("repositories")
    assert first.headers["ETag"].startswith('"')
    known = {"If-None-Match": first.headers["ETag"]}
    again = api.get("repositories", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    for unchanged in ("W/" + known["If-None-Match"], "*"):
        assert api.get("repositories", headers={"If-None-Match": unchanged}).status_code == 304
    for method in ("GET", "HEAD"):
        same = api.call(method, "repositories", headers={"If-Match": first.headers["ETag"]})
        assert same.status_code == 200
    api.put("repositories/another", {})
    assert api.get("repositories", headers=known).status_code == 200
    _problem(api.get("repositories", headers={"If-Match": first.headers["ETag"]}), 412)


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_lists_page_by_page(limit: int, registry: Registry, api: ApiClient) -> None:
    names = [f"team-{number}" for number in range(6)]
    for name in names:
        registry.acting_as(OPERATOR).repositories.create(name)
        registry.acting_as(OPERATOR).accounts.create_user(f"{name}@example.com", PASSWORD)
        upload(registry, wheel(name, "1.0"))
        upload(registry, wheel("demo", f"1.{name[-1]}"))
    for path, key, expected in (
        ("repositories", "name", ["main", *names]),
        ("users", "name", sorted([*(f"{name}@example.com" for name in names), USER, READER])),
        ("repositories/main/projects", "normalized_name", ["demo", *names]),
        (
            "repositories/main/projects/demo/files",
            "filename",
            [f"demo-1.{number}-py3-none-any.whl" for number in range(6)],
        ),
    ):
        assert [item[key] for item in api.all(path, limit)] == expected
    entries = api.all("journal", limit)
    assert [entry["id"] for entry in entries] == sorted(
        (entry["id"] for entry in entries), reverse=True
    )
    assert len(entries) == len(registry.acting_as(OPERATOR).activity.entries())


def test_the_next_page_is_linked(registry: Registry, api: ApiClient) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    first = api.get("repositories?limit=1")
    link = re.fullmatch(r'<(\?[^>]+)>; rel="next"', first.headers["Link"])
    assert link is not None
    second = api.get(f"repositories{link[1]}")
    assert [item["name"] for item in second.get_json()["items"]] == ["other"]
    assert "Link" not in second.headers


# Projects, releases, files


def test_projects_releases_and_files(registry: Registry, api: ApiClient) -> None:
    file = upload(registry, wheel("Demo", "1.0", requires_python=">=3.9"))
    upload(registry, sdist("Demo", "1.0"))
    upload(registry, wheel("Demo", "1.10"))
    project = api.get("repositories/main/projects/demo").get_json()
    assert (project["name"], project["status"]) == ("Demo", "active")
    assert [release["version"] for release in project["releases"]] == ["1.10", "1.0"]
    shown = api.get(f"repositories/main/files/{file.filename}").get_json()
    assert shown["sha256"] == file.digests.sha256
    assert (shown["requires_python"], shown["uploaded_by"]) == (">=3.9", USER)
    assert shown["uploaded_at"].endswith("Z")
    release = api.get("repositories/main/projects/demo/releases/v1.0").get_json()
    assert release["version"] == "1.0"
    found = api.get("repositories/main/projects?q=EM").get_json()["items"]
    assert [item["files"] for item in found] == [3]
    assert api.delete(f"repositories/main/files/{file.filename}").status_code == 200
    assert api.delete("repositories/main/projects/demo/releases/1.10").status_code == 200
    left = api.get("repositories/main/projects/demo/files").get_json()["items"]
    assert [item["filename"] for item in left] == ["demo-1.0.tar.gz"]
    assert api.delete("repositories/main/projects/demo").status_code == 200
    _problem(api.get("repositories/main/projects/demo"), 404)


@pytest.mark.parametrize("what", ["projects/demo/releases/1.0", "files/demo-1.0-py3-none-any.whl"])
def test_yanks(what: str, registry: Registry, api: ApiClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    yank = f"repositories/main/{what}/yank"
    _problem(api.get(yank), 404)
    for _ in range(2):
        assert api.put(yank, {"reason": "broken"}).get_json() == {"reason": "broken"}
    assert api.get(yank).get_json() == {"reason": "broken"}
    assert [
        entry.action.split()[0] for entry in registry.acting_as(OPERATOR).activity.entries()
    ].count("yank") == 1
    _project, (file,) = registry.acting_as(OPERATOR).projects.get("main", "demo")
    assert file.yanked == "broken"
    assert api.delete(yank).status_code == 204
    changes = len(registry.acting_as(OPERATOR).activity.entries())
    _problem(api.get(yank), 404)
    _problem(api.delete(yank), 404)
    assert len(registry.acting_as(OPERATOR).activity.entries()) == changes


@pytest.mark.parametrize("spelling", ["1.0", "1", "1.0.0", "v1.0"])
def test_a_release_in_every_spelling(spelling: str, registry: Registry, api: ApiClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    release = f"repositories/main/projects/demo/releases/{spelling}"
    assert api.get(release).get_json()["version"] == "1.0"
    assert api.put(f"{release}/yank", {}).status_code == 200
    assert api.delete(release, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("version", ["2.0", "none", "1." + "9" * 5_000])
def test_a_release_that_is_not_there(version: str, registry: Registry, api: ApiClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    _problem(api.get(f"repositories/main/projects/demo/releases/{version}"), 404)


def test_taking_back_half_a_yank(registry: Registry, api: ApiClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    file = upload(registry, sdist("demo", "1.0"))
    registry.acting_as(OPERATOR).projects.yank_file("main", file.filename, "broken")
    yank = "repositories/main/projects/demo/releases/1.0/yank"
    _problem(api.get(yank), 404)
    assert api.delete(yank).status_code == 204
    assert registry.acting_as(OPERATOR).projects.file("main", file.filename).yanked is None


def test_statuses(registry: Registry, api: ApiClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    status = "repositories/main/projects/demo/status"
    assert api.get(status).get_json() == {"status": "active", "reason": ""}
    wanted = {"status": "archived", "reason": "done with"}
    assert api.put(status, wanted).get_json() == wanted == api.get(status).get_json()
    _problem(api.put(status, {"status": "gone"}), 422)


# Repository users


def _may(api: ApiClient, user: str, password: str) -> int:
    headers = basic(user, password)
    return api.client.get("/repositories/main/simple/", headers=headers).status_code


def test_users(registry: Registry, api: ApiClient) -> None:
    made = api.put("users/CI@example.com", {"access": {"everywhere": "read"}})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/users/ci@example.com"
    password = made.get_json()["password"]
    assert _may(api, "ci@example.com", password) == 200
    assert "password" not in api.get("users/ci@example.com").get_json()

    wanted = {
        "access": {
            "everywhere": "none",
            "repositories": {"main": "read"},
            "projects": {"main": {"acme-*": "write"}},
        }
    }
    again = api.put("users/ci@example.com", wanted)
    assert again.get_json()["access"] == wanted["access"]
    assert _may(api, "ci@example.com", password) == 200, "the password stays"
    changes = len(registry.acting_as(OPERATOR).activity.entries())
    assert api.put("users/ci@example.com", wanted).get_json() == again.get_json()
    assert len(registry.acting_as(OPERATOR).activity.entries()) == changes

    api.put("users/ci@example.com", {**wanted, "disabled": True, "password": "a new password"})
    assert _may(api, "ci@example.com", "a new password") == 401
    api.put("users/ci@example.com", wanted)
    assert _may(api, "ci@example.com", "a new password") == 200
    access = {"everywhere": "write", "repositories": {}, "projects": {}}
    assert api.put("users/ci@example.com/access", access).get_json() == access
    assert api.get("users/ci@example.com/access").get_json() == access
    _problem(api.put("users/ci@example.com/access", {"repositories": {"none": "read"}}), 404)
    _problem(api.put("users/x@example.com", {"password": "short"}), 422)
    assert api.delete("users/ci@example.com").status_code == 204
    assert _may(api, "ci@example.com", "a new password") == 401


def test_groups(registry: Registry, api: ApiClient) -> None:
    """G1: a group is made, given members, changed and deleted, as on the command line."""
    api.put("users/ci@example.com", {"password": PASSWORD, "access": {"everywhere": "none"}})
    settings = {
        "description": "Platform team",
        "access": {"everywhere": "none", "repositories": {}, "projects": {"main": {"*": "read"}}},
    }
    made = api.put("groups/platform", settings)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/groups/platform")
    assert _may(api, "ci@example.com", PASSWORD) == 403
    added = api.post("groups/platform/add", {"users": ["ci@example.com", USER]})
    assert added.get_json()["members"] == ["ci@example.com", USER]
    assert _may(api, "ci@example.com", PASSWORD) == 200
    assert api.get("users/ci@example.com").get_json()["groups"] == ["platform"]

    shown = api.get("groups/platform").get_json()
    assert {key: shown[key] for key in settings} == settings
    assert api.get("groups").get_json()["items"] == [shown]
    changes = len(registry.acting_as(OPERATOR).activity.entries())
    assert api.put("groups/platform", settings).get_json() == shown
    assert len(registry.acting_as(OPERATOR).activity.entries()) == changes
    assert api.put("groups/platform", {}).get_json()["access"]["projects"] == {}
    assert _may(api, "ci@example.com", PASSWORD) == 403

    removed = api.post("groups/platform/remove", {"users": [USER]})
    assert removed.get_json()["members"] == ["ci@example.com"]
    _problem(api.post("groups/platform/add", {"users": ["nobody"]}), 404)
    _problem(api.put("groups/Not a name", {}), 400)
    _problem(api.put("groups/new", {"access": {"projects": {"main": {"-": "read"}}}}), 400)
    _problem(api.put("groups/new", {"access": {"projects": {"main": {"demo": "none"}}}}), 422)
    assert api.delete("groups/platform").status_code == 204
    _problem(api.get("groups/platform"), 404)


def test_groups_of_a_user_stay_unless_they_are_named(api: ApiClient) -> None:
    """G1."""
    for name in ("one", "two"):
        api.put(f"groups/{name}", {})
    assert api.put("users/ci@example.com", {"groups": ["one"]}).get_json()["groups"] == ["one"]
    assert api.put("users/ci@example.com", {}).get_json()["groups"] == ["one"]
    assert api.put("users/ci@example.com", {"groups": ["two"]}).get_json()["groups"] == ["two"]
    assert api.put("users/ci@example.com", {"groups": []}).get_json()["groups"] == []
    _problem(api.put("users/ci@example.com", {"groups": ["absent"]}), 404)


def test_rights_are_explained(api: ApiClient) -> None:
    api.put("groups/platform", {"access": {"projects": {"main": {"acme-*": "write"}}}})
    api.put("users/ci@example.com", {"access": {"everywhere": "read"}, "groups": ["platform"]})
    assert api.get("users/ci@example.com/rights/main?project=Acme.App").get_json() == {
        "user": "ci@example.com",
        "repository": "main",
        "project": "acme-app",
        "may_read": True,
        "may_upload": True,
        "public": False,
        "disabled": False,
        "rights": [
            {"group": "platform", "repository": "main", "pattern": "acme-*", "access": "write"},
            {"group": None, "repository": None, "pattern": None, "access": "read"},
        ],
    }
    other = api.get("users/ci@example.com/rights/main?project=demo").get_json()
    assert (other["may_read"], other["may_upload"], len(other["rights"])) == (True, False, 1)
    assert api.get("users/ci@example.com/rights/main").get_json()["may_upload"]
    _problem(api.get("users/ci@example.com/rights/absent"), 404)


def test_a_token_for_projects(registry: Registry, api: ApiClient) -> None:
    """G3."""
    made = api.post(f"users/{USER}/tokens", {"projects": ["Acme_*", "demo"]}).get_json()
    assert made["projects"] == ["acme-*", "demo"]
    actor = registry.repository("main").login.with_token(made["secret"], "192.0.2.1")
    assert actor.grants.on("main", "acme-app") is Access.WRITE
    assert actor.grants.on("main", "other") is Access.NONE
    _problem(api.post(f"users/{USER}/tokens", {"projects": ["a b"]}), 400)


def test_a_put_repeated_with_its_password_changes_nothing(
    registry: Registry, api: ApiClient
) -> None:
    settings = {"password": "another horse"}
    api.put(f"users/{USER}", settings)
    api.put("administrators/two@example.com", {**settings, "areas": ["users"]})
    session = registry.sessions.sign_in("two@example.com", "another horse", "192.0.2.1")
    changes = len(registry.acting_as(OPERATOR).activity.entries())
    assert api.put(f"users/{USER}", settings).status_code == 200
    again = api.put("administrators/two@example.com", {**settings, "areas": ["users"]})
    assert again.status_code == 200
    assert len(registry.acting_as(OPERATOR).activity.entries()) == changes
    assert registry.sessions.find(session.secret) is not None
    assert _may(api, USER, "another horse") == 200
    api.put("administrators/two@example.com", {"password": "a new horse", "areas": ["users"]})
    assert registry.sessions.find(session.secret) is None


def test_a_refused_put_changes_nothing(registry: Registry, api: ApiClient) -> None:
    registry.acting_as(OPERATOR).administrators.create("two@example.com", PASSWORD)
    paths = (f"users/{USER}", "administrators/two@example.com")
    before = [api.get(path).get_json() for path in paths]
    changes = len(registry.acting_as(OPERATOR).activity.entries())
    unknown = {"password": "another horse", "access": {"repositories": {"none": "read"}}}
    _problem(api.put(f"users/{USER}", unknown), 404)
    like_a_token = "ppr_" + "x" * 20
    _problem(api.put(f"users/{USER}", {"password": like_a_token, "disabled": True}), 400)
    refused = {"areas": [], "password": like_a_token}
    _problem(api.put("administrators/two@example.com", refused), 400)
    assert _may(api, USER, PASSWORD) == 200
    after = [api.get(path).get_json() for path in paths]
    assert after[0]["access"] == before[0]["access"]
    assert not after[0]["disabled"]
    assert after[1] == before[1]
    assert len(registry.acting_as(OPERATOR).activity.entries()) == changes


def test_a_user_who_is_disabled_from_the_start(registry: Registry, api: ApiClient) -> None:
    made = api.put("users/later@example.com", {"disabled": True, "password": PASSWORD})
    assert made.get_json()["disabled"]
    assert _may(api, "later@example.com", PASSWORD) == 401
    (newest, *_older) = registry.acting_as(OPERATOR).activity.entries()
    assert newest.action == "create user"


def test_tokens_of_users(registry: Registry, api: ApiClient) -> None:
    made = api.post(
        f"users/{USER}/tokens",
        {"name": "ci", "repository": "main", "read_only": True, "expires_in_days": 7},
    )
    assert made.status_code == 201
    token = made.get_json()
    secret = token.pop("secret")
    response = api.client.get("/repositories/main/simple/", headers=bearer(secret))
    assert response.status_code == 200
    lasts = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert 6 < lasts.total_seconds() / 86_400 <= 7
    for nowhere in ("", "none"):
        _problem(api.post(f"users/{USER}/tokens", {"repository": nowhere}), 404)
    listed = api.get(f"users/{USER}/tokens")
    assert secret not in listed.text
    assert listed.get_json()["items"][0]["id"] == token["id"]
    path = made.headers["Location"].removeprefix("/api/v1/")
    assert api.get(path).get_json()["name"] == "ci"
    _problem(api.delete(path.replace(USER, READER)), 404)
    assert api.delete(path).status_code == 204
    response = api.client.get("/repositories/main/simple/", headers=bearer(secret))
    assert response.status_code == 401


# Administrators


def test_administrators(registry: Registry, api: ApiClient) -> None:
    made = api.put("administrators/two@example.com", {"areas": ["users"]})
    assert made.status_code == 201
    password = made.get_json()["password"]
    registry.sessions.sign_in("two@example.com", password, "192.0.2.1")
    api.put("administrators/two@example.com", {"areas": ["users", "settings"]})
    shown = api.get("administrators/two@example.com").get_json()
    assert shown["areas"] == ["users", "settings"]
    assert "hash" not in json.dumps(shown)
    made = api.post(
        "administrators/two@example.com/tokens", {"areas": ["users"], "expires_in_days": 1}
    )
    secret = made.get_json()["secret"]
    actor, _token = registry.sessions.with_token(secret)
    assert actor.areas == {Area.USERS}
    assert secret not in api.get("administrators/two@example.com/tokens").text
    assert api.delete("administrators/two@example.com").status_code == 204
    _problem(api.delete(f"administrators/{ADMINISTRATOR}"), 409)
    _problem(api.put(f"administrators/{ADMINISTRATOR}", {"areas": []}), 409)


# Journal and usage


def test_the_journal_is_filtered(registry: Registry, api: ApiClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    upload(registry, wheel("other", "1.0"))
    api.put("repositories/main", {"description": "new"})
    mine = api.get("journal", query_string={"actor": ADMINISTRATOR}).get_json()["items"]
    assert [entry["action"] for entry in mine] == ["change repository"]
    demo = api.get("journal?project=demo").get_json()["items"]
    assert [entry["filename"] for entry in demo] == ["demo-1.0-py3-none-any.whl"]
    assert api.get("journal?until=2001-01-01T00:00:00Z").get_json()["items"] == []
    _problem(api.get("journal?since=yesterday"), 400)
    _problem(api.get("journal?since=2001-01-01T00:00:00"), 400)
    for beyond in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        _problem(api.get("journal", query_string={"since": beyond}), 400)


def test_usage(registry: Registry, api: ApiClient) -> None:
    file = upload(registry, wheel("demo", "1.0"))
    path = f"/repositories/main/files/{file.path}"
    api.client.get(path, headers=basic(USER, PASSWORD))
    of_all = api.get("usage?days=2").get_json()
    assert (of_all["repositories"], of_all["files"], of_all["size"]) == (1, 1, file.size)
    assert [day["downloads"] for day in of_all["days"]] == [0, 1]
    assert of_all["top_projects"] == [{"repository": "main", "project": "demo", "downloads": 1}]
    of_main = api.get("repositories/main/usage").get_json()
    assert (of_main["projects"], len(of_main["days"])) == (1, 30)
    _problem(api.get("usage?days=10000"), 400)


# The description


def test_the_description_is_for_everybody(registry: Registry) -> None:
    client = Client(mount({"/below": mount({"/api/v1": ApiApp(registry)})}))
    document = client.get("/below/api/v1/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/below/api/v1"}]
    assert client.get("/below/api/v1").headers["Location"] == "v1/"
    page = client.get("/below/api/v1/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"]
            assert f"{method.upper()} {path}</code>" in page.text
    assert client.post("/below/api/v1/").status_code == 405


def test_answers_are_kept_by_nobody(api: ApiClient) -> None:
    for path in ("repositories", f"users/{USER}", "nothing"):
        cached = api.get(path).headers["Cache-Control"]
        assert cached in ("private, no-cache", "no-store")
    assert api.post(f"users/{USER}/tokens", {}).headers["Cache-Control"] == "no-store"


class _Hurried(HashingSlots):
    """In whose line nobody has any patience."""

    def one(self, patience: Patience) -> AbstractContextManager[None]:
        return super().one(replace(patience, line=0, seconds=0))


@pytest.mark.parametrize("path", ["users/new", f"users/{USER}", "administrators/new"])
def test_passwords_that_find_no_place_at_bcrypt_come_again(
    path: str, registry: Registry, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Administrators wait for one, but not for ever; and nothing is half done then."""
    slots = _Hurried(1)
    monkeypatch.setattr(registry.acting_as(OPERATOR).accounts._passwords, "_slots", slots)
    user = {"everywhere": "read", "repositories": {}}
    document = {"access": user, "password": "a new password"}
    if path.startswith("administrators"):
        document = {"areas": ["users"], "password": "a new password"}
    before = (
        registry.acting_as(OPERATOR).accounts.users(),
        registry.acting_as(OPERATOR).administrators.all(),
    )
    with slots.one(ADMINISTRATORS):
        answer = api.put(path, document)
    problem = _problem(answer, 429)
    assert problem["error"] == "too-many-logins"
    assert int(answer.headers["Retry-After"]) > 0
    assert (
        registry.acting_as(OPERATOR).accounts.users(),
        registry.acting_as(OPERATOR).administrators.all(),
    ) == before
    assert api.put(path, document).status_code in (200, 201)
