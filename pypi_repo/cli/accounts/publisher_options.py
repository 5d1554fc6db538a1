"""The options of `publisher create` and `publisher set`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

import click

from pypi_repo.cli.accounts.provider_options import REACHING_OPTIONS, pair
from pypi_repo.cli.options import given
from pypi_repo.domain.identity.publisher import DEFAULT_MINUTES, LONGEST_MINUTES, May

T = TypeVar("T")

_SETTINGS = (
    click.option(
        "--issuer",
        metavar="URL",
        help="Who signs the tokens of the jobs, as the claim iss says it; needed for circleci and "
        "oidc, and for instances of your own.",
    ),
    click.option(
        "--claim",
        "claims",
        multiple=True,
        metavar="KEY=PATTERN",
        help="What a token must say; * in it stands for any characters. May be repeated, and all "
        "must match; one that tells the jobs from those of strangers has no *.",
    ),
    click.option(
        "--project",
        "projects",
        multiple=True,
        metavar="PATTERN",
        help="A project that the jobs may upload or read, or names like acme-*; it need not exist "
        "yet. May be repeated; all projects if it is left out.",
    ),
    click.option(
        "--may",
        type=click.Choice(get_args(May)),
        help="What the jobs may do: upload, which includes to read and is the default, or read.",
    ),
    click.option(
        "--minutes",
        type=click.INT,
        help=f"For how long the token of a job is valid: {DEFAULT_MINUTES}, which is the default, "
        f"to {LONGEST_MINUTES}.",
    ),
    *REACHING_OPTIONS,
)


def publisher_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds the options for `given_publisher`."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def given_publisher(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a publisher that were given."""
    settings = given(options)
    claims, projects = settings.pop("claims"), settings.pop("projects")
    if claims:
        settings["claims"] = _claims(claims)
    if projects:
        settings["projects"] = projects
    return settings


def _claims(texts: Iterable[str]) -> dict[str, str]:
    claims: dict[str, str] = {}
    for name, pattern in (pair(text, "--claim", 0) for text in texts):
        if name in claims:
            raise click.UsageError(
                f"--claim {name}=... is there twice; say one pattern for it, such as "
                "refs/tags/*, or make a publisher for each."
            )
        claims[name] = pattern
    return claims
