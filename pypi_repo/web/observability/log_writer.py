"""Writes the lines of a log to a file, which may be slow, stuck or full."""

import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

_ROOM = 4 * 1024 * 1024  # characters that wait, or are being written
_GATHERED = 0.2  # seconds in which lines are gathered before they are written together
_LAST_WORDS = 2.0  # seconds that the end of the process waits for them

NO_ROOM, FAILED = "no-room", "write-failed"


class File(Protocol):
    """An unbuffered file.

    A thread that holds the lock of a buffer when the process ends would crash it.
    """

    def write(self, data: memoryview, /) -> int | None:
        """Writes some of the data, and returns how many bytes; None if it accepts none now."""


class LogWriter:
    """Writes lines from a separate thread, many at once, so that callers do not wait.

    Lines are dropped if the file accepts nothing for too long, or if writing fails.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Also in a process that was forked, where no thread is and nothing of ours waits."""
        self._lines: list[str] = []
        self._size = 0
        self._dropped = Counter({NO_ROOM: 0, FAILED: 0})
        self._is_working = self._is_flushing = False
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> Mapping[str, int]:
        """Returns how many lines were dropped, by the reason."""
        return dict(self._dropped)

    def add(self, line: str) -> None:
        """Adds a line, which is written within a second if the file accepts it."""
        with self._mutex:  # the condition takes twice as long to enter
            if self._size + len(line) > _ROOM:
                self._dropped[NO_ROOM] += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if not self._is_working:
                thread = threading.Thread(target=self._work, name="log writer", daemon=True)
                with suppress(RuntimeError):  # where no more can be had, the next line tries again
                    thread.start()
                    self._thread, self._is_working = thread, True
            elif len(self._lines) == 1:
                self._changed.notify_all()

    def flush(self) -> None:
        """Waits until everything is written, but for at most two seconds.

        Afterwards there is no thread until the next line, so this process can end or be forked.
        """
        with self._changed:
            self._is_flushing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_working, _LAST_WORDS)
            self._is_flushing = False
            is_over, thread = not self._is_working, self._thread
        if is_over and thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._lines) or self._is_flushing)
                if not self._lines:
                    self._is_working = False
                    self._changed.notify_all()
                    return
                self._changed.wait_for(lambda: self._is_flushing, _GATHERED)
                lines, self._lines = self._lines, []
            self._write(lines)
            with self._changed:
                self._size -= sum(map(len, lines))
                self._changed.notify_all()

    def _write(self, lines: Sequence[str]) -> None:
        rest = memoryview("".join(lines).encode("utf-8", "backslashreplace"))
        try:
            while rest:
                written = self._file.write(rest)
                if written is None:
                    raise BlockingIOError  # somebody who shares it made it so
                rest = rest[written:]
        except OSError:
            self._dropped[FAILED] += len(lines)
