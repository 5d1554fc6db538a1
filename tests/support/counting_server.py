"""The server as `serve` runs it, which tells at /turns how often its loop has turned.

Its threads dawdle whenever they send, as threads do that let go of the interpreter and have to wait
until they get it back. On a busy machine, or one of another kind, they wait less, and a loop that
turns in vain meanwhile would not be noticed.

python -m tests.support.counting_server DATA PORT
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pypi_repo import Registry
from pypi_repo.server.channel import Channel
from pypi_repo.server.listener import Listener
from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from pypi_repo.settings import in_folder
from pypi_repo.web.logs import log_to_stderr

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_DAWDLES = 0.02  # seconds


class DawdlingChannel(Channel):
    def send(self, data: bytes, do_close: bool = True) -> int:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(_DAWDLES)
        sent: int = super().send(data, do_close)
        return sent


class CountingServer(Server):
    def __init__(self, application: WSGIApplication, port: int) -> None:
        self.turns = 0
        self._application = application
        super().__init__(self._answer, listen("127.0.0.1", port))

    def _turn(self) -> None:
        self.turns += 1
        super()._turn()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/turns":
            return self._application(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(self.turns).encode()]


if __name__ == "__main__":
    data, port = sys.argv[1:]
    log_to_stderr()
    Listener.channel_class = DawdlingChannel
    with Registry(in_folder(data)) as registry:
        CountingServer(registry.wsgi_app(), int(port)).run()
