"""Worker processes that serve from the same sockets, and their supervisor."""

import gc
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from pypi_repo.domain.errors import ConfigurationError, RegistryError
from pypi_repo.server.balance import Balance
from pypi_repo.server.seat import PROCESS_SIZE, Generation, Seat
from pypi_repo.server.signals import Signals, terminal_is_there

_log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
# Seconds; a worker that is not stuck takes 35 for its clients and threads, and then writes its
# counts and its log.
DRAINED_WITHIN = 45.0
_SERVES_WITHIN = 60.0  # seconds
_YOUNG = 1.0  # seconds; who dies earlier may well do so again at once
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0  # seconds
_TRIES = 4  # for each worker, while none has ever served


class _Worker:
    """A worker process."""

    def __init__(self, generation: Generation, place: int) -> None:
        self.generation = generation
        self.place = place
        self.began = time.monotonic()
        self.serves = False

    @property
    def has_proved_itself(self) -> bool:
        return self.serves and time.monotonic() - self.began > _YOUNG


class Supervisor:
    """Keeps worker processes running until SIGTERM or SIGINT, when they finish their requests.

    A worker that dies is replaced. At SIGHUP, new workers take over, and the old ones finish their
    requests; no connection is refused. If this process is killed, its workers notice, and finish,
    too. A second SIGTERM or SIGINT ends them all at once.

    This process serves no requests, and has no threads, no database and no event loop when it
    forks.

    work: what a worker does, in its own process: it opens what it needs, and calls `Seat.run`.
    sockets: the listening sockets, which are closed here when no more workers will be started.
    renew: a function that reads again what a reload is for. If it raises a RegistryError, nothing
        changes.
    when_serving: called once, when the first worker accepts connections.
    """

    def __init__(
        self,
        work: Callable[[Seat], None],
        count: int,
        sockets: Sequence[socket.socket],
        *,
        renew: Callable[[], None],
        when_serving: Callable[[], None],
    ) -> None:
        self._work = work
        self._count = count
        self._sockets = sockets
        self._renew = renew
        self._when_serving = when_serving
        self._workers: dict[int, _Worker] = {}
        # Workers that come and those that go are there at the same time.
        self._places = list(range(2 * count))
        self._balance = Balance(len(self._places))
        self._ready, self._tell_ready = socket.socketpair()
        self._ready.setblocking(False)
        self._current = Generation()
        self._next: Generation | None = None
        self._due: list[float] = []  # when workers are made in the place of dead ones
        self._failures = 0  # that came one after the other
        self._has_served = self._is_proven = False
        self._reload_is_wanted = self._is_stopping = False
        # nohup makes programs ignore it
        is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        self._ends_with_terminal = terminal_is_there() and not is_ignored
        self._signals = Signals(_SIGNALS)
        self._ended_by: signal.Signals | None = None

    def run(self) -> signal.Signals | None:
        """Runs until all workers have ended after they were asked to.

        Returns the signal that killed them if this process was asked twice, and should end by it.

        Raises ConfigurationError if no worker can be started.
        """
        gc.collect()
        gc.freeze()  # or the workers' collections would copy what they share
        try:
            for _ in range(self._count):
                self._start(self._current)
            while self._workers or self._due:
                self._turn()
        finally:
            self._kill_all()
            self._signals.forget()
        return self._ended_by

    def _turn(self) -> None:
        for number in self._signals.wait(self._ready.fileno(), self._time_left()):
            self._heed(number)
        self._hear()
        self._bury()
        self._replace()
        self._reload()
        self._lose_patience()

    def _heed(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and not self._is_hung_up():
            self._reload_is_wanted = not self._is_stopping
        elif number == signal.SIGCHLD:
            pass  # it woke us
        elif self._is_stopping:  # who asks twice does not want to wait
            self._kill_all()
            self._ended_by = number
        else:
            self._stop()

    def _is_hung_up(self) -> bool:
        """Returns whether the terminal was closed, which sends SIGHUP but must end the server."""
        return self._ends_with_terminal and not terminal_is_there()

    def _stop(self) -> None:
        self._is_stopping = True
        self._reload_is_wanted = False
        self._due.clear()
        for listening in self._sockets:
            listening.close()
        for generation in (self._current, self._next):
            if generation is not None:
                generation.finish()
        self._next = None

    def _hear(self) -> None:
        """Reads which workers serve by now."""
        try:
            said = self._ready.recv(PROCESS_SIZE * 256)
        except BlockingIOError:
            return
        for at in range(0, len(said), PROCESS_SIZE):
            worker = self._workers.get(int.from_bytes(said[at : at + PROCESS_SIZE]))
            if worker is not None:
                worker.serves = True
        if not self._has_served:
            self._has_served = True
            self._when_serving()
        if self._next is not None and self._serving(self._next) == self._count:
            self._current.finish()
            self._current, self._next = self._next, None
            self._due.clear()
            _log.info("New worker processes have taken over.")

    def _serving(self, generation: Generation) -> int:
        workers = self._workers.values()
        return sum(worker.serves and worker.generation is generation for worker in workers)

    def _bury(self) -> None:
        """Removes dead workers, and orphans that this process got as the first of a container."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            worker = self._workers.pop(process, None)
            if worker is not None:
                self._balance.share(worker.place).leave()
                self._places.append(worker.place)
                self._miss(worker, f"Worker process {process} {_how_it_ended(status)}")

    def _miss(self, worker: _Worker, what: str) -> None:
        if worker.generation is self._next:
            self._abandon_reload(what)
        elif worker.generation is self._current and not self._is_stopping:
            self._is_proven = self._is_proven or any(
                each.has_proved_itself for each in (worker, *self._workers.values())
            )
            self._failures = 0 if worker.has_proved_itself else self._failures + 1
            self._plan_another(what)

    def _plan_another(self, what: str) -> None:
        rounds = math.ceil(self._failures / self._count)
        if rounds >= _TRIES and not self._is_proven:
            raise ConfigurationError(
                "No worker process can be started; the lines of the log above say why."
            )
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**rounds) if rounds else 0.0
        self._due.append(time.monotonic() + pause)
        _log.warning("%s; another one is started%s.", what, f" in {pause:g} s" if pause else "")

    def _replace(self) -> None:
        now = time.monotonic()
        late = [due for due in self._due if due <= now]
        self._due = [due for due in self._due if due > now]
        for _ in late:
            self._start(self._current)

    def _reload(self) -> None:
        if not self._reload_is_wanted or self._next:
            return
        if len(self._places) < self._count + len(self._due):
            return  # the one before is not over yet
        self._reload_is_wanted = False
        try:
            self._renew()
        except RegistryError as error:
            _log.error("Nothing is reloaded. %s", error.for_operator)
            return
        self._next = Generation()
        for _ in range(self._count):
            if self._next is not None:
                self._start(self._next)

    def _abandon_reload(self, why: str) -> None:
        if self._next is not None:
            self._next.finish()
            self._next = None
            _log.error("%s; nothing is reloaded, and the old worker processes go on.", why)

    def _lose_patience(self) -> None:
        """Kills workers that do not end."""
        now = time.monotonic()
        if self._next is not None and now >= self._next.began + _SERVES_WITHIN:
            self._abandon_reload("New worker processes do not serve after a minute")
        for process, worker in self._workers.items():
            finished = worker.generation.finished
            if finished is not None and now >= finished + DRAINED_WITHIN:
                os.kill(process, signal.SIGKILL)

    def _time_left(self) -> float | None:
        """Returns the seconds until there is something to do without an event; None if never."""
        moments = list(self._due)
        if self._next is not None:
            moments.append(self._next.began + _SERVES_WITHIN)
        finished = {worker.generation.finished for worker in self._workers.values()}
        moments += [moment + DRAINED_WITHIN for moment in finished if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _start(self, generation: Generation) -> None:
        _flush_log()  # the thread that writes it would not be there after a fork
        worker = _Worker(generation, self._places.pop())
        with self._signals.held_back():
            try:
                process = os.fork()
            except OSError as error:
                self._places.append(worker.place)
                self._miss(worker, f"A worker process cannot be made: {error.strerror}")
                return
            if process == 0:
                self._be(worker)
            self._workers[process] = worker

    def _be(self, worker: _Worker) -> NoReturn:
        """Runs a worker in the new process, and never returns."""
        status = 1
        try:
            self._signals.forget()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # of a terminal, which is not for us
            self._ready.close()
            for generation in (self._current, self._next):
                if generation is not None:
                    generation.leave_it_to_the_supervisor()
            line = worker.generation.line
            self._work(Seat(self._balance.share(worker.place), line, self._tell_ready))
            status = 0
        except RegistryError as error:
            _log.error("A worker process cannot serve. %s", error.for_operator)
        except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
            _log.exception("A worker process failed.")
        finally:
            _flush_log()
            os._exit(status)

    def _kill_all(self) -> None:
        for process in self._workers:
            os.kill(process, signal.SIGKILL)
        for process in self._workers:
            os.waitpid(process, 0)
        self._workers.clear()


def _flush_log() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()


def _how_it_ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with status {code}" if code else "ended"
