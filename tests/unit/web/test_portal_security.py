"""What attackers of the portal try."""

import re
from collections.abc import Iterator
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

import pytest
from werkzeug.routing import Map, Rule
from werkzeug.test import Client

from pypi_repo import (
    ANONYMOUS,
    EVERY_AREA,
    OPERATOR,
    Actor,
    ActorKind,
    Area,
    Limits,
    PortalApp,
    Registry,
    Settings,
)
from pypi_repo.settings import MIB
from pypi_repo.web.portal.app import ROUTES
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.api import KNOWN, create_publisher, create_webhook, open_stage
from tests.support.distributions import multipart, wheel
from tests.support.http import basic, bearer
from tests.support.portal import PortalClient, text_of
from tests.support.quick_schema import Filled
from tests.support.uploads import upload

COOKIE = "pypi_repo_session"

INDEX = "https://index.example/simple/"
DEMO = "repositories/main/projects/demo"
PROVIDER = {"issuer": "https://sso.invalid", "client_id": "other", "session_hours": "1"}
PUBLISHER = {
    "issuer": "https://ci.invalid",
    "more": "sub = other",
    "repository": "main",
    "may": "upload",
    "minutes": "15",
}
STAGE = f"repositories/main/stages/{KNOWN['stage']}"
WEBHOOK = {"url": "https://ci.invalid/", "form": "json", "secret": "correct-horse-battery"}
CHANGES = [
    ("sign-out", {}),
    ("sign-out-everywhere", {}),
    ("account", {"current": PASSWORD, "password": "new password", "again": "new password"}),
    ("account/tokens", {"name": "x", "area": "settings"}),
    ("account/tokens/1/revoke", {}),
    ("new-repository", {"name": "made"}),
    ("repositories/main/settings", {"visibility": "public", "confirmed": "yes"}),
    ("repositories/main/delete", {"confirm": "main"}),
    ("repositories/main", {"do": "delete", "project": "demo", "confirmed": "yes"}),
    ("repositories/main/trash", {"do": "restore", "entry": "1"}),
    (f"{DEMO}/releases", {"do": "delete", "release": "1.0", "confirmed": "yes"}),
    (f"{DEMO}/files", {"do": "yank", "release": "1.0", "confirmed": "yes"}),
    (f"{DEMO}/manage", {"status": "archived"}),
    (f"{DEMO}/delete", {"confirmed": "yes"}),
    (f"{DEMO}/promote", {"to": "releases"}),
    ("repositories/main/sources", {"do": "add", "source": "upstream:public"}),
    ("repositories/main/rules", {"action": "deny", "target": "demo"}),
    ("repositories/main/rules/1/delete", {}),
    ("repositories/main/retention", {"pattern": "*", "keep_last": "1"}),
    ("repositories/main/retention/preview", {}),
    ("repositories/main/retention/run", {}),
    ("repositories/main/retention/1/delete", {}),
    ("repositories/main/stages", {"description": "made", "days": "7"}),
    (f"{STAGE}/publish", {}),
    (f"{STAGE}/drop", {}),
    ("new-upstream", {"name": "made", "url": INDEX, "credentials": "none"}),
    ("upstreams/public", {"url": INDEX, "credentials": "none", "offline": "yes"}),
    ("upstreams/public/check", {}),
    ("upstreams/public/delete", {}),
    ("new-webhook", {"name": "made", **WEBHOOK}),
    ("webhooks/ci", {"form": "slack"}),
    ("webhooks/ci/test", {}),
    ("webhooks/ci/deliveries/1/redeliver", {}),
    ("webhooks/ci/delete", {}),
    ("new-user", {"name": "made", "everywhere": "write"}),
    ("users/user@example.com", {"everywhere": "none"}),
    ("users/user@example.com/password", {"password": "new password"}),
    ("users/user@example.com/invitation", {"do": "invite"}),
    ("users/user@example.com/tokens", {"token_name": "x"}),
    ("repositories/main/connect/token", {"user": USER}),
    ("users/user@example.com/tokens/1/revoke", {}),
    ("users/user@example.com/groups", {"groups": ["others"]}),
    ("users/user@example.com/delete", {}),
    ("new-group", {"name": "made", "everywhere": "write"}),
    ("groups/platform", {"everywhere": "write"}),
    ("groups/platform/members", {"users": "reader@example.com"}),
    ("groups/platform/members/user@example.com/remove", {}),
    ("groups/platform/delete", {}),
    ("new-administrator", {"name": "made", "password": "a password", "again": "a password"}),
    ("administrators/admin@example.com", {"area": "users"}),
    ("administrators/admin@example.com/password", {"password": "new password"}),
    ("administrators/admin@example.com/delete", {}),
    ("new-identity-provider", {**PROVIDER, "name": "made", "accounts": "users"}),
    ("identity-providers/sso", PROVIDER),
    ("identity-providers/sso/check", {}),
    ("identity-providers/sso/link", {"account": USER, "subject": "x"}),
    ("identity-providers/sso/unlink", {"subject": "linked"}),
    ("identity-providers/sso/delete", {}),
    ("new-publisher", {**PUBLISHER, "name": "made", "kind": "oidc"}),
    ("publishers/release", PUBLISHER),
    ("publishers/release/check", {}),
    ("publishers/release/delete", {}),
]
README = f"{DEMO}/readme"
PAGES = [
    "",
    "account",
    "repositories",
    "new-repository",
    "repositories/main",
    "repositories/main/connect",
    "repositories/main/settings",
    "repositories/main/upload",
    "repositories/main/sources",
    "repositories/main/rules",
    "repositories/main/retention",
    "repositories/main/trash",
    "repositories/main/stages",
    STAGE,
    "upstreams",
    "new-upstream",
    "upstreams/public",
    "upstreams/public/delete",
    "webhooks",
    "new-webhook",
    "webhooks/ci",
    DEMO,
    f"{DEMO}/releases",
    f"{DEMO}/files",
    f"{DEMO}/manage",
    f"{DEMO}/promote",
    README,
    "users",
    "new-user",
    "users/user@example.com",
    "users/user@example.com/delete",
    "groups",
    "new-group",
    "groups/platform",
    "administrators",
    "new-administrator",
    "administrators/admin@example.com",
    "administrators/admin@example.com/delete",
    "identity-providers",
    "new-identity-provider",
    "identity-providers/sso",
    "publishers",
    "new-publisher",
    "publishers/release",
    "chores",
    "activity",
    "activity.csv",
]


@Filled
def _fill(registry: Registry) -> None:
    populate(registry)
    upload(registry, wheel("demo", "1.0", description="Told."))
    registry.acting_as(OPERATOR).repositories.create("releases")
    upload(registry, wheel("left", "1.0"))
    registry.acting_as(OPERATOR).projects.delete("main", "left")
    open_stage(registry)
    registry.acting_as(OPERATOR).upstreams.create("public", url=INDEX)
    registry.acting_as(OPERATOR).sources.add_rule("main", "deny", "unwanted")
    registry.acting_as(OPERATOR).retention.add_rule("main", "demo", keep_last=1)
    create_webhook(registry)
    groups = registry.acting_as(OPERATOR).groups
    for name in ("platform", "others"):
        groups.create(name)
    groups.add_members("platform", [USER])
    providers = registry.acting_as(OPERATOR).identity_providers
    providers.create("sso", issuer="https://sso.invalid", client_id="x", accounts="users")
    providers.link("sso", USER, "linked")
    create_publisher(registry)


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """In memory; for the portal with a package to lose, and some of everything else."""
    with Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4)) as registry:
        (_fill if "portal" in request.fixturenames else populate)(registry)
        yield registry


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    """Signed in."""
    portal = PortalClient(registry)
    assert portal.sign_in(ADMINISTRATOR, PASSWORD).status_code == 303
    return portal


def test_every_change_is_among_those_that_are_tried() -> None:
    urls = Map([Rule(route.path, endpoint=route.path) for route in ROUTES if route.act])
    tried = {urls.bind("portal").match(f"/{path}")[0] for path, _fields in CHANGES}
    elsewhere = {"/sign-in", "/repositories/<repository>/upload"}
    assert tried | elsewhere == {route.path for route in ROUTES if route.act}


def _state(registry: Registry) -> object:
    """All that a change could change."""
    providers = registry.acting_as(OPERATOR).identity_providers
    webhooks = registry.acting_as(OPERATOR).webhooks
    return (
        registry.acting_as(OPERATOR).repositories.all(),
        [(found, providers.identities(found.name)) for found in providers.all()],
        registry.acting_as(OPERATOR).publishers.all(),
        registry.acting_as(OPERATOR).projects.get("main", "demo"),
        [user.name for user in registry.acting_as(OPERATOR).accounts.users()],
        [user.grants for user in registry.acting_as(OPERATOR).accounts.users()],
        registry.acting_as(OPERATOR).groups.all(),
        registry.acting_as(OPERATOR).administrators.all(),
        registry.acting_as(OPERATOR).upstreams.all(),
        registry.acting_as(OPERATOR).sources.of("main"),
        [(found, webhooks.deliveries(found.name)) for found in webhooks.all()],
        [entry.id for entry in registry.acting_as(OPERATOR).activity.entries(limit=100)],
    )


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_form_without_the_sessions_token_changes_nothing(
    token: str, registry: Registry, portal: PortalClient
) -> None:
    before = _state(registry)
    for path, fields in CHANGES:
        response = portal.post(path, **{**fields, "form_token": token})
        assert response.status_code == 403, path
        assert "open the page again" in text_of(response), path
        assert _state(registry) == before, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_form_changes_nothing_even_with_the_token(
    headers: dict[str, str], registry: Registry, portal: PortalClient
) -> None:
    before = _state(registry)
    for path, fields in CHANGES:
        response = portal.post(path, headers=headers, **fields)
        assert response.status_code == 403, path
        assert "another site" in text_of(response), path
        assert _state(registry) == before, path


@pytest.mark.parametrize(
    ("token_place", "status"), [("none", 403), ("wrong", 403), ("behind", 403), ("before", 303)]
)
def test_an_upload_without_the_token_before_its_file_stages_nothing(
    token_place: str, status: int, tmp_path: Path
) -> None:
    settings = Settings(database="sqlite://", blobs=f"file://{tmp_path}", password_cost=4)
    with Registry(settings) as registry:
        populate(registry)
        portal = PortalClient(registry)
        portal.sign_in(ADMINISTRATOR, PASSWORD)
        token = {"wrong": "0" * 64, "before": portal.form_token}.get(token_place)
        dist = wheel("planted", "1.0", padding=MIB)
        body, content_type = multipart(
            {"form_token": token} if token else {}, [("content", dist.filename, dist.content, None)]
        )
        if token_place == "behind":
            boundary = content_type.rpartition("=")[2]
            part = f'form-data; name="form_token"\r\n\r\n{portal.form_token}\r\n--{boundary}--\r\n'
            body = body.removesuffix(b"--\r\n") + b"\r\nContent-Disposition: " + part.encode()
        response = portal.client.post(
            "/portal/repositories/main/upload", data=body, content_type=content_type
        )
        found = registry.acting_as(OPERATOR).projects.search("main", "")
    assert response.status_code == status
    accepted = status == 303
    assert (tmp_path / ".staging").exists() is accepted  # it is made for the first large file
    assert [project.name for project in found] == ["planted"] * accepted


def test_signing_in_from_another_site_is_refused(registry: Registry) -> None:
    client = PortalClient(registry)
    response = client.post(
        "sign-in", headers={"Origin": "https://evil.example"}, name=ADMINISTRATOR, password=PASSWORD
    )
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers


def test_guessing_under_ever_new_names_is_answered_429_with_retry_after() -> None:
    settings = Settings(
        database="sqlite://", password_cost=4, limits=Limits(failed_logins_per_address=3)
    )
    with Registry(settings) as registry:
        registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
        client = PortalClient(registry)
        statuses = [client.sign_in(f"guess{number}", "guess").status_code for number in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        answer = client.sign_in(ADMINISTRATOR, PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "from this address" in text_of(answer)


def test_no_change_is_made_by_get(registry: Registry, portal: PortalClient) -> None:
    before = _state(registry)
    for path, fields in CHANGES:
        assert portal.get(path, query_string=fields).status_code in (200, 405)
    assert _state(registry) == before


# Sessions


def test_a_planted_session_is_worth_nothing(registry: Registry) -> None:
    """Fixation: whoever chose the cookie before the sign-in does not know the one after it."""
    client = PortalClient(registry)
    client.client.set_cookie(COOKIE, "planted", path="/portal")
    response = client.sign_in(ADMINISTRATOR, PASSWORD)
    given = SimpleCookie(response.headers["Set-Cookie"])[COOKIE].value
    assert given != "planted"
    assert len(given) >= 32
    planted = PortalClient(registry)
    planted.client.set_cookie(COOKIE, "planted", path="/portal")
    assert planted.get("repositories").status_code == 303


def test_each_sign_in_is_a_new_session(registry: Registry) -> None:
    cookies = {
        PortalClient(registry).sign_in(ADMINISTRATOR, PASSWORD).headers["Set-Cookie"]
        for _ in range(3)
    }
    assert len(cookies) == 3


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_cookie_is_out_of_reach_of_scripts_and_sites(
    scheme: str, secure: bool, registry: Registry
) -> None:
    response = Client(registry.wsgi_app()).post(
        "/portal/sign-in",
        base_url=f"{scheme}://packages.example.com",
        data={"name": ADMINISTRATOR, "password": PASSWORD},
    )
    attributes = [part.strip() for part in response.headers["Set-Cookie"].split(";")][1:]
    assert "HttpOnly" in attributes
    assert "SameSite=Lax" in attributes
    assert ("Secure" in attributes) is secure
    assert not any(attribute.startswith(("Domain", "Path")) for attribute in attributes)


def test_what_ends_a_session(registry: Registry, portal: PortalClient) -> None:
    other = PortalClient(registry)
    other.sign_in(ADMINISTRATOR, PASSWORD)
    stolen = portal.client.get_cookie(COOKIE, path="/portal")
    assert stolen is not None
    portal.post("sign-out")
    portal.client.set_cookie(COOKIE, stolen.value, path="/portal")
    assert portal.get("repositories").status_code == 303
    assert other.get("repositories").status_code == 200
    other.post("sign-out-everywhere")
    assert other.get("repositories").status_code == 303


@pytest.mark.parametrize("how", ["password", "deletion", "reset"])
def test_a_session_ends_with_its_password_and_its_administrator(
    how: str, registry: Registry, portal: PortalClient
) -> None:
    registry.acting_as(OPERATOR).administrators.create("other@example.com", PASSWORD)
    if how == "password":
        portal.post("account", current=PASSWORD, password="new password", again="new password")
    elif how == "deletion":
        registry.acting_as(OPERATOR).administrators.delete(ADMINISTRATOR)
    else:
        registry.acting_as(OPERATOR).administrators.set_password(ADMINISTRATOR, "new password")
    assert portal.get("repositories").status_code == 303


# Who gets in


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_a_page_without_signing_in(path: str, registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    token = registry.acting_as(OPERATOR).accounts.create_token(USER, name="t")[1]
    admin_token = registry.acting_as(OPERATOR).administrators.create_token(
        ADMINISTRATOR, name="t", areas=EVERY_AREA
    )[1]
    for headers in (
        {},
        basic(USER, PASSWORD),
        basic(ADMINISTRATOR, PASSWORD),
        bearer(token),
        bearer(admin_token),
        {"Cookie": f"{COOKIE}={token}"},
    ):
        response = Client(registry.wsgi_app(), use_cookies=False).get(
            f"/portal/{path}", headers=headers
        )
        assert response.status_code == 303
        assert PurePosixPath(response.headers["Location"].partition("?")[0]).name == "sign-in"
        assert response.data == b""


def test_repository_users_cannot_sign_in(registry: Registry) -> None:
    token = registry.acting_as(OPERATOR).accounts.create_token(USER, name="t")[1]
    for password in (PASSWORD, token):
        response = PortalClient(registry).sign_in(USER, password)
        assert response.status_code == 401
        assert "Set-Cookie" not in response.headers
        assert "wrong" in text_of(response)


def test_whether_a_name_exists_is_not_told(registry: Registry) -> None:
    answers = {
        text_of(PortalClient(registry).sign_in(name, "wrong password"))
        for name in (ADMINISTRATOR, "nobody@example.com", USER)
    }
    assert len(answers) == 1


def test_guessing_is_slowed_down() -> None:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings) as registry:
        registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
        portal = PortalClient(registry)
        statuses = [
            portal.sign_in(ADMINISTRATOR, f"guess {number}").status_code for number in range(30)
        ]
        assert set(statuses) == {401, 429}
        assert statuses == sorted(statuses)
        refused = portal.sign_in(ADMINISTRATOR, PASSWORD)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert "Set-Cookie" not in refused.headers


def test_changing_the_password_needs_the_old_one_and_is_throttled(portal: PortalClient) -> None:
    for _ in range(30):
        response = portal.post(
            "account", current="guess", password="new password", again="new password"
        )
    assert response.status_code == 429
    assert portal.get("repositories").status_code == 200


@pytest.mark.parametrize(
    ("area", "pages", "refused"),
    [
        (Area.REPOSITORIES, ["new-repository", "repositories/main"], ["users", "administrators"]),
        (Area.USERS, ["users", "groups"], ["administrators", "repositories/main"]),
        (Area.SETTINGS, ["administrators"], ["users", "repositories/main"]),
    ],
)
def test_an_administrator_reaches_what_was_delegated(
    area: Area, pages: list[str], refused: list[str], registry: Registry
) -> None:
    registry.acting_as(OPERATOR).administrators.create("part@example.com", PASSWORD, areas=[area])
    portal = PortalClient(registry)
    portal.sign_in("part@example.com", PASSWORD)
    for path in ["", "activity", "account", *pages]:
        assert portal.get(path).status_code == 200, path
    for path in refused:
        assert portal.get(path).status_code == 403, path


@pytest.mark.parametrize("areas", [[], *([area] for area in Area), [Area.USERS, Area.SETTINGS]])
def test_no_link_leads_to_a_page_that_is_refused(areas: list[Area], registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).repositories.create("gone")
    registry.acting_as(OPERATOR).repositories.delete("gone")
    registry.acting_as(OPERATOR).administrators.create("part@example.com", PASSWORD, areas=areas)
    portal = PortalClient(registry)
    portal.sign_in("part@example.com", PASSWORD)
    waiting = [""]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        answer = portal.get(path)
        assert answer.status_code == 200, (path, answer.status)
        links = re.findall(r'href="([^"#]*)', answer.text) if answer.mimetype == "text/html" else []
        for found in links:
            url = urljoin(f"/portal/{path}", unescape(found))
            below, _slash, target = url.partition("/portal/")
            if not below and target not in seen and not target.startswith("static/"):
                seen.add(target)
                waiting.append(target)
    assert {"repositories", "activity", "repositories/main/connect"} <= seen
    assert ("users" in seen) is (Area.USERS in areas)
    assert ("administrators" in seen) is (Area.SETTINGS in areas)
    assert ("repositories/main/settings" in seen) is (Area.REPOSITORIES in areas)


def test_areas_hold_for_changes_too(registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).administrators.create("none@example.com", PASSWORD, areas=[])
    portal = PortalClient(registry)
    portal.sign_in("none@example.com", PASSWORD)
    of_its_own = {"sign-out", "sign-out-everywhere", "account", "account/tokens/1/revoke"}
    before = _state(registry)
    for path, fields in CHANGES:
        if path not in of_its_own:
            assert portal.post(path, **fields).status_code == 403, path
    assert _state(registry) == before


# What a browser does with an answer


@pytest.mark.parametrize("path", [*filter(README.__ne__, PAGES), "no/such/page", "sign-in"])
def test_no_answer_can_be_framed_or_run_strange_scripts(path: str, portal: PortalClient) -> None:
    response = portal.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<(script(?! src)|style)|\son[a-z]+=|\sstyle=", response.text)


def test_a_description_has_no_power_over_the_portal(portal: PortalClient) -> None:
    response = portal.get(README)
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert policy[:3] == [
        "sandbox allow-popups allow-popups-to-escape-sandbox",
        "default-src 'none'",
        "style-src 'self'",
    ]
    assert set(policy[3:]) == {"form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    shown = portal.get("repositories/main/projects/demo").text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in shown


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/",
        "https://evil.example/",
        "https:evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "../../../evil",
        "%2F%2Fevil.example",
        "users\r\nSet-Cookie: a=b",
        "sign-in",
        "users/../../evil",
    ],
)
def test_after_the_sign_in_nobody_is_sent_elsewhere(wanted: str, registry: Registry) -> None:
    response = Client(registry.wsgi_app()).post(
        "/portal/sign-in",
        query_string={"next": wanted},
        data={"name": ADMINISTRATOR, "password": PASSWORD},
    )
    assert response.status_code == 303
    location = response.headers["Location"]
    assert re.fullmatch(r"\./|[A-Za-z0-9%._~@-]+(/[A-Za-z0-9%._~@-]+)*", location)
    assert ".." not in location.split("/")
    assert len(response.headers.getlist("Set-Cookie")) == 1


def test_after_the_sign_in_the_wanted_page_is_shown(registry: Registry) -> None:
    client = PortalClient(registry)
    sent_away = client.get("repositories/main/settings")
    assert sent_away.headers["Location"] == "../../sign-in?next=repositories%2Fmain%2Fsettings"
    response = client.client.post(
        "/portal/sign-in?next=repositories%2Fmain%2Fsettings",
        data={"name": ADMINISTRATOR, "password": PASSWORD},
    )
    assert response.headers["Location"] == "repositories/main/settings"


@pytest.mark.parametrize("user", ["a;reboot b", "a\nindex-servers = evil", "a/b", "x" * 200])
def test_lines_to_paste_hold_no_text_that_a_link_brought(user: str, portal: PortalClient) -> None:
    response = portal.get("repositories/main/connect", query_string={"user": user})
    assert response.status_code == 400
    assert "<pre" not in response.text
    assert 'id="user-refused"' in response.text
    for good in ("Build-Server", "__token__"):
        page = portal.get("repositories/main/connect", query_string={"user": good})
        assert f"username = {good.lower()}" in page.text


def test_a_notice_is_never_taken_from_the_url(portal: PortalClient) -> None:
    assert "evil" not in portal.get("?notice=evil<b>").text
    assert 'role="status"' not in portal.get("?note=evil<b>").text
    assert "You are signed out." in portal.get("?notice=signed-out").text


SECRETS = [
    ("new-user", {"name": "made", "everywhere": "write"}),
    ("users/user@example.com/password", {"password": ""}),
    ("users/user@example.com/invitation", {"do": "invite"}),
    ("users/user@example.com/tokens", {"token_name": "x"}),
    ("repositories/main/connect/token", {"user": USER}),
    ("account/tokens", {"name": "x", "area": "settings"}),
]


@pytest.mark.parametrize(("path", "fields"), SECRETS)
def test_a_secret_is_shown_once_and_never_made_twice(
    path: str, fields: dict[str, str], registry: Registry, portal: PortalClient
) -> None:
    """The answer to the form holds none, so reloading what it leads to makes no other."""
    answer = portal.post(path, **fields)
    assert answer.status_code == 303
    assert answer.data == b""
    before = len(registry.acting_as(OPERATOR).activity.entries(limit=100))
    other = PortalClient(registry)
    other.sign_in(ADMINISTRATOR, PASSWORD)
    # Neither looking ahead nor another session, even of the same person, gets or loses it.
    portal.client.head(urljoin(f"/portal/{path}", answer.headers["Location"]))
    assert "shown this once" not in other.follow(path, answer).text
    shown = portal.follow(path, answer).text
    assert "shown this once" in shown
    secret = re.search(r'class="copyable"[^>]*><pre[^>]*>([^<]{20,})</pre>', shown)
    assert secret is not None
    assert secret[1] not in answer.headers["Location"]
    reloaded = portal.follow(path, answer)
    assert reloaded.status_code == 200
    assert secret[1] not in reloaded.text
    assert len(registry.acting_as(OPERATOR).activity.entries(limit=100)) == before + 1, (
        "signing in, and nothing else"
    )


def test_every_answer_to_a_form_redirects(registry: Registry, portal: PortalClient) -> None:
    """But for questions and refusals: reloading does nothing twice."""
    registry.acting_as(OPERATOR).accounts.create_token(USER)
    registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
    registry.acting_as(OPERATOR).administrators.create("second@example.com", PASSWORD)
    late = ("repositories/main/delete", f"{DEMO}/delete", f"{DEMO}/releases", "account", "sign-out")
    for path, fields in sorted(CHANGES, key=lambda change: late.count(change[0])):
        if not path.startswith(("administrators", "sign-out")) and path not in late:
            answer = portal.post(path, **fields)
            refused = (404, 409, 502)  # 502: nobody answers there
            assert answer.status_code in (303, *refused), (path, answer.status)
            assert answer.status_code != 303 or answer.data == b"", path


@pytest.mark.parametrize(
    "name", ["../page.py", "..%2Fpage.py", "app.py", "", ".", "pages.css/", "x.css", "%00.css"]
)
def test_nothing_but_the_listed_files_is_served(name: str, portal: PortalClient) -> None:
    assert portal.get(f"static/{name}").status_code == 404


def test_stored_text_is_only_text(registry: Registry, portal: PortalClient) -> None:
    """X54, for what is shown without a renderer."""
    evil = "\"><script>alert('x')</script>"
    registry.acting_as(OPERATOR).repositories.change("main", description=evil)
    upload(registry, wheel("demo", "2.0", extra_metadata=f"Summary: {evil}\nKeywords: {evil}\n"))
    registry.acting_as(OPERATOR).projects.yank_file("main", "demo-2.0-py3-none-any.whl", evil)
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "deprecated", evil)
    registry.acting_as(OPERATOR).accounts.create_token(USER, name=evil)
    portal.post("account/tokens", name=evil, area="users")
    for path in PAGES:
        if path != "activity.csv":
            assert "<script>alert" not in portal.get(path).text, path
    assert "<script>alert" not in portal.get(f"repositories/main?q={evil}").text
    assert "<script>alert" not in portal.get(f"repositories/main/connect?user={evil}").text


def test_a_spreadsheet_runs_nothing(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "deprecated", "=1+1")
    PortalClient(registry).sign_in("=cmd|' /C calc'!A0", "wrong password")
    for line in portal.get("activity.csv").text.splitlines():
        for cell in line.split(","):
            assert not cell.startswith(("=", "+", "-", "@"))


def test_a_downloaded_file_is_never_shown(portal: PortalClient) -> None:
    page = portal.get("repositories/main/projects/demo/files").text
    found = re.search(r'href="\.\./\.\./\.\./\.\./(repositories/main/files/[^"]+)"', page)
    assert found is not None
    response = portal.get(found[1])
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize("field", ["password", "current", "again"])
def test_passwords_never_come_back(field: str, portal: PortalClient) -> None:
    response = portal.post("account", **{field: "a secret of mine"})
    assert response.status_code >= 400
    assert "a secret of mine" not in response.text


def test_a_form_has_its_limit(portal: PortalClient) -> None:
    assert portal.post("new-repository", name="x" * 2_000_000).status_code == 413


# A host's own sign-in


def test_a_host_signs_administrators_in(registry: Registry) -> None:
    def authenticate(environ: dict[str, object]) -> Actor:
        if environ.get("HTTP_X_ROLE") == "administrator":
            return Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
        return Actor("somebody")

    client = Client(PortalApp(registry, authenticate=authenticate))
    assert client.get("/repositories").status_code == 403
    admitted = {"X-Role": "administrator"}
    page = client.get("/repositories", headers=admitted)
    assert page.status_code == 200
    assert "boss" in page.text
    assert "Sign out" not in page.text
    made = {"name": "made", "visibility": "private"}
    foreign = {**admitted, "Origin": "https://evil.example"}
    assert client.post("/new-repository", data=made, headers=foreign).status_code == 403
    assert client.post("/new-repository", data=made, headers=admitted).status_code == 303
    assert registry.acting_as(OPERATOR).repositories.get("made").name == "made"
    assert registry.acting_as(OPERATOR).activity.entries(limit=1)[0].actor == "boss"


def test_a_host_signs_administrators_in_for_the_whole_registry(registry: Registry) -> None:
    """By the seam that package clients pass too: each kind of account opens its own side."""

    def authenticate(environ: dict[str, object]) -> Actor:
        role = environ.get("HTTP_X_ROLE")
        if role == "administrator":
            return Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=frozenset([Area.USERS]))
        return Actor(USER) if role else ANONYMOUS

    client = Client(registry.wsgi_app(authenticate=authenticate))
    boss = {"X-Role": "administrator"}
    assert client.get("/portal/users", headers=boss).status_code == 200
    assert client.get("/portal/administrators", headers=boss).status_code == 403
    assert client.get("/repositories/main/simple/", headers=boss).status_code in (401, 403)
    for headers in ({}, {"X-Role": "user"}, basic(ADMINISTRATOR, PASSWORD)):
        assert client.get("/portal/users", headers=headers).status_code in (401, 403)
    for method in ("GET", "POST"):
        answer = client.open(
            "/portal/sign-in", method=method, data={"name": ADMINISTRATOR, "password": PASSWORD}
        )
        assert answer.status_code == 404, "the host signs in, and nobody else"
        assert "Set-Cookie" not in answer.headers
