"""The options of `identity-provider create` and `identity-provider set`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from pypi_repo.cli.options import OrNone, given, secret_from_stdin
from pypi_repo.domain.identity.provider import DEFAULT_SCOPES

T = TypeVar("T")

REACHING_OPTIONS = (
    click.option(
        "--allow-http/--https-only",
        default=None,
        help="Whether it may be asked without encryption.",
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
)
"""How an issuer of tokens is reached."""

_SETTINGS = (
    click.option("--title", metavar="TEXT", help="The button says `Sign in with TEXT`."),
    click.option(
        "--client-secret-stdin", is_flag=True, help="Read the client secret from standard input."
    ),
    click.option(
        "--scope",
        "scopes",
        multiple=True,
        metavar="WORD",
        help=f"What to ask for; may be repeated. All are replaced: {' '.join(DEFAULT_SCOPES)}.",
    ),
    click.option(
        "--name-claim", metavar="CLAIM", help="The claim that names new accounts; default: email."
    ),
    click.option(
        "--groups-claim",
        type=OrNone(click.STRING),
        metavar="CLAIM|NONE",
        help="The claim whose values --map is about, such as groups.",
    ),
    click.option(
        "mapping",
        "--map",
        multiple=True,
        metavar="VALUE=NAME",
        help="Who has this value is in this group, or manages this area (repositories, users or "
        "settings), and nobody else who comes from there. May be repeated. All are replaced.",
    ),
    click.option(
        "creates",
        "--create/--no-create",
        default=None,
        help="Whether the first sign-in of a person makes an account; by default, it does not.",
    ),
    click.option(
        "conditions",
        "--require",
        multiple=True,
        metavar="CLAIM=VALUE",
        help="Let only people in whose claim has this value; may be repeated. All are replaced.",
    ),
    click.option(
        "--session-hours",
        type=click.INT,
        help="After how many hours people sign in again; 12 by default.",
    ),
    click.option(
        "enabled", "--enable/--disable", default=None, help="Whether people can sign in with it."
    ),
    *REACHING_OPTIONS,
)


def settings_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds the options for `given_settings`."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def given_settings(options: Mapping[str, Any], emptied: Mapping[str, bool]) -> dict[str, Any]:
    """Returns the settings of an identity provider that were given.

    emptied: whether the mapping and the conditions are taken away.
    """
    settings = given(options)
    if settings.pop("client_secret_stdin"):
        settings["client_secret"] = secret_from_stdin("Client secret")
    scopes = settings.pop("scopes")
    if scopes:
        settings["scopes"] = scopes
    mapping, conditions = settings.pop("mapping"), settings.pop("conditions")
    if mapping or emptied.get("mapping"):
        settings["mapping"] = _mapping(mapping)
    if conditions or emptied.get("conditions"):
        settings["conditions"] = dict(pair(text, "--require", 0) for text in conditions)
    return settings


def _mapping(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    mapping: dict[str, tuple[str, ...]] = {}
    for value, name in (pair(text, "--map", -1) for text in texts):
        mapping[value] = (*mapping.get(value, ()), name)
    return mapping


def pair(text: str, option: str, which: int) -> tuple[str, str]:
    """Returns the texts on both sides of an equals sign.

    which: at which of them the text is divided: 0 for the first one, -1 for the last one. A value
        may have some, and names have none.
    """
    parts = text.split("=", 1) if which == 0 else text.rsplit("=", 1)
    if len(parts) != 2 or not all(parts):
        raise click.UsageError(f"{option} {text!r} needs a text on both sides of an equals sign.")
    return parts[0], parts[1]
