"""The portal's pages and forms, without a browser."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Area, PortalApp, Registry, mount
from pypi_repo.domain.journal import JournalFilter
from pypi_repo.domain.repository_settings import SETTINGS
from pypi_repo.domain.usage import DownloadedRelease
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER
from tests.support.distributions import Distribution, multipart, sdist, upload_form, wheel
from tests.support.http import basic, bearer
from tests.support.portal import PortalClient, refusal_of, refused_fields, text_of
from tests.support.uploads import upload

SIMPLE = "/repositories/main/simple/"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


# Where it is


@pytest.mark.parametrize("prefix", ["", "/admin", "/deep/below"])
def test_it_works_under_any_prefix(prefix: str, registry: Registry) -> None:
    portal = PortalApp(registry, repositories_url="../r/")
    client = Client(mount({prefix: portal}) if prefix else portal)
    if prefix:
        bare = client.get(prefix)
        assert bare.status_code == 301
        assert bare.headers["Location"] == f"{prefix.rpartition('/')[2]}/"
    answer = client.post(f"{prefix}/sign-in", data={"name": ADMINISTRATOR, "password": PASSWORD})
    assert answer.headers["Location"] == "./"
    page = client.get(f"{prefix}/repositories/main/connect?tool=pip")
    assert f"http://localhost{prefix.rpartition('/')[0]}/r/main/simple/" in page.text
    for link in re.findall(r'(?:href|src)="([^"#]*)"', page.text):
        assert not link.startswith("/")
    style = re.search(r'href="\.\./\.\./(static/pages\.css)\?v=[0-9a-f]{12}"', page.text)
    assert style is not None
    answer = client.get(f"{prefix}/{style[1]}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods(method: str, portal: PortalClient) -> None:
    answer = portal.client.open("/portal/users", method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_answers_as_get(portal: PortalClient) -> None:
    answer = portal.client.head("/portal/users")
    assert answer.status_code == 200
    assert answer.data == b""


@pytest.mark.parametrize(
    "path",
    [
        "no/such/page",
        "repositories/none",
        "repositories/none/settings",
        "repositories/main/projects/none",
        "repositories/main/projects/%C3%A9",
        "users/nobody@example.com",
        "users/nobody@example.com/delete",
        "administrators/nobody@example.com",
        "account/tokens/x/revoke",
    ],
)
def test_what_does_not_exist(path: str, portal: PortalClient) -> None:
    answer = portal.get(path)
    assert answer.status_code == 404
    assert len(refusal_of(answer)) > 10


def test_no_name_is_in_the_way_of_a_page(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.create("new")
    registry.acting_as(OPERATOR).accounts.create_user("new", PASSWORD)
    registry.acting_as(OPERATOR).administrators.create("new", PASSWORD)
    for path in ("repositories/new", "users/new", "administrators/new"):
        assert "Create a" not in portal.get(path).text.partition("<h1>")[2].partition("</h1>")[0]
    published = {"visibility": "public", "profile": "private", "confirmed": "yes"}
    portal.post("repositories/new/settings", **published)
    assert registry.acting_as(OPERATOR).repositories.get("new").public
    portal.post("users/new/delete")
    portal.post("administrators/new/delete")
    assert {user.name for user in registry.acting_as(OPERATOR).accounts.users()} == {USER, READER}
    assert [found.name for found in registry.acting_as(OPERATOR).administrators.all()] == [
        ADMINISTRATOR
    ]


# Repositories


def test_a_repository_from_its_creation_to_its_end(
    registry: Registry, portal: PortalClient
) -> None:
    answer = portal.post(
        "new-repository",
        name="team-a",
        description=" Of team A ",
        visibility="public",
        protected="yes",
        max_file_size="1536 MiB",
        quota="50GiB",
        profile="pypi",
    )
    assert re.match(r"repositories/team-a/connect\?note=[\w-]{43}$", answer.headers["Location"])
    assert "Created the repository team-a." in text_of(portal.follow("new-repository", answer))
    made = registry.acting_as(OPERATOR).repositories.get("team-a")
    assert (made.description, made.public, made.profile) == ("Of team A", True, "pypi")
    assert (made.allow_overwrite, made.allow_reuse) == (False, False)
    assert (made.max_file_size, made.quota) == (1536 * 2**20, 50 * 2**30)

    page = portal.get("repositories/team-a/settings").text
    assert 'value="1536MiB"' in page
    assert 'value="50GiB"' in page
    portal.post("repositories/team-a/settings", visibility="private", profile="private")
    changed = registry.acting_as(OPERATOR).repositories.get("team-a")
    assert (changed.public, changed.allow_overwrite) == (False, True)
    assert (changed.max_file_size, changed.quota, changed.description) == (None, None, "")

    answer = portal.post("repositories/team-a/delete", confirm="team-b")
    assert answer.status_code == 400
    assert "Type the name" in refusal_of(answer)
    portal.post("repositories/team-a/delete", confirm="team-a")
    assert [found.name for found in registry.acting_as(OPERATOR).repositories.all()] == ["main"]


def test_the_form_has_a_field_for_each_setting(portal: PortalClient) -> None:
    """Three of them by the words of their opposites."""
    put_otherwise = {
        "public": "visibility",
        "allow_overwrite": "protected",
        "accepts_uploads": "no_uploads",
    }
    names = {*re.findall(r' name="([a-z_]+)"', portal.get("new-repository").text)}
    assert {put_otherwise.get(name, name) for name in SETTINGS} - names == set()


def test_a_repository_becomes_public_only_after_a_question(
    registry: Registry, portal: PortalClient
) -> None:
    upload(registry, wheel("demo", "1.0"))
    path = "repositories/main/settings"
    fields = {"visibility": "public", "description": "<New>", "protected": "yes", "quota": "1GiB"}
    asked = portal.post(path, **fields)
    assert asked.status_code == 200
    assert "1 project with 1 file" in text_of(asked)
    before = registry.acting_as(OPERATOR).repositories.get("main")
    assert (before.public, before.description) == (False, "")
    # The answer to the question holds all that was on the form.
    kept = dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', asked.text))
    del kept["form_token"]
    answer = portal.post(path, **{name: unescape(value) for name, value in kept.items()})
    assert answer.status_code == 303
    changed = registry.acting_as(OPERATOR).repositories.get("main")
    assert (changed.public, changed.description, changed.quota) == (True, "<New>", 2**30)
    assert not changed.allow_overwrite
    # Nothing is asked where nothing is opened.
    assert portal.post(path, **fields).status_code == 303
    assert portal.post(path, **{**fields, "visibility": "private"}).status_code == 303
    assert not registry.acting_as(OPERATOR).repositories.get("main").public


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "not a name"}, "name"),
        ({"name": "main"}, "already"),
        ({"name": "good", "quota": "much"}, "not a size"),
        ({"name": "good", "max_file_size": "-1"}, "not a size"),
        ({"name": "good", "profile": "none"}, "profile"),
    ],
)
def test_a_refused_form_is_shown_again_with_what_was_typed(
    wrong: dict[str, str], sentence: str, registry: Registry, portal: PortalClient
) -> None:
    fields = {"description": "Typed", "visibility": "public", "profile": "private", **wrong}
    answer = portal.post("new-repository", **fields)
    assert 400 <= answer.status_code < 500
    assert sentence in refusal_of(answer)
    assert 'value="Typed"' in answer.text
    assert f'value="{fields["name"]}"' in answer.text
    assert re.search(r'value="public" checked', answer.text)
    assert len(registry.acting_as(OPERATOR).repositories.all()) == 1


def test_refused_settings_are_shown_as_they_were_sent(portal: PortalClient) -> None:
    answer = portal.post(
        "repositories/main/settings", description="Of team A", quota="lots", visibility="public"
    )
    assert answer.status_code == 400
    for shown in ('value="Of team A"', 'value="lots"', 'value="public" checked'):
        assert shown in answer.text
    assert 'name="protected" value="yes" checked' not in answer.text


def test_all_that_is_wrong_with_a_form_stands_at_its_fields_at_once(
    registry: Registry, portal: PortalClient
) -> None:
    answer = portal.post("new-repository", name="Not OK", max_file_size="big", quota="0")
    assert answer.status_code == 400
    refused = refused_fields(answer)
    assert set(refused) == {"name", "max_file_size", "quota"}
    assert "'Not OK'" in refused["name"]
    assert "not a size" in refused["max_file_size"]
    answer = portal.post("new-repository", name="main")
    assert (answer.status_code, set(refused_fields(answer))) == (409, {"name"})
    for path, fields, expected in (
        ("repositories/main/settings", {"quota": "x", "description": "\0"},
         ["description", "quota"]),
        ("repositories/main/delete", {"confirm": "x"}, ["confirm"]),
        ("new-user", {"name": "a b", "password": "short"}, ["everywhere", "name", "password"]),
        ("new-user", {"name": USER, "everywhere": "read"}, ["name"]),
        (f"users/{USER}", {}, ["everywhere"]),
        (f"users/{USER}/password", {"password": "short"}, ["password"]),
        (f"users/{USER}/tokens", {"expires_in": "soon", "token_name": "\0"},
         ["expires_in", "token_name"]),
        (f"users/{USER}/tokens", {"expires_in": "99999"}, ["expires_in"]),
        ("new-administrator", {"name": "a b", "password": "short", "again": "other"},
         ["again", "name", "password"]),
        ("new-administrator", {"name": ADMINISTRATOR, "password": PASSWORD, "again": PASSWORD},
         ["name"]),
        (f"administrators/{ADMINISTRATOR}/password", {"password": "short"}, ["password"]),
        ("account", {"current": "wrong", "password": "short", "again": "other"},
         ["again", "current", "password"]),
        ("account/tokens", {"expires_in": "-1", "name": "\0"}, ["expires_in", "name"]),
        ("account/tokens", {"expires_in": "4000"}, ["expires_in"]),
    ):  # fmt: skip
        refused = refused_fields(portal.post(path, **fields))
        assert sorted(refused) == expected, path
    assert PortalClient(registry).sign_in(ADMINISTRATOR, PASSWORD).status_code == 303
    assert len(registry.acting_as(OPERATOR).accounts.users()) == 2


def test_nothing_is_chosen_beforehand_for_a_new_user(
    registry: Registry, portal: PortalClient
) -> None:
    page = portal.get("new-user").text
    assert "checked" not in page
    assert len(re.findall(r'name="everywhere" value="[a-z]+" required>', page)) == 3
    answer = portal.post("new-user", name="new@example.com", **{"access-main": "read"})
    assert answer.status_code == 400
    assert "Choose what is allowed" in refused_fields(answer)["everywhere"]
    assert re.search(r'id="access-main">.*?"read" selected', answer.text, flags=re.DOTALL)
    assert len(registry.acting_as(OPERATOR).accounts.users()) == 2


def test_one_word_has_one_meaning(registry: Registry, portal: PortalClient) -> None:
    """Private is a visibility; how strictly uploads are checked has other names."""
    words = text_of(portal.get("new-repository"))
    assert words.lower().count("private") == 1
    for name in ("Standard", "Public index", "Lenient"):
        assert name in words
    named = {f"team-{letter}": Access.READ for letter in "abcdef"}
    for name in named:
        registry.acting_as(OPERATOR).repositories.create(name)
    accounts = registry.acting_as(OPERATOR).accounts
    accounts.create_user("few", PASSWORD, everywhere=Access.NONE, named={"main": Access.WRITE})
    accounts.create_user("many", PASSWORD, everywhere=Access.WRITE, named=named)
    accounts.create_user("none", PASSWORD, everywhere=Access.NONE)
    words = text_of(portal.get("users"))
    assert "few main: read and write 2" in words
    assert "none no access 2" in words
    assert (
        "many reads and writes all repositories; team-a: read; team-b: read; team-c: read; "
        "and 3 others 2"
    ) in words
    for path in ("administrators", "account", f"administrators/{ADMINISTRATOR}"):
        page = portal.get(path).text.replace("repositories, their settings", "")
        assert "settings" not in re.sub(r"<[^>]*>", "", page).lower(), path


def test_lists_tell_what_repositories_hold(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.create("open", public=True, allow_overwrite=True)
    upload(registry, wheel("demo", "1.0"))
    upload(registry, sdist("demo", "1.0"))
    words = text_of(portal.get("repositories"))
    assert re.search(r"main Private Protected 1 2 [0-9.]+ (KiB|bytes) \d{4}-\d\d-\d\d", words)
    assert "open Public Overwrites allowed 0 0 0 bytes never" in words


def _shown_tools(page: Any) -> list[str]:
    return re.findall(r'<section class="card" id="([a-z]+)">', page.text)


def test_connection_settings_come_tool_by_tool(registry: Registry, portal: PortalClient) -> None:
    path = "repositories/main/connect"
    first = portal.get(path)
    assert _shown_tools(first) == ["twine"]
    tabs = re.findall(r'href="[^"]*[?]tool=([a-z]+)"', first.text)
    assert tabs == [
        "twine", "pip", "uv", "poetry", "pdm", "hatch", "flit", "pipenv", "github", "gitlab",
        "docker",
    ]  # fmt: skip
    for tool in tabs:
        page = portal.get(path, query_string={"tool": tool, "user": USER})
        assert _shown_tools(page) == [tool]
        assert re.search(rf'tool={tool}&amp;user={quote(USER)}" aria-current="page"', page.text)
    assert _shown_tools(portal.get(f"{path}?tool=telnet")) == ["twine"]


def test_connection_settings_know_the_users(registry: Registry, portal: PortalClient) -> None:
    accounts = registry.acting_as(OPERATOR).accounts
    accounts.create_user("gone", PASSWORD)
    accounts.set_disabled("gone", True)
    accounts.create_user("elsewhere", PASSWORD, everywhere=Access.NONE)
    path = "repositories/main/connect"
    offered = re.findall(r'<option value="([^"]*)"', portal.get(path).text)
    assert offered == [READER, USER]
    for name, told in (
        (USER, "and publish to it"),
        (READER, "and not publish"),
        ("gone", "has no access"),
        ("elsewhere", "has no access"),
        ("nobody", "There is no repository user nobody"),
    ):
        words = text_of(portal.get(path, query_string={"user": name}))
        assert told in words, name
        assert f"username = {name}" in words


def test_a_token_is_created_where_it_is_pasted(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    path = "repositories/main/connect/token"
    fields = {"user": USER, "tool": "uv", "token_name": "ci", "read_only": "yes", "expires_in": "9"}
    made = portal.post(path, **fields)
    assert "ppr_" not in made.text + made.headers["Location"]
    page = portal.follow(path, made)
    secret = re.search(r"<pre[^>]*>(ppr_[^<]+)</pre>", page.text)
    assert secret is not None
    assert _shown_tools(page) == ["uv"]
    assert f"UV_INDEX_MAIN_USERNAME=__token__ UV_INDEX_MAIN_PASSWORD={secret[1]} " in text_of(page)
    assert "YOUR-PASSWORD" not in page.text
    again = portal.get("repositories/main/connect?tool=uv&user=__token__")
    assert secret[1] not in again.text
    (token,) = registry.acting_as(OPERATOR).accounts.tokens(USER)
    assert (token.name, token.repository, token.read_only) == ("ci", "main", True)
    assert portal.client.get(SIMPLE, headers=bearer(secret[1])).status_code == 200
    other = portal.client.get("/repositories/other/simple/", headers=bearer(secret[1]))
    assert other.status_code in (403, 404)


def test_a_token_that_is_refused_there(registry: Registry, portal: PortalClient) -> None:
    path = "repositories/main/connect/token"
    wrong = portal.post(path, user=USER, tool="pip", token_name="ci", expires_in="soon")
    assert (wrong.status_code, set(refused_fields(wrong))) == (400, {"expires_in"})
    assert _shown_tools(wrong) == ["pip"]
    assert 'value="ci"' in wrong.text
    assert portal.post(path, user="nobody").status_code == 404
    assert portal.post("repositories/none/connect/token", user=USER).status_code == 404
    registry.acting_as(OPERATOR).administrators.create(
        "keeper", PASSWORD, areas=[Area.REPOSITORIES]
    )
    keeper = PortalClient(registry)
    keeper.sign_in("keeper", PASSWORD)
    page = keeper.get("repositories/main/connect", query_string={"user": USER})
    assert "Create the token" not in page.text
    assert keeper.post(path, user=USER).status_code == 403
    assert registry.acting_as(OPERATOR).accounts.tokens(USER) == []


def test_a_help_desk_tells_people_how_to_connect(registry: Registry) -> None:
    registry.acting_as(OPERATOR).administrators.create("desk", PASSWORD, areas=[Area.USERS])
    registry.acting_as(OPERATOR).administrators.create(
        "keeper", PASSWORD, areas=[Area.REPOSITORIES]
    )
    for name, offers in (("desk", True), ("keeper", False)):
        portal = PortalClient(registry)
        portal.sign_in(name, PASSWORD)
        page = portal.get("repositories/main/connect", query_string={"user": USER})
        assert f"username = {USER}" in text_of(page)
        assert ("<datalist" in page.text) is offers
        assert ("may install" in page.text) is offers
    assert portal.get("repositories/none/connect").status_code == 404


# Projects


@pytest.fixture
def many(registry: Registry) -> Registry:
    for number in range(120):
        upload(registry, wheel(f"Part_{number:03}", "1.0"))
    return registry


def _neighbour(page: Any, which: str) -> str | None:
    """The link of a list to its next or previous page."""
    found = re.search(rf'rel="{which}" href="(?:\.\./)*([^"]*)"', page.text)
    return None if found is None else unescape(found[1])


def test_many_projects_are_paged_and_searched(many: Registry, portal: PortalClient) -> None:
    seen: list[str] = []
    path: str | None = "repositories/main"
    while path:
        page = portal.get(path)
        seen += re.findall(r'projects/([a-z0-9-]+)">', page.text)
        path = _neighbour(page, "next")
    assert seen == [f"part-{number:03}" for number in range(120)]
    assert "101 to 120 of 120 projects" in text_of(page)
    back = portal.get(_neighbour(page, "prev") or "")
    assert "51 to 100 of 120 projects" in text_of(back)
    assert _neighbour(portal.get(_neighbour(back, "prev") or ""), "prev") is None
    found = portal.get("repositories/main", query_string={"q": "PART.11"})
    assert len(re.findall(r'projects/part-11\d">', found.text)) == 10
    assert "10 projects" in text_of(found)
    # A list that became shorter, and what nobody means.
    for number, first in (
        ("7", "101 to 120"),
        ("0", "1 to 50"),
        ("x", "1 to 50"),
        ("9" * 30, "1 to 50"),
    ):
        assert f"{first} of 120" in text_of(portal.get(f"repositories/main?page={number}")), number


def _order(page: Any, kind: str = "projects") -> list[str]:
    found = re.findall(
        rf'{kind}/([a-z0-9%.-]+)">', page.text.partition("<tbody>")[2], re.IGNORECASE
    )
    return [unquote(name) for name in found]


def test_projects_are_sorted_by_any_column(registry: Registry, portal: PortalClient) -> None:
    upload(registry, wheel("beta", "1.0", padding=9000))
    for version in ("1.0", "2.0", "3.0"):
        upload(registry, wheel("gamma", version))
    upload(registry, wheel("alpha", "1.0"))
    upload(registry, wheel("empty", "1.0"))
    registry.acting_as(OPERATOR).projects.delete_file("main", "empty-1.0-py3-none-any.whl")
    for sort, expected in {
        "": ["alpha", "beta", "empty", "gamma"],
        "name": ["alpha", "beta", "empty", "gamma"],
        "-name": ["gamma", "empty", "beta", "alpha"],
        "files": ["empty", "alpha", "beta", "gamma"],
        "-files": ["gamma", "alpha", "beta", "empty"],
        "-releases": ["gamma", "alpha", "beta", "empty"],
        "-size": ["beta", "gamma", "alpha", "empty"],
        "uploaded": ["beta", "gamma", "alpha", "empty"],
        "-uploaded": ["alpha", "gamma", "beta", "empty"],
        "password_hash": ["alpha", "beta", "empty", "gamma"],
    }.items():
        assert _order(portal.get(f"repositories/main?sort={sort}")) == expected, sort
    page = portal.get("repositories/main?sort=-size&q=a").text
    assert re.search(r'aria-sort="descending"><a href="[^"]*q=a&amp;sort=size">Size', page)
    assert re.search(r'href="[^"]*q=a&amp;sort=-files">Files', page)
    assert 'name="sort" value="-size"' in page


def test_a_list_shows_the_version_that_people_want(
    registry: Registry, portal: PortalClient
) -> None:
    for version in ("1.9", "1.10", "2.0rc1", "1.11"):
        upload(registry, wheel("demo", version))
    upload(registry, wheel("early", "0.1a1"))
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.11", "broken")
    words = text_of(portal.get("repositories/main"))
    assert "demo 1.10 4 4 " in words
    assert "early 0.1a1 1 1 " in words
    registry.acting_as(OPERATOR).projects.delete_release("main", "demo", "1.10")
    assert "demo 1.9 3 3 " in text_of(portal.get("repositories/main"))
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.11", None)
    assert "demo 1.11 3 3 " in text_of(portal.get("repositories/main"))


def test_repositories_and_their_projects_are_searched_and_sorted(
    registry: Registry, portal: PortalClient
) -> None:
    registry.acting_as(OPERATOR).repositories.create("team-a", description="Of the billing team")
    registry.acting_as(OPERATOR).repositories.create("team-b")
    upload(registry, wheel("Billing-API", "1.0"), repository="team-b")
    upload(registry, wheel("billing-api", "1.0"), repository="main")
    upload(registry, wheel("billing-jobs", "1.0"), repository="main")
    assert _order(portal.get("repositories?sort=-projects"), "repositories") == [
        "main",
        "team-b",
        "team-a",
    ]
    page = portal.get("repositories?q=Billing")
    assert _order(page, "repositories") == ["team-a"]
    assert _order(page) == ["billing-api", "billing-api", "billing-jobs"]
    assert "Billing-API in team-b" in text_of(page)
    assert "No repository has “nothing”" in text_of(portal.get("repositories?q=nothing"))


def test_many_users_are_paged_searched_and_sorted(registry: Registry, portal: PortalClient) -> None:
    for number in range(60):
        registry.acting_as(OPERATOR).accounts.create_user(
            f"person-{number:02}@example.com", PASSWORD
        )
    registry.acting_as(OPERATOR).accounts.create_user(
        "robot", PASSWORD, named={"main": Access.READ}
    )
    registry._usage.note_use(1)
    registry._usage.flush()
    first = portal.get("users")
    assert "1 to 50 of 63 users" in text_of(first)
    rest = portal.get(_neighbour(first, "next") or "")
    assert len(_order(first, "users")) + len(_order(rest, "users")) == 63
    assert _order(portal.get("users?q=N-1"), "users") == [
        f"person-1{number}@example.com" for number in range(10)
    ]
    assert _order(portal.get("users?sort=-created"), "users")[0] == "robot"
    assert _order(portal.get("users?sort=-used"), "users")[0] == USER
    assert _order(portal.get("users?sort=used"), "users")[0] == USER
    assert "has “nobody” in it" in text_of(portal.get("users?q=nobody"))
    assert portal.get("users/ROBOT").status_code == 200


def test_a_project_as_people_see_it(registry: Registry, portal: PortalClient) -> None:
    described = wheel(
        "Demo_App",
        "1.10",
        requires_python=">=3.9",
        requires_dist=["httpx"],
        extra_metadata=(
            "Summary: A summary\nAuthor: Somebody\nClassifier: Typing :: Typed\n"
            "Project-URL: Docs, https://docs.example.com/\n"
            "Description-Content-Type: text/markdown\n"
        ),
        description="# Title\n\n**bold**",
    )
    upload(registry, wheel("demo-app", "1.9"))
    upload(registry, described)
    page = portal.get("repositories/main/projects/demo-app")
    words = text_of(page)
    for expected in (
        "Demo_App 1.10",
        "A summary",
        "Somebody",
        "Typing :: Typed",
        "httpx",
        ">=3.9",
        "pip install --index-url http://localhost/repositories/main/simple/ Demo_App==1.10",
    ):
        assert expected in words
    files = text_of(portal.get("repositories/main/projects/demo-app/files"))
    assert described.sha256 in files
    assert f"by {USER}" in files
    described_by = "repositories/main/projects/demo-app/readme?version=1.10"
    assert '<iframe class="readme-frame" title="Description of Demo_App 1.10"' in page.text
    assert "<strong>bold</strong>" in portal.get(described_by).text
    crumbs = re.search(r'aria-label="Breadcrumbs">(.*?)</nav>', page.text, flags=re.DOTALL)
    assert crumbs is not None
    assert re.findall(r'href="([^"]*)"|aria-current="page">([^<]*)<', crumbs[1]) == [
        ("../../../repositories", ""),
        ("../../../repositories/main", ""),
        ("", "Demo_App"),
    ]
    assert 'href="https://docs.example.com/"' in page.text
    assert page.text.index(">1.10<") < page.text.index(">1.9<")
    other = portal.get("repositories/main/projects/demo-app?version=1.9")
    assert "bold" not in other.text
    elsewhere = portal.get("repositories/main/projects/Demo_App")
    assert elsewhere.headers["Location"].endswith("repositories/main/projects/demo-app")
    assert portal.get("repositories/main/projects/demo-app?version=7").status_code == 404


def test_nobody_is_told_to_install_what_is_not_offered(
    registry: Registry, portal: PortalClient
) -> None:
    upload(registry, wheel("demo", "1.0"))
    path = "repositories/main/projects/demo"
    for status, is_offered in (("quarantined", False), ("archived", True), ("active", True)):
        done = portal.send(f"{path}/manage", status=status)
        assert f"Marked demo as {status}." in text_of(done)
        words = text_of(portal.get(path))
        assert ("pip install" in words) is is_offered
        assert ("installers are offered none" in words) is not is_offered


def test_the_file_downloaded_here_is_the_file(registry: Registry, portal: PortalClient) -> None:
    distribution = wheel("demo", "1.0")
    file = upload(registry, distribution)
    answer = portal.get(f"repositories/main/files/{file.path}")
    assert answer.data == distribution.content
    partly = portal.get(f"repositories/main/files/{file.path}", headers={"Range": "bytes=0-9"})
    assert (partly.status_code, partly.data) == (206, distribution.content[:10])


# Changes


def _index(portal: PortalClient, project: str = "demo") -> dict[str, Any]:
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    answer = portal.client.get(f"{SIMPLE}{project}/", headers={**basic(USER, PASSWORD), **accept})
    return answer.get_json() if answer.status_code == 200 else {}


def test_yank_and_its_undoing(registry: Registry, portal: PortalClient) -> None:
    upload(registry, wheel("demo", "1.0"))
    kept = upload(registry, wheel("demo", "2.0"))
    path = "repositories/main/projects/demo/releases"
    asked = portal.post(path, do="yank", release="1.0")
    assert asked.status_code == 200
    assert "release demo 1.0, all its files" in text_of(asked)
    assert not any(file.get("yanked") for file in _index(portal)["files"])
    done = portal.send(path, do="yank", release="1.0", confirmed="yes", reason="broken")
    assert "Yanked demo 1.0, 1 file. See the activity" in text_of(done)
    assert "1.0 yanked broken" in text_of(done)
    yanked = {file["filename"]: file.get("yanked", False) for file in _index(portal)["files"]}
    assert yanked == {"demo-1.0-py3-none-any.whl": "broken", kept.filename: False}
    path = "repositories/main/projects/demo/files"
    done = portal.send(path, do="unyank", file="demo-1.0-py3-none-any.whl", confirmed="yes")
    assert "Took back the yank of demo-1.0-py3-none-any.whl." in text_of(done)
    assert not any(file.get("yanked") for file in _index(portal)["files"])


def test_deleting_several_things_at_once(registry: Registry, portal: PortalClient) -> None:
    for version in ("1.0", "2.0", "3.0"):
        upload(registry, wheel("demo", version))
    path = "repositories/main/projects/demo/releases"
    chosen = {"do": "delete", "release": ["1.0"], "file": ["demo-2.0-py3-none-any.whl"]}
    asked = portal.post(path, **chosen)
    words = text_of(asked)
    assert "release demo 1.0 with all its files" in words
    assert "1 file in all: demo-1.0-py3-none-any.whl" in words
    assert "file demo-2.0-py3-none-any.whl" in words
    assert "demo-3.0" not in words
    assert "restored for 30 days, and nothing else can be published under these" in words
    registry.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    assert "nothing else can be published" not in text_of(portal.post(path, **chosen))
    # Somebody else was faster with one of them.
    registry.acting_as(OPERATOR).projects.delete_release("main", "demo", "1.0")
    done = text_of(portal.send(path, **chosen, confirmed="yes"))
    assert "Deleted demo-2.0-py3-none-any.whl. See" in done
    assert "Nothing was left to do" in text_of(portal.send(path, **chosen, confirmed="yes"))
    assert [file["filename"] for file in _index(portal)["files"]] == ["demo-3.0-py3-none-any.whl"]
    history = text_of(portal.get("activity?repository=main&project=demo"))
    assert "demo-2.0-py3-none-any.whl" in history


def test_deleting_a_project_names_what_goes(registry: Registry, portal: PortalClient) -> None:
    file = upload(registry, wheel("demo", "1.0"))
    path = "repositories/main/projects/demo/delete"
    assert file.filename in text_of(portal.post(path))
    done = portal.send(path, confirmed="yes")
    assert "Deleted demo, 1 file. See the activity" in text_of(done)
    assert _index(portal) == {}


def test_deleting_several_projects_names_what_goes(
    registry: Registry, portal: PortalClient
) -> None:
    files = [upload(registry, wheel(name, "1.0")).filename for name in ("one", "two", "three")]
    chosen = {"do": "delete", "project": ["one", "two"]}
    words = text_of(portal.post("repositories/main", **chosen))
    assert "project one with all its releases" in words
    assert "2 files in all" in words
    assert [name in words for name in files] == [True, True, False]
    done = text_of(portal.send("repositories/main", **chosen, confirmed="yes"))
    assert "Deleted one and two, 2 files." in done
    assert [project.name for project in registry.acting_as(OPERATOR).projects.all("main")] == [
        "three"
    ]
    deleted = registry.acting_as(OPERATOR).activity.entries(JournalFilter(action="delete project"))
    assert [entry.project for entry in deleted] == ["two", "one"]
    assert {entry.actor for entry in deleted} == {ADMINISTRATOR}


def test_a_status_for_several_projects(registry: Registry, portal: PortalClient) -> None:
    for name in ("one", "two", "three"):
        upload(registry, wheel(name, "1.0"))
    chosen = {"do": "archived", "project": ["one", "two"]}
    assert "Mark as archived" in text_of(portal.post("repositories/main", **chosen))
    done = portal.send("repositories/main", **chosen, confirmed="yes", reason="done with")
    assert "Marked one and two as archived." in text_of(done)
    statuses = {name: _index(portal, name)["project-status"] for name in ("one", "two", "three")}
    assert statuses == {
        "one": {"status": "archived", "reason": "done with"},
        "two": {"status": "archived", "reason": "done with"},
        "three": {"status": "active"},
    }
    portal.post("repositories/main/projects/one/manage", status="active", reason="")
    assert _index(portal, "one")["project-status"] == {"status": "active"}


def test_a_sentence_about_many_things_stays_short(registry: Registry, portal: PortalClient) -> None:
    for minor in range(6):
        upload(registry, wheel("demo", f"1.{minor}"))
    chosen = {"do": "yank", "release": [f"1.{minor}" for minor in range(6)], "confirmed": "yes"}
    done = portal.send("repositories/main/projects/demo/releases", **chosen)
    assert "Yanked demo 1.0, demo 1.1, demo 1.2 and 3 more, 6 files." in text_of(done)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"do": "delete"}, "Nothing was chosen"),
        ({"do": "explode", "release": "1.0", "project": "demo"}, "Choose what to do"),
        ({}, "Choose what to do"),
    ],
)
def test_a_choice_that_makes_no_sense(
    fields: dict[str, str], sentence: str, registry: Registry, portal: PortalClient
) -> None:
    """The page with the form says so, and the form is still there."""
    upload(registry, wheel("demo", "1.0"))
    project = "repositories/main/projects/demo"
    for path in (f"{project}/releases", f"{project}/files", "repositories/main"):
        answer = portal.post(path, **fields)
        assert answer.status_code == 400
        assert sentence in refusal_of(answer)
        assert "With the chosen ones" in answer.text


# Uploads


def test_each_file_has_its_own_result(registry: Registry, portal: PortalClient) -> None:
    good, other = wheel("demo", "1.0"), sdist("demo", "1.0")
    cut = Distribution(**{**vars(other), "content": other.content[:50]})
    answer = portal.upload(good, cut, headers={"Accept": "application/json"})
    first, second = json.loads(answer.text)
    assert (first["filename"], first["status"]) == (good.filename, 200)
    assert (second["filename"], second["status"]) == (other.filename, answer.status_code)
    assert 400 <= answer.status_code < 500
    assert [file["filename"] for file in _index(portal)["files"]] == [good.filename]


def test_overwrite_protection_says_what_twine_is_told(
    registry: Registry, portal: PortalClient
) -> None:
    upload(registry, wheel("demo", "1.0"))
    other = wheel("demo", "1.0", padding=10)
    refused = portal.upload(other, headers={"Accept": "application/json"})
    body, content_type = multipart(
        upload_form(other), [("content", other.filename, other.content, None)]
    )
    twine = portal.client.post(
        "/repositories/main/",
        data=body,
        headers={**basic(USER, PASSWORD), "Content-Type": content_type},
    )
    (result,) = json.loads(refused.text)
    assert result["status"] == twine.status_code
    assert result["message"] in twine.text
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    assert portal.upload(other).status_code == 303
    assert _index(portal)["files"][0]["hashes"]["sha256"] == other.sha256
    entry = registry.acting_as(OPERATOR).activity.entries(limit=1)[0]
    assert (entry.actor, entry.filename) == (ADMINISTRATOR, other.filename)


@pytest.mark.parametrize("filename", ["../../etc/passwd", "demo.exe", "<b>.whl", "x" * 300, ""])
def test_a_strange_filename(filename: str, portal: PortalClient) -> None:
    file = Distribution(**{**vars(wheel("demo", "1.0")), "filename": filename})
    answer = portal.upload(file)
    assert 400 <= answer.status_code < 500
    assert "<b>.whl" not in answer.text


def test_who_may_not_upload_here_uploads_nothing(registry: Registry) -> None:
    registry.acting_as(OPERATOR).administrators.create(
        "users@example.com", PASSWORD, areas=[Area.USERS]
    )
    portal = PortalClient(registry)
    portal.sign_in("users@example.com", PASSWORD)
    answer = portal.upload(wheel("demo", "1.0"), headers={"Accept": "application/json"})
    assert answer.status_code == 403
    (result,) = json.loads(answer.text)
    assert (result["outcome"], result["status"]) == ("Refused", 403)


def test_a_file_beyond_the_limit(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", max_file_size=1000)
    big, small = wheel("big", "1.0", padding=5000), wheel("small", "1.0")
    answer = portal.upload(big, headers={"Accept": "application/json"})
    (result,) = json.loads(answer.text)
    assert (answer.status_code, result["status"]) == (413, 413)
    assert portal.upload(small).status_code == 303


def test_uploads_here_take_a_thread_like_others(portal: PortalClient) -> None:
    asked: list[Any] = []
    full = {"pypi_repo.takes_slot": asked.append}  # which gives back nothing: there is none
    answer = portal.upload(wheel(), environ_overrides={**full, "REMOTE_ADDR": "2001:db8::1"})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "10"
    assert asked == [
        (("account", f"administrator {ADMINISTRATOR}"), ("address", "20010db800000000::/64"))
    ]


def test_a_refused_upload_is_read_to_its_end(portal: PortalClient) -> None:
    """Many clients see no answer while they send."""
    body = BytesIO(b"x" * 3_000_000)
    answer = portal.client.post(
        "/portal/repositories/main/upload",
        input_stream=body,
        content_length=3_000_000,
        content_type="multipart/form-data; boundary=x",
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert body.tell() == 3_000_000


def test_what_became_of_an_upload_is_told(registry: Registry, portal: PortalClient) -> None:
    file = wheel("demo", "1.0")
    project = "repositories/main/projects/demo"
    told = []
    for outcome in ("Uploaded", "Already there"):
        (result,) = json.loads(portal.upload(file, headers={"Accept": "application/json"}).text)
        assert (result["outcome"], result["project"]) == (outcome, project)
        told.append(result["message"])
    assert told == ["", "It is unchanged."]
    page = portal.follow("repositories/main/upload", portal.upload(file, sdist("demo", "1.0")))
    assert (
        f"Already there: {file.filename}. It is unchanged. Uploaded: demo-1.0.tar.gz. "
        "See the project"
    ) in text_of(page)
    assert f'href="../../{project}"' in page.text
    two = portal.follow("repositories/main/upload", portal.upload(file, wheel("other", "1.0")))
    assert 'href="../../repositories/main">See the projects' in two.text


# Repository users


def _may(portal: PortalClient, user: str, password: str) -> int:
    return portal.client.get(SIMPLE, headers=basic(user, password)).status_code


def test_a_generated_password_is_shown_once_and_works(
    registry: Registry, portal: PortalClient
) -> None:
    made = portal.send("new-user", name="New@Example.com", everywhere="read")
    found = re.search(r"<pre[^>]*>([^<]{20,})</pre>", made.text)
    assert found is not None
    assert _may(portal, "new@example.com", found[1]) == 200
    assert found[1] not in portal.get("users/new@example.com").text
    reset = portal.send("users/new@example.com/password", password="")
    again = re.search(r"<pre[^>]*>([^<]{20,})</pre>", reset.text)
    assert again is not None
    assert _may(portal, "new@example.com", found[1]) == 401
    assert _may(portal, "new@example.com", again[1]) == 200
    portal.post("users/new@example.com/password", password="a chosen one")
    assert _may(portal, "new@example.com", "a chosen one") == 200


def test_access_takes_effect_on_the_next_request(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    path = f"users/{READER}"
    assert _may(portal, READER, PASSWORD) == 200
    portal.post(path, everywhere="none", **{"access-other": "write"})
    assert _may(portal, READER, PASSWORD) in (403, 404)
    shown = portal.get(path).text
    assert re.search(r'value="none" checked', shown)
    assert re.search(
        r'id="access-other">.*?value="write" selected.*?</select>', shown, flags=re.DOTALL
    )
    portal.post(path, everywhere="write", **{"access-other": "none", "access-main": ""})
    (user,) = [
        user for user in registry.acting_as(OPERATOR).accounts.users() if user.name == READER
    ]
    assert user.grants.everywhere is Access.WRITE
    assert user.grants.named == {"other": Access.NONE}
    portal.post(path, do="disable")
    assert _may(portal, READER, PASSWORD) == 401
    assert "Disabled" in text_of(portal.get(path))
    portal.post(path, do="enable")
    assert _may(portal, READER, PASSWORD) == 200
    portal.post(f"{path}/delete")
    assert _may(portal, READER, PASSWORD) == 401


@pytest.mark.parametrize("level", ["", "everything", "2"])
def test_an_access_level_that_does_not_exist(level: str, portal: PortalClient) -> None:
    answer = portal.post(f"users/{USER}", everywhere=level)
    assert answer.status_code == 400
    assert "none, read, or read and write" in refusal_of(answer)


def test_tokens_of_users(registry: Registry, portal: PortalClient) -> None:
    path = f"users/{USER}/tokens"
    made = portal.send(path, token_name="ci", repository="main", read_only="yes", expires_in="30")
    secret = re.search(r"<pre[^>]*>(ppr_[^<]+)</pre>", made.text)
    assert secret is not None
    assert portal.client.get(SIMPLE, headers=bearer(secret[1])).status_code == 200
    (token,) = registry.acting_as(OPERATOR).accounts.tokens(USER)
    assert (token.name, token.repository, token.read_only) == ("ci", "main", True)
    registry._usage.flush()
    year = f"{datetime.now(UTC).year}-"
    assert f"last used {year}" in text_of(portal.get(f"users/{USER}"))
    assert re.search(
        rf"{USER} reads and writes all repositories {year}.* UTC {year}",
        text_of(portal.get("users")),
    )
    assert secret[1] not in portal.get(f"users/{USER}").text
    portal.post(f"{path}/{token.id}/revoke")
    assert portal.client.get(SIMPLE, headers=bearer(secret[1])).status_code == 401
    wrong = portal.post(path, token_name="typed", expires_in="soon")
    assert wrong.status_code == 400
    assert "number of days" in refusal_of(wrong)
    assert 'value="typed"' in wrong.text


# Administrators


def test_administrators(registry: Registry, portal: PortalClient) -> None:
    fields = {"name": "Second@Example.com", "password": "a password", "again": "a password"}
    assert "not repeated" in refusal_of(
        portal.post("new-administrator", **{**fields, "again": "another"})
    )
    portal.post("new-administrator", **fields, area=["users", "repositories"])
    second = registry.acting_as(OPERATOR).administrators.get("second@example.com")
    assert second.areas == {Area.USERS, Area.REPOSITORIES}
    path = "administrators/second@example.com"
    portal.post(path, area="settings")
    assert registry.acting_as(OPERATOR).administrators.get("second@example.com").areas == {
        Area.SETTINGS
    }
    portal.post(f"{path}/password", password="new password")
    assert PortalClient(registry).sign_in("second@example.com", "new password").status_code == 303
    portal.post(f"{path}/delete")
    assert [found.name for found in registry.acting_as(OPERATOR).administrators.all()] == [
        ADMINISTRATOR
    ]
    last = portal.post(f"administrators/{ADMINISTRATOR}/delete")
    assert last.status_code == 409
    assert "last" in refusal_of(last)


def test_an_administrators_own_tokens(registry: Registry, portal: PortalClient) -> None:
    made = portal.send("account/tokens", name="terraform", area=["users"], expires_in="10")
    secret = re.search(r"<pre[^>]*>(ppa_[^<]+)</pre>", made.text)
    assert secret is not None
    actor, token = registry.sessions.with_token(secret[1])
    assert actor.areas == {Area.USERS}
    answer = portal.send(f"account/tokens/{token.id}/revoke")
    assert "Revoked the token “terraform”" in text_of(answer)
    assert registry.acting_as(OPERATOR).administrators.tokens(ADMINISTRATOR) == []
    assert portal.post("account/tokens", name="x", expires_in="4000").status_code == 400


def test_the_own_password(registry: Registry, portal: PortalClient) -> None:
    wrong = portal.post("account", current=PASSWORD, password="new password", again="other one")
    assert "not repeated" in refusal_of(wrong)
    changed = portal.post(
        "account", current=PASSWORD, password="new password", again="new password"
    )
    assert changed.headers["Location"] == "sign-in?notice=password"
    assert portal.client.get_cookie("pypi_repo_session", path="/portal") is None
    assert PortalClient(registry).sign_in(ADMINISTRATOR, "new password").status_code == 303


# Activity and overview


def test_the_journal_is_filtered_and_exported(registry: Registry, portal: PortalClient) -> None:
    for number in range(60):
        upload(registry, wheel("demo", f"1.{number}"))
    upload(registry, wheel("other", "1.0"))
    first = portal.get("activity?project=demo")
    following = re.search(r'rel="next" href="(activity\?[^"]*)"', first.text)
    assert following is not None
    second = portal.get(following[1].replace("&amp;", "&"))
    shown = re.findall(r"demo-1\.\d+-py3", first.text + second.text)
    assert sorted(set(shown)) == sorted({f"demo-1.{number}-py3" for number in range(60)})
    assert "other" not in shown
    rows = list(csv.DictReader(io.StringIO(portal.get("activity.csv?project=other").text)))
    assert [row["filename"] for row in rows] == ["other-1.0-py3-none-any.whl"]
    assert len(list(csv.DictReader(io.StringIO(portal.get("activity.csv").text)))) > 60
    registry.acting_as(OPERATOR).repositories.change("main", description="changed")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for query, action in (
        (f"actor={USER}", "upload file"),
        ("action=create+repository", "create repository"),
        ("repository=main&action=change+repository", "change repository"),
        (f"since={today}&until={today}&project=other", "upload file"),
    ):
        found = list(csv.DictReader(io.StringIO(portal.get(f"activity.csv?{query}").text)))
        assert {row["action"] for row in found} == {action}, query
        assert action in text_of(portal.get(f"activity?{query}"))
    assert "Nothing like this" in text_of(portal.get("activity?repository=elsewhere"))
    assert "Nothing like this" in text_of(portal.get("activity?actor=nobody"))
    assert "Nothing like this" in text_of(portal.get("activity?until=2001-01-01"))
    for day in ("since=yesterday", "since=0001-01-01", "until=9999-12-31"):
        refused = portal.get(f"activity?{day}")
        assert refused.status_code == 400
        assert set(refused_fields(refused)) == {day.partition("=")[0]}
        assert portal.get(f"activity.csv?{day}").status_code == 400
    assert len(refused_fields(portal.get("activity?since=x&until=y"))) == 2
    assert portal.get("activity?before=x").status_code == 200


def test_digests_in_the_journal_are_short_until_they_are_asked_for(
    registry: Registry, portal: PortalClient
) -> None:
    file = upload(registry, wheel("demo", "1.0"))
    page = portal.get("activity").text
    sha256 = file.digests.sha256
    assert f"<summary><code>{sha256[:12]}\N{HORIZONTAL ELLIPSIS}</code></summary>" in page
    assert f"data-whole>{sha256}<" in page
    assert page.count(sha256) == 1


def test_the_journal_has_one_time_zone(registry: Registry, portal: PortalClient) -> None:
    """The days that are asked for are days of UTC, and so are the times that are shown."""
    page = portal.get("activity")
    assert "are in UTC" in text_of(page)
    assert "From (UTC)" in text_of(page)
    table = page.text.partition('data-zone="UTC"')[2]
    assert re.search(r"<time [^>]*>\d{4}-\d\d-\d\d \d\d:\d\d UTC</time>", table)


def test_the_overview_counts_downloads(registry: Registry, portal: PortalClient) -> None:
    assert "Nothing was downloaded" in text_of(portal.get(""))
    file = upload(registry, wheel("demo", "1.0"))
    for _ in range(3):
        portal.client.get(f"/repositories/main/files/{file.path}", headers=basic(USER, PASSWORD))
    words = text_of(portal.get(""))
    assert "Downloads, 30 days 3" in words
    assert "demo in main 3" in words
    assert file.filename in words
    releases = text_of(portal.get("repositories/main/projects/demo/releases"))
    assert re.search(r"1\.0 1 [\d,.]+ (?:bytes|KiB) 3 ", releases)


def test_charts_have_a_period_and_one_for_each_project(
    registry: Registry, portal: PortalClient
) -> None:
    main = registry.acting_as(OPERATOR).repositories.get("main")
    for version in ("1.0", "1.10", "1.9"):
        upload(registry, wheel("demo", version))
        registry._usage.count_download(DownloadedRelease(main.id, "demo", version))
    registry._usage.count_download(DownloadedRelease(main.id, "other", "1.0"))
    for days in (7, 30, 90, 365):
        for path in (f"?days={days}", f"repositories/main/projects/demo/downloads?days={days}"):
            page = portal.get(path)
            assert re.search(rf"(?i)downloads(,| in) {days} days", text_of(page))
            assert page.text.count('class="day"') == days * (2 if path.startswith("?") else 1)
            assert re.search(rf'days={days}" aria-current="true"', page.text)
    assert "Downloads, 30 days" in text_of(portal.get("?days=100000000"))
    words = text_of(portal.get("repositories/main/projects/demo/downloads"))
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert "3 downloads in 30 days" in words
    assert f"{today}: 3 downloads" in words
    assert "Version Downloads 1.10 1 1.9 1 1.0 1" in words
    assert portal.get("repositories/main/projects/nothing/downloads").status_code == 404
    assert "projects/demo/downloads?days=7" in portal.get("?days=7").text


def test_an_empty_registry_says_what_to_do(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.delete("main")
    for name in (USER, READER):
        registry.acting_as(OPERATOR).accounts.delete_user(name)
    for path, hint in (
        ("", "Create a repository"),
        ("repositories", "No repository yet"),
        ("users", "No repository user yet"),
    ):
        assert hint in text_of(portal.get(path))
    registry.acting_as(OPERATOR).repositories.create("empty")
    assert "No project yet" in text_of(portal.get("repositories/empty"))
