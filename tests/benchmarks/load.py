"""Load on a server of this machine: many requests at once, from a process of its own."""

from __future__ import annotations

import http.client
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.client import Form, head, post
from tests.benchmarks.hammer import Job, Run
from tests.support.processes import ServerProcess

_ROOT = Path(__file__).parents[2]
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Target:
    """One URL of a server, and how it is asked."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch(server: ServerProcess, target: Target) -> bytes:
    """What it answers now. Raises RuntimeError where that is not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", target.path, headers=dict(target.headers))
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{target.path} answered {response.status}: {body[:200]!r}")
    return body


def read(server: ServerProcess, target: Target, connections: int, seconds: float) -> Run:
    """As many answers as that many clients get in this time, once they are under way."""
    request = head("GET", target.path, target.headers)
    return _hammer(Job(server.port, [[request]] * connections, 200, seconds, server.process.pid))


def read_once(server: ServerProcess, target: Target, clients: int) -> Run:
    """So many clients ask at once, each one time."""
    request = head("GET", target.path, target.headers)
    return _hammer(Job(server.port, [[request]] * clients, 200, None, server.process.pid))


def upload(
    server: ServerProcess, target: Target, forms_of_clients: Sequence[Sequence[Form]]
) -> Run:
    """Each client sends its forms one after another, and all clients do so at once."""
    requests = [
        [post(target.path, target.headers, form) + form.start for form in forms]
        for forms in forms_of_clients
    ]
    return _hammer(Job(server.port, requests, 200, None, server.process.pid))


def put(server: ServerProcess, paths_of_clients: Sequence[Sequence[str]], content: bytes) -> Run:
    """The same, with files that are sent as they are."""
    length = {"Content-Length": str(len(content))}
    requests = [
        [head("PUT", path, length) + content for path in paths] for paths in paths_of_clients
    ]
    return _hammer(Job(server.port, requests, 201, None, server.process.pid))


def _hammer(job: Job) -> Run:
    command = [sys.executable, "-c", "from tests.benchmarks.hammer import main; main()"]
    done = subprocess.run(
        command, input=pickle.dumps(job), capture_output=True, check=False, cwd=_ROOT
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    run: Run = pickle.loads(done.stdout)
    return run
