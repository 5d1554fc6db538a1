"""An empty folder becomes a registry that works by pasting what the start prints."""

import os
import re
import shlex
import stat
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from pypi_repo import OPERATOR
from pypi_repo.cli.serve import serve as serve_command
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.serve.conftest import Prepared, addresses, clean_environment, publisher_of
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.http import basic
from tests.support.live import ServeProcess
from tests.support.processes import ServerProcess, free_port
from tests.support.projects import pyproject_project

PLACES = r"The database is (\S+); the files are in (\S+)\.\n"
LISTENING = re.compile(r"Listening on (http://127\.0\.0\.1:\d+/) \(stop with Ctrl\+C\)\.\n")


def printed_lines(output: str, beginning: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(beginning)]


def test_what_is_printed_works_when_pasted(clients: Clients, tmp_path: Path) -> None:
    with ServeProcess("--data", tmp_path / "data", warm=False) as server:
        output = server.output
        pypirc = output[output.index("[distutils]") : output.index("and then run")]
        (clients.home / ".pypirc").write_text(pypirc)
        project = pyproject_project(clients.home / "project", "demo", "1.0")
        clients.build(project)

        def paste(line: str) -> None:
            """Into a shell, in the project's folder, with the clients on the path."""
            path = os.pathsep.join([str(Path(sys.executable).parent), clients.environment["PATH"]])
            clients.run("sh", "-c", line, cwd=project, env={"PATH": path})

        [twine] = printed_lines(output, "twine upload")
        paste(twine)
        wheel("other", "3.0").save(project / "dist")
        [uv_publish] = printed_lines(output, "uv publish")
        paste(uv_publish)
        python = clients.venv(clients.home / "fresh")
        [pip_install] = printed_lines(output, "pip install")
        clients.pip(python, *shlex.split(pip_install.replace("PROJECT", "demo"))[1:])
        [uv_install] = printed_lines(output, "uv pip install")
        paste(f"{uv_install.replace('PROJECT', 'other')} --python {python}")
        frozen = clients.uv("pip", "freeze", "--python", python)
        [create] = printed_lines(output, "pypi-repo upstream create")
        paste(create.replace("INDEX", "127.0.0.1:1"))
        paste(f"pypi-repo repository show main --data {tmp_path}/data | grep upstream:public")

    assert frozen.stdout == "demo==1.0\nother==3.0\n"


def test_the_first_start_makes_and_names_what_is_needed(tmp_path: Path) -> None:
    with ServeProcess("--data", tmp_path / "data") as server:
        output = server.output
        passwords = re.findall(r"(?:repository user +user|administrator +admin) +(\S+)\n", output)
        assert server.terminate() == 0

    assert LISTENING.search(output)
    assert "shown only now" in output
    assert re.search(r"repository +main +\(private, protected", output)
    assert len(set(passwords)) == 2
    assert all(len(password) >= 20 for password in passwords)
    database = tmp_path / "data" / "registry.db"
    assert passwords[0].encode() not in database.read_bytes()
    assert passwords[1].encode() not in database.read_bytes()


def test_it_says_where_everything_is(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    with ServeProcess("--data", "~/100%25/data", env=env, cwd=tmp_path) as server:
        database, files = re.findall(PLACES, server.output)[0]

    assert Path(database) == tmp_path / "100%25" / "data" / "registry.db"
    assert Path(files) == tmp_path / "100%25" / "data" / "blobs"
    assert Path(database).is_file()
    assert (tmp_path / "100%25" / "data" / "spool").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["100%25"]


def test_nobody_else_reads_the_database(tmp_path: Path) -> None:
    """Hashes of passwords and tokens are in it. What an older version made is closed too."""
    data = tmp_path / "data"
    with ServeProcess("--data", data) as server:
        urlopen(f"{server.url}/").close()  # which opens it
        first = permissions(data)
    for path in data.glob("registry.db*"):
        path.chmod(0o644)
    with ServeProcess("--data", data) as server:
        urlopen(f"{server.url}/").close()
        again = permissions(data)

    expected = {"registry.db": 0o600, "registry.db-shm": 0o600, "registry.db-wal": 0o600}
    assert first == again == {".": 0o700, "spool": 0o700, **expected}


def permissions(data: Path) -> dict[str, int]:
    return {
        str(path.relative_to(data)): stat.S_IMODE(path.stat().st_mode)
        for path in (data, *data.iterdir())
        if path.name != "blobs"
    }


def test_later_starts_print_only_where_the_server_listens(tmp_path: Path) -> None:
    with ServeProcess("--data", tmp_path / "data"):
        pass
    with ServeProcess("--data", tmp_path / "data") as second:
        output = second.output

    assert re.fullmatch(PLACES + LISTENING.pattern, output), output


def test_a_prepared_registry_gets_no_accounts_on_top(prepared: Prepared) -> None:
    with prepared.start() as server:
        output = server.output
    registry = prepared.registry()
    names = [user.name for user in registry.acting_as(OPERATOR).accounts.users()]
    registry.close()

    assert re.fullmatch(PLACES + LISTENING.pattern, output), output
    assert names == ["reader@example.com", "user@example.com"]


def test_the_environment_stands_for_options(tmp_path: Path, prepared: Prepared) -> None:
    port = free_port()
    given = {"PYPI_REPO_DATA": prepared.options[1], "PYPI_REPO_PORT": str(port)}
    command = [sys.executable, "-m", "pypi_repo.serve"]
    with (
        ServerProcess(command, port, env={**clean_environment(), **given}, cwd=tmp_path) as server,
        publisher_of(server) as publisher,
    ):
        assert publisher.upload(wheel("demo")).status == 200

    assert not (tmp_path / "pypi-repo-data").exists()


def test_the_port_is_not_what_kubernetes_says_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: for a Service called pypi-repo, it sets the variable in all containers."""
    monkeypatch.setenv("PYPI_REPO_PORT", "tcp://10.0.0.1:8080")

    assert serve_command.make_context("serve", []).params["port"] == 8080
    assert serve_command.make_context("serve", ["--port", "80"]).params["port"] == 80


def test_the_default_folder(tmp_path: Path) -> None:
    with ServeProcess(cwd=tmp_path) as server:
        assert "This is a new registry" in server.output

    assert (tmp_path / "pypi-repo-data" / "registry.db").is_file()


def test_largest_upload(prepared: Prepared, clients: Clients, tmp_path: Path) -> None:
    with ServeProcess(*prepared.options, "--max-upload-size", "1MiB") as server:
        small = wheel("small", padding=500_000).save(tmp_path)
        large = wheel("large", padding=2_000_000).save(tmp_path)
        target = addresses(server).target()
        clients.publish_with_twine(*target, small)
        refused = clients.publish_with_twine(*target, large, check=False)

    assert refused.returncode != 0
    assert "larger than the 1 MiB allowed here" in refused.text


@pytest.mark.parametrize(
    ("options", "secure"), [(["--trusted-proxy", "127.0.0.1"], True), ([], False)]
)
def test_the_word_of_a_trusted_proxy(options: list[str], secure: bool, prepared: Prepared) -> None:
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Host": "packages.example.com",
        "X-Forwarded-Prefix": "/pypi",
    }
    form = f"name={quote(ADMINISTRATOR)}&password={quote(PASSWORD)}".encode()
    with ServeProcess(*prepared.options, *options) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        headers = {**forwarded, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/portal/sign-in", form, headers)
        answer = connection.getresponse()
        assert answer.status == 303
        assert ("Secure" in answer.headers["Set-Cookie"]) is secure
        answer.read()
        headers = {**forwarded, **basic(USER, PASSWORD)}
        connection.request("GET", "/repositories/main/+connect", headers=headers)
        page = connection.getresponse().read().decode()
        assert ("https://packages.example.com/pypi/repositories/main/" in page) is secure
        connection.close()


def test_what_is_printed_for_all_addresses_can_be_pasted(tmp_path: Path) -> None:
    with ServeProcess("--data", tmp_path / "data", "--host", "*") as server:
        [url] = re.findall(r"repository = (http://\S+)repositories/main/\n", server.output)
        with urlopen(f"{url}healthz", timeout=120) as answer:
            assert answer.status == 200

    assert "0.0.0.0" not in server.output
    assert f"Listening on {url} and all IPv4" in server.output


def test_the_public_url_is_what_there_is_to_paste(tmp_path: Path) -> None:
    outer = "https://packages.example.com/pypi"
    with ServeProcess("--data", tmp_path / "data", "--public-url", outer) as server:
        output = server.output
        [(user, password)] = re.findall(r"username = (\S+)\npassword = (\S+)\n", output)
        asked = Request(f"{server.url}/repositories/main/+connect", headers=basic(user, password))
        with urlopen(asked, timeout=120) as answer:
            page = answer.read().decode()
    assert f"repository = {outer}/repositories/main/\n" in output
    assert "@packages.example.com/pypi/repositories/main/simple/ PROJECT\n" in output
    assert f"{outer}/portal/" in output
    assert f"{outer}/repositories/main/" in page
