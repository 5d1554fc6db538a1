"""I4: clients install from the new server while packages move there, and no installation fails.

As docs/how-to/move-here.md says it: the old server is a source while the import runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.services.importing.sources.opening import SourceAccess
from tests.cli.conftest import CommandLine
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import prepare_folder
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.devpi import DevpiServer
from tests.support.distributions import sdist, wheel
from tests.support.other_servers import Programs, pypiserver
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream, Reader
from tests.support.waiting import until

NAMES = ["alpha", "beta.two", "gamma", "delta"]
FILES = [
    file
    for name in NAMES
    for file in (wheel(name, "1.0"), sdist(name, "1.0"), wheel(name, "2.0", build="1"))
]
NO_RETRIES = {"UV_HTTP_RETRIES": "0"}
PINNED = ["alpha==1.0", "beta.two", "gamma==1.0", "delta==2.0"]


@dataclass(frozen=True)
class Old:
    """The server before.

    index: the URL of its simple index.
    source: what is imported from.
    password: that of its user `team`, where it asks for one.
    """

    index: str
    source: str
    password: str | None = None


OldServer = Callable[[Programs, Path], AbstractContextManager[Old]]


@contextmanager
def old_pypiserver(programs: Programs, folder: Path) -> Iterator[Old]:
    server, url = pypiserver(programs, folder, FILES)
    with server:
        yield Old(url, url, "secret")


@contextmanager
def old_devpi(programs: Programs, folder: Path) -> Iterator[Old]:
    """Half of the files are in an index from which the other inherits."""
    with DevpiServer(programs, folder / "devpi") as server:
        server.user("team")
        server.index("team/base")
        server.index("team/stage", bases=["team/base"])
        server.upload("team/base", *FILES[::2])
        server.upload("team/stage", *FILES[1::2])
        place = f"{server.url}/team/stage"
        yield Old(f"{place}/+simple/", f"devpi+{place}")


@contextmanager
def old_registry(_programs: Programs, _folder: Path) -> Iterator[Old]:
    upstream = LiveUpstream()
    for file in FILES:
        upstream.add(file)
    yield Old(upstream.url, upstream.url)
    upstream.close()


@dataclass
class Installing:
    """Installs the same packages over and over, in a thread.

    install: the command, which ends with status 0 if it has worked.
    turns: how often it has worked.
    failures: what it has printed where it has failed.
    """

    install: Callable[[], str | None]
    turns: int = 0
    failures: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._go_on)
        thread.start()
        return thread

    def stop(self) -> None:
        self._is_over.set()

    def _go_on(self) -> None:
        while not self._is_over.is_set() and not self.failures:
            failure = self.install()
            if failure is None:
                self.turns += 1
            else:
                self.failures.append(failure)


def with_pip(site: Addresses, folder: Path) -> Installing:
    clients = Clients(folder / "pip")

    def install() -> str | None:
        options = ["--no-cache-dir", "--no-deps", "--upgrade", "--only-binary", ":all:"]
        options += ["--retries", "0"]
        index = ["--target", str(folder / "by-pip"), "--index-url", site.index()]
        python = Path(sys.executable)
        done = clients.pip(python, "install", *options, *index, *PINNED, check=False)
        return done.text if done.returncode else None

    return Installing(install)


def with_uv(site: Addresses, folder: Path) -> Installing:
    clients = Clients(folder / "uv")

    def install() -> str | None:
        options = ["--no-cache", "--no-deps", "--reinstall", "--python", sys.executable]
        index = ["--target", str(folder / "by-uv"), "--index-url", site.index()]
        done = clients.uv("pip", "install", *options, *index, *PINNED, check=False, env=NO_RETRIES)
        return done.text if done.returncode else None

    return Installing(install)


@contextmanager
def all_the_time(installing: list[Installing]) -> Iterator[Callable[[], None]]:
    """Yields what waits until each of them has installed everything anew, at least once."""

    def wait() -> None:
        before = [each.turns for each in installing]
        # The one that is under way now does not count: it may have begun before.
        assert until(
            lambda: all(
                each.turns >= turns + 2 or each.failures
                for each, turns in zip(installing, before, strict=True)
            ),
            seconds=4 * 120,  # as long as so many programs may take
        )

    threads = [each.start() for each in installing]
    try:
        yield wait
    finally:
        for each in installing:
            each.stop()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("old_server", [old_pypiserver, old_devpi, old_registry])
def test_no_installation_fails(
    old_server: OldServer, programs: Programs, clients: Clients, tmp_path: Path
) -> None:
    prepared = prepare_folder(tmp_path / "data")
    command = CommandLine(tmp_path / "data")
    newer = wheel("alpha", "3.0")
    with prepared.start() as server, ExitStack() as stack:
        site = Addresses(server.url, USER, PASSWORD)
        old = stack.enter_context(old_server(programs, tmp_path / "old"))
        how = ["--allow-http", "--allow-private-network"]
        if old.password is not None:
            how += ["--username", "team", "--password-stdin"]
        stdin = old.password or ""
        command.ok("upstream", "create", "old", old.index, *how, stdin=stdin)
        command.ok("repository", "set", "main", "--source", "upstream:old", "--merge", "*")
        installing = [with_pip(site, tmp_path), with_uv(site, tmp_path)]
        import_ = ["import", "main", old.source, *how]
        with all_the_time(installing) as wait:
            # From now on the repository has a part of the project, and the old server the rest.
            clients.publish_with_twine(*site.target(), newer.save(tmp_path))
            wait()
            some = tmp_path / "some"
            some.write_text("alpha\nbeta-*\n")
            command.ok(*import_, "--projects", str(some), stdin=stdin)
            wait()
            command.ok(*import_, stdin=stdin)
            again = command.ok(*import_, stdin=stdin)
            command.ok("repository", "set", "main", "--no-sources", "--no-merged")
            command.ok("upstream", "delete", "old", "--yes")
            stack.close()  # the old server ends
            wait()

    assert [each.failures for each in installing] == [[], []]
    assert again.startswith("Imported 0 files")
    assert f"{len(FILES)} were here already" in again
    with prepared.registry() as registry:
        projects = registry.acting_as(OPERATOR).projects
        here = [file for name in NAMES for file in projects.get("main", name)[1]]
    assert {file.filename: file.digests.sha256 for file in here} == {
        file.filename: file.sha256 for file in [*FILES, newer]
    }


def test_the_public_index_adds_nothing_to_what_moves_here(registry: Registry) -> None:
    """In a repository in front, what the new and the old server have comes before the rest."""
    old, public = LiveUpstream(), LiveUpstream()
    old.add(wheel("demo", "1.0"))
    for file in (wheel("demo", "99.0"), wheel("requests", "2.0")):
        public.add(file)
    old.create_on(registry, "old")
    public.create_on(registry, "public")
    upload(registry, wheel("demo", "2.0"), "main")
    operator = registry.acting_as(OPERATOR)
    operator.sources.configure("main", sources=["upstream:old"], merged=["*"])
    operator.repositories.create("all", accepts_uploads=False)
    operator.sources.set_sources("all", ["repository:main", "upstream:public"])
    reader = Reader(registry, "all")
    found = {name: reader.get(f"/simple/{name}/").json for name in ("demo", "requests")}
    old.close()
    public.close()

    assert {name: page and set(page["versions"]) for name, page in found.items()} == {
        "demo": {"1.0", "2.0"},
        "requests": {"2.0"},
    }


def test_who_has_read_a_page_before_gets_its_files_after(registry: Registry) -> None:
    """The URL of a file is the same, whether it comes from the old server or is here."""
    old = LiveUpstream()
    old.add(wheel())
    old.create_on(registry, "old")
    operator = registry.acting_as(OPERATOR)
    operator.sources.configure("main", sources=["upstream:old"], merged=["*"])
    reader = Reader(registry)
    (before,) = reader.get("/simple/demo/").get_json()["files"]
    access = SourceAccess(allow_http=True, allow_private_network=True)
    operator.imports.run("main", operator.imports.source(old.url, access))
    operator.sources.configure("main", sources=[], merged=[])
    old.close()
    (after,) = reader.get("/simple/demo/").get_json()["files"]

    assert after["url"] == before["url"]
    assert reader.get(before["url"].removeprefix("../..")).data == wheel().content
