"""What operators see of a running server: its log, its health, its numbers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import Prepared, clean_environment, publisher_of
from tests.support.distributions import wheel
from tests.support.http import bearer
from tests.support.live import ServeProcess
from tests.support.processes import ServerProcess, free_port
from tests.support.publisher import publishing

TOKEN = "a-token-for-the-scraper"


def use(server: ServeProcess) -> str:
    """Uploads, reads and is refused; returns what /metrics says then."""
    with publisher_of(server) as publisher:
        assert publisher.upload(wheel()).status == 200
        page = publisher.get("/repositories/main/simple/demo/", **{"X-Request-ID": "my-page"})
        assert page.headers["X-Request-ID"] == "my-page"
        assert publisher.get("/readyz").text == "database: ok\nfiles: ok\n"
        assert publisher.get("/repositories/other/simple/?secret=s3cret").status == 404
        return publisher.request("GET", "/metrics", bearer(TOKEN)).text


def test_json_lines_and_numbers(prepared: Prepared) -> None:
    environment = {"PYPI_REPO_LOG_FORMAT": "json", "PYPI_REPO_METRICS_TOKEN": TOKEN}
    with prepared.start(env=environment) as server:
        numbers = use(server)
        server.terminate()
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    upload, page, refused = lines
    assert (upload["route"], upload["status"], upload["actor"]) == ("upload", 200, USER)
    assert (page["request_id"], page["route"]) == ("my-page", "simple-project")
    assert (refused["status"], refused["error"]) == (404, "unknown-repository")
    assert "pypi_repo_uploads_total 1\n" in numbers
    assert "Listening on " in server.output
    for secret in (PASSWORD, TOKEN, "s3cret"):
        assert secret not in server.output


@pytest.mark.parametrize("wanted", [True, False])
def test_text_lines(prepared: Prepared, wanted: bool) -> None:
    options = () if wanted else ("--no-access-log",)
    with ServeProcess(*prepared.options, *options, "--metrics-token", TOKEN) as server:
        use(server)
        server.terminate()
    requests = [line for line in server.output.splitlines() if "pypi_repo.access" in line]
    assert len(requests) == (3 if wanted else 0)
    if wanted:
        assert f" 127.0.0.1 {USER} GET /repositories/main/simple/demo/ 200 " in requests[1]
        assert requests[1].endswith(" ms [my-page]")


def test_a_mistyped_setting_is_logged_once(prepared: Prepared) -> None:
    """However many workers there are, and where programs look that read the log."""
    environment = {"PYPI_REPO_LOG_FORMAT": "json", "PYPI_REPO_WORKER": "2"}
    with prepared.start(env=environment) as server:
        told = [json.loads(line) for line in server.output.splitlines() if "WORKER" in line]

    assert [(line["level"], line["message"]) for line in told] == [
        ("warning", "PYPI_REPO_WORKER is not a setting; did you mean PYPI_REPO_WORKERS?")
    ]


def test_a_log_that_nobody_reads_holds_up_no_request(prepared: Prepared) -> None:
    """As of a collector that hangs: 300 lines are more than a pipe takes."""
    port = free_port()
    command = [sys.executable, "-m", "pypi_repo.serve", *prepared.options, "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    ) as process:
        assert process.stdout is not None
        while b"Listening" not in process.stdout.readline():
            assert process.poll() is None
        with publishing(f"http://127.0.0.1:{port}/", USER, PASSWORD) as publisher:
            statuses = {publisher.get(f"/{'x' * 1000}").status for _ in range(300)}
        process.terminate()
        ended_with = process.wait(60)

    assert statuses == {404}
    assert ended_with == 0


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="no shell to close it")
def test_a_closed_standard_error_is_no_reason_not_to_serve(prepared: Prepared) -> None:
    port = free_port()
    serve = [sys.executable, "-m", "pypi_repo.serve", *map(str, prepared.options)]
    closing = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *serve, "--port", str(port)]
    with ServerProcess(closing, port, env=clean_environment()) as server:
        with publishing(f"{server.url}/", USER, PASSWORD) as client:
            assert client.get("/healthz").status == 200
        assert server.terminate() == 0
