"""A progress bar for work that takes long, and an orderly end where it is interrupted."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from pypi_repo.cli.output import say
from pypi_repo.settings import format_size


class Progress:
    """A bar on stderr, where that is a terminal; nothing on a pipe."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def listen(self, done: int, total: int) -> None:
        """Shows how many bytes are done, as a listener of the services."""
        self.show(done, total, f"{format_size(done)} of {format_size(total)}")

    def show(self, done: int, total: int, text: str) -> None:
        """Shows how much is done of what there is, with a text beside it."""
        if self._bar is not None:
            self._bar.length = max(total, 1)
            self._bar.update(done - self._bar.pos, current_item=text)

    def say(self, line: str) -> None:
        """Prints a line on stdout, which may be the same terminal."""
        if self._bar is not None:
            click.echo("\r\x1b[K", nl=False, err=True)
        say(line)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ends the work of the block on SIGTERM as on Ctrl+C, with KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def progress() -> Iterator[Progress]:
    """Shows how far the work of the block is, if there is a terminal. It is interruptible."""
    with interruptible():
        if not sys.stderr.isatty():
            yield Progress(None)
            return
        look: Any = {"file": sys.stderr, "item_show_func": lambda shown: shown}
        with click.progressbar(length=1, **look) as bar:
            yield Progress(bar)
