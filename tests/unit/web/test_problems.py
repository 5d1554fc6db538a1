"""How a refusal looks to each client: status line, body by Accept, and headers."""

import http.client
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import Forbidden
from werkzeug.test import Client
from werkzeug.wrappers import Request

from pypi_repo import OPERATOR, Actor, Registry, Settings
from pypi_repo.domain import errors
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.web import problems
from pypi_repo.web.portal.accounts.sign_in import COOKIE
from tests.conftest import ADMINISTRATOR
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import (
    HTML_V1,
    JSON,
    UV_UPLOAD_ACCEPT,
    Connection,
    Site,
    basic,
    bearer,
    call,
    environ_of,
    reason,
)
from tests.support.live import LiveServer
from tests.support.metrics import TOKEN
from tests.support.portal import PortalClient

USER, PASSWORD = "user@example.com", "correct horse"


def refused(site: Site, accept: str | None, **form: str) -> tuple[str, str, str]:
    """(status line, content type, body) of a refused upload."""
    headers = dict(site.headers) if accept is None else {**site.headers, "Accept": accept}
    response = site.upload(wheel(), headers=headers, **{"name": "-", **form})
    assert response.status_code == 400
    return response.status, response.headers["Content-Type"], response.text


def test_u92_uv_gets_exactly_application_json(mounted: Site) -> None:
    status, content_type, body = refused(mounted, UV_UPLOAD_ACCEPT)
    assert content_type == "application/json"  # a charset would make uv print it raw
    document = json.loads(body)
    assert document["code"] == status
    assert status == f"400 {document['message']}"
    assert document["title"] == "Bad Request"


@pytest.mark.parametrize("accept", [None, "*/*", "", "text/html", "text/plain;q=0.5, */*"])
def test_u92_all_others_get_text(mounted: Site, accept: str | None) -> None:
    status, content_type, body = refused(mounted, accept)
    assert content_type == "text/plain; charset=utf-8"
    assert status == f"400 {body.rstrip()}"


@pytest.mark.parametrize(
    "accept", [f"{JSON}, {HTML_V1};q=0.2, text/html;q=0.01", "application/problem+json"]
)
def test_x74_installers_that_take_json_get_problem_details(site: Site, accept: str) -> None:
    response = site.get(f"{site.index_url}nothing/", Accept=accept)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    document = json.loads(response.text)
    assert document["status"] == 404
    assert document["title"] == "Not Found"
    assert document["detail"] == reason(response)


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (401, "/repositories/main/simple/", {}),
        (401, "/repositories/main/simple/", basic(USER, "wrong")),
        (404, "/repositories/main/simple/nothing/", basic(USER, PASSWORD)),
        (404, "/repositories/main/files/nothing", basic(USER, PASSWORD)),
        (404, "/repositories/nowhere/simple/", basic(USER, PASSWORD)),
        (404, "/nothing", {}),
        (405, "/repositories/main/legacy/", {}),
        (406, "/repositories/main/simple/?format=x", basic(USER, PASSWORD)),
    ],
)
def test_u92_x74_every_refusal_says_why_and_is_never_cached(
    client: Client, status: int, path: str, headers: dict[str, str]
) -> None:
    response = client.get(path, headers=headers)
    assert response.status_code == status
    assert response.text == f"{reason(response)}\n"
    assert len(response.text) > 15
    assert response.headers["Cache-Control"] == "no-store"
    assert "Accept" in response.headers["Vary"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert int(response.headers["Content-Length"]) == len(response.data) < 1000


def test_a_refusal_to_head_has_the_headers_and_no_body(site: Site) -> None:
    for url in (f"{site.index_url}nothing/", f"{site.files_url}nothing"):
        get, head = site.get(url), site.get(url, method="HEAD")
        assert head.status == get.status
        assert head.data == b""
        assert list(head.headers) == list(get.headers)


HOSTILE = [
    "a\r\nX-Injected: yes\r\n\r\n<script>alert(1)</script>",
    "a\nb",
    "a\rb",
    "a\0b\x7f",
    "\u2028\u2029\x85next",
    "prix: 5 \u20ac, \U0001f4a9",
    "\u202eevil",
    "x" * 5000,
    " \t ",
    "\u00e9" * 300,
]


@pytest.mark.parametrize("field", ["name", "version", "filetype", ":action"])
def test_u92_what_a_stranger_sends_cannot_break_the_status_line(site: Site, field: str) -> None:
    for value in HOSTILE:
        for accept in ("*/*", UV_UPLOAD_ACCEPT):
            headers = {**site.headers, "Accept": accept}
            response = site.upload(wheel(), headers=headers, **{field: value})
            assert response.status_code == 400
            assert re.fullmatch(r"400 [\x20-\x7e]{1,200}", response.status)
            assert "X-Injected" not in response.headers
            if accept == UV_UPLOAD_ACCEPT:
                assert json.loads(response.text)["code"] == response.status


def test_u92_on_the_wire_the_reason_phrase_is_one_line(registry: Registry) -> None:
    form = upload_form(wheel()) | {"filetype": "a\r\nX-Injected: yes\r\n\r\n\u20ac"}
    body, content_type = multipart(form, [("content", "demo.whl", b"x", None)])
    with LiveServer(registry.wsgi_app()) as server, Connection(server.port) as connection:
        authorization = basic(USER, PASSWORD)["Authorization"]
        connection.send(
            b"POST /repositories/main/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + f"Authorization: {authorization}\r\nContent-Type: {content_type}\r\n".encode()
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        status, headers = connection.read_head()
        assert status.startswith(b"HTTP/1.1 400 The filetype 'a")
        assert len(status) < 215
        assert "x-injected" not in headers
        assert connection.read_to_end().count(b"\n") == 1


def test_u92_clients_of_the_standard_library_see_the_sentence(registry: Registry) -> None:
    with LiveServer(registry.wsgi_app()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/repositories/main/simple/")
        response = connection.getresponse()
        assert response.status == 401
        assert "Log in" in response.reason
        assert response.read() == f"{response.reason}\n".encode("latin-1")
        connection.close()


def all_errors(kind: type[errors.RegistryError]) -> list[type[errors.RegistryError]]:
    below = kind.__subclasses__()
    return [kind, *[found for child in below for found in all_errors(child)]]


@pytest.mark.parametrize("kind", all_errors(errors.RegistryError))
@pytest.mark.parametrize("accept", ["*/*", UV_UPLOAD_ACCEPT, JSON])
def test_every_error_has_an_answer(kind: type[errors.RegistryError], accept: str) -> None:
    """U92, U93: in the form that the client shows."""
    says_when = issubclass(kind, errors.TooManyRequests | errors.UpstreamFailed)
    more = {"retry_after": 7} if says_when else {}
    error = kind("Something is\r\nwrong: \u20ac", **more)
    environ = environ_of("/", headers={"Accept": accept})
    refusal = problems.refusal_of(error)
    answer = call(problems.for_client(refusal, Request(environ)), environ)
    assert 400 <= answer.status_code < 600
    assert answer.status == f"{answer.status_code} Something is wrong: ?"
    assert answer.header("Retry-After") == (
        "7" if says_when else "5" if answer.status_code == 503 else None
    )
    assert (answer.header("WWW-Authenticate") is not None) == (answer.status_code == 401)
    body = answer.read().decode()
    assert int(answer.header("Content-Length") or "") == len(body.encode())
    if "json" in accept and answer.status_code != 406:  # X15: that one is always text
        assert json.loads(body)["error"] == kind.code


@pytest.mark.parametrize(
    "kind",
    [
        errors.Unavailable,
        errors.RegistryError,
        errors.OutOfSpace,
        errors.UpstreamFailed,
        errors.UpstreamRefused,
    ],
)
def test_what_the_operator_must_know_is_logged_and_not_told(
    kind: type[errors.RegistryError], caplog: pytest.LogCaptureFixture
) -> None:
    environ = environ_of("/")
    refusal = problems.refusal_of(kind("It broke.", detail="host db7.internal"))
    answer = call(problems.for_client(refusal, Request(environ)), environ)
    assert "db7" not in answer.status + answer.read().decode()
    (record,) = caplog.records
    assert record.getMessage() == "It broke. (host db7.internal)"


BODIES = ["text/plain; charset=utf-8", "application/problem+json", "text/html; charset=utf-8"]


def test_each_face_says_when_to_ask_again_while_the_database_is_away(tmp_path: Path) -> None:
    url = "postgresql+psycopg://registry:secret@127.0.0.1:1/registry"
    with Registry(Settings(database=url, blobs=f"file://{tmp_path}")) as registry:
        client = Client(registry.wsgi_app(), use_cookies=False)  # none but these
        answers = [
            client.get("/repositories/main/simple/", headers=basic(USER, PASSWORD)),
            client.get("/api/v1/users", headers=bearer("ppa_x")),
            client.get("/portal/users", headers={"Cookie": f"{COOKIE}={'x' * 43}"}),
        ]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert [answer.headers["Retry-After"] for answer in answers] == ["5", "5", "5"]
    assert [answer.headers["Content-Type"] for answer in answers] == BODIES
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "127.0.0.1" not in answer.text


def test_each_face_says_when_to_ask_again_who_has_too_many_uploads(
    site: Site, registry: Registry
) -> None:
    _token, secret = registry.acting_as(OPERATOR).administrators.create_token(
        ADMINISTRATOR, name="t"
    )
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    full: dict[str, Any] = {"pypi_repo.takes_slot": lambda _holders: False}
    form = {"form_token": portal.form_token}
    answers = [
        site.client.post(site.upload_url, headers=site.headers, environ_overrides=full),
        site.client.put(
            "/api/v1/repositories/new", json={}, headers=bearer(secret), environ_overrides=full
        ),
        *(
            portal.client.post(
                "/portal/repositories/main/upload",
                data={**form, "content": (io.BytesIO(b"x"), "demo.whl")},
                headers={"Accept": accept},
                environ_overrides=full,
            )
            for accept in ("text/html", "application/json")
        ),
    ]
    assert [answer.status_code for answer in answers] == [429] * 4
    assert [answer.headers.get("Retry-After") for answer in answers] == ["10"] * 4


def test_each_face_says_what_a_url_is_for(site: Site, registry: Registry) -> None:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    allowed = [
        client.delete(path, headers=site.headers).headers["Allow"]
        for client, path in (
            (site.client, site.index_url),
            (site.client, "/api/v1/users"),
            (portal.client, "/portal/new-user"),
        )
    ]
    assert allowed == ["GET, HEAD", "GET, HEAD", "GET, HEAD, POST"]


@pytest.mark.parametrize(
    "refuse",
    [
        errors.PermissionDenied("Not you."),
        InvalidCredentials("Wrong."),
        errors.Unavailable("The directory does not answer."),
        Forbidden("Not here."),
    ],
)
def test_whom_the_host_refuses_gets_a_page_of_the_portal(
    registry: Registry, refuse: Exception
) -> None:
    def refusing(_environ: Any) -> Actor:
        raise refuse

    answer = Client(registry.wsgi_app(authenticate=refusing)).get("/portal/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Content-Security-Policy" in answer.headers
    expected = {401: ("WWW-Authenticate", problems.BASIC), 503: ("Retry-After", "5")}
    if answer.status_code in expected:
        name, value = expected[answer.status_code]
        assert answer.headers[name] == value


def test_who_sends_no_token_learns_how(new_site: Callable[..., Site]) -> None:
    client = new_site(metrics_token=TOKEN).client
    answers = [client.get(path) for path in ("/metrics", "/api/v1/users")]
    assert [answer.headers["WWW-Authenticate"] for answer in answers] == ["Bearer", "Bearer"]


def test_our_own_refusals_are_not_logged_as_errors(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.upload(wheel(), name="-")
    site.get(f"{site.index_url}nothing/")
    assert caplog.records == []
