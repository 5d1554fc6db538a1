"""A server in a process of its own, on a port of the loopback interface."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


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
        start_timeout: float = 30.0,
    ) -> None:
        self.port = port
        self._text: str | None = None
        self._log = tempfile.NamedTemporaryFile(prefix="server-", suffix=".log")  # noqa: SIM115
        try:
            self.process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                pass_fds=pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
        except BaseException:
            self._log.close()
            raise
        try:
            self._wait_until_it_accepts_connections(start_timeout)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What the process wrote so far, standard output and errors together."""
        if self._text is not None:
            return self._text
        return Path(self._log.name).read_text(errors="replace")

    def resources(self) -> tuple[int, int]:
        """Its open files, and KiB of memory; nothing of both where the system does not tell."""
        process = Path(f"/proc/{self.process.pid}")
        if not (process / "fd").exists():
            return 0, 0
        lines = (process / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return len(list((process / "fd").iterdir())), int(status["VmRSS"].split()[0])

    def terminate(self, timeout: float = 15.0) -> int:
        """Ask the process to end, and give back its return code."""
        self.process.terminate()
        return self.process.wait(timeout)

    def kill(self) -> int:
        """End the process without asking."""
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


def peak_memory(process: int) -> int:
    """The largest resident size that the process ever had, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def children_of(process: int) -> list[int]:
    """Its children that run, oldest first; only Linux tells."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    found = sorted(int(child) for task in tasks for child in task.read_text().split())
    return [child for child in found if "State:\tZ" not in _status(child)]


def _status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "State:\tZ"
