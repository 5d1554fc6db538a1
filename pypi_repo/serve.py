"""python -m pypi_repo.serve: the registry on its own, on waitress.

Why waitress, and what this adds to it, is told in docs/explanation/server.md.
"""

import errno
import logging
import os
import signal
import tempfile
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server

from pypi_repo.cli.options import Command, Size, location_options, option
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.registry import Registry
from pypi_repo.services.setup import FirstSteps
from pypi_repo.settings import GIB, Limits, in_folder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_THREADS = 16
_DRAIN_SECONDS = 30
_POLL_SECONDS = 0.5
_RECEIVE = 256 * 1024
_PROXY_HEADERS = {"x-forwarded-for", "x-forwarded-proto"}


@click.command(cls=Command)
@option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@option(
    "--max-upload-size",
    type=Size(),
    default=4 * GIB,
    show_default="4GiB",
    help="The largest file that any repository takes.",
)
@option(
    "--trusted-proxy",
    metavar="ADDRESS",
    help="Believe X-Forwarded-Proto and X-Forwarded-For of this proxy; for one that ends TLS.",
)
@location_options
def serve(
    host: str,
    port: int,
    max_upload_size: int,
    trusted_proxy: str | None,
    data: str,
    database: str | None,
    blobs: str | None,
) -> None:
    """Run the server. In an empty data folder it first makes all that is needed to try it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    limits = Limits(file_size=max_upload_size)
    registry = Registry(in_folder(data, database, blobs, limits))
    if database is None:
        registry.upgrade()  # nobody else uses the embedded database
    else:
        registry.check()
    if database is None or blobs is None:
        _spool_in(os.path.join(data, "spool"))
    server = Server(registry.wsgi_app(), host, port, limits, trusted_proxy)
    if database is None and (made := registry.setup.first_steps()):
        click.echo(_greeting(made, server.url))
    click.echo(f"Listening on {server.url} (stop with Ctrl+C).")
    server.run()
    registry.close()


def _spool_in(folder: str) -> None:
    """waitress spools bodies before the application sees them: on the disk meant for them."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another --data."
        ) from error
    tempfile.tempdir = folder


class Server:
    """waitress with an orderly end: at SIGTERM or SIGINT it finishes what is under way.

    trusted_proxy: the address whose word is taken for the outer scheme and the client's address.

    Raises ConfigurationError where it cannot listen on that address.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        host: str,
        port: int,
        limits: Limits,
        trusted_proxy: str | None = None,
    ) -> None:
        self._map: dict[Any, Any] = {}
        trust: dict[str, Any] = (
            {"trusted_proxy": trusted_proxy, "trusted_proxy_headers": _PROXY_HEADERS}
            if trusted_proxy
            else {}
        )
        try:
            create_server(
                application,
                map=self._map,
                host=host,
                port=port,
                threads=_THREADS,
                ident="pypi_repo",
                max_request_body_size=limits.file_size + limits.form_size,
                recv_bytes=_RECEIVE,
                asyncore_use_poll=True,
                clear_untrusted_proxy_headers=True,
                **trust,
            )
        except (OSError, ValueError) as error:
            raise ConfigurationError(_cannot_listen(error, host, port)) from error
        self._listeners = [item for item in self._map.values() if isinstance(item, TcpWSGIServer)]
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        # With port 0, this is the port that the system chose.
        address, chosen_port = self._listeners[0].getsockname()
        self.url = f"http://{f'[{address}]' if ':' in address else address}:{chosen_port}/"

    def run(self) -> None:
        """Serves until a signal asks for the end; at most half a minute longer."""
        while not self._stopping:
            self._turn()
        for listener in self._listeners:
            listener.accepting = False
            # Not listener.close(), which takes the trigger along: worker threads still pull it,
            # and its file descriptor may belong to somebody else by then.
            wasyncore.dispatcher.close(listener)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._is_busy() and time.monotonic() < deadline:
            self._turn()
        self._listeners[0].task_dispatcher.shutdown()
        wasyncore.close_all(self._map)

    def _turn(self) -> None:
        wasyncore.loop(timeout=_POLL_SECONDS, use_poll=True, map=self._map, count=1)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        signal.signal(number, signal.SIG_DFL)  # who asks twice does not want to wait

    def _is_busy(self) -> bool:
        """Whether any request is being received, worked on, or answered."""
        return any(
            channel.requests or channel.request is not None or channel.total_outbufs_len
            for channel in self._map.values()
            if isinstance(channel, HTTPChannel)
        )


def _cannot_listen(error: Exception, host: str, port: int) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use; choose another one with --port."
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return f"Port {port} needs more rights; choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port}: {error}. Choose another one with --host."


def _greeting(made: FirstSteps, url: str) -> str:
    """How to use what a new registry starts with, ready to paste."""
    scheme, _separator, place = url.partition("://")
    name, user, password = made.repository, made.user, made.user_password
    repository = f"{url}repositories/{name}/"
    index = f"{scheme}://{user}:{password}@{place}repositories/{name}/simple/"
    return f"""\
This is a new registry. These were made for you; the passwords are shown only now:

  repository       {name}   (private, protected against overwriting)
  repository user  {user}   {password}
  administrator    {made.administrator}  {made.administrator_password}

To publish, put this into ~/.pypirc:

[distutils]
index-servers = {name}

[{name}]
repository = {repository}
username = {user}
password = {password}

and then run one of

twine upload --repository {name} dist/*
uv publish --publish-url {repository} --username {user} --password {password} dist/*

To install, run one of

pip install --index-url {index} PROJECT
uv pip install --index-url {index} PROJECT

To manage it, sign in as {made.administrator} at {url}portal/
"""


if __name__ == "__main__":
    serve(prog_name="python -m pypi_repo.serve")
