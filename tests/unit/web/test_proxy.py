"""Who is believed about the client's address and the outer scheme."""

import pytest

from pypi_repo.web.proxy import behind_proxy
from tests.support.http import call, environ_of

PROXY = "10.0.0.10"


def seen(remote: str, **headers: str) -> tuple[str, str]:
    """The address and the scheme that an app behind the proxy is told."""
    told = []

    def app(environ, start_response):
        told.append((environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]))
        start_response("200 OK", [])
        return []

    given = {name.replace("_", "-"): value for name, value in headers.items()}
    call(behind_proxy(app, PROXY), environ_of("/", headers=given, REMOTE_ADDR=remote)).close()
    return told[0]


@pytest.mark.parametrize(
    ("remote", "headers", "expected"),
    [
        (PROXY, {}, (PROXY, "http")),
        (PROXY, {"X_Forwarded_For": "192.0.2.1"}, ("192.0.2.1", "http")),
        (PROXY, {"X_Forwarded_For": "1.1.1.1, 192.0.2.1"}, ("192.0.2.1", "http")),
        (PROXY, {"X_Forwarded_Proto": "https"}, (PROXY, "https")),
        (PROXY, {"X_Forwarded_Proto": "javascript"}, (PROXY, "http")),
        (
            "192.0.2.7",
            {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Proto": "https"},
            ("192.0.2.7", "http"),
        ),
    ],
)
def test_only_the_proxy_and_only_its_own_word(
    remote: str, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    assert seen(remote, **headers) == expected
