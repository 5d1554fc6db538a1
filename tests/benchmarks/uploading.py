"""Uploads of small files, beside servers that do less: pypiserver, nginx, our own without index."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from tests.benchmarks import disk, forms, load
from tests.benchmarks.hammer import Run
from tests.benchmarks.installation import SMALL_FILE, Installation
from tests.benchmarks.load import Target
from tests.benchmarks.measuring import Median, Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.support.nginx import NginxServer
from tests.support.processes import ServerProcess, free_port

_CLIENTS = (1, 4)
_SERVE = "`serve`"
_WANTED = 300  # a second, one client
_PYPISERVER = "pypiserver==2.4.2"

_labels = count()
_Send = Callable[[int, int], Run]  # that many files, from that many clients


def measure(installation: Installation, folder: Path, plan: Plan) -> Findings:
    """All store on the disk of `folder`."""
    with ExitStack() as stack:
        subjects: dict[str, _Send] = {
            _SERVE: _forms_to(installation.server, installation.upload),
            "the same server: a form, no checks, two files synced, one row": _forms_to(
                stack.enter_context(_bare(folder)), Target("/")
            ),
            "pypiserver: no index, no sync": _forms_to(
                stack.enter_context(_pypiserver(folder)), Target("/"), at_most=100
            ),
            "nginx, PUT: no form, no index, no sync": _files_to(
                stack.enter_context(nginx_that_stores(folder))
            ),
        }
        for send in subjects.values():
            send(40, max(_CLIENTS))
        runs = in_turns(
            plan.rounds,
            {
                (name, clients): functools.partial(send, plan.uploads, clients)
                for clients in _CLIENTS
                for name, send in subjects.items()
            },
        )
    medians = {subject: Median.of(found) for subject, found in runs.items()}
    rows = [[name, *(str(medians[name, clients]) for clients in _CLIENTS)] for name in subjects]
    floor = disk.durable_writes_per_second(folder, SMALL_FILE, plan.seconds)
    rows.append(["the disk alone: a file synced, a commit", f"{floor:,.0f}/s", ""])
    one, four = (medians[_SERVE, clients].rate for clients in _CLIENTS)
    return Findings(
        [Table(["uploads of 20 kB", "one client", "four clients"], rows)],
        [
            Goal("uploads of 20 kB, one client", "at least", _WANTED, {"": one}, "/s"),
            Goal("the same, four clients beside one", "at least", 2, {"": four / one}),
        ],
    )


def _forms_to(server: ServerProcess, target: Target, at_most: int = sys.maxsize) -> _Send:
    """at_most: files at a time, for a server that slows down with each that it has."""

    def send(files: int, clients: int) -> Run:
        wheels = forms.small_wheels(f"upload-{next(_labels)}", min(files, at_most), SMALL_FILE)
        return load.upload(server, target, [wheels[n::clients] for n in range(clients)])

    return send


def _files_to(server: ServerProcess) -> _Send:
    def send(files: int, clients: int) -> Run:
        paths = [f"/{next(_labels)}" for _ in range(files)]
        return load.put(server, [paths[n::clients] for n in range(clients)], bytes(SMALL_FILE))

    return send


@contextmanager
def _bare(folder: Path) -> Iterator[ServerProcess]:
    home, port = folder / "bare", free_port()
    home.mkdir()
    command = [sys.executable, "-m", "tests.benchmarks.bare_uploads", str(home), str(port)]
    with ServerProcess(command, port, cwd=Path(__file__).parents[2]) as server:
        yield server


@contextmanager
def _pypiserver(folder: Path) -> Iterator[ServerProcess]:
    environment, packages, port = folder / "pypiserver", folder / "packages", free_port()
    packages.mkdir()
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", _PYPISERVER]
    subprocess.run(pip, check=True, capture_output=True)
    options = ["--interface", "127.0.0.1", "--port", str(port), "-P", ".", "-a", "."]
    command = [str(environment / "bin" / "pypi-server"), "run", *options, str(packages)]
    with ServerProcess(command, port) as server:
        yield server


@contextmanager
def nginx_that_stores(folder: Path) -> Iterator[ServerProcess]:
    home, port = folder / "nginx-put", free_port()
    (home / "files").mkdir(parents=True)
    site = f"""
server {{
    listen 127.0.0.1:{port};
    root {home / "files"};
    client_max_body_size 0;
    location / {{ dav_methods PUT; }}
}}
"""
    with NginxServer(home, port, site) as server:
        yield server
