"""examples/deploy: run as it stands where its programs can be had, and read where not."""

import json
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import click
import pytest
import yaml
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.cli.main import main
from pypi_repo.cli.serve import serve
from pypi_repo.variables import from_mapping
from tests.conftest import PASSWORD, USER, populate
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.deployment import (
    APPLICATION,
    DEPLOY,
    ActivatedGunicorn,
    assignments,
    placed,
    write_certificate,
)
from tests.support.distributions import wheel
from tests.support.http import basic, bearer
from tests.support.markdown import blocks
from tests.support.metrics import TOKEN, samples
from tests.support.nginx import NginxServer, installed_nginx
from tests.support.postgres import PostgresServer
from tests.support.processes import free_port
from tests.support.s3 import REGION, S3Server
from tests.support.waiting import wait_until


@pytest.fixture
def environment(postgres: PostgresServer, s3: S3Server, tmp_path: Path) -> dict[str, str]:
    """pypi-repo.env, about a database and a bucket of this test."""
    bucket = s3.create_bucket(f"deploy-{tmp_path.name.replace('_', '-')[:40]}")
    places = {
        "postgresql+psycopg://pypi_repo:PASSWORD@db.example.com/pypi_repo": (
            postgres.create_database()
        ),
        "s3://company-packages/registry": f"s3://{bucket}/registry",
        "REPLACE-WITH-THE-OUTPUT-OF-openssl-rand-hex-24": TOKEN,
        "/run/pypi-repo/metrics": str(tmp_path / "metrics"),
        "KEY_ID=REPLACE": "KEY_ID=testing",
        "ACCESS_KEY=REPLACE": "ACCESS_KEY=testing",
        "eu-central-1": REGION,
        "https://s3.example.com": s3.endpoint_url,
    }
    return assignments(placed("pypi-repo.env", places))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """pypi-repo.socket."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield listener


@pytest.fixture
def prepared(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the operator would: `db upgrade`, a repository, a user."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with Registry(from_mapping(environment)) as registry:
        registry.upgrade()
        populate(registry)


@dataclass
class Deployment:
    gunicorn: ActivatedGunicorn
    nginx: NginxServer
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.nginx.port}"

    def get(self, path: str, **headers: str) -> tuple[str, dict[str, str]]:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        given = {**basic(USER, PASSWORD), **headers}
        with urlopen(Request(self.url + path, headers=given), timeout=120, context=trust) as answer:
            return answer.read().decode(), dict(answer.headers)


@pytest.fixture
def deployment(
    prepared: None, environment: dict[str, str], listener: socket.socket, tmp_path: Path
) -> Iterator[Deployment]:
    if installed_nginx() is None:
        pytest.skip("nginx is not installed")
    port = free_port()
    certificate, key = write_certificate(tmp_path)
    site = placed(
        "nginx.conf",
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/ssl/packages.example.com.pem": certificate,
            "/etc/ssl/private/packages.example.com.key": key,
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{listener.getsockname()[1]};",
        },
    )
    with (
        ActivatedGunicorn(listener, environment) as gunicorn,
        NginxServer(tmp_path, port, site) as nginx,
    ):
        yield Deployment(gunicorn, nginx, certificate)


def test_publish_install_and_watch(
    deployment: Deployment, environment: dict[str, str], clients: Clients, tmp_path: Path
) -> None:
    for variable in ("PIP_CERT", "SSL_CERT_FILE", "TWINE_CERT"):
        clients.environment[variable] = str(deployment.certificate)
    site = Addresses(deployment.url, USER, PASSWORD)
    clients.publish_with_twine(*site.target(), wheel("demo", "1.0").save(tmp_path))
    python = clients.venv(tmp_path / "venv")
    clients.pip(python, "install", "--index-url", site.index(), "demo")
    assert clients.uv("pip", "freeze", "--python", python).stdout == "demo==1.0\n"

    assert deployment.get("/readyz")[0] == "database: ok\nfiles: ok\n"
    page, headers = deployment.get("/repositories/main/")
    assert f"{deployment.url}/repositories/main/" in page
    behind = Request(f"{deployment.gunicorn.url}/metrics", headers=bearer(TOKEN))

    def all_workers_tell_of_it() -> bool:
        with urlopen(behind, timeout=120) as answer:
            return samples(answer.read().decode())["pypi_repo_uploads_total"] == 1

    wait_until(all_workers_tell_of_it)
    # A line is written a moment after its answer.
    wait_until(lambda: headers["X-Request-ID"] in deployment.gunicorn.output)
    lines = [json.loads(line) for line in deployment.gunicorn.output.splitlines() if line[0] == "{"]
    assert [line["actor"] for line in lines if line.get("route") == "upload"] == [USER]
    assert lines[-1]["request_id"] == headers["X-Request-ID"]
    assert PASSWORD not in deployment.gunicorn.output
    told = [line["message"] for line in lines if line["logger"] == "pypi_repo.wsgi"]
    place = environment["PYPI_REPO_BLOBS"]
    assert [line.partition("the files are in ")[2] for line in told] == [f"{place}."] * len(told)
    assert told


def test_reload_and_restart_lose_no_request(
    prepared: None, environment: dict[str, str], listener: socket.socket
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/repositories/main/simple/"
    with ExitStack() as stack:
        gunicorn = stack.enter_context(ActivatedGunicorn(listener, environment))
        clamour = stack.enter_context(closing(Clamour(url)))
        clamour.wait_for_answers()
        workers = gunicorn.output.count("Booting worker")
        gunicorn.process.send_signal(signal.SIGHUP)  # systemctl reload
        while gunicorn.output.count("Booting worker") == workers:
            clamour.wait_for_answers()
        clamour.wait_for_answers()
        gunicorn.close()  # systemctl restart
        with ActivatedGunicorn(listener, environment):
            clamour.wait_for_answers()
            clamour.close()
    assert clamour.failures == []


class Clamour:
    """Many clients that ask without a pause, each time on a new connection."""

    def __init__(self, url: str) -> None:
        self._request = Request(url, headers=basic(USER, PASSWORD))
        self._count = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(6)]
        for thread in self._threads:
            thread.start()

    def wait_for_answers(self, more: int = 40) -> None:
        with self._changed:
            wanted = self._count + more
            assert self._changed.wait_for(lambda: self._count >= wanted, timeout=120)

    def close(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stopped.is_set():
            try:
                urlopen(self._request, timeout=120).close()
            except OSError as error:
                self.failures.append(str(error))
            with self._changed:
                self._count += 1
                self._changed.notify_all()


# The files, each by itself


def test_units_are_valid(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    scripts = Path(sys.executable).parent
    for name in ("pypi-repo.service", "pypi-repo-serve.service", "pypi-repo-upkeep.service"):
        (tmp_path / name).write_text(placed(name, {"/opt/pypi-repo/bin": scripts}))
    for name in ("pypi-repo.socket", "pypi-repo-upkeep.timer"):
        (tmp_path / name).write_text(placed(name, {}))
    done = subprocess.run(
        [program, "verify", *(f"./{path.name}" for path in tmp_path.iterdir())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_units_name_the_other_files() -> None:
    service, listening = unit("pypi-repo.service"), unit("pypi-repo.socket")
    assert Path(service["Service"]["EnvironmentFile"]).name == "pypi-repo.env"
    program, *arguments = shlex.split(service["Service"]["ExecStart"])
    assert Path(program).name == "gunicorn"
    assert_gunicorn_takes(arguments)
    assert service["Unit"]["Requires"] == "pypi-repo.socket"
    assert f"server {listening['Socket']['ListenStream']};" in placed("nginx.conf", {})


def test_the_unit_without_a_proxy_starts_what_there_is() -> None:
    command = unit("pypi-repo-serve.service")["Service"]["ExecStart"].replace("\\\n", " ")
    program, name, *arguments = shlex.split(command)
    given = serve.make_context(name, arguments).params

    assert Path(program).name == "pypi-repo"
    assert (given["data"], given["host"], given["port"]) == ("/var/lib/pypi-repo", "*", 443)
    assert (given["tls_certificate"], given["tls_key"]) == (
        Path("/etc/pypi-repo/tls/fullchain.pem"),
        Path("/etc/pypi-repo/tls/privkey.pem"),
    )


def test_upkeep_is_run_again_and_again() -> None:
    program, *arguments = shlex.split(unit("pypi-repo-upkeep.service")["Service"]["ExecStart"])
    assert Path(program).name == "pypi-repo"
    main.main([*arguments, "--help"], standalone_mode=False)
    assert unit("pypi-repo-upkeep.timer")["Install"]["WantedBy"] == "timers.target"

    cron_job = yaml.safe_load(placed("upkeep-cronjob.yaml", {}))
    assert (cron_job["kind"], cron_job["apiVersion"]) == ("CronJob", "batch/v1")
    assert cron_job["spec"]["concurrencyPolicy"] == "Forbid"
    (container,) = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["command"]
    assert program == "pypi-repo"
    main.main([*arguments, "--help"], standalone_mode=False)


_PAGES = DEPLOY.parents[1] / "docs" / "how-to"
_USUAL_CONNECTIONS = 100  # of PostgreSQL; three of them are for its administrator


def test_processes_and_threads_fit_into_the_connections_of_postgresql() -> None:
    configuration = placed("gunicorn.conf.py", {})
    (workers,) = re.findall(r"^workers = (\d+)", configuration, re.MULTILINE)
    (threads,) = re.findall(r"^threads = (\d+)", configuration, re.MULTILINE)
    page = (_PAGES / "scale-out.md").read_text(encoding="utf-8")
    commands = re.findall(r"--workers (\d+) --(?:blocking-)?threads (\d+)", page)
    commands += re.findall(r"processes = (\d+)\nthreads = (\d+)", page)
    assert len(commands) == 3
    machines = len(re.findall(r"server 10\.0\.0\.\d+:8000;", page))

    of_each = [int(processes) * int(each) * 2 * machines for processes, each in commands]
    of_each.append(int(workers) * int(threads) * 2)
    spare = 10
    assert all(needed + spare <= _USUAL_CONNECTIONS - 3 for needed in of_each)


def test_servers_listen_where_the_proxy_asks() -> None:
    page = (_PAGES / "scale-out.md").read_text(encoding="utf-8")
    asked = re.findall(r"server (10\.0\.0\.\d+):(\d+);", page)
    listening = re.findall(r"(?:--bind|http-socket =) (\S+):(\d+)", page)
    listening += re.findall(r"--host (\S+) --port (\d+) pypi_repo", page)
    assert len(listening) == 3
    assert set(listening) <= set(asked)


def test_all_pages_let_the_same_size_through() -> None:
    sizes = {
        size
        for page in _PAGES.glob("*.md")
        for size in re.findall(r"client_max_body_size (\w+)", page.read_text(encoding="utf-8"))
    }
    assert sizes == {"4112m"}


def test_an_upgrade_restarts_units_that_there_are() -> None:
    page = (_PAGES / "upgrade.md").read_text(encoding="utf-8")
    restarted = set(re.findall(r"systemctl restart (\S+)", page))
    assert restarted == {"pypi-repo", "pypi-repo-serve"}
    assert all((DEPLOY / f"{name}.service").is_file() for name in restarted)


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(placed(name, {}))
    return parser


def assert_gunicorn_takes(arguments: list[str]) -> None:
    """With the configuration of examples/deploy in its place."""
    place = "/etc/pypi-repo/gunicorn.conf.py"
    given = [str(DEPLOY / "gunicorn.conf.py") if each == place else each for each in arguments]
    assert given != arguments
    assert given[-1] == APPLICATION
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", *given[:-1], "json:loads"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_variables_are_known(environment: dict[str, str]) -> None:
    compose = yaml.safe_load(placed("compose.yaml", {}))
    named = {*environment, *compose["services"]["registry"]["environment"]}
    ours = {name for name in named if name.startswith("PYPI_REPO_")}
    assert ours
    assert ours <= known_variables()
    assert {name for name in named - ours if not name.startswith("AWS_")} == set()


def known_variables() -> set[str]:
    of_options = {str(option.envvar) for option in serve.params if isinstance(option, click.Option)}
    return of_options | set(re.findall(r"PYPI_REPO_\w+", from_mapping.__doc__ or ""))


def test_compose_commands_can_be_run() -> None:
    services = yaml.safe_load(placed("compose.yaml", {}))["services"]
    program, *arguments = shlex.split(services["registry"]["command"])
    assert program == "gunicorn"
    assert_gunicorn_takes(arguments)
    for name in ("upgrade", "upkeep"):
        program, *arguments = shlex.split(services[name]["command"])
        assert program == "pypi-repo"
        main.main([*arguments, "--help"], standalone_mode=False)
    for service in services.values():
        assert "image" in service or "dockerfile_inline" in service["build"]
        for copied in copied_by(service):
            is_package = copied in ("pypi_repo", "migrations")  # these tests run without it too
            assert is_package or (DEPLOY.parent.parent / copied).exists(), copied
        assert set(service.get("depends_on", {})) <= set(services)


def copied_by(service: dict[str, Any]) -> list[str]:
    """What the image of a service is made of: paths in this project's folder."""
    build = service.get("build")
    if build is None:
        return []
    assert (DEPLOY / build["context"]).resolve() == DEPLOY.parent.parent.resolve()
    lines = build["dockerfile_inline"].splitlines()
    return [path for line in lines if line.startswith("COPY ") for path in line.split()[1:-1]]


def test_compose_asks_the_readiness(deployment: Deployment) -> None:
    compose: dict[str, Any] = yaml.safe_load(placed("compose.yaml", {}))
    kind, _python, *arguments = compose["services"]["registry"]["healthcheck"]["test"]
    assert kind == "CMD"
    moved = [each.replace("http://127.0.0.1:8080", deployment.gunicorn.url) for each in arguments]
    assert moved != arguments
    subprocess.run([sys.executable, *moved], check=True)


def test_prometheus_sends_the_token() -> None:
    (job,) = yaml.safe_load(placed("prometheus.yml", {}))["scrape_configs"]
    assert set(job["authorization"]) == {"credentials_file"}  # its type is Bearer by default
    assert job.get("metrics_path", "/metrics") == "/metrics"
    ((target,),) = (each["targets"] for each in job["static_configs"])
    site = placed("nginx.conf", {})
    name, port = target.split(":")
    assert job["scheme"] == "https"
    assert f"server_name {name};" in site
    assert f"listen {port} ssl;" in site
    (place,) = re.findall(r"location = /metrics \{(.*?)\}", site, re.DOTALL)
    assert "proxy_pass http://pypi_repo;" in place


def test_alerts_and_panels_ask_for_numbers_that_there_are() -> None:
    settings = Settings(database="sqlite://", metrics_token=TOKEN)
    with Registry(settings) as registry:
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create("main", public=True, public_sources=True)
        url = f"http://127.0.0.1:{free_port()}/simple/"
        operator.upstreams.create("down", url=url, allow_http=True, allow_private_network=True)
        operator.sources.set_sources("main", ["upstream:down"])
        registry.chores.run_due()
        client = Client(registry.wsgi_app())
        client.get("/nothing")
        assert client.get("/repositories/main/simple/demo/").status_code == 502
        found = samples(client.get("/metrics", headers=bearer(TOKEN)).text)
    names = {name.partition("{")[0] for name in found}
    alerts = placed("alerts.yml", {})
    page = DEPLOY.parents[1] / "docs" / "how-to" / "monitor.md"
    assert 'pypi_repo_upstream_pages_total{upstream="down",result="failed"}' in found
    (panels,) = (block.text for block in blocks(page) if block.language == "text")
    for text in (alerts, panels):
        asked = set(re.findall(r"pypi_repo_\w+", text))
        assert asked
        assert asked <= names
    (group,) = yaml.safe_load(alerts)["groups"]
    assert all({"alert", "expr", "annotations"} <= set(rule) for rule in group["rules"])
    codes = re.findall(r'code=~?"([^"]+)"', alerts)
    for code in "|".join(codes).split("|"):
        assert f'pypi_repo_refusals_total{{code="{code}"}}' in found  # with 0, to grow from


def test_prometheus_takes_configuration_and_numbers(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    (tmp_path / "token").touch()
    place = {"/etc/prometheus/pypi-repo-metrics-token": tmp_path / "token"}
    (tmp_path / "prometheus.yml").write_text(placed("prometheus.yml", place))
    (tmp_path / "alerts.yml").write_text(placed("alerts.yml", {}))
    subprocess.run([program, "check", "config", tmp_path / "prometheus.yml"], check=True)
    settings = Settings(database="sqlite://", metrics_token=TOKEN)
    with Registry(settings) as registry:
        client = Client(registry.wsgi_app())
        client.get("/repositories/main/simple/")
        numbers = client.get("/metrics", headers=bearer(TOKEN)).data
    done = subprocess.run(
        [program, "check", "metrics"], input=numbers, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
