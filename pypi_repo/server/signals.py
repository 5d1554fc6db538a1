"""Waits for signals as for files, so that they interrupt nothing."""

import os
import select
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Signals:
    """Takes over signals of this process. It is used in the main thread.

    numbers: the signals, which would otherwise end the process or be lost.
    """

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        self._numbers = numbers
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _is_noted)

    def wait(self, file: int, timeout: float | None) -> list[signal.Signals]:
        """Waits for a signal, or until `file` can be read.

        timeout: the longest time to wait, in seconds; None for ever.

        Returns the signals that have arrived.
        """
        select.select([self._reader.fileno(), file], [], [], timeout)
        try:
            return [signal.Signals(number) for number in self._reader.recv(1024)]
        except BlockingIOError:
            return []

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Holds back signals during the block, for forks.

        A process that is forked gets no signals before it is ready, and shares none with this
        process.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)

    def forget(self) -> None:
        """Restores the default handling, also in a process that was forked."""
        signal.set_wakeup_fd(-1)
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)


def _is_noted(_number: int, _frame: FrameType | None) -> None:
    """Does nothing, because the wake-up file has recorded the signal."""


def end_by(number: signal.Signals) -> NoReturn:
    """Ends this process by a signal, as if the signal had no handler."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # a container's first process is spared


def terminal_is_there() -> bool:
    """Returns whether this process belongs to a terminal that is still open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
