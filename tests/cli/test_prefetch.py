"""pypi-repo upstream prefetch ... (O1)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import sdist, wheel
from tests.support.http import basic
from tests.support.live import LiveServer
from tests.support.upstreams import LiveUpstream
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LOCAL = ("--allow-http", "--allow-private-network", "--no-file-hosts")
PREFETCH = ("upstream", "prefetch", "public", "--requirements")


@pytest.fixture
def live() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    for distribution in (
        *(wheel("demo", "1.0"), wheel("demo", "2.0"), sdist("demo", "2.0")),
        *(wheel("other", "1.0"), wheel("spare", "1.0")),
    ):
        upstream.add(distribution)
    yield upstream
    upstream.close()


@pytest.fixture
def reading(main_cli: CommandLine, live: LiveUpstream) -> CommandLine:
    """Whose repository `main` has the upstream `public` among its sources."""
    main_cli.ok("upstream", "create", "public", live.url, *LOCAL)
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    return main_cli


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("demo<3\nother==1.0\n")
    return path


def files_of(live: LiveUpstream) -> list[str]:
    """The files that were asked for so far, each as often as it was, without what is beside."""
    return sorted(name for name in live.files_asked() if name.endswith((".whl", ".gz")))


def test_a_list_of_requirements(
    reading: CommandLine, live: LiveUpstream, requirements: Path
) -> None:
    said = reading.ok(*PREFETCH, str(requirements))
    fetched = files_of(live)
    again = reading.ok(*PREFETCH, str(requirements))

    names = [each.filename for each in (wheel("demo", "2.0"), sdist("demo", "2.0"))]
    assert fetched == sorted([*names, wheel("other", "1.0").filename])
    assert said.startswith("Fetched 3 files (")
    assert said.endswith(" from public; 0 were here already.\n")
    assert again == "Fetched 0 files (0 bytes) from public; 3 were here already.\n"
    assert files_of(live) == fetched, "nothing is fetched twice"


def test_what_was_fetched_can_be_installed_offline(
    reading: CommandLine, live: LiveUpstream, index: Index, requirements: Path
) -> None:
    """O2."""
    reading.ok(*PREFETCH, str(requirements))
    reading.ok("upstream", "set", "public", "--offline")
    asked = len(live.asked)
    headers = basic("ada", PASSWORD)
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    place = "/repositories/main/simple/demo/"
    page = index.client.get(place, headers={**headers, **accept})
    (file,) = (
        each
        for each in page.get_json()["files"]
        if each["filename"] == wheel("demo", "2.0").filename
    )
    url = urljoin(place, file["url"])
    metadata = index.client.get(f"{url}.metadata", headers=headers)
    with index.client.get(url, headers=headers) as response:
        assert response.status_code == 200
        assert response.data == wheel("demo", "2.0").content

    assert metadata.status_code == 200
    assert len(live.asked) == asked
    index.registry.close()  # which writes what was counted
    shown = reading.json("upstream", "show", "public")
    assert (shown["cached_files"], shown["hit_rate"]) == (3, 1.0)


def test_a_lock_and_what_can_be_installed(
    reading: CommandLine, live: LiveUpstream, tmp_path: Path
) -> None:
    lock = tmp_path / "pylock.toml"
    lock.write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "demo"\nversion = "2.0"\n'
        f'sdist = {{name = "{sdist("demo", "2.0").filename}"}}\n'
        f'wheels = [{{name = "{wheel("demo", "2.0").filename}"}}]\n'
        '[[packages]]\nname = "from-git"\n[packages.vcs]\ntype = "git"\n'
    )
    restricted = ("--python", "3.12", "--platform", "win_amd64")
    one = reading.run(*PREFETCH, str(lock), *restricted)
    both = reading.ok(*PREFETCH, str(lock))

    assert one.exit_code == 0
    assert one.stdout.startswith("Fetched 1 file (")
    assert one.stderr == "Left out, because it comes from no index: from-git\n"
    assert both.startswith("Fetched 1 file (")
    assert both.endswith("; 1 was here already.\n")
    assert files_of(live) == sorted(
        each.filename for each in (wheel("demo", "2.0"), sdist("demo", "2.0"))
    )


def test_names_that_the_upstream_must_not_learn(
    reading: CommandLine, live: LiveUpstream, index: Index, tmp_path: Path
) -> None:
    """What a repository has, keeps, reserves, or gets from an earlier source."""
    reading.ok("repository", "create", "base")
    reading.ok("repository", "create", "above")
    for name, repository in (("own", "main"), ("deleted", "main"), ("based", "base")):
        reading.ok("repository", "set", repository, "--reserve", name)
        assert index.upload(wheel(name, "1.0"), "ada", PASSWORD, repository) == 200
        reading.ok("repository", "set", repository, "--no-reserved")
    reading.ok("project", "delete", "main", "deleted", "--yes")
    reading.ok(
        *("repository", "set", "main", "--reserve", "acme-*"),
        *("--source", "repository:base", "--source", "upstream:public"),
    )
    reading.ok("repository", "set", "above", "--source", "repository:main", "--reserve", "secret-*")
    ours = ["own", "deleted", "acme-x", "based", "secret-x"]
    (tmp_path / "requirements.txt").write_text("\n".join([*ours, "demo"]))
    live.asked.clear()
    result = reading.run(*PREFETCH, str(tmp_path / "requirements.txt"))

    assert result.exit_code == 0, result.output
    assert set(live.pages_asked()) == {"demo"}
    for name in ours:
        assert f"does not come from upstream public: {name}\n" in result.stderr


def test_what_fails_does_not_stop_the_rest(
    reading: CommandLine, live: LiveUpstream, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("absent==1\ndemo==9\nother\n")
    result = reading.run(*PREFETCH, str(tmp_path / "requirements.txt"))

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "absent: the upstream has no file that is wanted." in result.stderr
    assert "demo: the upstream has no file that is wanted." in result.stderr
    assert "Not everything was fetched from public, but 1 file (" in result.stderr
    assert files_of(live) == [wheel("other", "1.0").filename]


def test_files_that_are_too_young_are_not_the_newest(
    reading: CommandLine, live: LiveUpstream, requirements: Path
) -> None:
    reading.ok("upstream", "set", "public", "--cooldown", "3d", "--cooldown-mode", "enforce")
    result = reading.run(*PREFETCH, str(requirements))

    assert "demo: the upstream has no file that is wanted." in result.stderr
    assert files_of(live) == []


def test_an_upstream_that_does_not_answer(
    reading: CommandLine, live: LiveUpstream, requirements: Path
) -> None:
    live.broken = "503 Service Unavailable"
    result = reading.run(*PREFETCH, str(requirements))

    assert result.exit_code == 1
    assert "demo: " in result.stderr
    assert "but 0 files" in result.stderr
    reading.ok("upstream", "set", "public", "--offline")
    assert "is offline" in reading.refused(*PREFETCH, str(requirements))


def test_wrong_usage(reading: CommandLine, requirements: Path, tmp_path: Path) -> None:
    assert "--requirements" in reading.misused("upstream", "prefetch", "public")
    assert "does not exist" in reading.misused(*PREFETCH, "absent.txt")
    assert "like 3.12" in reading.refused(*PREFETCH, str(requirements), "--python", "cp312")
    assert "no upstream 'absent'" in reading.refused(
        "upstream", "prefetch", "absent", "--requirements", str(requirements)
    )
    (tmp_path / "uv.lock").write_text("[project]\n")
    assert "lock file" in reading.refused(*PREFETCH, str(tmp_path / "uv.lock"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as text" in reading.refused(*PREFETCH, str(tmp_path / "binary.txt"))
    requirements.write_text("-r absent.txt\n")
    assert "cannot be read as text" in reading.refused(*PREFETCH, str(requirements))


GO_ON = "Error: Interrupted; the same command goes on where it was.\n"


class _Halfway:
    """In front of an upstream: sends the beginning of the large file, and then nothing more.

    arrived: set when the beginning was sent.
    asked_from: the Range headers with which the file was asked for.
    """

    def __init__(self, live: LiveUpstream, beginning: int) -> None:
        self._app, self._beginning = live.registry.wsgi_app(), beginning
        self.arrived, self.goes_on = Event(), Event()
        self.asked_from: list[str] = []
        self._server = LiveServer(self._answer)
        self.url = f"{self._server.url}/repositories/public/simple/"

    def close(self) -> None:
        self.goes_on.set()
        self._server.close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._app(environ, start_response)
        if not environ["PATH_INFO"].endswith(LARGE.filename):
            return answer
        self.asked_from.append(environ.get("HTTP_RANGE", ""))
        return answer if self.goes_on.is_set() else self._beginning_of(b"".join(answer))

    def _beginning_of(self, content: bytes) -> Iterator[bytes]:
        yield content[: self._beginning]
        self.arrived.set()
        self.goes_on.wait(60)


LARGE = wheel("large", "1.0", padding=2_000_000)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_prefetch_goes_on_where_it_was(
    number: signal.Signals, main_cli: CommandLine, live: LiveUpstream, tmp_path: Path
) -> None:
    live.add(LARGE)
    (tmp_path / "requirements.txt").write_text("other\nlarge\n")
    halfway = _Halfway(live, 1_000_000)
    main_cli.ok("upstream", "create", "public", halfway.url, *LOCAL)
    command = [*PREFETCH, str(tmp_path / "requirements.txt"), "--data", str(main_cli.data)]
    with subprocess.Popen(
        [sys.executable, "-m", "pypi_repo", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert halfway.arrived.wait(60)
        wait_until(
            lambda: any(part.stat().st_size > 500_000 for part in main_cli.data.rglob("*.part"))
        )
        wait_until(lambda: main_cli.json("upstream", "show", "public")["cached_files"] == 1)
        process.send_signal(number)
        written = process.communicate(timeout=60)
    halfway.goes_on.set()
    said = main_cli.ok(*command[:-2])
    halfway.close()

    killed = number is signal.SIGKILL
    assert process.returncode == (-number if killed else 1)
    assert written == ("", "" if killed else GO_ON)
    first, second = halfway.asked_from
    assert (first, second[:6]) == ("", "bytes=")
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 500_000
    assert said.endswith("; 1 was here already.\n")
    assert main_cli.ok("upkeep", "verify").startswith("All files are")
