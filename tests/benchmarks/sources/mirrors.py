"""Other programs that mirror the same upstream, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.http import basic
from tests.support.processes import ServerProcess, free_port

_UV = str(Path(sys.executable).with_name("uv"))


@dataclass(frozen=True)
class Mirror:
    """A server, and the path of its simple index."""

    server: ServerProcess
    path: str

    @property
    def index_url(self) -> str:
        return f"{self.server.url}{self.path}"


def devpi(folder: Path, upstream: str) -> Mirror:
    """devpi-server with a mirror index."""
    programs = _programs(folder, "devpi-server")
    data = ["--serverdir", str(folder / "devpi")]
    subprocess.run(
        [programs / "devpi-init", *data, "--no-root-pypi"], check=True, capture_output=True
    )
    port = free_port()
    command = [str(programs / "devpi-server"), *data, "--port", str(port)]
    server = ServerProcess(command, port, start_timeout=120)
    settings = {"type": "mirror", "mirror_url": upstream, "mirror_no_project_list": True}
    headers = {"Content-Type": "application/json", **basic("root", "")}
    request = Request(
        f"{server.url}/root/mirror", json.dumps(settings).encode(), headers, method="PUT"
    )
    urlopen(request).close()
    return Mirror(server, "/root/mirror/+simple/")


def proxpi(folder: Path, upstream: str) -> Mirror:
    """proxpi under gunicorn, as in its container."""
    programs = _programs(folder, "proxpi", "gunicorn")
    port = free_port()
    command = [str(programs / "gunicorn"), "--preload", "--threads", "8"]
    environment = {**os.environ, "PROXPI_INDEX_URL": upstream, "PROXPI_LOGGING_LEVEL": "WARNING"}
    return Mirror(
        ServerProcess(
            [*command, "--bind", f"127.0.0.1:{port}", "proxpi.server:app"], port, env=environment
        ),
        "/index/",
    )


def simple_repository_server(folder: Path, upstream: str) -> Mirror:
    """simple-repository-server, which passes files on, and keeps nothing."""
    programs = _programs(folder, "simple-repository-server")
    port = free_port()
    command = [programs / "simple-repository-server", "--stream-http-resources"]
    return Mirror(
        ServerProcess([*map(str, command), "--port", str(port), upstream], port), "/simple/"
    )


MIRRORS: Mapping[str, Callable[[Path, str], Mirror]] = {
    "devpi-server": devpi,
    "proxpi": proxpi,
    "simple-repository-server": simple_repository_server,
}


def _programs(folder: Path, *requirements: str) -> Path:
    """The folder with the programs of what was installed."""
    place = folder / f"with-{requirements[0]}"
    if not place.exists():
        subprocess.run([_UV, "venv", "-q", "--python", sys.executable, place], check=True)
        subprocess.run([_UV, "pip", "install", "-q", "-p", place, *requirements], check=True)
    return place / "bin"
