"""pypi-repo token ..."""

from datetime import timedelta
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Duration, Group, Id, acts_as_operator, json_option
from pypi_repo.cli.output import print_records, say
from pypi_repo.domain.accounts.accounts import Token
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def token() -> None:
    """Create, list and revoke tokens: passwords for machines."""


@token.command()
@click.argument("user")
@click.option("--repository", metavar="NAME", help="Limit the token to this repository.")
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="GLOB",
    help="Limit the token to projects with this name, or with names like acme-*; may be repeated.",
)
@click.option("--read-only", is_flag=True, help="The token cannot upload.")
@click.option(
    "--expires-in",
    type=Duration(),
    help="Until it expires, like 90d or 12h; by default it never does.",
)
@click.option("--name", default="", metavar="TEXT", help="A note on what it is for.")
@acts_as_operator
def create(
    operator: Acting,
    user: str,
    repository: str | None,
    projects: tuple[str, ...],
    read_only: bool,
    expires_in: timedelta | None,
    name: str,
) -> None:
    """Make a token of repository USER. Its secret is printed last, and only this once.

    Clients send it as the password, with the user name __token__.
    """
    created, secret = operator.accounts.create_token(
        user,
        name=name,
        repository=repository,
        projects=projects,
        read_only=read_only,
        expires_in=expires_in,
    )
    say(f"Created token {created.id} ({created.name}) of {created.user}:", err=True)
    click.echo(secret)


@token.command("list")
@click.argument("user")
@json_option
@acts_as_operator
def list_(operator: Acting, user: str, as_json: bool) -> None:
    """List the tokens of repository USER, without their secrets."""
    print_records(
        [_record(found) for found in operator.accounts.tokens(user)],
        as_json,
        if_none=f"{user.lower()} has no tokens; `token create` makes one.",
    )


@token.command()
@click.argument("id", type=Id())
@yes_option
@acts_as_operator
def revoke(operator: Acting, id: int, yes: bool) -> None:  # noqa: A002 - as `list` calls it
    """Revoke token ID, which is refused from then on."""
    found = operator.accounts.token(id)
    which = f"token {found.id} ({found.name}) of {found.user}"
    confirm(f"This revokes {which}, for good", yes)
    operator.accounts.revoke_token(id)
    say(f"Revoked {which}.")


def _record(found: Token) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "prefix": found.prefix,
        "repository": found.repository,
        "projects": list(found.projects),
        "read_only": found.read_only,
        "created_at": found.created_at,
        "expires_at": found.expires_at,
        "last_used_at": found.last_used_at,
    }
