"""Processes that run a function, many times: forks of one that has done the like before.

So a fork finds modules loaded, statements compiled, and what describes S3 read. The one that forks
has no connections, no threads and no open files of what it did.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import fsspec.asyn

from tests.support.quick_s3 import quick_s3
from tests.support.shared_statements import shared_statements
from tests.support.warm_python import WarmProcess, reap, wait_for

_LARGEST = 1 << 17  # of a function and its arguments, in bytes


class Fork(WarmProcess):
    """Runs `function(*arguments, reports)`, all of which can be pickled.

    reports: what the function sends, until it ends.
    """

    def __init__(self, function: Callable[..., object], *arguments: Any) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reports, reporting = Pipe(duplex=False)
        with theirs, reporting:
            _ask((function, arguments), reporting, theirs)
        super().__init__([repr(function)], ours)


def reports_of(function: Callable[..., object], *arguments: Any) -> list[Any]:
    """The same in the process that forks, for all later forks to profit from it."""
    ours, reporting = Pipe(duplex=False)
    with reporting:
        _ask((function, arguments), reporting)
    reports = []
    with ours, suppress(EOFError):
        while True:
            reports.append(ours.recv())
    return reports


def _ask(what: object, *files: Connection | socket.socket) -> None:
    socket.send_fds(_forker(), [pickle.dumps(what)], [file.fileno() for file in files])


@functools.cache
def _forker() -> socket.socket:
    """Asks the process that forks, which ends when nobody can ask it any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=Path(__file__).parents[2],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve(questions: socket.socket) -> None:
    """Comes back when there is nobody left to ask."""
    signal.signal(signal.SIGCHLD, reap)
    while True:
        message, files, *_ = socket.recv_fds(questions, _LARGEST, 2)
        if not message:
            return
        function, arguments = pickle.loads(message)
        reports = Connection(files[0], readable=False)
        work = functools.partial(function, *arguments, reports)
        gc.freeze()  # or each fork would write to all pages of what is there already
        if len(files) == 1:
            work()
            _end_threads()
        elif os.fork() == 0:
            questions.close()
            _run(work, reports, socket.socket(fileno=files[1]))
        else:
            os.close(files[1])
        reports.close()


def _end_threads() -> None:
    """Forks would not have them, but what they have locked."""
    gc.collect()  # file systems end with what they have open
    loop, thread = fsspec.asyn.loop[0], fsspec.asyn.iothread[0]
    if loop is not None:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        fsspec.asyn.reset_lock()
    for ending in set(threading.enumerate()) - {threading.current_thread()}:
        ending.join(5)  # a timer that was cancelled has not noticed yet
    assert threading.active_count() == 1, threading.enumerate()


def _run(work: Callable[[], object], reports: Connection, asking: socket.socket) -> NoReturn:
    """Ends in the fork that waits for the work, and in the one that does it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if program:
        wait_for(program, [reports.fileno()], asking)
    asking.close()
    status = 1
    try:
        work()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


if __name__ == "__main__":
    with quick_s3(), shared_statements():
        _serve(socket.socket(fileno=int(sys.argv[1])))
