"""`pypi-repo`, on a disk that does not get to the end of reading one file, and then fails.

Run with three or more arguments: the file's path, that of a named pipe, and those of `pypi-repo`.
Whoever opens the pipe for writing waits until the file is being read, which lasts until they close
the pipe.
"""

import errno
import os
import sys
from typing import Any

from pypi_repo.cli.main import main

FILE, PIPE, *ARGUMENTS = sys.argv[1:]


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and os.fspath(arguments[0]) == FILE:
        with open(PIPE, "rb") as pipe:
            pipe.read()
        raise OSError(errno.EIO, "The disk is broken", FILE)


sys.addaudithook(watch)
main(ARGUMENTS, prog_name="pypi-repo")
