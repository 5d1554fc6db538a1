"""The exchange of tokens of CI jobs over HTTP (T1, T2, T5, T6)."""

from __future__ import annotations

import json
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from sqlalchemy import func, select
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from pypi_repo import ANONYMOUS, Registry, TrustedPublishingApp, mount
from pypi_repo.storage.database.account_tables import publisher_tokens, used_once
from tests.support.ci_jobs import create_publisher, job_claims, job_token, publisher
from tests.support.distributions import wheel
from tests.support.http import JSON, Site, basic, bearer
from tests.support.identity_provider import ScriptedProvider, SigningKey, signing_key
from tests.support.sql import count_statements

AUDIENCE = "/_/oidc/audience"
MINT = "/_/oidc/mint-token"
FOR_GITHUB = "/_/oidc/github/mint-token"
DISCOVERY = "/.well-known/pytp"
DISCOVERED = "application/vnd.pypi.pytp.v1+json"
HERE = {"REMOTE_ADDR": "192.0.2.1"}


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


@pytest.fixture(autouse=True)
def _rocket(registry: Registry, provider: ScriptedProvider) -> None:
    create_publisher(registry, provider.url)


def exchange(
    client: Client, token: object, url: str = MINT, address: str = "192.0.2.1"
) -> TestResponse:
    return client.post(url, json={"token": token}, environ_base={"REMOTE_ADDR": address})


def minted(client: Client, token: str) -> str:
    answer = exchange(client, token)
    assert answer.status_code == 200, answer.text
    secret: str = answer.get_json()["token"]
    return secret


def refusal(answer: TestResponse) -> dict[str, Any]:
    """The document of a refusal, which says in both forms what is wrong, and in none twice."""
    assert answer.mimetype == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.data)
    assert document["status"] == answer.status_code
    assert document["message"] == "The token request failed."
    assert document["errors"] == [{"code": document["error"], "description": document["detail"]}]
    return document


# T1, T2: the exchange


@pytest.mark.parametrize("url", [MINT, FOR_GITHUB])
def test_t1_t2_a_job_uploads_with_what_it_gets(
    url: str, client: Client, site: Site, provider: ScriptedProvider
) -> None:
    """X80, U87: it makes a project that is not there yet, if a publisher names it."""
    audience = client.get(AUDIENCE)
    assert (audience.mimetype, audience.get_json()) == (
        "application/json",
        {"audience": "pypi-repo"},
    )
    answer = exchange(client, job_token(provider), url)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    document = answer.get_json()
    assert document.keys() == {"success", "token", "expires"}
    assert document["success"] is True
    assert 14 * 60 < document["expires"] - time.time() <= 15 * 60
    who = basic("__token__", document["token"])
    assert site.upload(wheel("rocket"), headers=who).status_code == 200
    assert site.upload(wheel("other"), headers=who).status_code == 403
    assert site.client.get(f"{site.index_url}rocket/", headers=who).status_code == 200
    assert site.client.get(f"{site.index_url}other/", headers=who).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'"token"',
        b'{"token": 1}',
        b'{"token": null}',
        b'{"token": "x"',
        b"[" * 100_000,
    ],
)
def test_t2_what_is_no_request_for_a_token(body: bytes, client: Client) -> None:
    answer = client.post(MINT, data=body)
    assert answer.status_code == 422
    assert refusal(answer)["error"] == "invalid-payload"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_t2_no_type_of_the_body_is_demanded(
    content_type: str, client: Client, provider: ScriptedProvider
) -> None:
    body = json.dumps({"token": job_token(provider), "more": [1]})
    assert client.post(MINT, data=body, content_type=content_type).status_code == 200


def test_t2_a_body_that_is_too_large(client: Client) -> None:
    answer = exchange(client, "x" * 257 * 1024)
    assert answer.status_code == 413
    assert refusal(answer)["error"] == "too-large"


@pytest.mark.parametrize(
    ("method", "url"), [("GET", MINT), ("PUT", FOR_GITHUB), ("POST", AUDIENCE), ("POST", DISCOVERY)]
)
def test_t2_other_methods(method: str, url: str, client: Client) -> None:
    answer = client.open(url, method=method)
    assert answer.status_code == 405
    assert refusal(answer)["error"] == "method-not-allowed"
    assert "Allow" in answer.headers


@pytest.mark.parametrize("url", ["/_/oidc", "/_/oidc/", "/_/oidc/mint-token/", "/_/oidc/other"])
def test_t1_other_urls(url: str, client: Client) -> None:
    assert client.post(url, json={"token": "x"}).status_code == 404


def test_t2_pages_of_other_sites_get_nothing(client: Client, provider: ScriptedProvider) -> None:
    origin = {"Origin": "https://evil.example"}
    token = job_token(provider)
    answer = client.post(MINT, json={"token": token}, headers=origin)
    assert answer.status_code == 403
    assert refusal(answer)["error"] == "permission-denied"
    for url in (AUDIENCE, DISCOVERY):
        allowed = client.get(url, headers=origin).headers
        assert "Access-Control-Allow-Origin" not in allowed
    minted(client, token)


def test_t2_a_server_without_the_library(
    client: Client, provider: ScriptedProvider, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = job_token(provider)
    monkeypatch.setitem(sys.modules, "jwt", None)
    answers = [
        client.get(AUDIENCE),
        exchange(client, token),
        discovered(client, "/repositories/main/"),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert refusal(answer)["error"] == "not-enabled"
    page = site.client.get(f"{site.index_url}rocket/", headers=basic("__token__", token))
    assert page.status_code == 401


# T5: what is refused, and how


def wrong_tokens(provider: ScriptedProvider) -> dict[str, str]:
    now, key = int(time.time()), provider.keys[0]
    public = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    unfinished = job_token(provider).rpartition(".")[0]
    elsewhere = "https://token.actions.githubusercontent.com"
    return {
        "wrong audience": job_token(provider, aud="pypi"),
        "several audiences, none of them this one": job_token(provider, aud=["pypi", "other"]),
        "no audience": job_token(provider, aud=None),
        "algorithm none": unsigned(job_claims(provider)),
        "HS256 with the public key": signed_by_hmac(job_claims(provider), public, key),
        "unknown issuer": key.sign(job_claims(provider, iss=elsewhere)),
        "issuer with a slash": key.sign(job_claims(provider, iss=f"{provider.url}/")),
        "issuer in upper case": key.sign(job_claims(provider, iss=provider.url.upper())),
        "issuer with a Cyrillic letter": key.sign(
            job_claims(provider, iss=provider.url.replace("p:", "\u0440:"))
        ),
        "issuer with another port": key.sign(job_claims(provider, iss=f"{provider.url}1")),
        "issuer without its port": key.sign(
            job_claims(provider, iss=provider.url.rpartition(":")[0])
        ),
        "issuer with a user": key.sign(
            job_claims(provider, iss=provider.url.replace("//", "//x@"))
        ),
        "issuer that is no text": key.sign(job_claims(provider, iss="\ud800")),
        "issuer with a NUL": key.sign(job_claims(provider, iss=f"{provider.url}\0")),
        "no issuer": key.sign(job_claims(provider, iss=None)),
        "expired": job_token(provider, exp=now - 61),
        "never expires": job_token(provider, exp=None),
        "not yet valid": job_token(provider, nbf=now + 65),
        "issued in the future": job_token(provider, iat=now + 65, nbf=None),
        "no subject": job_token(provider, sub=None),
        "another key of the same name": signing_key("first", number=1).sign(job_claims(provider)),
        "unknown key": signing_key("second", number=1).sign(job_claims(provider)),
        "the signature of another token": f"{unfinished}.{job_token(provider).rpartition('.')[2]}",
        "no signature": unfinished,
        "too long": job_token(provider, filler="x" * 128 * 1024),
        "nothing": "",
        "no token": "correct horse",
        "odd characters": "eyJhbGciOiJSUzI1NiJ9.\ud83d\ude00\u0000.x",
    }


def unsigned(claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}."


def signed_by_hmac(claims: dict[str, Any], secret: bytes, key: SigningKey) -> str:
    """PyJWT refuses to."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    content = f"{encoded({'alg': 'HS256', 'kid': key.kid})}.{encoded(claims)}"
    signature = urlsafe_b64encode(algorithm.sign(content.encode(), secret)).decode().rstrip("=")
    return f"{content}.{signature}"


def encoded(document: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def kept(registry: Registry) -> tuple[int, int]:
    """How many tokens there are, and how many signed tokens were used up."""
    count = registry._database.execute
    return (
        count(select(func.count(publisher_tokens.c.secret_sha256))).scalar_one(),
        count(select(func.count(used_once.c.digest))).scalar_one(),
    )


def test_t5_whatever_is_wrong_the_answer_is_the_same(
    registry: Registry, client: Client, provider: ScriptedProvider
) -> None:
    """X82"""
    answers = set()
    for number, (name, token) in enumerate(wrong_tokens(provider).items()):
        answer = exchange(client, token, address=f"192.0.2.{number}")
        assert answer.status_code == 422, name
        assert refusal(answer)["error"] == "invalid-token", name
        answers.add(answer.text)
    assert len(answers) == 1
    assert kept(registry) == (0, 0)
    assert publisher(registry).received is None
    minted(client, job_token(provider))


def test_t5_t6_it_is_as_wrong_as_a_password(
    site: Site, registry: Registry, provider: ScriptedProvider
) -> None:
    answers = set()
    for number, (name, token) in enumerate(wrong_tokens(provider).items()):
        if len(token) <= 72 or not token.isascii():
            continue  # no signed token, so it is a password or another token
        for who in (basic("__token__", token), bearer(token)):
            answer = site.client.get(
                f"{site.index_url}rocket/",
                headers={**who, "X-Request-ID": "x"},
                environ_base={"REMOTE_ADDR": f"192.0.2.{number}"},
            )
            assert answer.status_code == 401, name
            if name != "no signature":
                answers.add((answer.text, *answer.headers.items()))
    assert len(answers) == 1
    assert kept(registry) == (0, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"repository_owner_id": "66"},  # as if somebody else had the name now
        {"repository": "acme/rocket2"},
        {"repository": "ACME/rocket"},
        {"environment": None},
        {"job_workflow_ref": "acme/rocket/.github/workflows/release.yml.evil@refs/heads/main"},
        {"job_workflow_ref": "evil/rocket/.github/workflows/release.yml@refs/heads/main"},
    ],
)
def test_t5_a_job_that_no_publisher_is_for(
    changed: dict[str, Any], registry: Registry, client: Client, provider: ScriptedProvider
) -> None:
    answer = exchange(client, job_token(provider, **changed))
    assert answer.status_code == 422
    document = refusal(answer)
    assert document["error"] == "invalid-publisher"
    told = json.dumps(document)
    assert [name for name in changed if name in told] == []
    assert "rocket" not in told
    assert kept(registry) == (0, 0)


def test_t5_a_signed_token_used_twice(
    registry: Registry, client: Client, provider: ScriptedProvider
) -> None:
    token = job_token(provider)
    minted(client, token)
    for url in (MINT, FOR_GITHUB):
        answer = exchange(client, token, url)
        assert answer.status_code == 422
        assert refusal(answer)["error"] == "invalid-reuse-token"
    assert kept(registry) == (1, 1)


def test_t5_refusals_are_counted_by_address(client: Client, provider: ScriptedProvider) -> None:
    secret = minted(client, job_token(provider))
    wrong = job_token(provider, aud="other")
    statuses = [exchange(client, wrong).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    answer = exchange(client, job_token(provider))
    assert answer.status_code == 429
    assert refusal(answer)["error"] == "too-many-failed-logins"
    assert int(answer.headers["Retry-After"]) > 0
    assert exchange(client, job_token(provider), address="192.0.2.2").status_code == 200
    page = client.get(
        "/repositories/main/simple/", headers=basic("__token__", secret), environ_base=HERE
    )
    assert page.status_code == 200  # who has a token is not kept out by others


def test_t6_signed_tokens_as_passwords_are_counted_with_them(
    site: Site, provider: ScriptedProvider
) -> None:
    wrong = job_token(provider, aud="other")
    statuses = [
        site.client.get(site.index_url, headers=bearer(wrong), environ_base=HERE).status_code
        for _ in range(11)
    ]
    assert statuses == [401] * 10 + [429]
    assert exchange(site.client, job_token(provider)).status_code == 429


@pytest.mark.parametrize("wrong", ["no publisher", "used twice", "other audience", "expired"])
def test_t5_refusals_of_one_job_do_not_hinder_others(
    wrong: str, client: Client, site: Site, provider: ScriptedProvider
) -> None:
    """A company's jobs come from one address, and passwords have nothing to do with them."""
    of_it = {"sub": "repo:acme/engine:environment:test"}
    changed: dict[str, Any] = {
        "no publisher": {"repository": "acme/engine"},
        "used twice": {},
        "other audience": {"aud": "elsewhere"},
        "expired": {"exp": int(time.time()) - 120},
    }[wrong]
    token = job_token(provider, **of_it, **changed)
    if wrong == "used twice":
        minted(client, token)
    statuses = [exchange(client, token).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    assert exchange(client, job_token(provider, **of_it)).status_code == 429
    secret = minted(client, job_token(provider))
    for who in (basic("__token__", secret), bearer(job_token(provider))):
        answer = site.client.get(site.index_url, headers=who, environ_base=HERE)
        assert answer.status_code == 200
    assert exchange(client, job_token(provider, **of_it), address="192.0.2.2").status_code == 200


def test_t5_however_many_jobs_are_refused_nobody_else_is_hindered(
    client: Client, site: Site, provider: ScriptedProvider
) -> None:
    for number in range(110):
        wrong = job_token(provider, sub=f"job {number}", repository="acme/engine")
        assert exchange(client, wrong).status_code == 422
    minted(client, job_token(provider))
    password = basic("nobody@example.com", "wrong")
    answer = site.client.get(site.index_url, headers=password, environ_base=HERE)
    assert answer.status_code == 401


@pytest.mark.parametrize("wrong", ["forged", "unknown issuer", "no token"])
def test_t5_what_nobody_has_signed_hinders_no_other_job(
    wrong: str, client: Client, provider: ScriptedProvider
) -> None:
    """One mistyped URL of an issuer must not stop all the jobs behind an address."""
    claims = job_claims(provider, sub="repo:acme/engine:environment:test")
    sent = {
        "forged": signing_key(number=1).sign(claims),
        "unknown issuer": provider.keys[0].sign({**claims, "iss": "https://ci.example.com"}),
        "no token": "eyJ",
    }[wrong]
    statuses = [exchange(client, sent).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    minted(client, job_token(provider))


def test_t5_wrong_passwords_do_not_hinder_jobs(
    site: Site, client: Client, provider: ScriptedProvider
) -> None:
    for number in range(100):
        wrong = basic(f"nobody{number}@example.com", "wrong")
        assert site.client.get(site.index_url, headers=wrong, environ_base=HERE).status_code == 401
    wrong = basic("nobody@example.com", "wrong")
    assert site.client.get(site.index_url, headers=wrong, environ_base=HERE).status_code == 429
    minted(client, job_token(provider))


def test_a_provider_that_does_not_answer(client: Client, provider: ScriptedProvider) -> None:
    provider.answers["/jwks"] = lambda: Response("down", 500)
    for _attempt in range(12):  # which is nobody's fault here
        answer = exchange(client, job_token(provider))
        assert answer.status_code == 503
        assert refusal(answer)["error"] == "identity-provider-failed"
        assert int(answer.headers["Retry-After"]) > 0


# T6: the signed token itself


def test_t6_the_signed_token_itself_is_a_password(
    registry: Registry, site: Site, provider: ScriptedProvider
) -> None:
    token = job_token(provider)
    for who in (
        basic("__token__", token),
        bearer(token),
        basic("gitlab-ci-token", token),
        basic(token, ""),
    ):
        assert site.upload(wheel("rocket"), headers=who).status_code == 200
        assert site.client.get(f"{site.index_url}rocket/", headers=who).status_code == 200
        assert site.upload(wheel("other"), headers=who).status_code == 403
    assert kept(registry) == (1, 0)


def test_t6_it_costs_a_statement_as_other_tokens_do(
    registry: Registry, site: Site, client: Client, provider: ScriptedProvider
) -> None:
    token, page = job_token(provider), f"{site.index_url}rocket/"
    for secret in (minted(client, token), token):
        who = basic("__token__", secret)
        assert site.upload(wheel("rocket"), headers=who).status_code == 200
        site.get(page, Accept=JSON, **who)
        with count_statements(registry._database) as statements:
            assert site.get(page, Accept=JSON, **who).status_code == 200
        assert len(statements) == 2


# T1: discovery, and other places


def discovered(client: Client, path: str, base: str = "", **headers: str) -> TestResponse:
    return client.get(f"{base}{DISCOVERY}", query_string={"discover": path}, headers=headers)


@pytest.mark.parametrize(
    "path",
    [
        "/repositories/main/",
        "/repositories/main",
        "/repositories/main/legacy/",
        "/repositories/main/legacy",
        "/repositories/main/stages/0123456789abcdef_-ABCD/",
        "/repositories/nowhere/",
        "/pypi/repositories/main/",
    ],
)
def test_t1_discovery_says_where_tokens_are_exchanged(path: str, client: Client) -> None:
    """X81: also for repositories that do not exist, or nobody may know."""
    for headers in ({}, {"Accept": DISCOVERED}, {"Accept": "*/*"}):
        answer = discovered(client, path, **headers)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == DISCOVERED
        assert answer.get_json(force=True) == {
            "audience-endpoint": f"http://localhost{AUDIENCE}",
            "token-mint-endpoint": f"http://localhost{MINT}",
            "features": ["multi-use-token"],
            "default-features": ["multi-use-token"],
        }


@pytest.mark.parametrize(
    "path",
    ["", "/", "/legacy/", "/repositories/", "/repositories/NO/", "/repositories/main/simple/"],
)
def test_t1_discovery_of_what_is_no_upload_url(path: str, client: Client) -> None:
    assert discovered(client, path).status_code == 404


def test_t1_discovery_in_another_form(client: Client) -> None:
    for accept in ("application/json", "text/html", f"{DISCOVERED};q=0"):
        answer = discovered(client, "/repositories/main/", Accept=accept)
        assert answer.status_code == 406
    assert client.get(DISCOVERY).status_code == 404


def test_t1_a_host_mounts_it_at_its_root(registry: Registry, provider: ScriptedProvider) -> None:
    app = TrustedPublishingApp(registry)
    client = Client(
        mount({"/_/oidc": app, DISCOVERY: app, "/pypi": registry.wsgi_app()}),
    )
    assert client.get(AUDIENCE).get_json() == {"audience": "pypi-repo"}
    secret = minted(client, job_token(provider))
    page = client.get("/pypi/repositories/main/simple/", headers=bearer(secret))
    assert page.status_code == 200
    for base in ("", "/pypi"):
        answer = discovered(client, "/pypi/repositories/main/", base).get_json(force=True)
        assert answer["token-mint-endpoint"] == f"http://localhost{base}{MINT}"
        assert client.get(f"{base}{AUDIENCE}").status_code == 200


@pytest.mark.parametrize("base", ["", "/pypi"])
def test_t1_nothing_is_below_its_urls(registry: Registry, base: str) -> None:
    """Or it would name endpoints where there are none."""
    app = TrustedPublishingApp(registry)
    for mounted in (
        Client(mount({f"{base}/_/oidc": app, f"{base}{DISCOVERY}": app})),
        Client(mount({base: registry.wsgi_app()}) if base else registry.wsgi_app()),
    ):
        assert mounted.get(f"{base}{AUDIENCE}").status_code == 200
        for path in (f"/_/oidc/x{AUDIENCE}", f"{AUDIENCE}/x", f"/x{AUDIENCE}", "/_/oidc"):
            assert mounted.get(f"{base}{path}").status_code == 404
        for path in (f"/_/oidc{DISCOVERY}", f"{DISCOVERY}{DISCOVERY}", f"{DISCOVERY}{AUDIENCE}"):
            answer = mounted.get(f"{base}{path}", query_string={"discover": "/repositories/main/"})
            assert answer.status_code == 404


@pytest.mark.parametrize(
    ("features", "status"),
    [
        ([], 200),
        (["multi-use-token"], 200),
        (["single-use-token"], 422),
        (["multi-use-token", "single-use-token"], 422),
        ("multi-use-token", 422),
    ],
)
def test_t1_no_other_token_is_given_than_the_one_that_is_wanted(
    client: Client,
    site: Site,
    registry: Registry,
    provider: ScriptedProvider,
    features: object,
    status: int,
) -> None:
    """PEP 807: who wants a token for one use would not end one for many."""
    token = job_token(provider)
    answer = client.post(MINT, json={"token": token, "features": features})
    assert answer.status_code == status
    if status == 422:
        assert [error["code"] for error in answer.get_json()["errors"]] == ["invalid-payload"]
        assert client.post(MINT, json={"token": token}).status_code == 200, "it is not used up"


def test_t1_absolute_urls_are_those_that_clients_use(new_registry: Callable[..., Registry]) -> None:
    registry = new_registry(public_url="https://packages.example.com/pypi")
    answer = discovered(Client(registry.wsgi_app()), "/pypi/repositories/main/")
    assert answer.get_json(force=True)["audience-endpoint"] == (
        f"https://packages.example.com/pypi{AUDIENCE}"
    )


def test_a_host_with_its_own_accounts_has_no_exchange(
    registry: Registry, provider: ScriptedProvider
) -> None:
    client = Client(registry.wsgi_app(authenticate=lambda _environ: ANONYMOUS))
    assert client.get(AUDIENCE).status_code == 404
    assert exchange(client, job_token(provider)).status_code == 404
    assert discovered(client, "/repositories/main/").status_code == 404


def test_t4_a_client_ends_its_token(client: Client, site: Site, provider: ScriptedProvider) -> None:
    """As uv does after the last file. Only who has a token can end it, and learns nothing of it."""
    signed, other = job_token(provider), job_token(provider)
    tokens = [
        client.post(MINT, json={"token": each}).get_json()["token"] for each in (signed, other)
    ]
    for token in (tokens[0], tokens[0], "ppj_unknown", "somebody's password", signed):
        burnt = client.post("/_/oidc/burn-token", json={"token": token})
        assert (burnt.status_code, burnt.data) == (204, b"")
    ended, lives = (basic("__token__", each) for each in tokens)
    assert site.upload(wheel("rocket"), headers=ended).status_code == 401
    assert site.upload(wheel("rocket"), headers=lives).status_code == 200
    assert site.upload(wheel("rocket"), headers=bearer(signed)).status_code == 200
    assert client.get("/_/oidc/burn-token").status_code == 405
    assert client.post("/_/oidc/burn-token", data=b"[").get_json()["error"] == "invalid-payload"
