"""Lets processes share their metrics through a file for each, and one for all that have ended.

A process holds a lock on a file as long as it takes part. The operating system releases the lock
however the process ends. The next process that looks adds the counters of ended processes to the
file for them, and deletes their own files. Therefore nothing that was written is lost or counted
twice, and the folder stays small.
"""

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.storage.folders import PRIVATE, make_folders
from pypi_repo.web.observability.metrics import MetricFamily, summed

if sys.platform != "win32":
    import fcntl

_TEMPORARY = "pypi-repo-metrics-"
_LOOKS_NEW = 3600  # seconds; what cleans up folders for temporary files leaves it days

Content = TypeVar("Content")


class _Ended(msgspec.Struct):
    """The sums of the metrics of processes that have ended.

    names: the processes that were added last. Their files may still exist, and must not be added
        again.
    """

    names: list[str] = []
    families: list[MetricFamily] = []


class MetricsFolder:
    """A folder through which processes share their metrics, for one process.

    Raises ConfigurationError if the folder cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = ""
        self._lock = -1
        self._content = b""
        if sys.platform == "win32":
            raise ConfigurationError("Windows cannot lock a folder of metrics; leave it out.")
        try:
            with self._alone():
                pass
        except OSError as error:
            reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
            raise ConfigurationError(
                f"The folder of metrics {path} cannot be used: {reason}. Choose another "
                "one, on a disk of this machine."
            ) from error

    def join(self) -> None:
        """Lets this process take part from now on, under a new name. Raises OSError."""
        self._name = secrets.token_hex(8)
        self._hold()

    def leave(self) -> None:
        """Ends the part of this process. The metrics that it wrote stay."""
        self._let_go()
        self._name, self._content = "", b""

    def write(self, families: Sequence[MetricFamily]) -> None:
        """Replaces the metrics that this process wrote before. Raises OSError."""
        self._stay()
        content = msgspec.json.encode(families)
        if content != self._content:
            _write(self._file(self._name, "json"), content)
            self._content = content

    def others(self) -> list[list[MetricFamily]]:
        """Returns the sums of the processes that ended, and what each other process wrote last.

        Raises OSError.
        """
        with self._alone():
            with suppress(OSError):  # a full disk: the dead count as well where they lie
                self._bury()
            ended = self._ended()
            names = {path.stem for path in self._path.glob("*.json")}
            files = [self._file(name, "json") for name in names - {self._name} - set(ended.names)]
            return [
                ended.families,
                *(_read(file, list[MetricFamily], []) for file in sorted(files)),
            ]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds a lock without which no process joins, reads, or adds up those that ended."""
        make_folders(self._path, PRIVATE)
        with (self._path / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _hold(self) -> None:
        with self._alone():
            self._bury()
            self._lock = os.open(self._file(self._name, "alive"), os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _stay(self) -> None:
        """Keeps the files of this process from being cleaned up, and restores them if they were."""
        alive = self._file(self._name, "alive")
        try:
            if alive.stat().st_mtime < time.time() - _LOOKS_NEW:
                os.utime(alive)
                with suppress(FileNotFoundError):
                    os.utime(self._path / "ended")
        except FileNotFoundError:
            self._let_go()
            self._hold()
            self._content = b""

    def _bury(self) -> None:
        """Adds the counters of processes that have ended to the sums, and deletes their files.

        Their gauges are dropped.
        """
        dead = [path.stem for path in self._path.glob("*.alive") if _is_unlocked(path)]
        if not dead:
            return
        ended = self._ended()
        new = [
            _read(self._file(name, "json"), list[MetricFamily], [])
            for name in dead
            if name not in ended.names  # and whoever buried it died before its files were gone
        ]
        total = [each for each in summed([ended.families, *new]) if each.kind != "gauge"]
        _write(self._path / "ended", msgspec.json.encode(_Ended(dead, total)))
        for name in dead:
            for suffix in ("tmp", "json", "alive"):
                self._file(name, suffix).unlink(missing_ok=True)

    def _ended(self) -> _Ended:
        return _read(self._path / "ended", _Ended, _Ended())

    def _file(self, name: str, suffix: str) -> Path:
        return self._path / f"{name}.{suffix}"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Creates a folder for a process and the workers that it forks, and removes it at the end.

    A folder that is left behind, because all of these processes were killed, is removed when the
    next one is created.

    Raises ConfigurationError if no temporary folder can be created.
    """
    try:
        for old in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
            with suppress(OSError):  # one that is being made or removed
                # What others put there may be anything, such as a pipe that blocks.
                if old.lstat().st_uid == os.getuid() and _is_unlocked(old / "server"):
                    shutil.rmtree(old)
        folder = tempfile.TemporaryDirectory(prefix=_TEMPORARY, ignore_cleanup_errors=True)
    except OSError as error:
        raise ConfigurationError(
            f"The workers have no folder to tell their numbers in: {error.strerror}. Set TMPDIR to "
            "one that can be written, or leave the metrics token out."
        ) from error
    with folder as name, (Path(name) / "new").open("wb") as file:
        # Children inherit this lock: it is free when all of them are gone. Nobody sees the file
        # without it, and takes the folder for one that was left behind.
        fcntl.flock(file, fcntl.LOCK_EX)
        (Path(name) / "new").rename(Path(name) / "server")
        yield Path(name)


def _is_unlocked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _write(path: Path, content: bytes) -> None:
    """Writes a file so that readers see either the old content or the new one."""
    new = path.with_suffix(".tmp")
    new.write_bytes(content)
    os.replace(new, path)


def _read(path: Path, kind: type[Content], nothing: Content) -> Content:
    """Returns the content of a file.

    nothing: what is returned if there is no file, or if the machine stopped while it was written.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError):
        return nothing
