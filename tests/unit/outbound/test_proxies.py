"""Proxies are obeyed (S5), and addresses are checked as well as can be (S2)."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import BasicCredentials, Target
from pypi_repo.outbound.proxies import Proxies
from pypi_repo.outbound.route import Route
from tests.support.forward_proxy import ForwardProxy
from tests.support.scripted_server import reply
from tests.unit.outbound.conftest import Clients, Elsewhere, target_of

Certificate = tuple[Path, ssl.SSLContext]
SECRET = "Basic Y2k6czNjcmV0"


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with ForwardProxy() as proxy:
        yield proxy


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_s5_https_goes_through_a_tunnel(
    is_encrypted: bool,
    new_client: Clients,
    elsewhere: Elsewhere,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the proxy sees nothing of it, also where the way to the proxy is encrypted itself."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))  # what OpenSSL takes for the system's
    server = elsewhere(lambda _asked: reply(b"secret"), tls=certificate[1])
    target = target_of(
        server, ca_file=str(certificate[0]), credentials=BasicCredentials("ci", "s3cret")
    )
    with ForwardProxy(tls=certificate[1] if is_encrypted else None) as proxy:
        client = new_client({"https": proxy.url})
        for _time in range(2):
            with client.get(target, f"{server.url}/simple/") as answer:
                assert answer.read_all(10) == b"secret"
        assert proxy.asked == [f"CONNECT 127.0.0.1:{server.port}"]
        assert SECRET not in proxy.heads[0]
        assert "authorization" in server.asked[0].headers
        client.close()


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_http_is_passed_on_by_the_proxy(
    is_encrypted: bool,
    new_client: Clients,
    elsewhere: Elsewhere,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    server = elsewhere(lambda _asked: reply(b"page"))
    with ForwardProxy(tls=certificate[1] if is_encrypted else None) as proxy:
        client = new_client({"http": proxy.url})
        with client.get(target_of(server), f"{server.url}/simple/?x") as answer:
            assert answer.read_all(10) == b"page"
        assert proxy.asked == [f"GET {server.url}/simple/?x"]
        client.close()


def test_s5_without_a_proxy_for_the_scheme_there_is_none(
    new_client: Clients, elsewhere: Elsewhere, proxy: ForwardProxy
) -> None:
    server = elsewhere()
    new_client({"https": proxy.url}).get(target_of(server), server.url).close()
    assert (len(server.asked), proxy.asked) == (1, [])


def test_s1_credentials_of_the_proxy_are_for_the_proxy(
    new_client: Clients, elsewhere: Elsewhere, certificate: Certificate
) -> None:
    secure, plain = elsewhere(tls=certificate[1]), elsewhere()
    with ForwardProxy(authorization=SECRET) as proxy:
        url = proxy.url.replace("//", "//ci:s3cr%65t@")
        client = new_client({"https": url, "http": url})
        for server in (secure, plain):
            target = target_of(server, ca_file=str(certificate[0]))
            client.get(target, server.url).close()
        assert all(f"Proxy-Authorization: {SECRET}" in head for head in proxy.heads)
        client.close()
    assert "proxy-authorization" not in secure.asked[0].headers


def test_a_proxy_that_refuses(new_client: Clients, elsewhere: Elsewhere) -> None:
    server = elsewhere()
    url = server.url.replace("http:", "https:")
    with ForwardProxy(authorization=SECRET) as proxy:
        wrong = proxy.url.replace("//", "//ci:wr0ng@")
        with pytest.raises(UpstreamFailed, match="cannot be reached") as caught:
            new_client({"https": wrong}).get(Target(url=url, allow_private_network=True), url)
    assert "407" in caught.value.for_operator
    assert proxy.url in caught.value.for_operator
    assert "wr0ng" not in caught.value.for_operator


def test_a_proxy_that_is_not_there(new_client: Clients, elsewhere: Elsewhere) -> None:
    server = elsewhere()
    with ForwardProxy() as gone:
        pass
    with pytest.raises(UpstreamFailed, match="cannot be reached") as caught:
        new_client({"http": gone.url}).get(target_of(server), server.url)
    assert gone.url in caught.value.for_operator
    assert server.asked == []


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1080", "http://", "ftp://h:1", "http://[x"])
def test_what_is_no_proxy(url: str, new_client: Clients) -> None:
    with pytest.raises(UpstreamFailed, match="correct the settings"):
        new_client({"https": url}).get(Target(url="https://h.example/"), "https://h.example/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_s2_a_proxy_is_no_way_into_a_private_network(
    host: str, new_client: Clients, elsewhere: Elsewhere, proxy: ForwardProxy
) -> None:
    server = elsewhere()
    url = f"http://{host}:{server.port}/"
    with pytest.raises(UpstreamRefused, match="private network"):
        new_client({"http": proxy.url}).get(Target(url=url, allow_http=True), url)
    assert proxy.asked == []


def test_s2_a_proxy_is_no_way_to_a_link_local_address(
    new_client: Clients, proxy: ForwardProxy
) -> None:
    url = "http://169.254.169.254/"
    target = Target(url=url, allow_http=True, allow_private_network=True)
    with pytest.raises(UpstreamRefused, match="link-local"):
        new_client({"http": proxy.url}).get(target, url)
    assert proxy.asked == []


def test_s2_the_proxy_itself_may_be_in_a_private_network(
    new_client: Clients, elsewhere: Elsewhere
) -> None:
    """And may know hosts that this machine does not."""
    server = elsewhere(lambda _asked: reply(b"here"))
    url = f"http://packages.invalid:{server.port}/"
    with ForwardProxy(hosts={"packages.invalid": "127.0.0.1"}) as proxy:
        client = new_client({"http": proxy.url})
        with client.get(Target(url=url, allow_http=True), url) as answer:
            assert answer.read_all(10) == b"here"
        client.close()
    assert server.asked[0].headers["host"] == f"packages.invalid:{server.port}"


PROXY = {"https": "proxy.example.com:3128", "http": "http://other.example.com"}


def proxy_of(host: str, no: str = "", port: int = 443, scheme: str = "https") -> str | None:
    proxy = Proxies({**PROXY, "no": no}).for_route(
        Route(scheme, host, port, None, False, "upstream")
    )
    return None if proxy is None else str(proxy.url)


def test_each_scheme_has_its_proxy() -> None:
    assert proxy_of("h.example") == "http://proxy.example.com:3128/"
    assert proxy_of("h.example", scheme="http") == "http://other.example.com/"


@pytest.mark.parametrize(
    ("no", "host"),
    [
        ("*", "h.example"),
        ("h.example", "h.example"),
        ("H.Example", "h.example"),
        ("h.example", "sub.h.example"),
        (".h.example", "sub.h.example"),
        (".h.example", "h.example"),
        (" a.example , h.example ,", "h.example"),
        ("h.example:443", "h.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3/8", "10.200.0.1"),
        ("10.0.0.0/8:443", "10.1.2.3"),
        ("2001:db8::/32", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("localhost", "localhost"),
    ],
)
def test_s5_hosts_that_are_asked_without_a_proxy(no: str, host: str) -> None:
    assert proxy_of(host, no) is None


@pytest.mark.parametrize(
    ("no", "host"),
    [
        ("", "h.example"),
        (",", "h.example"),
        ("example.com", "h.example"),
        ("h.example", "oh.example"),
        ("sub.h.example", "h.example"),
        ("h.example:8443", "h.example"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("10.0.0.0/99", "10.0.0.1"),
        ("0.0.1", "10.0.0.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("2001:db8::/32", "h.example"),
    ],
)
def test_s5_other_hosts_are_not(no: str, host: str) -> None:
    assert proxy_of(host, no) is not None
