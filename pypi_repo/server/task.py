"""One request in a thread: what the application is told, and how the answer begins."""

from functools import partial
from typing import TYPE_CHECKING, cast

from waitress.task import WSGITask

from pypi_repo.web.app import DISCARDS_WHAT_IS_NOT_READ, SENDS_PARTS_OF_FILES
from pypi_repo.web.upload_slots import TAKES_SLOT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from pypi_repo.server.channel import Channel
    from pypi_repo.server.listener import Listener
    from pypi_repo.server.request import Request


class Task(WSGITask):
    def get_environment(self) -> "WSGIEnvironment":
        environ: WSGIEnvironment = super().get_environment()
        environ[DISCARDS_WHAT_IS_NOT_READ] = environ[SENDS_PARTS_OF_FILES] = True
        request = cast("Request", self.request)
        if request.is_streamed:
            slots = cast("Listener", self.channel.server).upload_slots
            environ[TAKES_SLOT] = partial(slots.take, request)
        return environ

    def build_response_header(self) -> bytes:
        if cast("Channel", self.channel).ends_with(cast("Request", self.request)):
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header
