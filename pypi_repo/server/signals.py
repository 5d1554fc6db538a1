"""Signals that are waited for, beside files, and interrupt nothing."""

import os
import select
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Signals:
    """Of this process, from now on; for its main thread.

    numbers: the signals that would otherwise end the process, or be lost.
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
        """Those that came meanwhile, as soon as there is one, or `file` can be read.

        timeout: seconds after which there need be neither.
        """
        select.select([self._reader.fileno(), file], [], [], timeout)
        try:
            return [signal.Signals(number) for number in self._reader.recv(1024)]
        except BlockingIOError:
            return []

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Whoever is forked meanwhile gets none before it is ready, and shares none."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)

    def forget(self) -> None:
        """From now on they do what they do by default. For who was forked, too."""
        signal.set_wakeup_fd(-1)
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)


def _is_noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up has it."""


def end_by(number: signal.Signals) -> NoReturn:
    """Ends this process by the signal, as it would without a handler."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # a container's first process is spared


def terminal_is_there() -> bool:
    """Whether this process belongs to a terminal, which has not been closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
