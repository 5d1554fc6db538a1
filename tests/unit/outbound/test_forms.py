"""Forms that are sent elsewhere: once, to one URL, and told nobody (S1, S2)."""

import logging
from urllib.parse import parse_qs

import pytest

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import BasicCredentials
from pypi_repo.outbound.client import OutboundClient
from tests.support.scripted_server import Asked, Cut, reply
from tests.unit.outbound.conftest import Elsewhere, target_of

FIELDS = {"code": "c0de & more", "client_secret": "s3cret"}


def test_a_form_and_its_answer(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(lambda _asked: reply(b"{}", status="400 Bad Request"))
    target = target_of(server, "/token", credentials=BasicCredentials("app", "s3cret"))
    sent = client.post_form(target, target.url, FIELDS, headers={"Accept": "application/json"})
    with sent as answer:
        assert (answer.status, answer.read_all(10)) == (400, b"{}")
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/token")
    assert parse_qs(asked.body.decode()) == {name: [text] for name, text in FIELDS.items()}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["accept"] == "application/json"
    assert asked.headers["authorization"] == "Basic YXBwOnMzY3JldA=="


def test_s1_a_form_follows_no_redirect(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(lambda _asked: reply(status="307 Temporary Redirect", Location="/other"))
    target = target_of(server, "/token")
    with client.post_form(target, target.url, FIELDS) as answer:
        assert answer.status == 307
    assert server.targets == ["/token"]


def test_a_form_is_never_sent_twice(client: OutboundClient, elsewhere: Elsewhere) -> None:
    """Not even if the connection on which it was sent had been kept, and ends."""

    def script(asked: Asked) -> bytes:
        if asked.method == "POST":
            raise Cut
        return reply()

    server = elsewhere(script)
    target = target_of(server, "/token")
    client.get(target, target.url).close()
    with pytest.raises(UpstreamFailed):
        client.post_form(target, target.url, FIELDS)
    assert [(each.method, each.connection) for each in server.asked] == [("GET", 1), ("POST", 2)]


def test_s1_what_is_in_a_form_is_told_nobody(
    client: OutboundClient, elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    def script(_asked: Asked) -> bytes:
        raise Cut

    caplog.set_level(logging.DEBUG)
    target = target_of(
        elsewhere(script), "/token", credentials=BasicCredentials("app", "other-s3cret")
    )
    with pytest.raises(UpstreamFailed) as caught:
        client.post_form(target, target.url, FIELDS)
    told = caught.value.for_operator + repr(caught.value.__cause__) + caplog.text
    assert "s3cret" not in told
    assert "c0de" not in told


@pytest.mark.parametrize("allowed", ["allow_http", "allow_private_network"])
def test_s2_a_form_goes_only_where_the_target_allows(
    allowed: str, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere()
    target = target_of(server, "/token", **{allowed: False})
    with pytest.raises(UpstreamRefused):
        client.post_form(target, target.url, FIELDS)
    assert server.asked == []


def test_s1_headers_that_only_the_client_sets(client: OutboundClient, elsewhere: Elsewhere) -> None:
    target = target_of(elsewhere(), "/token")
    with pytest.raises(ValueError, match="for the client"):
        client.post_form(target, target.url, FIELDS, headers={"Authorization": "x"})
