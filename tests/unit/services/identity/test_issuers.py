"""Issuers are asked seldom, and believed only if they are who they must be (O2, O7, S1 to S5)."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest
from werkzeug.wrappers import Response

from pypi_repo.domain.identity.errors import IdentityProviderFailed, InvalidToken, UnknownKey
from pypi_repo.domain.identity.issuer import Issuer, read_discovery
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.services.identity.issuers import LIMITS, Issuers
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.identity.issuers import IssuerRows, KnownIssuer
from tests.support.identity_provider import CLIENT_ID, ScriptedProvider, signing_key
from tests.support.scripted_server import Asked, ScriptedServer, reply
from tests.unit.services.identity.conftest import SetClock

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def client() -> Iterator[OutboundClient]:
    client = OutboundClient(LIMITS)
    yield client
    client.close()


@pytest.fixture
def issuers(database: Database, client: OutboundClient, clock: SetClock) -> Issuers:
    return Issuers(database, client, clock)


def issuer_of(provider: ScriptedProvider, **settings: bool) -> Issuer:
    allowed = {"allow_http": True, "allow_private_network": True}
    return Issuer(url=provider.url, **{**allowed, **settings})


def verify(issuers: Issuers, provider: ScriptedProvider) -> str:
    token = provider.make_token(provider.claims())
    subject: str = issuers.verify(issuer_of(provider), token, CLIENT_ID)["sub"]
    return subject


def test_o2_what_an_issuer_says_is_kept_for_all_processes(
    database: Database, client: OutboundClient, clock: SetClock, provider: ScriptedProvider
) -> None:
    for _process in range(3):
        assert verify(Issuers(database, client, clock), provider) == provider.person["sub"]
    assert provider.asked == [DISCOVERY, "/jwks"]
    clock.pass_by(timedelta(hours=2))
    verify(Issuers(database, client, clock), provider)
    assert provider.asked == [DISCOVERY, "/jwks"] * 2


def test_o2_new_keys_are_asked_for_once_a_minute(
    database: Database, client: OutboundClient, clock: SetClock, provider: ScriptedProvider
) -> None:
    processes = [Issuers(database, client, clock) for _ in range(2)]
    verify(processes[0], provider)
    unknown = signing_key("unknown", number=1)
    provider.make_token = lambda claims: unknown.sign(claims)
    for issuers in processes * 2:
        with pytest.raises(UnknownKey):
            verify(issuers, provider)
    assert provider.asked.count("/jwks") == 1  # which was a moment ago
    clock.pass_by(timedelta(seconds=61))
    for issuers in processes * 2:
        with pytest.raises(UnknownKey):
            verify(issuers, provider)
    assert provider.asked.count("/jwks") == 2
    clock.pass_by(timedelta(seconds=61))
    provider.keys.append(unknown)
    assert verify(processes[1], provider) == provider.person["sub"]
    assert provider.asked.count("/jwks") == 3


def test_o2_keys_that_an_issuer_withdrew_are_believed_for_an_hour_at_most(
    issuers: Issuers, clock: SetClock, provider: ScriptedProvider
) -> None:
    verify(issuers, provider)
    stolen = provider.keys[0]
    provider.keys = [signing_key("second", number=1)]
    provider.make_token = lambda claims: stolen.sign(claims)
    clock.pass_by(timedelta(minutes=61))
    with pytest.raises(InvalidToken):
        verify(issuers, provider)


def test_an_issuer_that_is_down_is_believed_for_a_day(
    issuers: Issuers, clock: SetClock, provider: ScriptedProvider
) -> None:
    verify(issuers, provider)
    for path in (DISCOVERY, "/jwks"):
        provider.answers[path] = lambda: Response("down", 500)
    clock.pass_by(timedelta(hours=20))
    assert verify(issuers, provider) == provider.person["sub"]
    clock.pass_by(timedelta(hours=5))
    with pytest.raises(IdentityProviderFailed):
        verify(issuers, provider)


def test_an_issuer_that_is_down_is_not_asked_by_everybody(
    issuers: Issuers, provider: ScriptedProvider
) -> None:
    provider.answers[DISCOVERY] = lambda: Response("down", 500)
    errors = []
    for _attempt in range(5):
        with pytest.raises(IdentityProviderFailed) as caught:
            issuers.discovery(issuer_of(provider))
        assert "status 500" in caught.value.detail
        errors.append(caught.value)
    assert provider.asked == [DISCOVERY]
    assert len(set(map(id, errors))) == 5  # one that is raised again would grow each time
    provider.answers.clear()
    issuers.read_again(issuer_of(provider))
    assert issuers.discovery(issuer_of(provider)).token_endpoint == f"{provider.url}/token"


def test_an_issuer_that_stays_down_is_asked_less_and_less(
    issuers: Issuers, clock: SetClock, provider: ScriptedProvider
) -> None:
    provider.answers[DISCOVERY] = lambda: Response("down", 500)
    asked_at, begun = [], clock()
    for _second in range(0, 600, 5):
        before = len(provider.asked)
        with pytest.raises(IdentityProviderFailed):
            issuers.discovery(issuer_of(provider))
        if len(provider.asked) > before:
            asked_at.append((clock() - begun).total_seconds())
        clock.pass_by(timedelta(seconds=5))
    assert asked_at == [0, 10, 30, 70, 150, 270, 390, 510]
    provider.answers.clear()
    clock.pass_by(-timedelta(hours=1))  # a clock that was set back does not make it wait
    issuers.discovery(issuer_of(provider))
    clock.pass_by(timedelta(days=2))
    provider.answers[DISCOVERY] = lambda: Response("down", 500)
    for _time in range(2):  # once it was well again, it counts anew
        with pytest.raises(IdentityProviderFailed):
            issuers.discovery(issuer_of(provider))
        clock.pass_by(timedelta(seconds=10))
    assert len(provider.asked) == len(asked_at) + 3


def test_many_who_ask_at_once_ask_once(issuers: Issuers, provider: ScriptedProvider) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _thread: verify(issuers, provider), range(8)))
    assert found == [provider.person["sub"]] * 8
    assert provider.asked == [DISCOVERY, "/jwks"]


def test_few_wait_for_an_issuer_that_does_not_answer(
    issuers: Issuers, provider: ScriptedProvider
) -> None:
    """Anybody can name it in a token: the threads that are left serve everybody else."""
    answer = threading.Event()

    def hang() -> Response:
        answer.wait(60)
        return Response(status=503)

    provider.answers[DISCOVERY] = hang
    with ThreadPoolExecutor(12) as threads:
        asking = [threads.submit(verify, issuers, provider) for _ in range(12)]
        refused = list(islice(as_completed(asking, timeout=50), 3))
        assert all("Many wait" in str(each.exception()) for each in refused)
        assert sum(each.running() for each in asking) == 1 + 8
        answer.set()
    assert provider.asked == [DISCOVERY]


@pytest.mark.parametrize("other", ["https://other.example", "{url}/", "{upper}", ""])
def test_o7_a_document_of_another_issuer(
    other: str, issuers: Issuers, provider: ScriptedProvider
) -> None:
    named = other.format(url=provider.url, upper=provider.url.upper())
    provider.changed_discovery = {"issuer": named}
    with pytest.raises(IdentityProviderFailed):
        issuers.discovery(issuer_of(provider))
    assert provider.asked == [DISCOVERY]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", ["http://sso.example.com/x", "javascript:alert(1)", "file:///etc"])
def test_o7_urls_that_may_not_be_asked(name: str, url: str) -> None:
    document = {
        "issuer": "https://sso.example.com",
        "authorization_endpoint": "https://sso.example.com/a",
        "token_endpoint": "https://sso.example.com/t",
        "jwks_uri": "https://keys.example.com/k",
    }
    issuer = Issuer(url="https://sso.example.com")
    assert read_discovery(json.dumps(document), issuer).jwks_uri == "https://keys.example.com/k"
    with pytest.raises(IdentityProviderFailed):
        read_discovery(json.dumps(document | {name: url}), issuer)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"issuer": 1, "jwks_uri": 2}', b"[" * 100_000]
)
def test_what_is_no_description(
    content: bytes, issuers: Issuers, provider: ScriptedProvider
) -> None:
    provider.answers[DISCOVERY] = lambda: Response(content)
    with pytest.raises(IdentityProviderFailed):
        issuers.discovery(issuer_of(provider))


@pytest.mark.parametrize("called", ["issuer", "identity provider"])
def test_errors_call_it_what_it_is_called_where_it_is_set_up(
    called: str, issuers: Issuers, provider: ScriptedProvider
) -> None:
    issuer = replace(issuer_of(provider), called=called)

    def sentence(asked: Issuer = issuer, answer: Response | None = None, at: str = "") -> str:
        provider.answers = {} if answer is None else {at or DISCOVERY: lambda: answer}
        with pytest.raises(IdentityProviderFailed) as caught:
            issuers.read_again(asked)
        return caught.value.message

    unreachable = json.dumps({"issuer": issuer.url, "jwks_uri": "ftp://x/"})
    said = [
        sentence(replace(issuer, allow_private_network=False)),
        sentence(replace(issuer, url="http://127.0.0.1:9")),
        sentence(replace(issuer, url=f"{provider.url}/")),
        sentence(answer=Response("x")),
        sentence(answer=Response("x", 404)),
        sentence(answer=Response(b" " * (LIMITS.page + 1))),
        sentence(answer=Response(unreachable)),
        sentence(answer=Response("x"), at="/jwks"),
    ]
    assert [each for each in said if f"the {called}" not in each.lower()] == []
    others = {"issuer": "provider", "identity provider": "The issuer"}
    assert [each for each in said if others[called] in each] == []


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks"])
def test_s5_a_huge_answer(path: str, issuers: Issuers, provider: ScriptedProvider) -> None:
    provider.answers[path] = lambda: Response(b" " * (LIMITS.page + 1))
    with pytest.raises(IdentityProviderFailed, match="larger than"):
        verify(issuers, provider)


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks"])
def test_s1_a_redirect_to_another_host(
    path: str, issuers: Issuers, provider: ScriptedProvider
) -> None:
    with ScriptedServer(lambda _asked: reply(b"{}")) as other:
        elsewhere = {"Location": f"http://localhost:{other.port}/"}
        provider.answers[path] = lambda: Response(status=302, headers=elsewhere)
        with pytest.raises(IdentityProviderFailed, match="check its URL"):
            verify(issuers, provider)
        assert other.asked == []


def test_s5_a_slow_answer(database: Database) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        for _byte in range(100):
            time.sleep(0.05)
            yield b" "

    with ScriptedServer(script) as server:
        client = OutboundClient(OutboundLimits(read=0.3, page_time=0.5))
        issuer = Issuer(url=server.url, allow_http=True, allow_private_network=True)
        with pytest.raises(IdentityProviderFailed, match="in time"):
            Issuers(database, client).discovery(issuer)
        client.close()


@pytest.mark.parametrize("setting", ["allow_http", "allow_private_network"])
def test_s2_an_issuer_is_asked_only_where_it_may_be(
    setting: str, issuers: Issuers, provider: ScriptedProvider
) -> None:
    with pytest.raises(IdentityProviderFailed, match="issuer"):
        issuers.discovery(issuer_of(provider, **{setting: False}))
    assert provider.asked == []


def test_an_issuer_that_is_forgotten_while_it_is_asked(
    issuers: Issuers, database: Database, provider: ScriptedProvider
) -> None:
    """As when somebody changes the provider at that moment: nothing may wait for itself."""
    issuer, known = issuer_of(provider), issuers._known

    def known_and_forgotten(asked: Issuer) -> KnownIssuer:
        found = known(asked)
        with database.begin() as connection:
            IssuerRows(connection).forget(asked.url)
        return found

    issuers._known = known_and_forgotten  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        keys = pool.submit(issuers._keys, issuer).result(20)
    assert len(keys) == len(provider.keys)


def test_o2_keys_are_as_old_as_they_are_whoever_has_asked_in_vain(
    issuers: Issuers, clock: SetClock, provider: ScriptedProvider
) -> None:
    verify(issuers, provider)
    stolen, unknown = provider.keys[0], signing_key("unknown", number=1)
    provider.answers["/jwks"] = lambda: Response("down", 500)
    for _hour in range(25):
        clock.pass_by(timedelta(hours=1))
        provider.make_token = lambda claims: unknown.sign(claims)
        with pytest.raises((UnknownKey, IdentityProviderFailed)):
            verify(issuers, provider)
    provider.make_token = lambda claims: stolen.sign(claims)
    with pytest.raises(IdentityProviderFailed):
        verify(issuers, provider)
