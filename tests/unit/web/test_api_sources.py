"""Upstreams, sources, rules and exceptions in the management API."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import pytest

from pypi_repo import OPERATOR, Area, Registry, Settings
from pypi_repo.web.problems import BEARER
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.api import ApiClient
from tests.support.distributions import wheel
from tests.support.forward_proxy import ForwardProxy
from tests.support.http import basic, bearer
from tests.support.scripted_server import ScriptedServer, reply
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream

URL = "https://index.example/simple/"
SECRET = "correct-horse-battery"
EXCEPTION = {"target": "demo==2", "reason": "a fix", "until": "2100-01-01T00:00:00Z"}
SETTINGS = {
    "url": URL,
    "username": None,
    "secret_variable": None,
    "file_hosts": [],
    "fresh_for": 600,
    "stale_for": None,
    "cache_size": None,
    "allow_http": False,
    "allow_private_network": False,
    "ca_file": None,
    "offline": False,
    "cooldown": None,
    "cooldown_mode": "off",
    "first_seen": False,
}


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    return ApiClient(registry, ADMINISTRATOR)


@pytest.fixture
def live() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


def _refused(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.get_json()["error"] == code
    return str(response.get_json()["detail"])


def _stored(registry: Registry) -> tuple[str | None, str | None, str | None]:
    found = registry.acting_as(OPERATOR).upstreams.get("public")
    return found.username, found.secret, found.secret_variable


def _changes(registry: Registry) -> int:
    return len(registry.acting_as(OPERATOR).activity.entries())


# Upstreams


def test_upstreams(registry: Registry, api: ApiClient) -> None:
    made = api.put("upstreams/public", {"url": URL.removesuffix("/")})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/upstreams/public"
    shown = made.get_json()
    assert shown.pop("created_at")
    (warning,) = shown.pop("warnings")
    assert warning.startswith("It gives no page yet: ")
    assert shown == {**SETTINGS, "name": "public", "credentials": ""}

    wanted = {**SETTINGS, "offline": True, "file_hosts": ["files.example"], "stale_for": 86400}
    again = api.put("upstreams/public", wanted)
    assert again.status_code == 200
    assert {key: again.get_json()[key] for key in wanted} == wanted
    changes = _changes(registry)
    assert api.put("upstreams/public", {**wanted, "url": URL[:-1]}).status_code == 200
    assert _changes(registry) == changes, "a repetition changes nothing"

    read = api.get("upstreams/public").get_json()
    assert {**read, "warnings": []} == again.get_json()
    assert [each["name"] for each in api.get("upstreams").get_json()["items"]] == ["public"]
    assert api.delete("upstreams/public").status_code == 204
    _refused(api.get("upstreams/public"), 404, "unknown-upstream")
    _refused(api.delete("upstreams/public"), 404, "unknown-upstream")


def test_some_settings_are_changed_by_patch(api: ApiClient) -> None:
    api.put("upstreams/public", {"url": URL, "cooldown": "3d", "cache_size": 2**20})
    patched = api.call("PATCH", "upstreams/public", json={"cooldown": None, "offline": True})
    assert patched.status_code == 200
    assert {key: patched.get_json()[key] for key in SETTINGS} == {
        **SETTINGS,
        "cache_size": 2**20,
        "offline": True,
    }
    assert api.call("PATCH", "upstreams/public", json={}).get_json() == patched.get_json()
    for wrong in ({"url": None}, {"colour": "red"}, {"fresh_for": -1}, {"fresh_for": 10**12}):
        assert api.call("PATCH", "upstreams/public", json=wrong).status_code == 422
    response = api.call("PATCH", "upstreams/absent", json={"offline": True})
    _refused(response, 404, "unknown-upstream")


def test_an_upstream_that_is_put_right_is_asked_for_its_hosts() -> None:
    """S2: by all ways that change how it is asked, and once the change is committed."""
    page = b"<!doctype html><a href='https://files.example/pip-1.0.tar.gz'>pip-1.0.tar.gz</a>"
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with (
        ScriptedServer(lambda _asked: reply(page)) as server,
        ForwardProxy(hosts={"index.invalid": "127.0.0.1"}) as proxy,
        Registry(replace(settings, proxies={"http": proxy.url})) as registry,
    ):
        populate(registry)
        api = ApiClient(registry, ADMINISTRATOR)
        right = {"url": f"http://index.invalid:{server.port}/simple/", "allow_http": True}
        for name in ("patched", "put", "conditional", "said"):
            assert api.put(f"upstreams/{name}", {**right, "offline": True}).status_code == 201
        matched = {"If-Match": api.get("upstreams/conditional").headers["ETag"]}
        answers = {
            "new": api.put("upstreams/new", right),
            "patched": api.call("PATCH", "upstreams/patched", json={"offline": False}),
            "put": api.put("upstreams/put", right),
            "conditional": api.put("upstreams/conditional", right, headers=matched),
            "said": api.put("upstreams/said", {**right, "file_hosts": []}),
        }
        told = {name: answer.get_json() for name, answer in answers.items()}
        elsewhere = {"url": f"{right['url']}team/", "file_hosts": ["b.example"]}
        api.call("PATCH", "upstreams/said", json=elsewhere)
        moved = api.call("PATCH", "upstreams/said", json={"url": right["url"]}).get_json()
        again = api.put("upstreams/put", right)
        tag = api.get("upstreams/put").headers["ETag"]

    taken = {name: shown["file_hosts"] for name, shown in told.items()}
    assert taken == {**{name: ["files.example"] for name in told}, "said": []}
    assert all(shown["warnings"] == [] for shown in told.values())
    assert again.get_json()["file_hosts"] == ["files.example"], "what is left out stays"
    assert again.headers["ETag"] == tag
    assert moved["file_hosts"] == ["b.example"]
    assert "Some of its files are at files.example, from where none" in moved["warnings"][0]


def test_a_change_that_is_done_is_not_answered_by_an_error() -> None:
    """As here of an upstream that is deleted by another administrator while its page is read."""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)

    def delete(_asked: object) -> bytes:
        registry.acting_as(OPERATOR).upstreams.delete("brief")
        return reply(b"<!doctype html>")

    with (
        ScriptedServer(delete) as server,
        ForwardProxy(hosts={"index.invalid": "127.0.0.1"}) as proxy,
        Registry(replace(settings, proxies={"http": proxy.url})) as registry,
    ):
        populate(registry)
        wanted = {"url": f"http://index.invalid:{server.port}/simple/", "allow_http": True}
        made = ApiClient(registry, ADMINISTRATOR).put("upstreams/brief", wanted)

    assert (made.status_code, made.get_json()["url"]) == (201, wanted["url"])
    assert "It was saved, and not looked at for mistakes" in made.get_json()["warnings"][0]


def test_mistakes_are_told_to_programs(registry: Registry, api: ApiClient) -> None:
    """C1, F7, V2: the sentences that the command line says, too."""
    offline = {"url": URL, "offline": True}
    wrong = {"cooldown": "3m", "cooldown_mode": "enforce", "cache_size": 50}
    upstream = api.put("upstreams/public", offline | wrong).get_json()["warnings"]
    patched = api.call("PATCH", "upstreams/public", json={"cache_size": None}).get_json()
    repository = api.put("repositories/main", {"cooldown": "3m"}).get_json()["warnings"]
    api.put("repositories/team", {})
    wanted = {"sources": ["upstream:public", "repository:team"], "reserved": ["*"]}
    sources = api.put("repositories/main/sources", wanted).get_json()["warnings"]

    minutes = "A cooldown of 3 minutes is shorter than an hour"
    assert [text[: len(minutes)] for text in patched["warnings"]] == [minutes]
    assert [text[: len(minutes)] for text in repository] == [minutes]
    assert upstream == [
        *patched["warnings"],
        "The cache is 50 bytes, which is less than 1 KiB; sizes have a unit, like 50GiB.",
    ]
    assert "The upstream public comes before the repository team" in sources[0]
    assert "All names are reserved for main" in sources[1]
    assert len(sources) == 2
    assert "warnings" not in api.get("repositories/main").get_json()


def test_mistakes_in_rules_are_told_to_programs(api: ApiClient) -> None:
    """C6."""
    api.put("upstreams/public", {"url": URL, "offline": True})
    api.put("repositories/main/sources", {"sources": ["upstream:public"]})
    closing = api.post("repositories/main/rules", {"action": "deny", "target": "*"})
    late = api.post("repositories/main/rules", {"action": "allow", "target": "demo"})

    (closed,) = closing.get_json()["warnings"]
    assert closed.startswith("Rule 1 denies all names and no rule before it allows any")
    nothing = "It decides nothing, because rule 1 comes first"
    assert late.get_json()["warnings"][0].startswith(nothing)
    assert late.get_json()["warnings"][1] == closed


def test_conditions(api: ApiClient) -> None:
    only_new = {"If-None-Match": "*"}
    assert api.put("upstreams/public", {"url": URL}, headers=only_new).status_code == 201
    again = api.put("upstreams/public", {"url": URL, "offline": True}, headers=only_new)
    assert again.status_code == 412
    read = api.get("upstreams/public").headers["ETag"]
    first = api.call("PATCH", "upstreams/public", {"If-Match": read}, json={"offline": True})
    assert first.status_code == 200
    for method, how in (("PATCH", {"json": {"offline": False}}), ("DELETE", {})):
        late = api.call(method, "upstreams/public", {"If-Match": read}, **how)
        assert late.status_code == 412
    now = first.headers["ETag"]
    assert api.delete("upstreams/public", headers={"If-Match": now}).status_code == 204


@pytest.mark.parametrize(
    ("given", "shown", "stored"),
    [
        ({"username": "me", "secret": SECRET}, "username + password", ("me", SECRET, None)),
        ({"secret": SECRET}, "token", (None, SECRET, None)),
    ],
    ids=["password", "token"],
)
def test_secrets_are_written_and_never_read(
    given: dict[str, str],
    shown: str,
    stored: tuple[str | None, ...],
    registry: Registry,
    api: ApiClient,
) -> None:
    """S1."""
    answers = [api.put("upstreams/public", {"url": URL, **given})]
    assert _stored(registry) == stored
    without = {key: value for key, value in given.items() if key != "secret"}
    answers.append(api.put("upstreams/public", {"url": URL, "offline": True, **without}))
    assert _stored(registry) == stored, "the old one stays"
    paths = ("upstreams", "upstreams/public", "upstreams/public/usage", "journal")
    answers += [api.get(path) for path in paths]
    assert answers[3].get_json()["credentials"] == shown
    nothing = {"username": None, "secret": None}
    answers.append(api.call("PATCH", "upstreams/public", json=nothing))
    assert answers[-1].get_json()["credentials"] == ""
    assert _stored(registry) == (None, None, None)
    for answer in answers:
        assert answer.status_code < 300
        assert SECRET not in answer.text


@pytest.mark.parametrize(
    "given",
    [
        {"username": "other"},
        {"username": None},
        {"secret": None},
        {"secret_variable": "PYPI_REPO_UPSTREAM_PUBLIC"},
        {"url": "https://other.example/simple/"},
        {"url": "https://index.example:8443/simple/"},
    ],
    ids=str,
)
def test_half_of_the_credentials_is_refused(
    given: dict[str, str], registry: Registry, api: ApiClient
) -> None:
    """A password is for one user at one place, and is no token."""
    api.put("upstreams/public", {"url": URL, "username": "me", "secret": SECRET})
    changes = _changes(registry)
    response = api.call("PATCH", "upstreams/public", json=given)
    assert SECRET not in _refused(response, 400, "invalid-setting")
    assert _stored(registry) == ("me", SECRET, None)
    assert _changes(registry) == changes


def test_a_user_without_a_password_is_refused(api: ApiClient) -> None:
    _refused(api.put("upstreams/public", {"url": URL, "username": "me"}), 400, "invalid-setting")
    assert api.get("upstreams").get_json()["items"] == []


@pytest.mark.parametrize("given", [{"allow_private_network": True}, {"ca_file": "/etc/passwd"}])
def test_the_operator_alone_opens_what_the_server_can_reach(
    given: dict[str, Any], registry: Registry, api: ApiClient
) -> None:
    """S2."""
    said = _refused(api.put("upstreams/new", {"url": URL, **given}), 403, "permission-denied")
    assert "command line" in said
    api.put("upstreams/public", {"url": URL})
    patched = api.call("PATCH", "upstreams/public", json=given)
    _refused(patched, 403, "permission-denied")
    registry.acting_as(OPERATOR).upstreams.change("public", **given)
    assert api.put("upstreams/public", {"url": URL, "offline": True, **given}).status_code == 200


def test_administrators_name_only_variables_that_are_for_upstreams(
    registry: Registry, api: ApiClient
) -> None:
    """Or they could have the password of the database sent to themselves."""
    said = _refused(
        api.put("upstreams/public", {"url": URL, "secret_variable": "PYPI_REPO_DATABASE"}),
        400,
        "invalid-setting",
    )
    assert "PYPI_REPO_UPSTREAM_" in said
    wanted = {"url": URL, "secret_variable": "PYPI_REPO_UPSTREAM_PUBLIC"}
    made = api.put("upstreams/public", wanted)
    assert made.get_json()["credentials"] == "environment:PYPI_REPO_UPSTREAM_PUBLIC"
    registry.acting_as(OPERATOR).upstreams.change("public", secret_variable="ANY_OTHER")
    moved = {"url": "https://other.example/simple/"}
    _refused(api.call("PATCH", "upstreams/public", json=moved), 400, "invalid-setting")
    _refused(api.put("upstreams/public", {**moved, "secret_variable": "ANY_OTHER"}), 400,
             "invalid-setting")  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"url": "http://index.example/"},
        {"url": "https://me:secret@index.example/"},
        {"url": URL, "file_hosts": ["https://files.example/"]},
        {"url": URL, "cooldown": "soon"},
        {"url": URL, "cooldown_mode": "on"},
        {"url": URL, "fresh_for": "10m"},
        {"url": URL, "secret": ""},
        {"url": URL, "secret": "with space"},
        {"url": URL, "ca_file": "a\0b"},
        {"url": URL, "name": "public"},
    ],
    ids=str,
)
def test_settings_that_make_no_sense(document: dict[str, object], api: ApiClient) -> None:
    assert api.put("upstreams/public", document).status_code in (400, 422)
    _refused(api.put("upstreams/Not%20Valid", {"url": URL}), 400, "invalid-name")
    assert api.get("upstreams").get_json()["items"] == []


def test_what_an_upstream_speaks(registry: Registry, api: ApiClient, live: LiveUpstream) -> None:
    live.add(wheel("pip", "1.0"))
    live.create_on(registry)
    found = api.post("upstreams/public/check", None)
    assert found.status_code == 200
    assert (found.get_json()["project"], found.get_json()["speaks"]) == ("pip", "JSON")
    live.broken = "503 Service Unavailable"
    failed = api.post("upstreams/public/check", None)
    _refused(failed, 502, "upstream-failed")
    _refused(api.post("upstreams/absent/check", None), 404, "unknown-upstream")


def test_how_an_upstream_is_used(registry: Registry, api: ApiClient) -> None:
    api.put("upstreams/public", {"url": URL, "offline": True})
    api.put("repositories/main/sources", {"sources": ["upstream:public"]})
    assert api.get("upstreams/public/usage").get_json() == {
        "repositories": ["main"],
        "answered_at": None,
        "failing_since": None,
        "failure": "",
        "cached_files": 0,
        "cached_size": 0,
        "hits": 0,
        "misses": 0,
        "fetched": 0,
    }
    _refused(api.delete("upstreams/public"), 409, "conflict")


# Sources


def test_sources(registry: Registry, api: ApiClient) -> None:
    api.put("upstreams/public", {"url": URL})
    api.put("repositories/base", {})
    wanted = {
        "sources": ["repository:base", "upstream:public"],
        "reserved": ["Inner", "acme_*"],
        "merged": ["torch"],
    }
    shown = {**wanted, "reserved": ["acme-*", "inner"], "kept": []}
    saved = {**shown, "warnings": []}
    assert api.put("repositories/main/sources", wanted).get_json() == saved
    changes = _changes(registry)
    assert api.put("repositories/main/sources", wanted).get_json() == saved
    assert _changes(registry) == changes
    answer = api.get("repositories/main/sources")
    assert answer.get_json() == shown
    none = {"sources": [], "reserved": [], "merged": []}
    matched = {"If-Match": answer.headers["ETag"]}
    emptied = api.put("repositories/main/sources", {}, headers=matched)
    gone = [
        "No longer a source: repository:base, upstream:public.",
        "No longer reserved: acme-*, inner.",
        "No longer merged: torch.",
    ]
    assert emptied.get_json() == {**none, "kept": [], "warnings": gone}
    assert api.put("repositories/main/sources", wanted, headers=matched).status_code == 412


@pytest.mark.parametrize(
    ("sources", "status", "code"),
    [
        (["upstream:absent"], 404, "unknown-upstream"),
        (["repository:absent"], 404, "unknown-repository"),
        (["repository:main"], 409, "conflict"),
        (["public"], 400, "invalid-setting"),
        (["upstream:public", "upstream:public"], 400, "invalid-setting"),
    ],
)
def test_sources_are_replaced_together_or_not_at_all(
    sources: list[str], status: int, code: str, api: ApiClient
) -> None:
    api.put("upstreams/public", {"url": URL})
    before = api.get("repositories/main/sources").get_json()
    document = {"sources": sources, "reserved": ["acme-*"], "merged": ["torch"]}
    _refused(api.put("repositories/main/sources", document), status, code)
    wrong = {"sources": ["upstream:public"], "reserved": ["acme-*"], "merged": ["a/b"]}
    _refused(api.put("repositories/main/sources", wrong), 400, "invalid-setting")
    assert api.get("repositories/main/sources").get_json() == before


def test_a_kept_name_is_given_up(registry: Registry, api: ApiClient) -> None:
    """V1."""
    upload(registry, wheel("demo", "1.0"))
    _refused(api.delete("repositories/main/kept-names/demo"), 404, "not-found")
    api.delete("repositories/main/projects/demo")
    assert api.get("repositories/main/sources").get_json()["kept"] == ["demo"]
    assert api.get("repositories/main/kept-names/Demo").get_json() == {"name": "demo"}
    assert api.delete("repositories/main/kept-names/Demo").status_code == 204
    assert api.get("repositories/main/sources").get_json()["kept"] == []
    (newest, *_older) = registry.acting_as(OPERATOR).activity.entries()
    assert (newest.actor, newest.action) == (ADMINISTRATOR, "give up name")
    for name in ("demo", "%00"):
        _refused(api.delete(f"repositories/main/kept-names/{name}"), 404, "not-found")


# Rules and exceptions


def test_rules_and_exceptions(registry: Registry, api: ApiClient) -> None:
    """C3, C6."""
    wanted = {
        "action": "deny",
        "target": "Requests <2.32",
        "kind": "sdist",
        "yanked": True,
        "status": "archived",
        "reason": "CVE",
        "until": "2100-01-01T00:00:00+02:00",
    }
    made = api.post("repositories/main/rules", wanted)
    assert made.status_code == 201
    rule = made.get_json()
    assert rule.pop("created_at")
    assert rule == {
        **wanted,
        "id": 1,
        "target": "requests<2.32",
        "until": "2099-12-31T22:00:00Z",
        "author": ADMINISTRATOR,
        "warnings": [],
    }
    exempt = api.post("repositories/main/exceptions", EXCEPTION)
    assert exempt.status_code == 201
    assert (exempt.get_json()["target"], exempt.get_json()["author"]) == ("demo==2", ADMINISTRATOR)
    for _ in range(3):
        api.post("repositories/main/rules", {"action": "allow", "target": "acme-*"})
    shown = api.all("repositories/main/rules", 2)
    assert [each["id"] for each in shown] == [1, 3, 4, 5]
    assert [each["covered_by"] for each in shown] == [None, None, 3, 3]
    assert [each["id"] for each in api.all("repositories/main/exceptions", 2)] == [2]

    for answer in (made, exempt):
        path = answer.headers["Location"].removeprefix("/api/v1/")
        assert api.get(path).get_json().items() <= answer.get_json().items()
        assert api.delete(path).status_code == 204
        _refused(api.get(path), 404, "unknown-rule")
        _refused(api.delete(path), 404, "unknown-rule")


def test_c6_a_rule_stays_as_it_is_when_the_one_that_covers_it_goes(api: ApiClient) -> None:
    for _ in range(2):
        api.post("repositories/main/rules", {"action": "deny", "target": "acme-*"})
    read = api.get("repositories/main/rules/2").headers["ETag"]
    api.delete("repositories/main/rules/1")

    assert api.get("repositories/main/rules/2").headers["ETag"] == read
    deleted = api.delete("repositories/main/rules/2", headers={"If-Match": read})
    assert deleted.status_code == 204


def test_rules_and_exceptions_are_two_lists(api: ApiClient) -> None:
    api.put("repositories/other", {})
    api.post("repositories/main/rules", {"action": "deny", "target": "demo"})
    api.post("repositories/main/exceptions", EXCEPTION)
    for path in (
        "repositories/main/rules/2",
        "repositories/main/exceptions/1",
        "repositories/other/rules/1",
        "repositories/main/rules/99999999999999999999",
        "repositories/main/rules/one",
    ):
        assert api.get(path).status_code == 404
        assert api.delete(path).status_code == 404
    assert len(api.get("repositories/main/rules").get_json()["items"]) == 1
    assert len(api.get("repositories/main/exceptions").get_json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("rules", {"action": "deny"}, 422),
        ("rules", {"action": "exempt", "target": "demo"}, 422),
        ("rules", {"action": "deny", "target": "demo", "kind": "wheel"}, 422),
        ("rules", {"action": "deny", "target": "demo", "until": "2100-01-01T00:00:00"}, 422),
        ("rules", {"action": "deny", "target": "demo<<2"}, 400),
        ("rules", {"action": "deny", "target": "/"}, 400),
        ("rules", {"action": "deny", "target": "demo", "reason": "\0"}, 400),
        ("rules", {"action": "deny", "target": "demo", "until": "2001-01-01T00:00:00Z"}, 400),
        ("rules", {"action": "deny", "target": "d", "until": "9999-12-31T23:59:59-23:59"}, 400),
        ("exceptions", {**EXCEPTION, "reason": " "}, 400),
        ("exceptions", {"target": "demo", "reason": "a fix"}, 422),
    ],
)
def test_rules_that_make_no_sense(
    path: str, document: dict[str, object], status: int, api: ApiClient
) -> None:
    assert api.post(f"repositories/main/{path}", document).status_code == status
    assert api.get(f"repositories/main/{path}").get_json()["items"] == []


# Why


def test_where_a_project_comes_from(registry: Registry, api: ApiClient, live: LiveUpstream) -> None:
    """V8."""
    live.add(wheel("demo", "1.0"))
    live.create_on(registry)
    api.put("repositories/main/sources", {"sources": ["upstream:public"]})
    api.post("repositories/main/rules", {"action": "deny", "target": "demo", "reason": "bad"})
    found = api.get("repositories/main/explain/Demo").get_json()
    assert (found["project"], found["supplier"]) == ("demo", "upstream:public")
    assert [each["answer"] for each in found["asked"]] == ["supplies"]
    (withheld,) = found["withheld"]
    assert (withheld["filename"], withheld["code"], withheld["rule_id"]) == (
        *(wheel("demo", "1.0").filename, "denied", 1),
    )
    assert "bad" in withheld["reason"]
    live.broken = "503 Service Unavailable"
    failing = api.get("repositories/main/explain/other").get_json()
    assert (failing["supplier"], failing["asked"][0]["answer"]) == ("", "fails")
    _refused(api.get("repositories/main/explain/%00"), 400, "invalid-name")
    _refused(api.get("repositories/absent/explain/demo"), 404, "unknown-repository")


def test_names_that_hide_something(registry: Registry, api: ApiClient) -> None:
    """V11."""
    api.put("repositories/base", {})
    for name in ("demo", "other"):
        upload(registry, wheel(name, "1.0"))
        upload(registry, wheel(name, "1.0"), "base")
    api.put("repositories/main/sources", {"sources": ["repository:base"]})
    assert api.all("repositories/main/shadowed-names", 1) == [
        {"project": name, "source": "repository:base", "by": "own-files"}
        for name in ("demo", "other")
    ]


def test_names_of_which_it_is_not_known_what_they_hide(registry: Registry, api: ApiClient) -> None:
    """B3."""
    for name in ("demo", "other"):
        upload(registry, wheel(name, "1.0"))
    api.put("upstreams/public", {"url": URL, "offline": True})
    api.put("repositories/main/sources", {"sources": ["upstream:public"]})
    found = api.all("repositories/main/uncompared-names", 1)
    assert found == [{"project": "demo"}, {"project": "other"}]


def test_an_audit(registry: Registry, api: ApiClient, live: LiveUpstream) -> None:
    """C7."""
    live.add(wheel("demo", "1.0"))
    live.create_on(registry)
    api.put("repositories/main/sources", {"sources": ["upstream:public"]})
    listed = api.client.get(
        "/repositories/main/simple/demo/",
        headers={**basic(USER, PASSWORD), "Accept": "application/vnd.pypi.simple.v1+json"},
    ).get_json()
    (file,) = listed["files"]
    url = urljoin("/repositories/main/simple/demo/", file["url"])
    with api.client.get(url, headers=basic(USER, PASSWORD)) as response:
        assert response.status_code == 200
    assert api.get("repositories/main/audit").get_json() == {"entries": []}
    (entry,) = api.get("repositories/main/audit?days=2&cooldown=3d").get_json()["entries"]
    assert (entry["project"], entry["version"], entry["downloads"]) == ("demo", "1.0", 1)
    assert entry["is_whole"]
    assert [each["code"] for each in entry["withheld"]] == ["too-young"]
    for wrong in ("days=0", "days=367", "cooldown=soon", "weeks=1"):
        _refused(api.get(f"repositories/main/audit?{wrong}"), 400, "invalid-setting")


# Who may


def test_only_administrators_of_repositories_manage_them(registry: Registry) -> None:
    registry.acting_as(OPERATOR).upstreams.create("public", url=URL)
    narrow = ApiClient(registry, ADMINISTRATOR, frozenset([Area.USERS, Area.SETTINGS]))
    for method, path, document in (
        ("GET", "upstreams", None),
        ("GET", "upstreams/public", None),
        ("GET", "upstreams/public/usage", None),
        ("POST", "upstreams/public/check", None),
        ("PUT", "upstreams/public", {"url": "https://other.example/"}),
        ("PUT", "upstreams/new", {"url": URL}),
        ("PATCH", "upstreams/public", {"offline": True}),
        ("DELETE", "upstreams/public", None),
        ("DELETE", "upstreams/absent", None),
        ("GET", "repositories/main/sources", None),
        ("PUT", "repositories/main/sources", {"sources": ["upstream:public"]}),
        ("GET", "repositories/main/kept-names/demo", None),
        ("DELETE", "repositories/main/kept-names/demo", None),
        ("GET", "repositories/main/rules", None),
        ("POST", "repositories/main/rules", {"action": "deny", "target": "demo"}),
        ("DELETE", "repositories/main/rules/1", None),
        ("GET", "repositories/main/exceptions", None),
        ("POST", "repositories/main/exceptions", EXCEPTION),
        ("DELETE", "repositories/main/exceptions/1", None),
        ("GET", "repositories/main/explain/demo", None),
        ("GET", "repositories/main/shadowed-names", None),
        ("GET", "repositories/main/uncompared-names", None),
        ("GET", "repositories/main/audit", None),
    ):
        response = narrow.call(method, path, **({"json": document} if document else {}))
        _refused(response, 403, "permission-denied")
        anonymous = narrow.client.open(f"/api/v1/{path}", method=method, json=document)
        _refused(anonymous, 401, "authentication-required")
        assert anonymous.headers["WWW-Authenticate"] == BEARER
    (found,) = registry.acting_as(OPERATOR).upstreams.all()
    assert (found.url, found.offline) == (URL, False)
    assert registry.acting_as(OPERATOR).sources.of("main").references == ()


def test_users_of_packages_manage_none_of_it(registry: Registry, api: ApiClient) -> None:
    token = registry.acting_as(OPERATOR).accounts.create_token(USER)[1]
    for headers in (bearer(token), basic(USER, PASSWORD)):
        for path in ("upstreams", "repositories/main/sources", "repositories/main/rules"):
            response = api.client.get(f"/api/v1/{path}", headers=headers)
            _refused(response, 401, "invalid-credentials")
