"""A host's policy that hides a project and a repository: nothing of them shows anywhere.

It hides them from everybody but the operator: from users who may read all else, from whoever is
anonymous, and from administrators of everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html import unescape
from urllib.parse import urljoin

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import (
    ANONYMOUS,
    EVERY_AREA,
    OPERATOR,
    Access,
    Actor,
    ActorKind,
    GrantPolicy,
    Grants,
    Permission,
    PermissionDenied,
    Registry,
    RegistryError,
    Repository,
    Settings,
)
from pypi_repo.domain.accounts.errors import UnknownToken
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    Conflict,
    FileAlreadyExists,
    InvalidName,
    UnknownRepository,
)
from pypi_repo.domain.lists import ListRequest
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.pages import UpstreamPage, encode
from pypi_repo.domain.usage import DownloadedRelease, RepositoryUsage
from pypi_repo.services.acting import Acting
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.upstream_pages import UpstreamPageRows
from pypi_repo.storage.upstreams import SourcesOfRepositories, Upstreams
from pypi_repo.web.api.tables import TABLES
from tests.support.api import KNOWN, ApiClient
from tests.support.ci_jobs import create_publisher, job_token
from tests.support.distributions import sdist, wheel
from tests.support.http import basic, bearer
from tests.support.identity_provider import ScriptedProvider
from tests.support.portal import PortalClient
from tests.support.uploads import publish

USER, ADMINISTRATOR, PASSWORD = "user@example.com", "boss@example.com", "correct horse"
BOSS = Actor(ADMINISTRATOR, kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
HIDDEN = wheel("contraband")
IN_HIDDEN_REPOSITORY = wheel("jewels")
SHOWN = wheel("open")
MARKS = ("contraband", "vault", "jewels", HIDDEN.sha256, IN_HIDDEN_REPOSITORY.sha256)

_NEXT_CENTURY = datetime(2100, 1, 1, tzinfo=UTC)

INDEX = "/repositories/main"
FILE = f"files/{HIDDEN.sha256[:2]}/{HIDDEN.sha256[2:4]}/{HIDDEN.sha256[4:]}/{HIDDEN.filename}"
URLS_OF_THE_HIDDEN = [
    f"{INDEX}/{path}"
    for path in (
        "simple/contraband/",
        "+simple/contraband/",
        "legacy/+simple/contraband/",
        "contraband/",
        "contraband/json",
        "pypi/contraband/json",
        "pypi/contraband/1.0/json",
        f"integrity/contraband/1.0/{HIDDEN.filename}/provenance",
        FILE,
        f"{FILE}.metadata",
        f"{FILE}.asc",
    )
] + [
    "/repositories/vault/",
    "/repositories/vault/simple/",
    "/repositories/vault/simple/jewels/",
    "/repositories/vault/pypi/jewels/json",
]
OF_GROUP = Grants(named={"main": Access.READ}, patterns={("vault", "jewels"): Access.READ})


class Hiding(GrantPolicy):
    """Says no to everything about the project `contraband`, and in the repository `vault`."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if project == "contraband" or repository.name == "vault":
            return False
        return super().allows(actor, permission, repository, project)


def filled(*, with_the_hidden: bool) -> Registry:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    registry = Registry(settings, policy=Hiding())
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("main", public=True)
    operator.upstreams.create("public", url="https://index.example/simple/", offline=True)
    operator.sources.add_rule("main", "deny", "unwanted")
    operator.sources.add_rule("main", "exempt", "wanted", reason="x", until=_NEXT_CENTURY)
    operator.sources.set_sources("main", ["upstream:public"])
    operator.accounts.create_user(USER, PASSWORD)
    operator.groups.create("platform", named={"main": Access.READ})
    operator.groups.add_members("platform", [USER])
    if with_the_hidden:
        operator.repositories.create("vault", public=True)
        operator.accounts.set_access(USER, Access.WRITE, {"vault": Access.READ})
        operator.accounts.create_token(USER, repository="vault")
        operator.groups.change("platform", grants=OF_GROUP)
        _find_it_elsewhere(registry)
    operator.administrators.create(ADMINISTRATOR, PASSWORD)
    publish(registry, SHOWN)
    if with_the_hidden:
        publish(registry, HIDDEN, actor=OPERATOR)
        publish(registry, IN_HIDDEN_REPOSITORY, "vault", OPERATOR)
    return registry


def _find_it_elsewhere(registry: Registry) -> None:
    """The hidden project hides one of an upstream, and was deleted before."""
    with registry._database.begin() as connection:
        upstream = Upstreams(connection).upstream("public")
        main = Catalog(connection).repository("main")
        assert upstream is not None
        assert main is not None
        name = normalize("contraband")
        document = encode(UpstreamPage(name=name))
        rows = UpstreamPageRows(connection)
        rows.save(upstream, name, document, None, datetime.now(UTC), None)
        SourcesOfRepositories(connection).keep_name(main, name)
    registry.acting_as(OPERATOR).sources.set_sources("vault", ["upstream:public"])


@pytest.fixture
def registry() -> Iterator[Registry]:
    with filled(with_the_hidden=True) as registry:
        yield registry


@pytest.fixture
def empty() -> Iterator[Registry]:
    """Like the other, without anything that is hidden."""
    with filled(with_the_hidden=False) as registry:
        yield registry


def assert_silent(response: TestResponse) -> None:
    told = f"{response.headers} {response.data.decode('latin-1')}"
    found = [mark for mark in MARKS if mark in told]
    assert found == [], response.request.path


@pytest.mark.parametrize("headers", [{}, basic(USER, PASSWORD)], ids=["anonymous", "user"])
def test_clients_get_the_same_answers_as_if_it_were_not_there(
    headers: dict[str, str], registry: Registry, empty: Registry
) -> None:
    there, not_there = Client(registry.wsgi_app()), Client(empty.wsgi_app())
    for url in URLS_OF_THE_HIDDEN:
        found, expected = (client.get(url, headers=headers) for client in (there, not_there))
        assert (found.status, found.text) == (expected.status, expected.text), url
        assert found.status_code in (401, 403, 301), url


@pytest.mark.parametrize("headers", [{}, basic(USER, PASSWORD)], ids=["anonymous", "user"])
def test_scripts_of_other_sites_get_the_same_answers_as_if_it_were_not_there(
    headers: dict[str, str], registry: Registry, empty: Registry
) -> None:
    """Only what is readable for everybody is readable for them, even where it stands in a public
    repository.
    """
    there, not_there = Client(registry.wsgi_app()), Client(empty.wsgi_app())
    script = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
    for url in ("/repositories/vault/", *URLS_OF_THE_HIDDEN):
        for method in ("OPTIONS", "GET"):
            found, expected = (
                client.open(url, method=method, headers={**headers, **script})
                for client in (there, not_there)
            )
            assert (found.status, found.text) == (expected.status, expected.text), url
            assert [*found.headers.keys()] == [*expected.headers.keys()], url


def test_whether_an_old_sdist_is_there_does_not_show() -> None:
    """Its name can be read as that of a project which is shown, and of one which is not."""
    dist = sdist("hidden-2", "1", filename="hidden-2-1.tar.gz")

    class HidingOne(GrantPolicy):
        def allows(
            self,
            actor: Actor,
            permission: Permission,
            repository: Repository,
            project: str | None = None,
        ) -> bool:
            return project != "hidden-2" and super().allows(actor, permission, repository, project)

    answers = []
    for is_there in (True, False):
        settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
        with Registry(settings, policy=HidingOne()) as registry:
            operator = registry.acting_as(OPERATOR)
            operator.repositories.create("main", public=True, profile="lenient")
            if is_there:
                publish(registry, dist, actor=OPERATOR)
            boss, client = registry.acting_as(BOSS), Client(registry.wsgi_app())
            response = client.get(f"{INDEX}/files/aa/bb/{'c' * 60}/{dist.filename}")
            with pytest.raises(RegistryError) as refused:
                boss.projects.file("main", dist.filename)
            answers.append((response.status, response.text, refused.value.message))
    assert answers[0] == answers[1]


def test_what_only_some_may_read_of_a_public_repository_is_for_no_shared_cache() -> None:
    """A file is kept for a year, and then given to everybody."""

    class Insiders(GrantPolicy):
        def allows(
            self,
            actor: Actor,
            permission: Permission,
            repository: Repository,
            project: str | None = None,
        ) -> bool:
            if project == "contraband" or repository.name == "vault":
                return actor.name == "insider"
            return super().allows(actor, permission, repository, project)

    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings, policy=Insiders()) as registry:
        for name, dist in (("main", HIDDEN), ("vault", IN_HIDDEN_REPOSITORY)):
            registry.acting_as(OPERATOR).repositories.create(name, public=True)
            publish(registry, dist, name, OPERATOR)
        publish(registry, SHOWN, actor=OPERATOR)
        insider = Actor("insider")
        client = Client(registry.wsgi_app(lambda environ: insider))
        shared = Client(registry.wsgi_app(lambda environ: ANONYMOUS))
        for url in (
            f"{INDEX}/simple/contraband/",
            f"{INDEX}/pypi/contraband/json",
            f"{INDEX}/pypi/contraband/1.0/json",
            f"{INDEX}/{FILE}",
            f"{INDEX}/{FILE}.metadata",
            f"{INDEX}/simple/",
            "/repositories/vault/simple/",
            "/repositories/vault/simple/jewels/",
        ):
            response = client.get(url, headers={"Origin": "https://example.com"})
            assert response.status_code == 200, url
            assert response.cache_control.private, url
            assert "Authorization" in response.vary, url
            assert "Access-Control-Allow-Origin" not in response.headers, url
        for each in (client, shared):
            assert each.get(f"{INDEX}/simple/open/").cache_control.public
        assert shared.get(f"{INDEX}/simple/").cache_control.public


@pytest.mark.parametrize("headers", [{}, basic(USER, PASSWORD)], ids=["anonymous", "user"])
def test_no_list_names_it(headers: dict[str, str], registry: Registry) -> None:
    client = Client(registry.wsgi_app())
    for accept in ("text/html", "application/vnd.pypi.simple.v1+json"):
        for url in ("/", f"{INDEX}/", f"{INDEX}/simple/", f"{INDEX}/legacy/+simple/"):
            response = client.get(url, headers={**headers, "Accept": accept})
            assert response.status_code == 200, url
            assert_silent(response)
    assert '"open"' in client.get(f"{INDEX}/simple/", headers={**headers, "Accept": accept}).text


def test_nobody_uploads_to_it(registry: Registry, empty: Registry) -> None:
    for each in (registry, empty):
        for dist, repository in ((wheel("contraband", "2.0"), "main"), (SHOWN, "vault")):
            with pytest.raises(PermissionDenied):
                publish(each, dist, repository, actor=BOSS)


def test_refused_uploads_do_not_name_it(registry: Registry) -> None:
    """Neither as the project that a new name resembles, nor as the file with the same content."""
    registry.acting_as(OPERATOR).repositories.change("main", profile="pypi")
    uploader = Actor(USER, grants=Grants(Access.WRITE))
    copy = replace(HIDDEN, name="open", version="2.0", filename="open-2.0-py3-none-any.whl")
    publish(registry, wheel("0pen-similar"), actor=OPERATOR)
    for actor, named in ((uploader, False), (OPERATOR, True)):
        with pytest.raises(InvalidName) as refused:
            publish(registry, wheel("c0ntraband"), actor=actor)
        assert ("'contraband'" in refused.value.message) is named
        with pytest.raises(FileAlreadyExists) as same:
            publish(registry, copy, actor=actor)
        assert (HIDDEN.filename in same.value.message) is named
    with pytest.raises(InvalidName, match="'0pen-similar'"):
        publish(registry, wheel("open-similar"), actor=uploader)


def test_no_page_of_the_portal_names_it(registry: Registry) -> None:
    """All pages to which links lead from the first one, and searches for it."""
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    searches = [f"{path}?text=e" for path in ("repositories", "repositories/main")]
    left = ["", "activity", "activity.csv", *searches]
    left += [f"activity?{name}" for name in ("repository=main", "action=upload+file")]
    seen: set[str] = set()
    while left:
        path = left.pop()
        if path in seen or (response := portal.get(path)).status_code != 200:
            continue
        seen.add(path)
        assert_silent(response)
        for link in re.findall(r'(?:href|action)="([^"#]*)', response.data.decode("latin-1")):
            target = urljoin(f"/portal/{path}", unescape(link))
            if target.startswith("/portal/") and len(seen) < 300:
                left.append(target.removeprefix("/portal/"))
    assert {"repositories/main", "repositories/main/projects/open", "users"} <= seen
    refused = [
        *("repositories/vault", "repositories/vault/connect", "repositories/vault/settings"),
        *(f"repositories/main/projects/contraband{page}" for page in ("", "/files", "/downloads")),
        f"repositories/main/{FILE}",
    ]
    assert {portal.get(path).status_code for path in refused} == {403}


def test_promotions_neither_tell_nor_change_it(registry: Registry, empty: Registry) -> None:
    """M2: neither as the source nor as the target, whoever asks."""
    uploader = Actor(USER, grants=Grants(Access.WRITE))
    for actor in (BOSS, uploader, ANONYMOUS):
        for wanted in (
            ("main", "contraband", "1.0", "main2"),
            ("vault", "jewels", "1.0", "main"),
            ("main", "open", "1.0", "vault"),
            ("main", "contraband", "1.0", "vault"),
        ):
            told = set()
            for each in (registry, empty):
                for move in (False, True):
                    with pytest.raises((AuthenticationRequired, PermissionDenied)) as refused:
                        each.acting_as(actor).promotion.release(*wanted, move=move)
                    told.add(refused.value.message)
            assert len(told) == 1, wanted


def test_the_journal_does_not_name_where_a_promotion_came_from_or_went(registry: Registry) -> None:
    operator, boss = registry.acting_as(OPERATOR), registry.acting_as(BOSS)
    operator.promotion.project("vault", "jewels", "main")
    operator.promotion.project("main", "open", "vault", move=True)
    found = {entry.action for entry in boss.activity.entries()}
    assert {"receive release", "promote release", "upload file", "delete project"} <= found
    told = [f"{entry.detail}" for entry in boss.activity.entries()]
    assert not [detail for detail in told if "vault" in detail]
    told = [f"{entry.detail}" for entry in operator.activity.entries()]
    assert len([detail for detail in told if "'vault'" in detail]) >= 4


def test_a_form_keeps_access_to_what_it_does_not_show(registry: Registry) -> None:
    """Or who may read nothing in a hidden repository could read it from then on."""
    accounts = registry.acting_as(OPERATOR).accounts
    on_projects = {("main", "acme-*"): Access.WRITE, ("vault", "jewels"): Access.READ}
    accounts.set_access(
        USER, Access.READ, {"vault": Access.NONE, "main": Access.WRITE}, on_projects
    )
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    portal.send(f"users/{USER}", do="access", everywhere="write", **{"access-main": ""})
    assert accounts.user(USER).grants == Grants(Access.WRITE, {"vault": Access.NONE}, on_projects)


def test_no_document_of_the_api_names_it(registry: Registry, empty: Registry) -> None:
    there, not_there = (ApiClient(each, ADMINISTRATOR) for each in (registry, empty))
    of_hidden = {
        **KNOWN, "project": "contraband", "version": "1.0", "filename": HIDDEN.filename, "token": 1,
        "user": USER, "administrator": ADMINISTRATOR, "name": "contraband", "account": USER,
    }  # fmt: skip
    shown = {**of_hidden, "project": "open", "filename": SHOWN.filename, "repository": "main"}
    shown |= {"name": "open"}
    reading = [entry for table in TABLES for entry in table.operations if entry.method == "GET"]
    assert len(reading) > 15
    for operation in reading:
        path = operation.path.lstrip("/")
        assert_silent(there.get(path.format(**shown)))
        for repository in ("main", "vault"):
            names = {**of_hidden, "repository": repository}
            of_main = {"project", "filename", "name"}
            needed = {"repository"} if repository == "vault" else of_main
            if not needed & set(re.findall(r"{(\w+)}", path)):
                continue
            answers = [each.get(path.format(**names)) for each in (there, not_there)]
            assert [answer.status_code for answer in answers] in ([403, 403], [404, 404]), path
            assert answers[0].text == answers[1].text


def test_no_service_of_sources_names_it(registry: Registry) -> None:
    boss, operator = registry.acting_as(BOSS), registry.acting_as(OPERATOR)
    for sources, is_shown in ((boss.sources, False), (operator.sources, True)):
        assert ("contraband" in sources.of("main").kept) is is_shown
        assert bool(sources.shadowed_names("main")) is is_shown
    assert boss.upstreams.report("public").users == ("main",)
    assert operator.upstreams.report("public").users == ("main", "vault")
    for refused in (
        partial(boss.sources.explain, "main", "contraband"),
        partial(boss.sources.give_up_name, "main", "contraband"),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    boss.sources.set_sources("main", [])
    for unnamed in (
        partial(boss.upstreams.delete, "public"),
        partial(_delete_source_of_vault, registry),
    ):
        with pytest.raises(Conflict) as told:
            unnamed()
        assert "vault" not in told.value.message
        assert "a repository that you may not see" in told.value.message


def _delete_source_of_vault(registry: Registry) -> None:
    registry.acting_as(OPERATOR).sources.set_sources("vault", ["repository:main"])
    registry.acting_as(BOSS).repositories.delete("main")


def test_no_service_shows_or_changes_it(registry: Registry) -> None:
    boss = registry.acting_as(BOSS)
    for permission in Permission:
        assert [found.name for found in boss.repositories.all(permission)] == ["main"]
    assert [found.name for found in boss.projects.all("main")] == ["open"]
    assert [found.name for found in boss.projects.search("main", limit=1)] == ["open"]
    page = boss.projects.page("main", ListRequest())
    assert ([found.name for found in page.rows], page.total) == (["open"], 1)
    assert [found.name for found in boss.projects.anywhere("e")] == ["open"]
    assert {entry.project for entry in boss.activity.entries()} == {
        None,
        "open",
    }
    assert {entry.repository for entry in boss.activity.entries()} == {
        None,
        "main",
    }
    assert boss.usage.repositories().keys() == {"main"}
    assert boss.usage.days(7) == boss.usage.days(7, "main")
    main = registry.acting_as(OPERATOR).repositories.get("main")
    for project in ("contraband", "open", "contraband"):
        registry._usage.count_download(DownloadedRelease(main.id, project, "1.0"))
    for days in (boss.usage.days(1), boss.usage.days(1, "main")):
        assert [(day.downloads, day.stored) for day in days] == [(1, len(SHOWN.content))]
    seen = boss.projects.file("main", SHOWN.filename)
    expected = RepositoryUsage(1, 1, len(SHOWN.content), seen.uploaded_at)
    assert boss.usage.repositories() == {"main": expected}
    assert boss.usage.repository("main") == expected
    assert registry.acting_as(OPERATOR).usage.repository("main").files == 2
    assert [found.project for found in boss.usage.newest_uploads(1)] == ["open"]
    refused = (
        *(partial(boss.repositories.get, "vault", permission) for permission in Permission),
        lambda: boss.repositories.change("vault", public=False),
        lambda: boss.repositories.delete("vault"),
        lambda: boss.repositories.create("vault"),
        lambda: boss.projects.all("vault"),
        lambda: boss.projects.get("main", "contraband"),
        lambda: boss.projects.release("main", "contraband", "1.0"),
        lambda: boss.projects.file("main", HIDDEN.filename),
        lambda: boss.projects.set_status("main", "contraband", "archived"),
        lambda: boss.projects.delete("main", "contraband"),
        lambda: boss.projects.yank_release("main", "contraband", "1.0", "no"),
        lambda: boss.projects.delete_release("main", "contraband", "1.0"),
        lambda: boss.projects.yank_file("main", HIDDEN.filename, "no"),
        lambda: boss.projects.delete_file("main", HIDDEN.filename),
        lambda: boss.usage.days(7, "vault"),
        lambda: boss.usage.days_of_project("main", "contraband"),
        lambda: boss.usage.downloads_of_versions("main", "contraband"),
        lambda: boss.usage.top_projects(7, 1, "vault"),
        lambda: boss.usage.newest_uploads(1, "vault"),
    )
    for attempt in refused:
        with pytest.raises(PermissionDenied):
            attempt()
    operator = registry.acting_as(OPERATOR)
    assert {found.name for found in operator.repositories.all()} == {"main", "vault"}
    assert {found.name for found in operator.projects.all("main")} == {"open", "contraband"}


def test_administrators_of_users_see_and_change_no_access_to_it(registry: Registry) -> None:
    operator, boss = (registry.acting_as(actor).accounts for actor in (OPERATOR, BOSS))
    (hidden_token,) = operator.tokens(USER)
    token, _secret = boss.create_token(USER, repository="main")
    users = (*boss.users(), *boss.page(ListRequest()).rows, boss.user(USER))
    assert [user.grants for user in users] == [Grants(Access.WRITE)] * 3
    assert boss.tokens(USER) == [token]
    for ask in (boss.token, boss.revoke_token):
        with pytest.raises(UnknownToken):
            ask(hidden_token.id)

    before = registry.acting_as(OPERATOR).activity.entries(limit=100)
    boss.set_access(USER, Access.WRITE)
    assert registry.acting_as(OPERATOR).activity.entries(limit=100) == before
    boss.set_access(USER, Access.READ, {"main": Access.WRITE})
    kept = {"vault": Access.READ, "main": Access.WRITE}
    assert operator.user(USER).grants == Grants(Access.READ, kept)
    assert operator.tokens(USER) == [hidden_token, token]


@pytest.mark.parametrize(
    ("name", "expected"), [("vault", PermissionDenied), ("nowhere", UnknownRepository)]
)
def test_its_name_cannot_be_guessed_by_granting_access_to_it(
    name: str, expected: type[RegistryError], registry: Registry, empty: Registry
) -> None:
    attempts: list[Callable[[Acting], object]] = [
        lambda acting: acting.rights.in_repository(name),
        lambda acting: acting.rights.explain(USER, name),
        lambda acting: acting.accounts.set_access(USER, Access.WRITE, {name: Access.WRITE}),
        lambda acting: acting.accounts.set_access(
            USER, Access.WRITE, patterns={(name, "acme-*"): Access.READ}
        ),
        lambda acting: acting.accounts.create_user("new", PASSWORD, named={name: Access.READ}),
        lambda acting: acting.accounts.create_token(USER, repository=name),
        lambda acting: acting.groups.create("new", named={name: Access.READ}),
        lambda acting: acting.groups.create("new", patterns={(name, "acme-*"): Access.READ}),
    ]
    for attempt in attempts:
        sentences = set()
        for each in (registry, empty):
            with pytest.raises(expected) as refused:
                attempt(each.acting_as(BOSS))
            sentences.add(refused.value.message)
        assert len(sentences) == 1


def test_downloads_of_what_was_deleted_stay_hidden(registry: Registry) -> None:
    operator, boss = (registry.acting_as(actor) for actor in (OPERATOR, BOSS))
    release = DownloadedRelease(operator.repositories.get("main").id, "contraband", "1.0")
    registry._usage.count_download(release)
    operator.projects.delete("main", "contraband")
    assert [day.downloads for day in operator.usage.days(1)] == [1]
    assert [day.downloads for day in boss.usage.days(1)] == [0]


def test_lists_go_on_behind_what_is_hidden(registry: Registry) -> None:
    """However many hidden names come first, as many as are asked for are shown."""
    for number in range(9):
        publish(registry, wheel("contraband", f"2.{number}"), actor=OPERATOR)
    publish(registry, wheel("zoo"))
    for number in range(9):
        publish(registry, wheel("contraband", f"3.{number}"), actor=OPERATOR)
    boss = registry.acting_as(BOSS)
    assert [found.project for found in boss.usage.newest_uploads(2)] == [
        "zoo",
        "open",
    ]
    entries = boss.activity.entries(limit=2)
    assert [entry.project for entry in entries] == ["zoo", "open"]
    older = boss.activity.entries(limit=1, before=entries[-1].id)
    assert [entry.action for entry in older] == ["create administrator"]


def test_a_job_gets_the_same_answers_as_if_it_were_not_there(
    registry: Registry, empty: Registry
) -> None:
    """Even if a publisher is for it, which the policy of the host does not care about."""
    provider = ScriptedProvider()
    create_publisher(registry, provider.url, "hidden", repository="vault", projects=())
    answers = []
    for each in (registry, empty):
        create_publisher(each, provider.url, projects=())
        client = Client(each.wsgi_app())
        minted = client.post("/_/oidc/mint-token", json={"token": job_token(provider)})
        refused = client.post(
            "/_/oidc/mint-token", json={"token": job_token(provider, environment="test")}
        )
        found = client.get(
            "/.well-known/pytp", query_string={"discover": "/repositories/vault/legacy/"}
        )
        who = bearer(minted.get_json()["token"])
        told = [client.get(url, headers=who) for url in URLS_OF_THE_HIDDEN]
        # A job is called by the names of its publishers.
        answers.append(
            [
                f"{answer.status} {answer.text}".replace("'hidden, rocket'", "'rocket'")
                for answer in (refused, found, *told)
            ]
        )
        for answer in (refused, *told[:-4]):  # whose URLs themselves name it
            assert "vault" not in answer.text
        assert client.get(f"{INDEX}/simple/open/", headers=who).status_code == 200
    provider.close()
    assert answers[0] == answers[1]
