"""Rights on projects by name hold for everything that clients ask for (G2 to G4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Permission, Registry, Settings
from pypi_repo.domain.errors import FileAlreadyExists, InvalidName, PermissionDenied
from pypi_repo.domain.names import normalize
from pypi_repo.services.acting import Acting
from tests.support.distributions import Distribution, multipart, upload_form, wheel
from tests.support.http import basic, bearer
from tests.support.sql import count_statements
from tests.support.uploads import publish

PARTNER, PASSWORD = "partner@example.com", "correct horse"
ALL = "all@example.com"
HIDDEN, SHOWN = wheel("contraband"), wheel("acme-app")
INDEX = "/repositories/main"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
_FILE = f"files/{HIDDEN.sha256[:2]}/{HIDDEN.sha256[2:4]}/{HIDDEN.sha256[4:]}/{HIDDEN.filename}"
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
        "project/contraband/",
        "project/contraband/releases",
        "project/contraband/files",
        "project/contraband/readme",
        _FILE,
        f"{_FILE}.metadata",
        f"{_FILE}.asc",
    )
]
LISTS = [f"{INDEX}/{path}" for path in ("", "?q=contra", "simple/", "+simple/", "legacy/+simple/")]


def _filled(*, with_the_hidden: bool) -> Registry:
    registry = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("main")
    operator.accounts.create_user(ALL, PASSWORD)
    operator.accounts.create_user(
        PARTNER, PASSWORD, everywhere=Access.NONE, patterns={("main", "acme-*"): Access.READ}
    )
    publish(registry, SHOWN, actor=OPERATOR)
    if with_the_hidden:
        publish(registry, HIDDEN, actor=OPERATOR, signature=b"signature")
    return registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    with _filled(with_the_hidden=True) as registry:
        yield registry


@pytest.fixture
def empty() -> Iterator[Registry]:
    """The same without the project that is hidden."""
    with _filled(with_the_hidden=False) as registry:
        yield registry


@pytest.fixture
def operator(registry: Registry) -> Acting:
    return registry.acting_as(OPERATOR)


def _by_password(registry: Registry) -> dict[str, str]:
    return basic(PARTNER, PASSWORD)


def _by_group(registry: Registry) -> dict[str, str]:
    operator = registry.acting_as(OPERATOR)
    operator.accounts.set_access(PARTNER, Access.NONE)
    operator.groups.create("partners", patterns={("main", "acme-*"): Access.READ})
    operator.groups.add_members("partners", [PARTNER])
    return basic(PARTNER, PASSWORD)


def _by_token(registry: Registry) -> dict[str, str]:
    accounts = registry.acting_as(OPERATOR).accounts
    return bearer(accounts.create_token(ALL, projects=["acme-*"])[1])


WAYS = [_by_password, _by_group, _by_token]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_hidden_is_answered_like_what_is_not_there(
    way: type, registry: Registry, empty: Registry
) -> None:
    """G2."""
    asked = [(Client(each.wsgi_app()), way(each)) for each in (registry, empty)]
    for url in URLS_OF_THE_HIDDEN:
        for method in ("GET", "HEAD"):
            found, expected = (
                client.open(url, method=method, headers=headers) for client, headers in asked
            )
            assert (found.status, found.text) == (expected.status, expected.text), url
            assert [*found.headers.keys()] == [*expected.headers.keys()], url
            assert found.status_code in (301, 303, 403, 404), url


@pytest.mark.parametrize("way", WAYS)
def test_no_list_names_what_is_hidden(way: type, registry: Registry, empty: Registry) -> None:
    """G2."""
    asked = [(Client(each.wsgi_app()), way(each)) for each in (registry, empty)]
    for url in LISTS:
        for accept in ("text/html", JSON["Accept"]):
            found, expected = (
                client.get(url, headers={**headers, "Accept": accept}) for client, headers in asked
            )
            assert found.status_code == expected.status_code == 200, url
            assert "acme-app" in found.text or "q=" in url, url
            assert HIDDEN.filename not in found.text, url
            assert "contraband" not in found.text.replace("q=contra", ""), url


def test_a_page_of_one_reader_is_never_given_to_another(operator: Acting) -> None:
    """G2: whoever asks first, each gets what they may read."""
    narrow = operator.accounts.create_token(ALL, projects=["acme-*"])[1]
    other = operator.accounts.create_token(ALL, projects=["contra*"])[1]
    expected = {
        "all": (basic(ALL, PASSWORD), {"acme-app", "contraband"}),
        "partner": (basic(PARTNER, PASSWORD), {"acme-app"}),
        "narrow": (bearer(narrow), {"acme-app"}),
        "other": (bearer(other), {"contraband"}),
    }
    for order in permutations(expected):
        with _filled(with_the_hidden=True) as registry:
            tokens = registry.acting_as(OPERATOR).accounts
            secrets = {
                "narrow": tokens.create_token(ALL, projects=["acme-*"])[1],
                "other": tokens.create_token(ALL, projects=["contra*"])[1],
            }
            client = Client(registry.wsgi_app())
            for who in order:
                headers = bearer(secrets[who]) if who in secrets else expected[who][0]
                for _repeated in range(2):
                    root = client.get(f"{INDEX}/simple/", headers={**headers, **JSON})
                    names = {each["name"] for each in root.get_json()["projects"]}
                    assert names == expected[who][1], order
                    for project in ("acme-app", "contraband"):
                        page = client.get(f"{INDEX}/simple/{project}/", headers=headers)
                        right = 200 if project in names else 403
                        assert page.status_code == right, (order, who, project)


def _upload(client: Client, headers: dict[str, str], dist: Distribution) -> int:
    content = ("content", dist.filename, dist.content, None)
    body, content_type = multipart(upload_form(dist), [content])
    return client.post(
        f"{INDEX}/", data=body, content_type=content_type, headers=headers
    ).status_code


def test_uploads_obey_patterns(registry: Registry, empty: Registry) -> None:
    """G2: what matches may be uploaded, also what is new; what does not, never."""
    for each in (registry, empty):
        each.acting_as(OPERATOR).accounts.set_access(
            PARTNER, Access.NONE, {}, {("main", "acme-*"): Access.WRITE}
        )
        client, headers = Client(each.wsgi_app()), basic(PARTNER, PASSWORD)
        assert _upload(client, headers, wheel("acme-app", "2.0")) == 200
        assert _upload(client, headers, wheel("acme-new")) == 200
        assert _upload(client, headers, wheel("Acme_Other")) == 200
        assert _upload(client, headers, wheel("contraband", "2.0")) == 403
        assert _upload(client, headers, wheel("acme")) == 403
    token = registry.acting_as(OPERATOR).accounts.create_token(PARTNER, projects=["acme-new"])[1]
    assert _upload(client_of(registry), bearer(token), wheel("acme-app", "3.0")) == 403
    assert _upload(client_of(registry), bearer(token), wheel("acme-new", "3.0")) == 200


def client_of(registry: Registry) -> Client:
    return Client(registry.wsgi_app())


def test_a_token_that_may_only_read_uploads_nothing(operator: Acting, registry: Registry) -> None:
    """G3."""
    secret = operator.accounts.create_token(ALL, projects=["acme-*"], read_only=True)[1]
    client = client_of(registry)
    assert client.get(f"{INDEX}/simple/acme-app/", headers=bearer(secret)).status_code == 200
    assert _upload(client, bearer(secret), wheel("acme-app", "2.0")) == 403


def test_the_first_upload_of_a_project_obeys_patterns_where_sources_are(
    operator: Acting, registry: Registry
) -> None:
    """G2: and a project of a source is hidden like an own one."""
    operator.repositories.create("elsewhere")
    for dist in (wheel("acme-elsewhere"), wheel("stranger")):
        publish(registry, dist, "elsewhere", OPERATOR)
    operator.sources.set_sources("main", ["repository:elsewhere"])
    everything = {("main", "acme-*"): Access.WRITE, ("elsewhere", "*"): Access.READ}
    operator.accounts.set_access(PARTNER, Access.NONE, {}, everything)
    client, headers = client_of(registry), basic(PARTNER, PASSWORD)
    assert _upload(client, headers, wheel("acme-first")) == 200
    root = client.get(f"{INDEX}/simple/", headers={**headers, **JSON}).get_json()
    assert {each["name"] for each in root["projects"]} == {
        "acme-app",
        "acme-elsewhere",
        "acme-first",
    }
    for project, status in (("acme-elsewhere", 200), ("stranger", 403), ("nowhere", 403)):
        page = client.get(f"{INDEX}/simple/{project}/", headers=headers)
        assert page.status_code == status, project


def test_refused_uploads_do_not_name_what_is_hidden(operator: Acting, registry: Registry) -> None:
    """G2: neither as the project that a name resembles, nor as the file with the same content."""
    operator.repositories.change("main", profile="pypi")
    operator.accounts.set_access(PARTNER, Access.NONE, {}, {("main", "c0*"): Access.WRITE})
    partner = registry.repository("main").login.with_password(PARTNER, PASSWORD, "127.0.0.1")
    copy = replace(HIDDEN, name="c0py", filename="c0py-1.0-py3-none-any.whl")
    for dist, kind in ((wheel("c0ntraband"), InvalidName), (copy, FileAlreadyExists)):
        with pytest.raises(kind) as refused:
            publish(registry, dist, actor=partner)
        assert "contraband" not in refused.value.message.replace("c0ntraband", "")
    with pytest.raises(PermissionDenied):
        publish(registry, wheel("contraband", "2.0"), actor=partner)


def test_everybody_still_reads_public_repositories(operator: Acting, registry: Registry) -> None:
    operator.repositories.change("main", public=True)
    client = client_of(registry)
    for headers in ({}, basic(PARTNER, PASSWORD)):
        assert client.get(f"{INDEX}/simple/contraband/", headers=headers).status_code == 200
        assert "contraband" in client.get(f"{INDEX}/simple/", headers=headers).text


def test_groups_cost_no_statement(operator: Acting, registry: Registry) -> None:
    """G4."""
    client, headers = client_of(registry), basic(PARTNER, PASSWORD)
    numbers = []
    for group in ("", "one", "two", "three"):
        if group:
            operator.groups.create(group, patterns={("main", f"acme-{group}*"): Access.READ})
            operator.groups.add_members(group, [PARTNER])
        for url in (f"{INDEX}/simple/acme-app/", f"{INDEX}/simple/acme-app/"):
            with count_statements(registry._database) as statements:
                assert client.get(url, headers=headers).status_code == 200
        numbers.append(len(statements))
    assert numbers == [numbers[0]] * 4
    assert numbers[0] <= 2


def test_each_name_is_compared_with_patterns_in_time_that_grows_with_their_number(
    operator: Acting, registry: Registry
) -> None:
    """A list of many projects costs no more than in proportion to them."""
    partner = registry.repository("main").login.with_password(PARTNER, PASSWORD, "127.0.0.1")
    gate, main = registry._gate, operator.repositories.get("main")
    taken = []
    for number in (2_000, 8_000):
        names = [
            normalize(f"acme-{each}" if each % 2 else f"other-{each}") for each in range(number)
        ]
        tries = []
        for _try in range(3):
            began = time.thread_time()
            assert len(gate.hidden(partner, Permission.READ, main, names.copy)) == number // 2
            tries.append(time.thread_time() - began)
        taken.append(min(tries))
    assert taken[1] < taken[0] * 12
