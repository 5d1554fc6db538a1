"""/healthz, /readyz and /metrics: what operators and their machines ask."""

import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from pypi_repo import OPERATOR, Limits, Registry, Settings
from pypi_repo.domain.errors import ConfigurationError
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.distributions import wheel
from tests.support.http import JSON, Site, basic, bearer
from tests.support.metrics import TOKEN, samples
from tests.support.portal import PortalClient
from tests.support.postgres import PostgresServer
from tests.support.s3 import S3Server
from tests.support.sql import count_statements
from tests.unit.web.conftest import PATHS


@pytest.fixture
def watched(new_site: Callable[..., Site]) -> Site:
    return new_site(metrics_token=TOKEN)


def numbers(site: Site) -> dict[str, float]:
    """The samples, by name and labels."""
    response = site.client.get("/metrics", headers=bearer(TOKEN))
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return samples(response.text)


# Health


def test_the_process_is_there(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")
    assert response.headers["Cache-Control"] == "no-store"


def test_health_asks_nobody(registry: Registry) -> None:
    with count_statements(registry._database) as statements:
        assert Client(registry.wsgi_app()).get("/healthz").status_code == 200
    assert statements == []


def test_ready_on_each_store(stored_site: Site) -> None:
    response = stored_site.client.get("/readyz")
    assert (response.status_code, response.text) == (200, "database: ok\nfiles: ok\n")


def test_ready_on_each_engine(database_url: str, tmp_path: Path) -> None:
    with Registry(Settings(database=database_url, blobs=f"file://{tmp_path}")) as registry:
        client = Client(registry.wsgi_app())
        before = client.get("/readyz").text
        registry.upgrade()
        after = client.get("/readyz").text
    assert before == ("database: ok\nfiles: ok\n" if registry.is_new else
                      "database: schema-outdated\nfiles: ok\n")  # fmt: skip
    assert after == "database: ok\nfiles: ok\n"


def test_not_ready_while_the_file_store_is_away(
    new_site: Callable[..., Site], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "blobs"
    client = new_site(blobs=f"file://{folder}").client
    folder.touch()
    response = client.get("/readyz")
    assert (response.status_code, response.text) == (503, "database: ok\nfiles: unavailable\n")
    assert "files" in caplog.text
    folder.unlink()
    assert client.get("/readyz").status_code == 200


def test_not_ready_without_the_bucket(
    s3: S3Server, new_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    """A store says the same of a file that is not in a bucket, and of one in no bucket."""
    client = new_site(
        blobs="s3://bucket-of-nobody/packages", blob_options=s3.storage_options
    ).client
    response = client.get("/readyz")
    assert (response.status_code, response.text) == (503, "database: ok\nfiles: unavailable\n")
    assert "has no such bucket" in caplog.text
    assert "s3://bucket-of-nobody/packages" in caplog.text
    s3.create_bucket("bucket-of-nobody")
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_the_database_is_away(tmp_path: Path) -> None:
    """What is told names no host, no path and no password."""
    url = "postgresql+psycopg://registry:secret@127.0.0.1:1/registry"
    with Registry(Settings(database=url, blobs=f"file://{tmp_path}")) as registry:
        response = Client(registry.wsgi_app()).get("/readyz")
    assert (response.status_code, response.text) == (503, "database: unavailable\nfiles: ok\n")


def test_readiness_follows_a_database_that_goes_and_comes_back(tmp_path: Path) -> None:
    with PostgresServer(tmp_path) as postgres:
        settings = Settings(database=postgres.create_database(), blobs=f"file://{tmp_path}/blobs")
        with Registry(settings) as registry:
            registry.upgrade()
            client = Client(registry.wsgi_app())
            assert client.get("/readyz").status_code == 200
            postgres.stop()
            assert client.get("/readyz").text == "database: unavailable\nfiles: ok\n"
            assert client.get("/healthz").status_code == 200
            postgres.start()
            assert client.get("/readyz").status_code == 200


def test_what_hangs_is_not_waited_for_long_and_costs_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a database behind a network that swallows packets."""
    monkeypatch.setattr("pypi_repo.services.operations.readiness._PATIENCE", 0.1)
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://registry@127.0.0.1:{silent.getsockname()[1]}/registry"
        registry = Registry(Settings(database=url, blobs=f"file://{tmp_path}"))
        client = Client(registry.wsgi_app())
        for _ in range(3):
            assert client.get("/readyz").text == "database: unavailable\nfiles: ok\n"
        assert threading.active_count() == threads + 1
    registry.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_only_these_urls_and_only_for_reading(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
    assert client.get(f"{path}/more").status_code == 404
    assert client.head(path).data == b""


# Who may read the numbers


def test_numbers_are_for_who_has_the_token(watched: Site) -> None:
    assert watched.client.get("/metrics", headers=bearer(TOKEN)).status_code == 200
    assert watched.client.get("/metrics").status_code == 401
    for wrong in ("wrong", "é", "", f"{TOKEN}x"):
        assert watched.client.get("/metrics", headers=bearer(wrong)).status_code == 401
    assert watched.client.get("/metrics", headers=basic("x", TOKEN)).status_code == 401
    assert watched.client.get("/metrics", headers=basic(USER, PASSWORD)).status_code == 401


def test_without_a_token_they_are_for_nobody(client: Client) -> None:
    for headers in ({}, bearer(""), bearer("None"), basic(ADMINISTRATOR, PASSWORD)):
        response = client.get("/metrics", headers=headers)
        assert response.status_code == 404
        assert "PYPI_REPO_METRICS_TOKEN" in response.text


def test_a_token_that_could_be_guessed_is_refused(new_registry: Callable[..., Registry]) -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        new_registry(metrics_token="short").wsgi_app()


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(Settings(metrics_token=TOKEN))


def test_numbers_need_no_database(tmp_path: Path) -> None:
    """They are wanted most while it is away."""
    url = "postgresql+psycopg://registry@127.0.0.1:1/registry"
    settings = Settings(database=url, blobs=f"file://{tmp_path}", metrics_token=TOKEN)
    with Registry(settings) as registry:
        site = Site(Client(registry.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))
        assert site.get(site.index_url).status_code == 503
        assert numbers(site)['pypi_repo_refusals_total{code="unavailable"}'] == 1


# The numbers


def test_requests_uploads_and_bytes(watched: Site) -> None:
    dist = wheel(padding=5000)
    watched.upload(dist)
    watched.upload(wheel(files={"demo/new.py": b""}))
    file = watched.file_url(dist)
    watched.get(file)
    watched.get(file, method="HEAD")
    watched.get(f"{file}.metadata")
    found = numbers(watched)
    total = "pypi_repo_requests_total"
    assert found[f'{total}{{route="upload",method="POST",status="200"}}'] == 1
    assert found[f'{total}{{route="upload",method="POST",status="409"}}'] == 1
    assert found[f'{total}{{route="file",method="GET",status="200"}}'] == 1
    assert found[f'{total}{{route="file",method="HEAD",status="200"}}'] == 1
    assert found[f'{total}{{route="metadata",method="GET",status="200"}}'] == 1
    assert found["pypi_repo_uploads_total"] == 1
    assert found["pypi_repo_uploaded_bytes_total"] == len(dist.content)
    assert found['pypi_repo_response_bytes_total{route="file"}'] == len(dist.content)
    assert found['pypi_repo_refusals_total{code="file-already-exists"}'] == 1


def test_uploads_from_the_browser_count_too(new_registry: Callable[..., Registry]) -> None:
    registry = new_registry(metrics_token=TOKEN)
    registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
    portal, dist = PortalClient(registry), wheel()
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    for content in (dist.content, b"other content"):
        file = (io.BytesIO(content), dist.filename)
        portal.post("repositories/main/upload", file=file)
    found = numbers(Site(portal.client, *PATHS))
    assert found["pypi_repo_uploads_total"] == 1
    assert found["pypi_repo_uploaded_bytes_total"] == len(dist.content)
    assert found['pypi_repo_refusals_total{code="file-already-exists"}'] == 1


def test_latencies_by_route(watched: Site) -> None:
    watched.upload(wheel())
    for _ in range(3):
        watched.page("demo")
    found = numbers(watched)
    name, route = "pypi_repo_request_duration_seconds", 'route="simple-project"'
    buckets = [
        value for key, value in found.items() if key.startswith(f"{name}_bucket{{{route},le=")
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == found[f"{name}_count{{{route}}}"] == 3
    assert found[f'{name}_bucket{{{route},le="+Inf"}}'] == 3
    assert 0 < found[f"{name}_sum{{{route}}}"] < 30


def test_failed_logins_and_refusals(watched: Site) -> None:
    for _ in range(2):
        watched.client.get(watched.index_url, headers=basic(USER, "wrong"))
    watched.client.get(watched.index_url)
    found = numbers(watched)
    failures = "pypi_repo_authentication_failures_total"
    assert found[f'{failures}{{code="invalid-credentials"}}'] == 2
    assert found['pypi_repo_refusals_total{code="invalid-credentials"}'] == 2
    assert found['pypi_repo_refusals_total{code="authentication-required"}'] == 1
    assert f'{failures}{{code="authentication-required"}}' not in found


def test_failures_grow_from_zero(watched: Site) -> None:
    """Prometheus sees no growth in what comes up with its first 1."""
    found = numbers(watched)
    for code in ("internal-server-error", "out-of-space", "unavailable"):
        assert found[f'pypi_repo_refusals_total{{code="{code}"}}'] == 0
    for code in ("invalid-credentials", "too-many-failed-logins"):
        assert found[f'pypi_repo_authentication_failures_total{{code="{code}"}}'] == 0


def test_wrong_passwords_at_the_portal_count_too(watched: Site) -> None:
    form = {"name": ADMINISTRATOR, "password": "wrong"}
    assert watched.client.post("/portal/sign-in", data=form).status_code == 401
    assert watched.client.get("/api/v1/users", headers=bearer("ppa_x")).status_code == 401
    found = numbers(watched)
    assert found['pypi_repo_authentication_failures_total{code="invalid-credentials"}'] == 2


def test_page_cache_and_connections(watched: Site) -> None:
    watched.upload(wheel())
    for _ in range(3):
        watched.get(f"{watched.index_url}demo/", Accept=JSON, Accept_Encoding="identity")
    found = numbers(watched)
    lookups = "pypi_repo_page_cache_lookups_total"
    assert found[f'{lookups}{{result="miss"}}'] == 1
    assert found[f'{lookups}{{result="hit"}}'] == 2
    assert 0 < found['pypi_repo_page_cache_bytes{kind="used"}'] < 10_000
    assert found['pypi_repo_database_connections{state="in-use"}'] == 0
    assert found['pypi_repo_database_connections{state="idle"}'] == 1
    assert found['pypi_repo_log_lines_dropped_total{reason="no-room"}'] == 0
    assert found['pypi_repo_log_lines_dropped_total{reason="write-failed"}'] == 0


def test_small_files_in_memory(watched: Site) -> None:
    dist = wheel()
    watched.upload(dist)
    watched.get(watched.file_url(dist)).close()
    found = numbers(watched)
    used = found['pypi_repo_file_cache_bytes{kind="used"}']
    assert len(dist.content) <= used < len(dist.content) + 1000
    assert found['pypi_repo_file_cache_bytes{kind="limit"}'] == Limits().file_cache


def test_nothing_that_a_client_sends_becomes_a_label(watched: Site) -> None:
    main = "/repositories/main"
    for path in ("", "/repositories", main, f"{main}/simple", f"{main}/files", f"{main}/pypi",
                 "/portal", "/api/v1", "/metrics"):  # fmt: skip
        for method in ("GET", "STRANGE", "POST"):
            watched.get(f"{path}/strange%0A%22/", method=method, User_Agent="strange")
    watched.client.get(watched.index_url, headers=basic("strange", "strange"))
    text = watched.client.get("/metrics", headers=bearer(TOKEN)).text
    assert "strange" not in text.lower()
    label = r'[a-z]+="[A-Za-z0-9.+-]+"'
    line = re.compile(rf"# (HELP|TYPE) .+|[a-z_]+({{{label}(,{label})*}})? [0-9.e+-]+")
    assert [found for found in text.splitlines() if not line.fullmatch(found)] == []


def test_prometheus_understands_every_line(watched: Site) -> None:
    watched.upload(wheel())
    watched.page("demo")
    watched.client.get(watched.index_url)
    text = watched.client.get("/metrics", headers=bearer(TOKEN)).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert sum(len(family.samples) for family in families.values()) == len(lines)
    assert families["pypi_repo_requests"].type == "counter"
    assert families["pypi_repo_request_duration_seconds"].type == "histogram"
    assert families["pypi_repo_database_connections"].type == "gauge"
    assert all(family.documentation for family in families.values())


def test_two_registries_count_for_themselves(new_site: Callable[..., Site]) -> None:
    one, other = new_site(metrics_token=TOKEN), new_site(metrics_token=TOKEN)
    one.upload(wheel())
    assert numbers(one)["pypi_repo_uploads_total"] == 1
    assert numbers(other)["pypi_repo_uploads_total"] == 0


def test_no_count_is_lost_between_threads(watched: Site) -> None:
    def ask() -> None:
        for _ in range(50):
            watched.client.get("/robots.txt")

    with running([threading.Thread(target=ask) for _ in range(4)]):
        pass
    key = 'pypi_repo_requests_total{route="other",method="GET",status="200"}'
    assert numbers(watched)[key] == 200


@contextmanager
def running(threads: list[threading.Thread]) -> Iterator[None]:
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
