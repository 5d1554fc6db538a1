"""python -m pypi_repo.serve: the registry on its own.

Its server is described in docs/explanation/server.md.
"""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from pypi_repo.cli.options import Command, Duration, SentBy, Size, location_options, option
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.registry import Registry
from pypi_repo.server.loop import Server
from pypi_repo.server.patience import Patience
from pypi_repo.server.sockets import listen, url_of
from pypi_repo.services.setup import FirstSteps
from pypi_repo.settings import GIB, FilesSentBy, Limits, data_folder, in_folder
from pypi_repo.storage.folders import PRIVATE, make_folders
from pypi_repo.web.logs import FORMATS, log_to_stderr
from pypi_repo.web.proxy import behind_proxy

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


@click.command(cls=Command)
@option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port to listen on; 0 takes any free one.",
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
    help="The URL that clients use, if no trusted proxy tells it.",
)
@option(
    "--files-sent-by",
    type=SentBy(),
    help="Let a proxy or the object store send files: x-accel:/LOCATION/ (nginx), x-sendfile, or "
    "signed-urls:SECONDS.",
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
    help="Lets whoever sends it as a bearer token read /metrics; better set in the environment.",
)
@location_options
def serve(
    host: str,
    port: int,
    max_upload_size: int,
    upload_patience: timedelta,
    trusted_proxy: str | None,
    public_url: str | None,
    files_sent_by: FilesSentBy | None,
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
    log_to_stderr(log_format, requests=access_log)
    limits = Limits(file_size=max_upload_size)
    settings = in_folder(data, database, blobs, limits, database_schema=database_schema)
    registry = Registry(
        replace(
            settings,
            files_sent_by=files_sent_by,
            metrics_token=metrics_token,
            public_url=public_url,
        )
    )
    if database is None:
        registry.upgrade()  # nobody else uses the embedded database
    else:
        registry.check()
    if database is None or blobs is None:
        _spool_in(data_folder(data) / "spool")
    patience = Patience(body=upload_patience.total_seconds())
    site = registry.wsgi_app()
    if trusted_proxy:
        site = behind_proxy(site, trusted_proxy)
    sockets = listen(host, port)
    url = url_of(sockets)
    server = Server(site, sockets, patience=patience)
    database_place, files_place = registry.database_place, registry.files_place
    click.echo(f"The database is {database_place}; the files are in {files_place}.")
    if database is None and (made := registry.setup.first_steps()):
        click.echo(_greeting(made, _with_last_slash(public_url or url)))
    elif not registry.repositories.all():
        click.echo(_NOTHING_YET)
    click.echo(f"Listening on {url} (stop with Ctrl+C).")
    server.run()
    registry.close()


def _spool_in(folder: Path) -> None:
    """Temporary files on the disk meant for them: files on their way to an object store."""
    try:
        make_folders(folder, PRIVATE)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another --data."
        ) from error
    tempfile.tempdir = str(folder)


def _with_last_slash(url: str) -> str:
    return f"{url.rstrip('/')}/"


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
