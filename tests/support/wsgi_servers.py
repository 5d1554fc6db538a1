"""The WSGI servers of docs/how-to/scale-out.md, started with the very lines of that page."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from tests.support.processes import ServerProcess, free_port

ServerName = Literal["gunicorn", "granian", "uwsgi"]
SERVERS: tuple[ServerName, ...] = ("gunicorn", "granian", "uwsgi")

# Told to stop before its workers are ready, granian or uWSGI waits for them for ever.
_READY = {
    "gunicorn": "Booting worker with pid",
    "granian": "Started worker-",
    "uwsgi": "WSGI app 0 (mountpoint='') ready",
}
_MISSED = 10  # seconds until granian ends a worker that missed the signal; counts are written in 5
_REGISTRY = "pypi_repo.wsgi:application"
_MACHINE = "10.0.0.11"
_PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scale-out.md"


def blocks(language: str) -> list[str]:
    """The page's blocks of code in this language."""
    found: list[str] = re.findall(
        rf"^```{language}\n(.*?)^```$", _PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return found


class WsgiServer(ServerProcess):
    """`pypi_repo.wsgi:application` on one of the servers; comes back once its workers serve.

    registry: the PYPI_REPO_ variables.
    folder: where it runs, and where uWSGI's configuration is written.
    threads: of each worker, except under uWSGI.
    more: options beside those of the page.
    application: another one than the registry.
    """

    def __init__(
        self,
        name: ServerName,
        folder: Path,
        registry: Mapping[str, str],
        *,
        workers: int = 2,
        threads: int = 8,
        more: Sequence[str] = (),
        application: str = _REGISTRY,
    ) -> None:
        port = free_port()
        command = (
            _from_ini(folder, port, workers)
            if name == "uwsgi"
            else _line(name, port, workers, threads)
        )
        command = [application if word == _REGISTRY else word for word in command]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYPI_REPO_")}
        program = str(Path(sys.executable).with_name(command[0]))
        super().__init__(
            [program, *more, *command[1:]], port, env={**inherited, **registry}, cwd=folder
        )
        try:
            self._wait_until_ready(_READY[name], workers)
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self, sign: str, workers: int) -> None:
        deadline = time.monotonic() + 120
        while self.output.count(sign) < workers:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended early:\n{self.output}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all workers were ready in time:\n{self.output}")
            time.sleep(0.02)


def nginx_site(port: int, upstreams: Iterable[int]) -> str:
    """The page's site, on this port, before the servers on these."""
    (site,) = blocks("nginx")
    machines = "    server 10.0.0.11:8000;\n    server 10.0.0.12:8000;\n"
    servers = "".join(f"    server 127.0.0.1:{upstream};\n" for upstream in upstreams)
    return _replaced(_replaced(site, machines, servers), "listen 80;", f"listen 127.0.0.1:{port};")


def _line(name: str, port: int, workers: int, threads: int) -> list[str]:
    lines = "".join(blocks("console")).splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name} "))
    line = _replaced(line, "--workers 2", f"--workers {workers}")
    line = _replaced(line, "threads 8", f"threads {threads}")
    line = _replaced(line, _MACHINE, "127.0.0.1")
    line = line.replace("--workers-kill-timeout 300", f"--workers-kill-timeout {_MISSED}")
    return _replaced(line, "8000", str(port)).split()


def _from_ini(folder: Path, port: int, workers: int) -> list[str]:
    (ini,) = blocks("ini")
    ini = _replaced(ini, "processes = 2", f"processes = {workers}")
    path = folder / f"uwsgi-{port}.ini"
    path.write_text(_replaced(ini, f"{_MACHINE}:8000", f"127.0.0.1:{port}"))
    return ["uwsgi", "--ini", str(path)]


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, (old, text)
    return text.replace(old, new)
