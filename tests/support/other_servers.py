"""Other people's index servers, each from the package index, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import bcrypt
import pytest

from tests.support.distributions import Distribution
from tests.support.processes import ServerProcess, free_port

_UNREACHABLE = ("error sending request", "dns error", "tcp connect", "operation timed out")

Built = tuple[ServerProcess, str]
"""A server that runs, and the URL of its simple index."""


class Programs:
    """Installs servers below `folder`, each once, also if the folder is kept for the next time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def program(self, name: str, *requirements: str) -> str:
        """The path of a program that comes with the first of the requirements."""
        place = self._folder / requirements[0]
        is_complete = place / "is-complete"
        if not is_complete.exists():
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(place))
            _uv("pip", "install", "--quiet", "--python", str(place), *requirements)
            is_complete.touch()
        return str(place / ("Scripts" if os.name == "nt" else "bin") / name)


def _uv(*args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", *args], capture_output=True, text=True, check=False
    )
    if done.returncode and any(words in done.stderr for words in _UNREACHABLE):
        pytest.skip(f"{args[-1]} comes from the package index, which this machine cannot reach")
    assert done.returncode == 0, done.stderr


def pypiserver(programs: Programs, folder: Path, files: Iterable[Distribution]) -> Built:
    """pypiserver, which wants `team` and `secret` for everything: HTML."""
    # It hashes a password of more than 72 bytes to try bcrypt, which newer ones refuse.
    program = programs.program("pypi-server", "pypiserver", "passlib", "bcrypt<4.1")
    for file in files:
        file.save(folder / "pypiserver")
    passwords = folder / "htpasswd"
    passwords.write_text(f"team:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    port = free_port()
    options = [
        "-p",
        str(port),
        "-i",
        "127.0.0.1",
        "-P",
        str(passwords),
        "-a",
        "update,list,download",
    ]
    command = [program, "run", *options, str(folder / "pypiserver")]
    server = ServerProcess(command, port)
    return server, f"{server.url}/simple/"


def simple_repository_server(
    programs: Programs, folder: Path, files: Iterable[Distribution]
) -> Built:
    """simple-repository-server, of a folder: JSON and HTML."""
    program = programs.program("simple-repository-server", "simple-repository-server")
    for file in files:
        file.save(folder / "folders" / file.name)
    port = free_port()
    server = ServerProcess([program, "--port", str(port), str(folder / "folders")], port)
    return server, f"{server.url}/simple/"


def dumb_pypi(programs: Programs, folder: Path, files: Sequence[Distribution]) -> None:
    """The static pages of dumb-pypi, and the files, below `folder`: HTML with relative links."""
    program = programs.program("dumb-pypi", "dumb-pypi")
    described = folder / "packages.json"
    with described.open("w") as lines:
        for file in files:
            file.save(folder / "static" / "pool")
            told = {"filename": file.filename, "hash": f"sha256={file.sha256}"}
            lines.write(json.dumps(told) + "\n")
    output = ["--output-dir", str(folder / "static"), "--packages-url", "../../pool/"]
    subprocess.run(
        [program, "--package-list-json", str(described), *output], check=True, capture_output=True
    )
