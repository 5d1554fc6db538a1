"""Asking elsewhere: redirects, credentials, headers (S1, S2, S3, S5)."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import BasicCredentials, BearerToken, Target
from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.outbound.client import OutboundClient
from tests.support.scripted_server import Asked, reply
from tests.unit.outbound.conftest import Clients, Elsewhere, target_of

SECRET = BasicCredentials("ci", "s3cret")
BASIC = "Basic Y2k6czNjcmV0"


def redirects_to(location: str, status: str = "302 Found") -> Callable[[Asked], bytes]:
    return lambda _asked: reply(status=status, Location=location)


def test_what_is_asked_and_answered(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(lambda _asked: reply(b"page", ETag='"1"', content_type="text/html"))
    url = f"{server.url}/simple/a%2Bb/?x=1"
    with client.get(target_of(server), url, headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.url) == (200, url)
        assert answer.place == f"{server.url}/simple/a%2Bb/"
        assert (answer.headers["etag"], answer.headers["Content-Type"]) == ('"1"', "text/html")
        assert answer.read_all(100) == b"page"
        assert answer.read(10) == b""
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("GET", "/simple/a%2Bb/?x=1")
    assert asked.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"pypi-repo/{version('pypi-repo')}",
        "accept-encoding": "gzip",
        "accept": "text/html",
    }


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "404 No", "500 Oh"])
def test_a_status_is_no_error(status: str, client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(lambda _asked: reply(status=status))
    with client.get(target_of(server), server.url) as answer:
        assert (answer.status, answer.read_all(10)) == (int(status[:3]), b"")


def test_head(client: OutboundClient, elsewhere: Elsewhere) -> None:
    headers = {"Content_Length": "1000", "Content_Encoding": "gzip"}
    server = elsewhere(lambda _asked: reply(**headers))
    with client.get(target_of(server), server.url, method="HEAD") as answer:
        assert answer.headers["Content-Length"] == "1000"
        assert answer.read(10) == b""
    client.get(target_of(server), server.url, method="HEAD").close()
    assert [(each.method, each.connection) for each in server.asked] == [("HEAD", 1)] * 2


@pytest.mark.parametrize("name", ["Authorization", "cookie", "Host", "Proxy-Authorization"])
def test_s1_headers_that_only_the_client_sets(name: str, client: OutboundClient) -> None:
    with pytest.raises(ValueError, match="for the client"):
        client.get(Target(url="https://h.example/"), "https://h.example/", headers={name: "x"})


@pytest.mark.parametrize(
    ("credentials", "header"), [(SECRET, BASIC), (BearerToken("t0ken"), "Bearer t0ken")]
)
def test_s1_credentials_go_to_the_upstream(
    credentials: BasicCredentials | BearerToken,
    header: str,
    client: OutboundClient,
    elsewhere: Elsewhere,
) -> None:
    server = elsewhere()
    target = target_of(server, "/team/simple/", credentials=credentials)
    for path in ("/team/simple/x/", "/team/files/x.whl", "/other/", "/team/%2e%2e%2fother/"):
        client.get(target, server.url + path).close()
    sent = [each.headers.get("authorization") for each in server.asked]
    assert sent == [header, header, None, None]


def test_s1_credentials_never_go_along_a_redirect_to_another_host(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    other = elsewhere(lambda _asked: reply(b"file"))
    first = elsewhere(redirects_to(f"http://localhost:{other.port}/simple/x"))
    target = target_of(first, credentials=SECRET, file_hosts=frozenset({f"localhost:{other.port}"}))
    with client.get(target, f"{first.url}/simple/x") as answer:
        assert answer.url == f"http://localhost:{other.port}/simple/x"
        assert answer.read_all(10) == b"file"
    assert first.asked[0].headers["authorization"] == BASIC
    assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("path", ["/elsewhere/x", "/team/..%2felsewhere/x", "/teams/simple/"])
def test_s1_credentials_never_go_along_a_redirect_to_another_folder(
    path: str, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(
        lambda asked: reply() if asked.target == path else reply(status="301 Moved", Location=path)
    )
    target = target_of(server, "/team/simple/", credentials=SECRET)
    client.get(target, f"{server.url}/team/simple/x/").close()
    assert [each.headers.get("authorization") for each in server.asked] == [BASIC, None]


def test_s1_cookies_are_not_kept(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(
        lambda asked: (
            reply(status="302 Found", Location="/b", Set_Cookie="id=1")
            if asked.target == "/a"
            else reply(Set_Cookie="id=2")
        )
    )
    client.get(target_of(server), f"{server.url}/a").close()
    client.get(target_of(server), f"{server.url}/b").close()
    assert all("cookie" not in each.headers for each in server.asked)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_what_was_asked(
    status: int, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(
        lambda asked: (
            reply(b"elsewhere", f"{status} Go", Location="../b/é?x=1#y")
            if asked.target == "/a/"
            else reply(b"here")
        )
    )
    url = f"{server.url}/a/"
    with client.get(target_of(server), url, headers={"Range": "bytes=1-"}) as answer:
        assert answer.url == f"{server.url}/b/%C3%A9?x=1"
        assert answer.read_all(10) == b"here"
    assert [each.headers["range"] for each in server.asked] == ["bytes=1-"] * 2
    assert server.connections == 1


@pytest.mark.parametrize("status", ["300 Choose", "304 Not Modified", "305 Proxy", "302 Nowhere"])
def test_what_is_no_redirect(status: str, client: OutboundClient, elsewhere: Elsewhere) -> None:
    headers = {} if status.startswith("302") else {"Location": "/b"}
    server = elsewhere(lambda _asked: reply(status=status, **headers))
    with client.get(target_of(server), f"{server.url}/a") as answer:
        assert answer.status == int(status[:3])
    assert server.targets == ["/a"]


def test_s3_five_redirects_are_followed_and_no_more(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    def script(asked: Asked) -> bytes:
        left = int(asked.target[1:])
        return reply(status="302 Found", Location=f"/{left - 1}") if left else reply(b"here")

    server = elsewhere(script)
    with client.get(target_of(server), f"{server.url}/5") as answer:
        assert answer.read_all(10) == b"here"
    with pytest.raises(UpstreamFailed, match="redirects more than 5 times"):
        client.get(target_of(server), f"{server.url}/6")
    assert len(server.asked) == 6 + 6


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.example/x",
        "http://169.254.169.254/latest/meta-data/iam/",
        "http://ci:s3cret@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "//evil.example/",
        "http://[::1/",
        "",
    ],
)
def test_s2_redirects_to_other_places_are_refused(
    location: str, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(redirects_to(location or "http://evil.example"))
    with pytest.raises(UpstreamRefused):
        client.get(target_of(server), server.url)
    assert len(server.asked) == 1


def test_s2_links_to_a_metadata_service_are_refused(client: OutboundClient) -> None:
    """Even where somebody has it among the file hosts."""
    url = "http://169.254.169.254/latest/meta-data/"
    target = Target(url="https://index.example.com/simple/", allow_http=True)
    with pytest.raises(UpstreamRefused, match="file hosts") as caught:
        client.get(target, url)
    assert "169.254.169.254" in caught.value.for_operator
    listed = Target(url=target.url, allow_http=True, file_hosts=frozenset({"169.254.169.254"}))
    with pytest.raises(UpstreamRefused, match="link-local"):
        client.get(listed, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"])
def test_s2_private_networks_are_refused_unless_allowed(
    host: str, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere()
    url = f"http://{host}:{server.port}/simple/"
    with pytest.raises(UpstreamRefused, match="private network"):
        client.get(Target(url=url, allow_http=True), url)
    assert server.connections == 0
    client.get(Target(url=url, allow_http=True, allow_private_network=True), url).close()
    with pytest.raises(UpstreamRefused):  # although there is a connection that is not in use
        client.get(Target(url=url, allow_http=True), url)
    assert len(server.asked) == 1


def test_s5_http_is_refused_unless_allowed(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere()
    with pytest.raises(UpstreamRefused, match="TLS"):
        client.get(target_of(server, allow_http=False), server.url)
    assert server.connections == 0


def test_failures_name_no_host_to_clients(new_client: Clients, elsewhere: Elsewhere) -> None:
    with elsewhere() as gone:
        target = target_of(gone)
    with pytest.raises(UpstreamFailed, match="cannot be reached") as caught:
        new_client().get(target, f"{gone.url}/x?Signature=s3cret")
    assert "127.0.0.1" not in caught.value.message
    assert f"127.0.0.1:{gone.port}/x" in caught.value.for_operator
    assert "s3cret" not in caught.value.for_operator
    assert caught.value.retry_after == 5


def test_a_host_that_is_not_found(client: OutboundClient) -> None:
    target = Target(url="https://nowhere.invalid/simple/")
    with pytest.raises(UpstreamFailed, match="not found") as caught:
        client.get(target, target.url)
    assert "nowhere.invalid" in caught.value.for_operator


def test_asking_is_waiting(client: OutboundClient, elsewhere: Elsewhere) -> None:
    """A thread that must not wait makes no connection."""
    server = elsewhere()
    with without_waiting(), pytest.raises(WouldWait):
        client.get(target_of(server), server.url)
    assert server.connections == 0


def test_urllib3_is_imported_when_something_is_asked_for() -> None:
    code = "import sys, pypi_repo.registry; print('urllib3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


_AT_ONCE = """
import sys
import threading

from pypi_repo.domain.values.target import Target
from pypi_repo.outbound.client import OutboundClient

sys.setswitchinterval(1e-6)
url = sys.argv[1]
target = Target(url=url, allow_http=True, allow_private_network=True)
client, barrier = OutboundClient(), threading.Barrier(8)


def ask():
    barrier.wait()
    with client.get(target, url) as answer:
        sys.stdout.write(f"{answer.status}\\n")


threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_many_threads_may_be_the_first_to_ask(elsewhere: Elsewhere) -> None:
    url = f"{elsewhere().url}/"
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", _AT_ONCE, url], capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == ["200"] * 8, done.stderr
