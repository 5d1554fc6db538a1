"""The command `pypi-repo` for a shell that runs many: what it imports is loaded once.

A process that has loaded the commands forks for each of them. What the shell starts only hands its
arguments, folder, environment and open files over, and ends with the status of the fork.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import click

from tests.support.waiting import wait_until

_STANDARD_FILES = (0, 1, 2)
_LARGEST = 1 << 16  # of arguments and environment, in bytes

# On its own, because the support of the tests takes longer to load than this takes to run.
_ASK = """\
import json, os, socket, sys
about = {"arguments": sys.argv[2:], "folder": os.getcwd(), "environ": dict(os.environ)}
with socket.socket(socket.AF_UNIX) as commands:
    commands.connect(sys.argv[1])
    socket.send_fds(commands, [json.dumps(about).encode()], [0, 1, 2])
    status = commands.recv(1)
sys.exit(status[0] if status else "The command ended without a status.")
"""


class WarmCommands:
    """Runs while the block does; folder: a new one for its socket, with a short path."""

    def __init__(self, folder: Path) -> None:
        self._socket, self._ask = folder / "commands", folder / "ask.py"
        self._ask.write_text(_ASK)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._socket],
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )

    @property
    def script(self) -> str:
        """For a shell: one command. What runs until it is stopped is a process as always."""
        real = Path(sys.executable).with_name("pypi-repo")
        ask = f"exec {sys.executable} -I -S {self._ask} {self._socket}"
        return f'if [ "$1" = serve ]; then exec {real} "$@"; else {ask} "$@"; fi'

    def __enter__(self) -> Self:
        wait_until(self._socket.exists)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _listen(place: str) -> NoReturn:
    from pypi_repo.cli.main import main

    context = click.Context(main)
    for noun in main.list_commands(context):
        main.get_command(context, noun)  # loaded once, for all forks
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}.new")
        listener.listen()
        os.rename(f"{place}.new", place)
        while True:
            asking, _address = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(asking)
            asking.close()


def _answer(asking: socket.socket) -> NoReturn:
    from pypi_repo.cli.main import main

    about, files, *_ = socket.recv_fds(asking, _LARGEST, len(_STANDARD_FILES))
    for standard, given in zip(_STANDARD_FILES, files, strict=True):
        os.dup2(given, standard)
        os.close(given)
    told = json.loads(about)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environ"])
    try:
        main(told["arguments"], prog_name="pypi-repo")
    except SystemExit as end:
        sys.stdout.flush()
        asking.sendall(bytes([int(end.code or 0)]))
    os._exit(0)


if __name__ == "__main__":
    _listen(sys.argv[1])
