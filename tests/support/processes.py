"""A server in a process of its own, on a port of the loopback interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.warm_python import WarmProcess, warm_python


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class ServerProcess:
    """Starts the command when constructed; comes back once its port accepts connections."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        start_timeout: float = 120.0,
        warm: bool = False,
    ) -> None:
        """warm: whether what `python -m` imports is there already; see `warm_python`."""
        self.port = port
        self._text: str | None = None
        self._log = tempfile.NamedTemporaryFile(prefix="server-", suffix=".log")  # noqa: SIM115
        try:
            self.process = self._started(command, env, cwd, pass_fds, warm)
        except BaseException:
            self._log.close()
            raise
        try:
            self._wait_until_it_accepts_connections(start_timeout)
        except BaseException:
            self.close()
            raise

    def _started(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None,
        cwd: Path | None,
        pass_fds: Sequence[int],
        warm: bool,
    ) -> subprocess.Popen[bytes] | WarmProcess:
        if warm:
            _python, _m, module, *arguments = command
            return warm_python().start(
                module, arguments, env=env, cwd=cwd, stdout=self._log, stderr=self._log
            )
        return subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            process_group=0 if os.name == "posix" else None,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What the process wrote so far, standard output and errors together."""
        if self._text is not None:
            return self._text
        return Path(self._log.name).read_text(errors="replace")

    @property
    def workers(self) -> list[int]:
        """The processes that it made, as long as they run; only Linux tells."""
        return children_of(self.process.pid)

    def resources(self) -> tuple[int, int]:
        """Open files, and KiB of memory, of all its processes; nothing of both where unknown."""
        files = memory = 0
        for process in self._family():
            files += len(list((process / "fd").iterdir()))
            memory += _kibibytes(process, "VmRSS")
        return files, memory

    def peak_memory(self) -> int:
        """The largest resident sizes that its processes ever had, together, in bytes."""
        return sum(_kibibytes(process, "VmHWM") for process in self._family()) * 1024

    def _family(self) -> list[Path]:
        family = [Path(f"/proc/{process}") for process in (self.process.pid, *self.workers)]
        return [process for process in family if process.exists()]

    def terminate(self, timeout: float = 60.0) -> int:
        """Ask the process to end, and give back its return code."""
        self.process.terminate()
        return self.process.wait(timeout)

    def kill(self) -> int:
        """End the process, and those that it made, without asking and all at once."""
        if os.name == "posix" and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        return self.process.wait()

    def close(self) -> None:
        """End the process if it still runs; its output can be read all the same."""
        if self._text is not None:
            return
        try:
            self.terminate()
        except subprocess.TimeoutExpired:
            self.kill()
        self._text = self.output
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wait_until_it_accepts_connections(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            accepted = self._accepts_connections()
            # Looked at after the connection: another process may own the port.
            if self.process.poll() is not None:
                code = self.process.returncode
                raise RuntimeError(f"the server ended early with {code}:\n{self.output}")
            if accepted:
                return
            time.sleep(0.02)
        raise TimeoutError(f"the server did not listen within {timeout} s:\n{self.output}")

    def _accepts_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def children_of(process: int) -> list[int]:
    """Its children that run, oldest first; only Linux tells."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    found = sorted(int(child) for task in tasks for child in _told(task).split())
    statuses = {child: _told(Path(f"/proc/{child}/status")) for child in found}
    return [child for child, status in statuses.items() if status and "State:\tZ" not in status]


def _told(file: Path) -> str:
    """What the system tells of a process or a thread; nothing of one that has ended meanwhile."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _kibibytes(process: Path, what: str) -> int:
    for line in (process / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1])
    raise AssertionError(f"no {what}")
