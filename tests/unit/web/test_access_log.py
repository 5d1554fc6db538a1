"""One line a request, with a name for it, and no secret."""

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, DownloadApp, Registry, mount
from pypi_repo.web.observability.logs import JsonFormatter, RequestId, TextFormatter
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.ci_jobs import create_publisher, job_token
from tests.support.distributions import wheel
from tests.support.http import Site, basic, bearer, call, environ_of
from tests.support.identity_provider import ScriptedProvider


class Lines(logging.Handler):
    """What a handler with our formatters would write."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(RequestId())
        self.json: list[dict[str, Any]] = []
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = JsonFormatter().format(record)
        assert "\n" not in line
        self.json.append(json.loads(line))
        self.text.append(TextFormatter().format(record))

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.json if line["logger"] == "pypi_repo.access"]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Everything that is logged by this package during the test."""
    lines, logger = Lines(), logging.getLogger("pypi_repo")
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(before)


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


def test_what_a_line_tells(site: Site, lines: Lines) -> None:
    site.upload(wheel())
    page = site.client.get(
        f"{site.index_url}demo/?who=me",
        headers={**site.headers, "User-Agent": "pip/25.0 {more}", "X-Request-ID": "test"},
        environ_base={"REMOTE_ADDR": "192.0.2.1"},
    )
    line = lines.requests[-1]
    assert line.pop("time").endswith("Z")
    assert line.pop("milliseconds") > 0
    assert line == {
        "level": "info",
        "logger": "pypi_repo.access",
        "message": f"GET {site.index_url}demo/ 200",
        "request_id": "test",
        "method": "GET",
        "path": f"{site.index_url}demo/",
        "route": "simple-project",
        "status": 200,
        "error": "",
        "bytes": int(page.headers["Content-Length"]),
        "actor": USER,
        "address": "192.0.2.1",
        "client": "pip/25.0",
    }
    assert f" 192.0.2.1 {USER} GET {site.index_url}demo/ 200 " in lines.text[-1]
    assert lines.text[-1].endswith(" ms [test]")


def test_each_request_is_one_line(site: Site, lines: Lines) -> None:
    site.upload(wheel())
    file = site.file_url(wheel())
    others = ("/", "/nothing", "/portal/", "/account/", "/api/v1/", f"{site.upload_url}+connect",
              "/_/oidc/audience", "/.well-known/pytp")  # fmt: skip
    for path in (site.index_url, file, f"{file}.metadata", *others):
        site.get(path)
    routes = [line["route"] for line in lines.requests]
    assert routes == ["upload", "simple-project", "simple-list", "file", "metadata", "browse",
                      "other", "portal", "account", "api", "browse", "trusted-publishing",
                      "trusted-publishing"]  # fmt: skip


def test_behind_a_prefix_the_line_tells_the_whole_path(registry: Registry, lines: Lines) -> None:
    client = Client(mount({"/team/pypi": registry.wsgi_app()}))
    client.get("/team/pypi/repositories/main/simple/", headers=basic(USER, PASSWORD))
    (line,) = lines.requests
    assert line["path"] == "/team/pypi/repositories/main/simple/"
    assert line["route"] == "simple-list"


def test_who_asked(site: Site, registry: Registry, lines: Lines) -> None:
    site.get(site.index_url)
    site.client.get(site.index_url)
    site.client.get(site.index_url, headers=basic("passw0rd-in-the-wrong-field", "x"))
    site.client.post("/portal/sign-in", data={"name": ADMINISTRATOR, "password": PASSWORD})
    site.client.get("/portal/")
    _token, secret = registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
    site.client.get("/api/v1/users", headers=bearer(secret))
    actors = [line["actor"] for line in lines.requests]
    assert actors == [USER, "anonymous", "", "anonymous", ADMINISTRATOR, ADMINISTRATOR]


def test_refusals_have_their_code(site: Site, lines: Lines) -> None:
    site.get(f"{site.index_url}nothing/")
    site.get("/nothing")
    site.client.get(site.index_url)
    assert [(line["status"], line["error"]) for line in lines.requests] == [
        (404, "unknown-project"),
        (404, "not-found"),
        (401, "authentication-required"),
    ]


def test_probes_are_no_news_unless_they_fail(
    new_site: Callable[..., Site], tmp_path: Path, lines: Lines
) -> None:
    client = new_site(blobs=f"file://{tmp_path}/blobs").client
    client.get("/healthz")
    client.get("/readyz")
    assert lines.requests == []
    (tmp_path / "blobs").touch()
    client.get("/readyz")
    assert [line["status"] for line in lines.requests] == [503]


def test_the_library_logs_nothing_unless_asked(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.get(site.index_url)
    assert caplog.records == []


# Names of requests


def test_the_id_that_came_goes_back(client: Client) -> None:
    for given in ("abc", "0f8fad5b-d9cb-469f-a165-70867728950e", "A.b_c-9", "x" * 64):
        assert client.get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


def test_an_id_that_could_harm_a_log_is_replaced(client: Client) -> None:
    ids = set()
    for given in ("", "x" * 65, "a b", 'a"b', "é", "a\tb", None):
        headers = {} if given is None else {"X-Request-ID": given}
        ids.add(client.get("/", headers=headers).headers["X-Request-ID"])
    assert len(ids) == 7
    assert all(len(given) == 16 and given.isalnum() for given in ids)


def test_every_kind_of_answer_has_one(site: Site) -> None:
    site.upload(wheel())
    file = site.file_url(wheel())
    for path in (site.index_url, file, f"{file}.metadata", "/", "/nothing", "/portal/", "/readyz"):
        for method in ("GET", "HEAD", "POST"):
            response = site.get(path, method=method)
            assert response.headers.getlist("X-Request-ID") == ["test"]


def test_lines_of_others_during_a_request_have_its_id(
    site: Site, registry: Registry, lines: Lines, tmp_path: Path
) -> None:
    site.upload(wheel())
    file = site.file_url(wheel())
    registry._blobs.delete(file.removeprefix(site.files_url))
    assert site.get(file).status_code == 404
    lost, answered = lines.json[-2:]
    assert "is missing or cut" in lost["message"]
    assert lost["request_id"] == answered["request_id"] == "test"
    logging.getLogger("pypi_repo").warning("afterwards")
    assert lines.json[-1]["request_id"] == "-"
    assert "[" not in lines.text[-1]


def test_a_bug_is_counted_and_named(registry: Registry, lines: Lines) -> None:
    def authenticate(_environ: object) -> Any:
        raise ZeroDivisionError

    app = registry.wsgi_app(authenticate=authenticate)
    environ = environ_of("/repositories/main/simple/", headers={"X-Request-ID": "the-bug"})
    with pytest.raises(ZeroDivisionError):
        call(app, environ)
    line = lines.requests[-1]
    assert (line["status"], line["error"]) == (500, "internal-server-error")
    logging.getLogger("pypi_repo").error("what the server says", exc_info=ZeroDivisionError())
    assert lines.json[-1]["request_id"] == "the-bug"
    assert "ZeroDivisionError" in lines.json[-1]["exception"]
    call(app, environ_of("/healthz")).close()  # and the next request has a name of its own
    logging.getLogger("pypi_repo").error("afterwards")
    assert lines.json[-1]["request_id"] != "the-bug"


# No secrets, and nothing that could be taken for another line


def test_no_secret_reaches_the_log(site: Site, registry: Registry, lines: Lines) -> None:
    lines.setLevel(logging.DEBUG)
    _token, token = registry.acting_as(OPERATOR).accounts.create_token(USER)
    _token, administrators = registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
    secrets = (PASSWORD, token, administrators, "s3cret")
    site.client.get(site.index_url, headers=bearer(token))
    site.client.get(f"{site.index_url}?token={token}&password=s3cret")
    site.client.get(f"/repositories/{token}/simple/", headers=basic("__token__", token))
    site.client.get("/repositories/main/https://user@example.com:s3cret@host/simple/")
    site.client.get("/user:s3cret@host/simple/")
    site.client.get("/api/v1/users", headers=bearer(administrators))
    site.client.get(f"/api/v1/{administrators}")
    site.client.get("/portal/", headers={"Cookie": "pypi_repo_session=s3cret"})
    site.client.get("/", headers={"Referer": "https://user:s3cret@host/"})
    site.client.post("/portal/sign-in", data={"name": "s3cret", "password": PASSWORD})
    site.client.get(site.index_url, headers=basic("s3cret", "s3cret"))
    assert len(lines.requests) == 11
    for line in (*map(json.dumps, lines.json), *lines.text):
        for secret in secrets:
            assert secret not in line
    assert "/repositories/***/simple/" in lines.text[2]


def test_no_token_of_a_job_reaches_the_log(
    site: Site, registry: Registry, lines: Lines, provider: ScriptedProvider
) -> None:
    lines.setLevel(logging.DEBUG)
    create_publisher(registry, provider.url)
    signed, refused = job_token(provider), job_token(provider, aud="other")
    minted = site.client.post("/_/oidc/mint-token", json={"token": signed})
    secret = minted.get_json()["token"]
    site.client.post("/_/oidc/mint-token", json={"token": refused})
    spaced = b64encode(b'{ "alg": "RS256"}').decode().rstrip("=") + signed[signed.index(".") :]
    for token in (signed, refused, spaced, secret):
        for who in (bearer(token), basic("__token__", token), basic(token, "")):
            site.client.get(site.index_url, headers=who)
        for path in (f"/{token}", f"/repositories/{token}/simple/", f"/x:{token}@host/"):
            site.client.get(path)
    assert [line["actor"] for line in lines.requests].count("rocket") == 6
    parts = [secret.removeprefix("ppj_"), *signed.split(".")[1:], *refused.split(".")[1:]]
    for line in (*map(json.dumps, lines.json), *lines.text):
        assert [part for part in parts if part in line] == []


def test_no_client_writes_a_line_of_its_own(site: Site, lines: Lines) -> None:
    site.get("/a%0A2026-01-01 INFO forged%1b[31m%E2%80%A8", User_Agent="evil\x1b[31m\x0bline")
    assert len(lines.text) == 1
    assert lines.text[0].isprintable()
    assert r"/a\n2026" in lines.text[0]


def test_lines_have_a_bound(site: Site, lines: Lines) -> None:
    site.get(f"/{'x' * 10_000}", User_Agent="y" * 10_000)
    assert len(lines.text[0]) < 2000
    assert len(json.dumps(lines.json[0])) < 2000


# Nothing in the way of the server


def test_the_servers_file_wrapper_is_what_it_gets(
    new_registry: Callable[..., Registry], tmp_path: Path
) -> None:
    registry = new_registry(blobs=f"file://{tmp_path}/blobs")
    site = Site(Client(registry.wsgi_app()), "/repositories/main/", "/repositories/main/simple/",
                "/repositories/main/files/", headers=basic(USER, PASSWORD))  # fmt: skip
    dist = wheel(padding=100_000)  # small ones are sent from memory
    site.upload(dist)
    wrapped: list[object] = []

    def file_wrapper(file: Any, _size: int) -> Any:
        wrapped.append(file)
        return file

    environ = environ_of(site.file_url(dist), headers=site.headers)
    answer = call(registry.wsgi_app(), {**environ, "wsgi.file_wrapper": file_wrapper})
    assert [answer.chunks] == wrapped
    answer.close()


def test_apps_outside_of_a_watched_site_work_alone(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    path = site.file_url(wheel()).removeprefix(site.files_url)
    app = mount({"/files": DownloadApp(registry.repository("main"))})
    response = Client(app).get(f"/files/{path}", headers=site.headers)
    assert response.status_code == 200
    assert "X-Request-ID" not in response.headers
