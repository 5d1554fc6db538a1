"""pypi-repo user invite ..."""

from datetime import timedelta

import click

from pypi_repo.cli.accounts.access import (
    access_options,
    described_with,
    grants_of,
    group_option,
)
from pypi_repo.cli.options import Command, Duration, acts_as_operator, option
from pypi_repo.cli.output import say
from pypi_repo.domain.accounts.errors import UnknownAccount
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.accounts.invitations import check_life, invitation_link
from pypi_repo.domain.accounts.written_grants import WrittenGrant
from pypi_repo.services.acting import Acting


@click.command(cls=Command)
@click.argument("name")
@access_options
@group_option
@click.option(
    "--expires-in",
    type=Duration(),
    default="7d",
    show_default=True,
    help="How long the link can be used, like 12h or 7d.",
)
@option(
    "--public-url",
    metavar="URL",
    help="The URL of the registry, with which the link begins.",
)
@acts_as_operator
def invite(
    operator: Acting,
    name: str,
    read_write: bool,
    read_only: bool,
    access: tuple[WrittenGrant, ...],
    groups: tuple[str, ...],
    expires_in: timedelta,
    public_url: str | None,
) -> None:
    """Invite repository user NAME by a link, with which the person sets a password once.

    The user is created if there is none of this name. A user that exists keeps its
    password until the link is used, and earlier links end. The last line of the output is the link.
    """
    check_life(expires_in)  # before anything is created
    given = grants_of(read_write, read_only, access)
    if _exists(operator, name):
        if given is not None or groups:
            raise click.UsageError(
                f"There is a repository user {name.lower()} already; change its access with "
                "`pypi-repo user set`."
            )
        told = f"Invited repository user {name.lower()} to set a new password."
    else:
        grants = given or Grants(Access.NONE if groups else Access.WRITE)
        operator.accounts.create_user(
            name,
            None,
            everywhere=grants.everywhere,
            named=grants.named,
            patterns=grants.patterns,
            groups=groups,
        )
        told = f"Invited repository user {name.lower()}, who may {described_with(grants, groups)}."
    secret = operator.invitations.invite(name, expires_in=expires_in)
    say(told, err=True)
    if public_url is None:
        say("Write the URL of the registry before the link; --public-url does that.", err=True)
    click.echo(invitation_link(secret, public_url or ""))


def _exists(operator: Acting, name: str) -> bool:
    try:
        operator.accounts.user(name)
    except UnknownAccount:
        return False
    return True
