"""`python -m pypi_repo` and its like, many times: what they import is loaded once.

A process that has loaded it listens on a socket, and forks for each program. Whoever starts one
hands its arguments, folder, environment and open files over, and gets its number and, at its end,
its status. The fork runs the module as `python -m` does.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self

import click

from tests.support.waiting import wait_until

_LARGEST = 1 << 17  # of arguments and environment, in bytes
_NUMBER = struct.Struct("i")

# On its own, because the support of the tests takes longer to load than this takes to run.
_ASK = """\
import json, os, socket, struct, sys
place, module, *arguments = sys.argv[1:]
about = [module, arguments, os.getcwd(), dict(os.environ)]
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as python:
    python.connect(place)
    socket.send_fds(python, [json.dumps(about).encode()], [0, 1, 2])
    python.recv(4)
    sys.exit(struct.unpack("i", python.recv(4))[0])
"""


class WarmPython:
    """Runs while the block does; folder: a new one for its socket, with a short path."""

    def __init__(self, folder: Path) -> None:
        self._socket, self._ask = folder / "python", folder / "ask.py"
        self._ask.write_text(_ASK)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._socket],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,  # whose end is ours, however it comes
            start_new_session=True,
        )

    @property
    def script(self) -> str:
        """`pypi-repo` for a shell. What runs until it is stopped is a process as always."""
        real = Path(sys.executable).with_name("pypi-repo")
        ask = f"exec {sys.executable} -I -S {self._ask} {self._socket} pypi_repo"
        return f'if [ "$1" = serve ]; then exec {real} "$@"; else {ask} "$@"; fi'

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None,
        cwd: Path | None,
        stdout: IO[Any],
        stderr: IO[Any],
    ) -> WarmProcess:
        """Starts `python -m module`, in a process group of its own."""
        about = [module, arguments, str(cwd or Path.cwd()), dict(env or os.environ)]
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asking.connect(str(self._socket))
        with open(os.devnull) as stdin:
            files = [file.fileno() for file in (stdin, stdout, stderr)]
            socket.send_fds(asking, [json.dumps(about).encode()], files)
        return WarmProcess([sys.executable, "-m", module, *arguments], asking)

    def run(
        self, module: str, arguments: Sequence[str], *, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Runs `python -m module` to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(module, arguments, env=env, cwd=None, stdout=out, stderr=err)
            try:
                status = process.wait(timeout)
            finally:
                process.kill()
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess(process.args, status, *said)

    def __enter__(self) -> Self:
        wait_until(self._socket.exists)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.communicate()


class WarmProcess:
    """A program that was started warm, with what tests need of `subprocess.Popen`."""

    def __init__(self, args: Sequence[str], asking: socket.socket) -> None:
        self.args = args
        self.returncode: int | None = None
        self._asking = asking
        self.pid = self._number()

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        if (code := self._ended(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ends at this moment
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._asking], [], [], timeout)[0]:
            self.returncode = self._number()
            self._asking.close()
        return self.returncode

    def _number(self) -> int:
        (number,) = _NUMBER.unpack(self._asking.recv(_NUMBER.size))
        return int(number)


@functools.cache
def warm_python() -> WarmPython:
    """The one of this process, until its end."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    python = WarmPython(Path(folder.name)).__enter__()
    atexit.register(folder.cleanup)
    atexit.register(python.close)
    return python


def _load() -> None:
    """What the programs import, but for their main modules, which are to run as such."""
    import bcrypt
    import psycopg  # noqa: F401
    import s3fs  # noqa: F401

    from pypi_repo.cli.main import main

    context = click.Context(main)
    for noun in main.list_commands(context):
        main.get_command(context, noun)
    # As in the process of the tests, nobody waits for a costly password.
    gensalt = bcrypt.gensalt
    setattr(bcrypt, "gensalt", lambda rounds: gensalt(min(rounds, 5)))  # noqa: B010
    gc.collect()
    gc.freeze()  # or each fork would look through, and so copy, what is there already


def _listen(place: str) -> socket.socket:
    """Comes back in the first fork for each connection, and in no other process."""
    signal.signal(signal.SIGCHLD, reap)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"{place}.new")
        listener.listen(64)
        os.rename(f"{place}.new", place)
        while True:
            if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
                os._exit(0)
            asking, _address = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return asking
            asking.close()


def reap(_number: int, _frame: object) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def _run(asking: socket.socket) -> None:
    """Ends in the fork that waits for the program; comes back in the program."""
    about, files, *_ = socket.recv_fds(asking, _LARGEST, 3)
    program = os.fork()
    if program:
        wait_for(program, files, asking)
    asking.close()
    for standard, given in enumerate(files):
        os.dup2(given, standard)
        os.close(given)
    module, arguments, folder, environ = json.loads(about)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(
            line_buffering=stream.isatty(), write_through="PYTHONUNBUFFERED" in environ
        )
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            _leave(end.code)
        raise


def _leave(status: int) -> None:
    """Ends as Python does, but leaves modules and what they have loaded to the system.

    Taking them apart costs more than most of the programs. What Python would say then, such as of
    files that are still open, is seen by the tests that start their programs cold. Comes back if
    what was written last cannot be, which is for Python to tell.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait_for(program: int, files: Sequence[int], asking: socket.socket) -> NoReturn:
    for given in files:
        os.close(given)
    os.setpgid(program, program)
    with suppress(BrokenPipeError):  # nobody wants to know
        asking.sendall(_NUMBER.pack(program))
        _program, status = os.waitpid(program, 0)
        asking.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


if __name__ == "__main__":
    _load()
    _run(_listen(sys.argv[1]))
