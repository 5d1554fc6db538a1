"""One request in a thread: what the application is told, and how the answer begins."""

from functools import partial
from typing import TYPE_CHECKING

from waitress.task import WSGITask

from pypi_repo.web.app import DISCARDS_WHAT_IS_NOT_READ, SENDS_PARTS_OF_FILES
from pypi_repo.web.upload_slots import TAKES_SLOT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from pypi_repo.server.channel import Channel
    from pypi_repo.server.request import Request


class Task(WSGITask):
    channel: "Channel"
    request: "Request"  # type: ignore[assignment]  # the stubs know that of an error only

    def get_environment(self) -> "WSGIEnvironment":
        environ: WSGIEnvironment = super().get_environment()
        environ[DISCARDS_WHAT_IS_NOT_READ] = environ[SENDS_PARTS_OF_FILES] = True
        if self.request.is_streamed:
            slots = self.channel.server.upload_slots
            environ[TAKES_SLOT] = partial(slots.take, self.request)
        return environ

    def build_response_header(self) -> bytes:
        if self.channel.ends_with(self.request):
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header
