"""Who gets what at each URL: credentials, grants, tokens, and a host's own rules."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from pypi_repo import (
    ANONYMOUS,
    OPERATOR,
    Access,
    AccessPolicy,
    Actor,
    DownloadApp,
    Grants,
    Limits,
    Permission,
    Registry,
    SimpleIndexApp,
    UploadApp,
    mount,
    remote_user,
)
from pypi_repo.domain.records import Repository
from tests.support.distributions import wheel
from tests.support.http import JSON, Site, basic, bearer, reason
from tests.support.journal import journal_of
from tests.support.sql import count_statements

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

USER, PASSWORD = "user@example.com", "correct horse"
READER = "reader@example.com"
ADMINISTRATOR = "admin@example.com"
PATHS = ("/repositories/main/", "/repositories/main/simple/", "/repositories/main/files/")


@pytest.fixture
def filled(site: Site) -> Site:
    assert site.upload(wheel()).status_code == 200
    return site


def status_of(site: Site, headers: dict[str, str], method: str = "GET", url: str = "") -> int:
    response = site.client.open(
        url or f"{site.index_url}demo/", method=method, headers=headers, buffered=True
    )
    return response.status_code


def may_read(site: Site, headers: dict[str, str]) -> int:
    """The one status that index, project page and file all answer with."""
    file_url = site.file_url(wheel())
    urls = (site.index_url, f"{site.index_url}demo/", file_url, f"{file_url}.metadata")
    statuses = {status_of(site, headers, method, url) for url in urls for method in ("GET", "HEAD")}
    assert len(statuses) == 1, statuses
    return statuses.pop()


def may_upload(site: Site, headers: dict[str, str], url: str | None = None) -> int:
    return site.upload(wheel(version="2.0"), headers=headers, url=url).status_code


# Anonymous (X71): the same 401 for everything

READS = [
    "simple/",
    "simple",
    "simple/demo/",
    "simple/demo",
    "simple/Demo/",
    "simple/nothing/",
    "simple/-/",
    "simple/a/b/",
    "+simple/demo/",
    "demo/",
    "nothing/",
    "files/",
    "files/x",
    "files/ab/cd/" + "0" * 60 + "/demo-1.0-py3-none-any.whl",
    "files/ab/cd/" + "0" * 60 + "/demo-1.0-py3-none-any.whl.metadata",
    "",
]


def test_x71_anonymous_learns_nothing_of_a_private_repository(
    registry: Registry, filled: Site
) -> None:
    existing = f"files/{wheel().path}"
    assert status_of(filled, filled.headers, url=f"/repositories/main/{existing}") == 200
    anonymous, answers = replace(filled, headers={}), set()
    for repository in ("main", "nowhere", "-", "a%00b", "%C3%A9", "..", "x" * 1000):
        for path in [*READS, existing, f"{existing}.metadata"]:
            response = anonymous.get(f"/repositories/{repository}/{path}")
            assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
            answers.add((response.status, response.text, tuple(response.headers.items())))
    assert len(answers) == 1
    assert answers.pop()[0].startswith("401 ")


def test_x71_anonymous_learns_nothing_by_uploading(filled: Site) -> None:
    answers = set()
    for repository in ("main", "nowhere"):
        for path in ("", "/", "/legacy", "/legacy/"):
            for dist in (wheel(), wheel(description="other"), wheel("unknown")):
                url = f"/repositories/{repository}{path}"
                response = filled.upload(dist, headers={"X-Request-ID": "test"}, url=url)
                answers.add((response.status, response.text, tuple(response.headers.items())))
    assert len(answers) == 1
    assert answers.pop()[0].startswith("401 ")


def test_x71_head_is_no_way_around(filled: Site) -> None:
    for path in READS:
        assert status_of(filled, {}, "HEAD", f"/repositories/main/{path}") == 401


def test_u20_a_public_repository_is_read_by_all_and_written_by_none(
    registry: Registry, filled: Site
) -> None:
    assert may_read(filled, {}) == 401
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert may_read(filled, {}) == 200
    assert may_upload(filled, {}) == 401
    registry.acting_as(OPERATOR).repositories.change("main", public=False)
    assert may_read(filled, {}) == 401


def test_x71_an_unknown_name_in_a_public_repository_is_plainly_404(
    registry: Registry, filled: Site
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    for path in ("simple/nothing/", "simple/-/", "files/x"):
        assert status_of(filled, {}, url=f"/repositories/main/{path}") == 404


# Repository users (X72, U20)


def test_a_user_may_read_and_write(filled: Site) -> None:
    assert may_read(filled, basic(USER, PASSWORD)) == 200
    assert may_upload(filled, basic(USER, PASSWORD)) == 200


def test_u20_a_read_only_user_is_403_on_upload(filled: Site) -> None:
    assert may_read(filled, basic(READER, PASSWORD)) == 200
    response = filled.upload(wheel(version="2.0"), headers=basic(READER, PASSWORD))
    assert response.status_code == 403
    assert READER in reason(response)
    assert "WWW-Authenticate" not in response.headers


def test_x72_a_user_of_named_repositories_only(registry: Registry, filled: Site) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    registry.acting_as(OPERATOR).repositories.create("third")
    registry.acting_as(OPERATOR).accounts.create_user(
        "named@example.com",
        PASSWORD,
        everywhere=Access.NONE,
        named={"main": Access.READ, "other": Access.WRITE},
    )
    named = basic("named@example.com", PASSWORD)
    assert may_read(filled, named) == 200
    assert may_upload(filled, named) == 403
    assert may_upload(filled, named, "/repositories/other/") == 200
    assert may_upload(filled, named, "/repositories/third/") == 403
    answers = set()
    for repository in ("third", "nowhere"):  # X72: 403, and no word on which of them exists
        for path in READS:
            response = filled.client.get(f"/repositories/{repository}/{path}", headers=named)
            answers.add((response.status_code, response.text.replace(repository, "?")))
    assert len(answers) == 1
    assert answers.pop()[0] == 403


def test_named_access_can_narrow_what_holds_everywhere(registry: Registry, filled: Site) -> None:
    registry.acting_as(OPERATOR).accounts.create_user(
        "n@example.com", PASSWORD, named={"main": Access.NONE}
    )
    assert may_read(filled, basic("n@example.com", PASSWORD)) == 403
    registry.acting_as(OPERATOR).repositories.create("other")
    assert may_upload(filled, basic("n@example.com", PASSWORD), "/repositories/other/") == 200
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert may_read(filled, basic("n@example.com", PASSWORD)) == 200
    assert may_upload(filled, basic("n@example.com", PASSWORD)) == 403


def test_changed_access_counts_from_the_next_request(registry: Registry, filled: Site) -> None:
    assert may_read(filled, basic(READER, PASSWORD)) == 200
    registry.acting_as(OPERATOR).accounts.set_access(READER, Access.NONE)
    assert status_of(filled, basic(READER, PASSWORD)) == 403
    registry.acting_as(OPERATOR).accounts.set_access(READER, Access.WRITE)
    assert may_upload(filled, basic(READER, PASSWORD)) == 200


def test_a_changed_password_counts_from_the_next_request(registry: Registry, filled: Site) -> None:
    assert status_of(filled, basic(READER, PASSWORD)) == 200
    registry.acting_as(OPERATOR).accounts.set_password(READER, "another horse")
    assert status_of(filled, basic(READER, PASSWORD)) == 401
    assert status_of(filled, basic(READER, "another horse")) == 200


def test_a_deleted_user_is_refused_at_once(registry: Registry, filled: Site) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(READER)
    assert status_of(filled, basic(READER, PASSWORD)) == 200
    registry.acting_as(OPERATOR).accounts.delete_user(READER)
    assert status_of(filled, basic(READER, PASSWORD)) == 401
    assert status_of(filled, bearer(secret)) == 401


@pytest.mark.parametrize("name", ["USER@example.com", "User@Example.Com"])
def test_account_names_are_the_same_in_any_case(filled: Site, name: str) -> None:
    assert status_of(filled, basic(name, PASSWORD)) == 200


# Wrong credentials (U18, X72)

WRONG = {
    "password": basic(USER, "wrong horse"),
    "case of the password": basic(USER, PASSWORD.upper()),
    "prefix of the password": basic(USER, PASSWORD[:-1]),
    "longer password": basic(USER, PASSWORD + "x" * 100),
    "no password": basic(USER, ""),
    "unknown user": basic("nobody@example.com", PASSWORD),
    "no user": basic("", PASSWORD),
    "impossible user": basic("a b/c", PASSWORD),
    "very long user": basic("a" * 10_000, PASSWORD),
    "unknown token": basic("__token__", "ppr_" + "x" * 43),
    "password as token": basic("__token__", PASSWORD),
    "unknown bearer": bearer("ppr_" + "x" * 43),
    "empty bearer": bearer(""),
    "password as bearer": bearer(PASSWORD),
    "digest": {"Authorization": 'Digest username="x"'},
    "no scheme": {"Authorization": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()},
    "scheme only": {"Authorization": "Basic"},
    "no base64": {"Authorization": "Basic !!!"},
    "half base64": {"Authorization": "Basic dXNlcg"},
    "no colon": {"Authorization": "Basic " + base64.b64encode(USER.encode()).decode()},
    "nothing": {"Authorization": "Basic Og=="},
    "spaces": {"Authorization": "   "},
    "negotiate": {"Authorization": "Negotiate abc"},
}


@pytest.mark.parametrize("public", [False, True])
def test_u18_x72_wrong_credentials_are_401_also_where_none_are_needed(
    registry: Registry, filled: Site, public: bool
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=public)
    file_url = filled.file_url(wheel())
    for which, wrong in WRONG.items():
        for number, url in enumerate(
            (
                f"{filled.index_url}demo/",
                file_url,
                "/repositories/main/",
                "/repositories/nowhere/simple/",
            )
        ):
            address = {"REMOTE_ADDR": f"10.0.{number}.{len(which)}"}  # or it would be throttled
            response = filled.client.get(
                url, headers=wrong, environ_overrides=address, buffered=True
            )
            assert response.status_code == 401, which
            assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
            assert response.headers["Cache-Control"] == "no-store"
            assert PASSWORD not in response.text
        assert may_upload(filled, wrong) == 401, which


def test_x72_unknown_users_and_wrong_passwords_look_alike(filled: Site) -> None:
    answers = {
        filled.client.get(filled.index_url, headers=basic(name, "wrong horse")).text
        for name in (USER, "nobody@example.com", ADMINISTRATOR)
    }
    assert len(answers) == 1


def test_an_empty_authorization_header_is_none(registry: Registry, filled: Site) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert may_read(filled, {"Authorization": ""}) == 200


def test_administrators_are_told_which_kind_of_account_is_needed(
    registry: Registry, filled: Site
) -> None:
    for public in (False, True):
        registry.acting_as(OPERATOR).repositories.change("main", public=public)
        assert may_read(filled, basic(ADMINISTRATOR, PASSWORD)) == 401
        response = filled.upload(wheel(), headers=basic(ADMINISTRATOR, PASSWORD))
        assert response.status_code == 401
        assert "administrator" in reason(response)
        assert "repository user" in reason(response)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
        st.builds(
            lambda scheme, rest: f"{scheme} {rest}",
            st.sampled_from(["Basic", "basic", "Bearer", "BEARER", "Digest"]),
            st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
        ),
        st.binary(max_size=40).map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
        st.binary(max_size=40).map(
            lambda raw: "Basic " + base64.b64encode(b"__token__:" + raw).decode()
        ),
    )
)
def test_no_authorization_header_is_a_server_error(registry: Registry, header: str) -> None:
    environ = {"HTTP_AUTHORIZATION": header}
    response = Client(registry.wsgi_app()).get(
        "/repositories/main/simple/", environ_overrides=environ
    )
    assert response.status_code in (401, 429)


# How credentials are spelled (X75)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_is_written_in_any_case(filled: Site, scheme: str) -> None:
    header = basic(USER, PASSWORD)["Authorization"].replace("Basic", scheme)
    assert status_of(filled, {"Authorization": header}) == 200


@pytest.mark.parametrize(
    "password",
    [
        "with:colons:and::more:",
        ":starts with a colon",
        "user@example.com@:@",
        "  spaces  around  ",
        "%40%3A literal percent",
        "b\u00fccher-gr\u00fc\u00dfe",
        "\u043f\u0430\u0440\u043e\u043b\u044c123",
        "\u5bc6\u7801\u5bc6\u7801\u5bc6\u7801\u5bc6\u7801",
        "\U0001f511\U0001f512 keys and locks",
        "x" * 72,
        "\u00e9" * 36,
        "quote\"\\back'slash",
    ],
)
def test_x75_passwords_hold_anything(registry: Registry, filled: Site, password: str) -> None:
    registry.acting_as(OPERATOR).accounts.create_user("odd@example.com", password)
    assert status_of(filled, basic("odd@example.com", password)) == 200
    assert status_of(filled, basic("odd@example.com", f"{password}x")) == 401
    assert status_of(filled, basic("odd@example.com", password[:-1])) == 401
    try:
        latin = basic("odd@example.com", password, "latin-1")
    except UnicodeEncodeError:
        return
    assert status_of(filled, latin) == 200  # what requests sends


def test_x75_names_hold_what_mail_addresses_do(registry: Registry, filled: Site) -> None:
    for name in ("a+b@example.com", "o'neil@example.com", "j\u00fcrgen@example.com", "ci_bot-1"):
        registry.acting_as(OPERATOR).accounts.create_user(name, PASSWORD)
        assert status_of(filled, basic(name, PASSWORD)) == 200


# Tokens (U19, X75)


@pytest.mark.parametrize("username", ["__token__", USER, "anything", "a b", "", ["x@y", "z"][0]])
def test_u19_a_token_works_under_any_user_name(
    registry: Registry, filled: Site, username: str
) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    assert may_read(filled, basic(username, secret)) == 200
    assert may_upload(filled, basic(username, secret)) == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_u19_x75_a_token_works_as_bearer(registry: Registry, filled: Site, scheme: str) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    assert may_read(filled, {"Authorization": f"{scheme} {secret}"}) == 200
    assert may_upload(filled, bearer(secret)) == 200


def both(secret: str) -> list[dict[str, str]]:
    return [basic("__token__", secret), bearer(secret)]


def test_a_token_is_only_itself(registry: Registry, filled: Site) -> None:
    token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), token.prefix, secret[4:]):
        for headers in both(wrong):
            assert status_of(filled, headers) == 401


def test_a_read_only_token_does_not_write(registry: Registry, filled: Site) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER, read_only=True)
    for headers in both(secret):
        assert may_read(filled, headers) == 200
        assert may_upload(filled, headers) == 403


def test_a_token_passes_on_no_more_than_its_user_may(registry: Registry, filled: Site) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(READER)
    for headers in both(secret):
        assert may_read(filled, headers) == 200
        assert may_upload(filled, headers) == 403
    registry.acting_as(OPERATOR).accounts.set_access(READER, Access.NONE)
    assert status_of(filled, bearer(secret)) == 403


def test_a_scoped_token_opens_one_repository(registry: Registry, filled: Site) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER, repository="other")
    for headers in both(secret):
        assert may_read(filled, headers) == 403
        assert may_upload(filled, headers) == 403
        assert may_upload(filled, headers, "/repositories/other/") == 200
        assert status_of(filled, headers, url="/repositories/nowhere/simple/") == 403


def test_a_scoped_read_only_token(registry: Registry, filled: Site) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(
        USER, repository="main", read_only=True
    )
    assert may_read(filled, bearer(secret)) == 200
    assert may_upload(filled, bearer(secret)) == 403


def test_a_token_for_a_deleted_repository_opens_nothing_else(
    registry: Registry, filled: Site
) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER, repository="other")
    registry.acting_as(OPERATOR).repositories.delete("other")
    assert status_of(filled, bearer(secret)) == 401
    registry.acting_as(OPERATOR).repositories.create("other")
    assert status_of(filled, bearer(secret), url="/repositories/other/simple/") == 401


def test_an_expired_token_says_so(registry: Registry, filled: Site) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(
        USER, name="nightly build", expires_in=timedelta(microseconds=1)
    )
    for headers in both(secret):
        response = filled.client.get(filled.index_url, headers=headers)
        assert response.status_code == 401
        assert "nightly build" in reason(response)
        assert "expired" in reason(response)
        assert secret not in response.text


def test_a_token_that_expires_later_works_now(registry: Registry, filled: Site) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(
        USER, expires_in=timedelta(hours=1)
    )
    assert may_read(filled, bearer(secret)) == 200


def test_a_revoked_token_is_refused_at_once(registry: Registry, filled: Site) -> None:
    token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    _other, other_secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    assert status_of(filled, bearer(secret)) == 200
    registry.acting_as(OPERATOR).accounts.revoke_token(token.id)
    for headers in both(secret):
        assert status_of(filled, headers) == 401
    assert status_of(filled, bearer(other_secret)) == 200


# Throttling (X76)


@pytest.fixture
def throttled(new_registry: Callable[..., Registry]) -> Site:
    registry = new_registry(limits=Limits(failed_logins=3))
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    registry.acting_as(OPERATOR).accounts.create_user(READER, PASSWORD)
    registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
    return Site(Client(registry.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))


def statuses(site: Site, headers: dict[str, str], times: int, address: str = "::1") -> list[int]:
    environ = {"REMOTE_ADDR": address}
    return [
        site.client.get(site.index_url, headers=headers, environ_overrides=environ).status_code
        for _ in range(times)
    ]


@pytest.mark.parametrize("name", [USER, "nobody@example.com", ADMINISTRATOR])
def test_x76_guessing_is_answered_429_with_retry_after(throttled: Site, name: str) -> None:
    assert statuses(throttled, basic(name, "wrong horse"), 5) == [401, 401, 401, 429, 429]
    response = throttled.get(throttled.index_url, method="GET")
    assert response.status_code == 200  # from another address
    response = throttled.client.get(
        throttled.index_url,
        headers=basic(name, "wrong horse"),
        environ_overrides={"REMOTE_ADDR": "::1"},
    )
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["Retry-After"] in reason(response)
    assert response.headers["Cache-Control"] == "no-store"


def test_x76_the_right_password_does_not_help_a_guesser(throttled: Site) -> None:
    statuses(throttled, basic(USER, "wrong horse"), 3)
    assert statuses(throttled, basic(USER, PASSWORD), 2) == [429, 429]
    assert statuses(throttled, basic(ADMINISTRATOR, PASSWORD), 1) == [401]


def test_x76_a_remembered_password_works_meanwhile(throttled: Site) -> None:
    assert statuses(throttled, basic(USER, PASSWORD), 1) == [200]
    assert statuses(throttled, basic(USER, "wrong horse"), 4)[-1] == 429
    assert statuses(throttled, basic(USER, PASSWORD), 3) == [200, 200, 200]


def test_x76_others_are_not_throttled(throttled: Site) -> None:
    statuses(throttled, basic(USER, "wrong horse"), 4)
    assert statuses(throttled, basic(READER, PASSWORD), 1) == [200]
    assert statuses(throttled, basic(USER, PASSWORD), 1, "10.0.0.9") == [200]
    assert statuses(throttled, {}, 1) == [200]


def test_x76_spellings_of_a_name_share_their_failures(throttled: Site) -> None:
    names = [USER, USER.upper(), "User@Example.com", USER]
    answers = [statuses(throttled, basic(name, "wrong horse"), 1)[0] for name in names]
    assert answers == [401, 401, 401, 429]


def test_x76_uploads_are_throttled_too(throttled: Site) -> None:
    wrong = basic(USER, "wrong horse")
    answers = [throttled.upload(wheel(), headers=wrong) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert "Retry-After" in answers[-1].headers


# What it costs


def test_statements_of_each_kind_of_request(registry: Registry, site: Site) -> None:
    def cost(action: Callable[[], TestResponse]) -> int:
        with count_statements(registry._database) as statements:
            assert action().status_code in (200, 206, 301, 304, 401, 403, 404)
        return len(statements)

    site.upload(wheel())
    page, file_url = f"{site.index_url}demo/", site.file_url(wheel())
    cold = Site(Client(registry.wsgi_app()), "", "", "", headers=site.headers)
    etag = site.get(page, Accept=JSON).headers["ETag"]
    site.get(site.index_url)
    json_url = site.index_url.replace("/simple/", "/pypi/")
    provenance_url = site.index_url.replace(
        "/simple/", f"/integrity/demo/1.0/{wheel().filename}/provenance"
    )
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    measured = {
        "cold page": cost(lambda: cold.get(page, Accept=JSON)),
        "hot page": cost(lambda: cold.get(page, Accept=JSON)),
        "page in another form": cost(lambda: cold.get(page, Accept="text/html")),
        "not modified": cost(lambda: site.get(page, Accept=JSON, If_None_Match=etag)),
        "cold root": cost(lambda: cold.get(site.index_url)),
        "hot root": cost(lambda: cold.get(site.index_url)),
        "redirect": cost(lambda: site.get(f"{site.index_url}Demo/")),
        "unknown project": cost(lambda: site.get(f"{site.index_url}nothing/")),
        "download": cost(lambda: site.get(file_url)),
        "head": cost(lambda: site.get(file_url, method="HEAD")),
        "range": cost(lambda: site.get(file_url, Range="bytes=0-9")),
        "metadata": cost(lambda: site.get(f"{file_url}.metadata")),
        "the same upload again": cost(lambda: site.upload(wheel())),
        "upload of another release": cost(lambda: site.upload(wheel(version="2.0"))),
        "upload of another project": cost(lambda: site.upload(wheel("other"))),
        "upload without rights": cost(
            lambda: site.upload(wheel(), headers=basic(READER, PASSWORD))
        ),
        "JSON of a project": cost(lambda: site.get(f"{json_url}demo/json")),
        "the same again": cost(lambda: site.get(f"{json_url}demo/json")),
        "JSON of a release": cost(lambda: site.get(f"{json_url}demo/1.0/json")),
        "provenance": cost(lambda: site.get(provenance_url)),
        "front page": cost(lambda: site.get(site.upload_url)),
        "landing page": cost(lambda: site.get("/")),
        "wrong password": cost(lambda: site.get(page, **basic(USER, "wrong horse"))),
        "cold page with a token": cost(
            lambda: cold.get(page, Accept=JSON, **basic("__token__", secret))
        ),
    }
    assert measured == {
        "cold page": 3,
        "hot page": 2,
        "page in another form": 3,
        "not modified": 2,
        "cold root": 2,  # the list itself is in memory
        "hot root": 2,
        "redirect": 2,
        "unknown project": 2,
        "download": 2,
        "head": 2,
        "range": 2,
        "metadata": 2,
        "the same upload again": 3,
        "upload of another release": 9,
        "upload of another project": 10,
        "upload without rights": 2,
        "JSON of a project": 3,
        "the same again": 2,
        "JSON of a release": 4,
        "provenance": 4,
        "front page": 10,
        "landing page": 1,
        "wrong password": 1,
        "cold page with a token": 3,
    }


def test_statements_of_an_upload_do_not_grow_with_the_project(
    registry: Registry, site: Site
) -> None:
    counts = []
    for number in range(5):
        with count_statements(registry._database) as statements:
            assert site.upload(wheel(version=f"{number}.0")).status_code == 200
        counts.append(len(statements))
    assert counts[0] <= 20
    assert set(counts[1:]) == {counts[1]}
    assert counts[1] <= counts[0]


def test_a_page_of_many_files_costs_no_more(registry: Registry, site: Site) -> None:
    for number in range(30):
        site.upload(wheel(version=f"{number}.0"))
    with count_statements(registry._database) as statements:
        assert len(site.page("demo")["files"]) == 30
    assert len(statements) == 3


def test_anonymous_reading_of_a_public_page_costs_one(registry: Registry, filled: Site) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    filled.client.get(f"{filled.index_url}demo/")
    with count_statements(registry._database) as statements:
        assert filled.client.get(f"{filled.index_url}demo/").status_code == 200
    assert len(statements) == 1


# A host's own accounts and rules


def by_header(environ: "WSGIEnvironment") -> Actor:
    name = environ.get("HTTP_X_TEAM_MEMBER")
    if not name:
        return ANONYMOUS
    return Actor(name, groups=frozenset({"staff"}), grants=Grants(Access.WRITE))


def test_a_host_authenticates_by_itself(registry: Registry, filled: Site) -> None:
    app = mount({"/pypi": registry.wsgi_app(authenticate=by_header)})
    client = Client(app)
    url = "/pypi/repositories/main/simple/demo/"
    assert client.get(url, headers={"X-Team-Member": "ada"}).status_code == 200
    assert client.get(url).status_code == 401
    assert client.get(url, headers=basic(USER, PASSWORD)).status_code == 401
    host = Site(client, "/pypi/repositories/main/", "", "", headers={"X-Team-Member": "ada"})
    assert host.upload(wheel(version="2.0")).status_code == 200
    (entry,) = [e for e in journal_of(registry, "main") if e.version == "2.0"]
    assert entry.actor == "ada"


def test_each_app_may_have_its_own(registry: Registry, filled: Site) -> None:
    main = registry.repository("main")
    app = mount(
        {
            "/simple": SimpleIndexApp(main, authenticate=by_header),
            "/files": DownloadApp(main),
            "/legacy": UploadApp(main, authenticate=remote_user(Grants(Access.WRITE))),
        }
    )
    client = Client(app)
    member = {"X-Team-Member": "ada"}
    assert client.get("/simple/demo/", headers=member).status_code == 200
    file_url = filled.file_url(wheel()).removeprefix("/repositories/main")
    assert client.get(file_url, headers=member).status_code == 401
    assert client.get(file_url, headers=basic(USER, PASSWORD), buffered=True).status_code == 200
    uploads = Site(client, "/legacy", "", "", headers=basic(USER, PASSWORD))
    assert uploads.upload(wheel(version="2.0")).status_code == 401
    response = client.get("/legacy/", environ_overrides={"REMOTE_USER": "ada"})
    assert response.status_code == 405


def test_remote_user_is_who_the_server_says(registry: Registry, filled: Site) -> None:
    client = Client(registry.wsgi_app(authenticate=remote_user(Grants(Access.WRITE))))
    url = f"{filled.index_url}demo/"
    assert client.get(url, environ_overrides={"REMOTE_USER": "ada"}).status_code == 200
    assert client.get(url, environ_overrides={"REMOTE_USER": ""}).status_code == 401
    assert client.get(url, headers={"Remote-User": "ada"}).status_code == 401  # no CGI variable


@pytest.mark.parametrize("authenticate", [remote_user, lambda _environ: None, lambda _environ: "a"])
def test_what_authenticates_must_return_an_actor(registry: Registry, authenticate: Any) -> None:
    client = Client(registry.wsgi_app(authenticate=authenticate))
    for path in ("/repositories/main/simple/", "/portal/"):
        with pytest.raises(TypeError, match="`authenticate` must return an Actor"):
            client.get(path)


@dataclass(frozen=True)
class TeamPolicy(AccessPolicy):
    """Project `secret` is for admins; everybody known reads the rest; builders upload `ci-*`."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if "admins" in actor.groups or actor.name == "operator":
            return True
        if project == "secret":
            return False
        if permission is Permission.READ:
            return not actor.is_anonymous
        if permission is Permission.UPLOAD:
            return "builders" in actor.groups and (project is None or project.startswith("ci-"))
        return False


def by_groups(environ: "WSGIEnvironment") -> Actor:
    name, _, groups = environ.get("HTTP_X_ACTOR", "").partition(" ")
    return Actor(name, groups=frozenset(groups.split())) if name else ANONYMOUS


@pytest.fixture
def ruled(new_registry: Callable[..., Registry]) -> Site:
    app = new_registry(policy=TeamPolicy()).wsgi_app(authenticate=by_groups)
    return Site(Client(app), *PATHS, headers={"X-Actor": "root admins"})


def test_a_policy_rules_each_project(ruled: Site) -> None:
    for name in ("secret", "open", "ci-tool"):
        assert ruled.upload(wheel(name)).status_code == 200
    builder, guest = {"X-Actor": "bob builders"}, {"X-Actor": "gus"}
    secret_file = ruled.file_url(wheel("secret"))
    open_file = ruled.file_url(wheel("open"))
    expected = {
        "/repositories/main/simple/open/": (200, 200, 401),
        "/repositories/main/simple/secret/": (403, 403, 401),
        open_file: (200, 200, 401),
        secret_file: (403, 403, 401),
        f"{secret_file}.metadata": (403, 403, 401),
    }
    for url, answers in expected.items():
        asked = [status_of(ruled, headers, url=url) for headers in (builder, guest, {})]
        assert tuple(asked) == answers, url
    uploads = {
        name: [
            ruled.upload(wheel(name, "2.0"), headers=headers).status_code
            for headers in (guest, {}, builder)
        ]
        for name in ("ci-tool", "open", "secret")
    }
    assert uploads == {
        "ci-tool": [403, 401, 200],
        "open": [403, 401, 403],
        "secret": [403, 401, 403],
    }


def test_u02_a_policy_of_projects_gives_away_no_existing_file(ruled: Site) -> None:
    ruled.upload(wheel("secret"))
    builder = {"X-Actor": "bob builders"}
    answers = {
        (response.status_code, response.text.replace(name, "?"))
        for name, dist in [
            ("secret", wheel("secret")),
            ("secret", wheel("secret", description="other")),
            ("secret", wheel("secret", "9.9")),
        ]
        for response in [ruled.upload(dist, headers=builder)]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 403


def test_a_refusal_names_the_project_where_the_repository_is_open(ruled: Site) -> None:
    ruled.upload(wheel("secret"))
    response = ruled.client.get("/repositories/main/simple/secret/", headers={"X-Actor": "gus"})
    assert response.status_code == 403
    assert "'secret'" in reason(response)
