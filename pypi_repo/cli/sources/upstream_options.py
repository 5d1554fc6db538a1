"""The options of `upstream create` and `upstream set`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import click

from pypi_repo.cli.options import (
    Duration,
    FilesAge,
    OrNone,
    Size,
    given,
    secret_from_stdin,
)
from pypi_repo.domain.upstreams.upstream import COOLDOWN_MODES

T = TypeVar("T")

_IN_ENVIRONMENT = "environment:"

_CREDENTIALS = (
    click.option("--username", metavar="NAME", help="The user there; needs --password-stdin."),
    click.option(
        "--password-stdin", is_flag=True, help="Read the password of the user from stdin."
    ),
    click.option("--token-stdin", is_flag=True, help="Read a bearer token from stdin."),
    click.option(
        "--credentials",
        metavar="environment:VARIABLE",
        help="The environment variable of the server that has USERNAME:PASSWORD or a bearer "
        "token, so that none is stored.",
    ),
)
_SETTINGS = (
    click.option(
        "file_hosts",
        "--file-host",
        multiple=True,
        metavar="HOST[:PORT]",
        help="Another host from which its files may come; may be repeated. All are replaced.",
    ),
    click.option("--no-file-hosts", is_flag=True, help="Let files come from its own host only."),
    click.option(
        "--fresh-for",
        type=Duration(),
        help="How long a page is used before it is asked for again; 10m by default.",
    ),
    click.option(
        "--stale-for",
        type=OrNone(Duration(), "forever"),
        help="How long it is used after that if the upstream does not answer; forever by default.",
    ),
    click.option(
        "--cache-size",
        type=OrNone(Size()),
        help="The size of all its cached files, like 50GiB; none by default, which is no limit.",
    ),
    click.option(
        "--allow-http/--https-only",
        default=None,
        help="Whether it, and its files, may be fetched without encryption.",
    ),
    click.option(
        "--allow-private-network/--public-network-only",
        default=None,
        help="Whether it may have an address in a private network or on this machine.",
    ),
    click.option(
        "--ca-file",
        type=OrNone(click.Path(exists=True, dir_okay=False, resolve_path=True)),
        metavar="FILE|NONE",
        help="The certificates to trust, in PEM format, instead of those of the system.",
    ),
    click.option(
        "--offline/--online",
        default=None,
        help="Whether nothing is asked of it, so that there is only what was fetched before.",
    ),
    click.option(
        "--cooldown",
        type=OrNone(FilesAge()),
        help="How old its files must be, like 3d, or a date like 2026-11-01 before which they "
        "must be from.",
    ),
    click.option(
        "--cooldown-mode",
        type=click.Choice(COOLDOWN_MODES),
        help="Whether files that are too young are left out (enforce), or only reported (audit).",
    ),
    click.option(
        "--first-seen/--upload-times-only",
        default=None,
        help="Whether a file without an upload time counts as uploaded when it was first seen.",
    ),
)


def credentials_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds the options for `given_credentials`."""
    for option in reversed(_CREDENTIALS):
        command = option(command)
    return command


def settings_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds the options for `given_settings`."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def given_credentials(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the credentials out of the options.

    Returns all settings of credentials, or none if no option is about them.
    """
    username, variable = options.pop("username"), options.pop("credentials")
    password, token = options.pop("password_stdin"), options.pop("token_stdin")
    none = options.pop("no_credentials", False)
    if (username is not None) != password:
        raise click.UsageError("--username and --password-stdin go together; say both.")
    if [password, token, variable is not None, none].count(True) > 1:
        raise click.UsageError(
            "Say only one of --username with --password-stdin, --token-stdin and --credentials."
        )
    if password:
        return _credentials(username=username, secret=secret_from_stdin("Password"))
    if token:
        return _credentials(secret=secret_from_stdin("Token"))
    if variable is not None:
        return _credentials(secret_variable=_variable(variable))
    return _credentials() if none else {}


def given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of an upstream that were given."""
    settings = given(options)
    hosts, no_hosts = settings.pop("file_hosts"), settings.pop("no_file_hosts")
    if hosts and no_hosts:
        raise click.UsageError("Say one of --file-host and --no-file-hosts.")
    if hosts or no_hosts:
        settings["file_hosts"] = hosts
    for name in ("fresh_for", "stale_for"):
        value = settings.get(name)
        if isinstance(value, timedelta):
            settings[name] = int(value.total_seconds())
    return settings


def _credentials(
    username: str | None = None, secret: str | None = None, secret_variable: str | None = None
) -> dict[str, str | None]:
    return {"username": username, "secret": secret, "secret_variable": secret_variable}


def _variable(text: str) -> str:
    kind, colon, name = text.partition(":")
    if f"{kind}{colon}" != _IN_ENVIRONMENT:
        # Without the text: somebody may have written the secret itself.
        raise click.UsageError("Write --credentials environment:VARIABLE.")
    return name
