"""pypi-repo serve: the registry on its own.

Its server is described in docs/explanation/server.md.
"""

import logging
import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from pypi_repo.cli.greeting import greeting
from pypi_repo.cli.hints import about_options
from pypi_repo.cli.options import Command, Duration, Number, SentBy, Size, location_options, option
from pypi_repo.cli.service import Service, site_of
from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.registry import Registry
from pypi_repo.server.http.patience import Patience
from pypi_repo.server.http.tls import tls_context
from pypi_repo.server.processors import can_fork, usual_number
from pypi_repo.server.sockets import described, listen, url_of
from pypi_repo.settings import (
    GIB,
    MOST_TRASH_DAYS,
    OIDC_AUDIENCE,
    TRASH_DAYS,
    FilesSentBy,
    Limits,
    data_folder,
    in_folder,
)
from pypi_repo.storage.folders import PRIVATE, make_folders
from pypi_repo.variables import forgotten_variables, proxies_in, unknown_variables
from pypi_repo.web.observability.logs import FORMATS, log_to_stderr

_log = logging.getLogger("pypi_repo.serve")

_NOTHING_YET = (
    "There is no repository yet: make the first one, and accounts, with `pypi-repo repository "
    "create`, `pypi-repo user create` and `pypi-repo admin create`."
)


def _some_patience(
    _context: click.Context, _option: click.Parameter, value: timedelta
) -> timedelta:
    if value < timedelta(seconds=1):
        raise click.BadParameter("write at least 1s.")
    return value


def _as_many_as_possible(_context: click.Context, _option: click.Parameter, value: int) -> int:
    if value > 1 and not can_fork():
        raise click.BadParameter("this system shares no port among processes; only 1 is possible.")
    return value


@click.command(cls=Command)
@option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; * for all of this machine.",
)
@option(
    "--port",
    type=Number(0, 65535),
    default=8080,
    show_default=True,
    help="The port to listen on; 0 takes any free one.",
)
@option(
    "--workers",
    type=Number(1, 64),
    default=usual_number,
    show_default="one for each processor, at most 4",
    callback=_as_many_as_possible,
    help="How many processes serve.",
)
@option(
    "--tls-certificate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Serve HTTPS with this certificate and its intermediate certificates, in PEM format.",
)
@option(
    "--tls-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The certificate's key, without a passphrase. SIGHUP reads both files again.",
)
@option(
    "--max-upload-size",
    type=Size(),
    default=4 * GIB,
    show_default="4GiB",
    help="The largest file that any repository takes.",
)
@option(
    "--upload-patience",
    type=Duration(),
    default="2m",
    show_default=True,
    callback=_some_patience,
    help="How long an upload may pause, like 45s or 10m.",
)
@option(
    "--trusted-proxy",
    metavar="ADDRESS",
    help="Believe X-Forwarded-For, -Proto, -Host and -Prefix of this proxy, such as one for TLS.",
)
@option(
    "--public-url",
    metavar="URL",
    help="The URL that clients use, if no trusted proxy sends it.",
)
@option(
    "--smtp",
    metavar="URL",
    help="Mail invitations through this server: smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or "
    "smtps://; with a password better set in the environment.",
)
@option(
    "--oidc-audience",
    metavar="TEXT",
    default=OIDC_AUDIENCE,
    show_default=True,
    help="For whom the tokens of CI jobs must be made that are exchanged here.",
)
@option(
    "--files-sent-by",
    type=SentBy(),
    help="Let a proxy or the object store send files: x-accel:/LOCATION/ (nginx), x-sendfile, or "
    "signed-urls:SECONDS.",
)
@option(
    "--trash-days",
    type=Number(0, MOST_TRASH_DAYS),
    default=TRASH_DAYS,
    show_default=True,
    help="For how many days the trash keeps what is deleted or overwritten; with 0, it is gone at "
    "once.",
)
@option(
    "--log-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="The format of the log on standard error: text for people, or one JSON object a line.",
)
@option(
    "--access-log/--no-access-log",
    default=True,
    show_default=True,
    help="Whether to log each request.",
)
@option(
    "--metrics-token",
    metavar="TOKEN",
    help="The bearer token with which /metrics can be read; better set in the environment.",
)
@location_options
def serve(
    host: str,
    port: int,
    workers: int,
    tls_certificate: Path | None,
    tls_key: Path | None,
    max_upload_size: int,
    upload_patience: timedelta,
    trusted_proxy: str | None,
    public_url: str | None,
    smtp: str | None,
    oidc_audience: str,
    files_sent_by: FilesSentBy | None,
    trash_days: int,
    log_format: str,
    access_log: bool,
    metrics_token: str | None,
    data: str,
    database: str | None,
    database_schema: str | None,
    blobs: str | None,
) -> None:
    """Run the server.

    In a new data folder it first makes a repository, a user and an administrator.
    """
    renew = _encrypting(tls_certificate, tls_key)
    log_to_stderr(log_format, requests=access_log)
    logging.getLogger("pypi_repo.server").setLevel(logging.INFO)
    for sentence in [*unknown_variables(os.environ), *forgotten_variables(database, blobs)]:
        _log.warning("%s", sentence)
    with about_options("--tls-certificate", "--tls-key"):
        tls = renew()
    limits = Limits(file_size=max_upload_size)
    settings = replace(
        in_folder(
            data,
            database,
            blobs,
            limits,
            database_schema=database_schema,
            proxies=proxies_in(os.environ),
            variables=os.environ,
            trash_days=trash_days,
        ),
        files_sent_by=files_sent_by,
        metrics_token=metrics_token,
        public_url=public_url,
        smtp=smtp,
        oidc_audience=oidc_audience,
    )
    with about_options("--host", "--port"):
        sockets = listen(host, port)
    scheme = "http" if tls_certificate is None else "https"
    places, url = described(sockets, scheme), url_of(sockets, scheme)
    # Closed before processes are forked, which open it themselves.
    with Registry(settings) as registry:
        site_of(registry, trusted_proxy)  # what cannot work says so before anything is printed
        if database is None:
            registry.upgrade()  # nobody else uses the embedded database
        else:
            registry.check()
        if database is None or blobs is None:
            _spool_in(data_folder(data) / "spool")
        click.echo(
            f"The database is {registry.database_place}; the files are in {registry.files_place}."
        )
        if database is None and (made := registry.setup.first_steps()):
            click.echo(greeting(made, _with_last_slash(public_url or url), data))
        elif not registry.acting_as(OPERATOR).repositories.all():
            click.echo(_NOTHING_YET)
    service = Service(
        settings,
        sockets,
        patience=Patience(body=upload_patience.total_seconds()),
        trusted_proxy=trusted_proxy,
        tls=tls,
        renew=renew,
    )
    service.run(workers, lambda: click.echo(f"Listening on {places} (stop with Ctrl+C)."))


def _encrypting(certificate: Path | None, key: Path | None) -> Callable[[], ssl.SSLContext | None]:
    """Raises click.UsageError where one of them is missing."""
    if certificate is None and key is None:
        return lambda: None
    if certificate is None or key is None:
        given, missing = ("key", "certificate") if certificate is None else ("certificate", "key")
        raise click.UsageError(f"--tls-{given} needs --tls-{missing} beside it.")
    return partial(tls_context, certificate, key)


def _spool_in(folder: Path) -> None:
    """Temporary files on the disk meant for them: files on their way to an object store."""
    try:
        make_folders(folder, PRIVATE, keep_owner=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another --data."
        ) from error
    tempfile.tempdir = str(folder)


def _with_last_slash(url: str) -> str:
    return f"{url.rstrip('/')}/"
