"""pypi-repo user ..."""

from typing import Any

import click

from pypi_repo.cli.accounts.passwords import new_password, password_options, tell
from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_records, say
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def user() -> None:
    """Create, list, change and delete repository users: the accounts of pip, twine and uv."""


class _Grant(click.ParamType[tuple[str, Access]]):
    name = "REPO=read|write"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Access]:
        if isinstance(value, tuple):
            return value
        repository, _equals, level = value.rpartition("=")
        if not repository or level not in ("read", "write"):
            self.fail(f"{value!r} should look like main=read or main=write.", param, ctx)
        return repository, Access[level.upper()]


_read_only = click.option(
    "--read-only", is_flag=True, help="May read every repository and write to none."
)
_access = click.option(
    "--access",
    type=_Grant(),
    multiple=True,
    help="May use only the named repositories; may be repeated.",
)


@user.command()
@click.argument("name")
@password_options
@_read_only
@_access
@acts_as_operator
def create(
    operator: Acting,
    name: str,
    from_stdin: bool,
    generated: bool,
    read_only: bool,
    access: tuple[tuple[str, Access], ...],
) -> None:
    """Make the repository user NAME, who may read and write every repository.

    NAME is an e-mail address or a word.
    """
    grants = _grants(read_only, access) or Grants(Access.WRITE)
    password = new_password(from_stdin, generated)
    operator.accounts.create_user(name, password, everywhere=grants.everywhere, named=grants.named)
    lines = [f"Created repository user {name.lower()}, who may {_described(grants)}."]
    if grants.everywhere is not Access.NONE:
        lines.append(
            f"`pypi-repo user set {name.lower()} --access REPO=read` narrows that to one "
            "repository."
        )
    tell(password, generated, *lines)


@user.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all repository users."""
    records = [
        {
            "name": found.name,
            "everywhere": found.grants.everywhere.name.lower(),
            "access": {
                name: access.name.lower() for name, access in sorted(found.grants.named.items())
            },
            "disabled": found.disabled,
            "created_at": found.created_at,
            "last_used_at": found.last_used_at,
        }
        for found in operator.accounts.users()
    ]
    print_records(
        records, as_json, if_none="There are no repository users; `user create` makes one."
    )


@user.command("set")
@click.argument("name")
@click.option("--read-write", is_flag=True, help="May read and write every repository.")
@_read_only
@_access
@click.option(
    "--disable/--enable",
    "disabled",
    default=None,
    help="Refuse the user and its tokens, or accept them again.",
)
@acts_as_operator
def set_(
    operator: Acting,
    name: str,
    read_write: bool,
    read_only: bool,
    access: tuple[tuple[str, Access], ...],
    disabled: bool | None,
) -> None:
    """Change what repository user NAME may do, from its next request on."""
    grants = _grants(read_only, access)
    if read_write and grants is not None:
        raise click.UsageError("Say one of --read-write, --read-only and --access.")
    if read_write:
        grants = Grants(Access.WRITE)
    if grants is None and disabled is None:
        raise click.UsageError(
            "Say one of --read-write, --read-only and --access, or --disable or --enable."
        )
    if grants is not None:
        operator.accounts.set_access(name, grants.everywhere, grants.named)
    if disabled is not None:
        operator.accounts.set_disabled(name, disabled)
    say(f"Changed repository user {name.lower()}.")


@user.command("set-password")
@click.argument("name")
@password_options
@acts_as_operator
def set_password(operator: Acting, name: str, from_stdin: bool, generated: bool) -> None:
    """Give repository user NAME another password."""
    password = new_password(from_stdin, generated)
    operator.accounts.set_password(name, password)
    tell(password, generated, f"Changed the password of repository user {name.lower()}.")


@user.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete repository user NAME and its tokens."""
    tokens = counted(len(operator.accounts.tokens(name)), "token")
    confirm(f"This deletes repository user {name.lower()} with {tokens}", yes)
    operator.accounts.delete_user(name)
    say(f"Deleted repository user {name.lower()} with {tokens}.")


def _described(grants: Grants) -> str:
    """What follows "who may"."""
    if grants.everywhere is Access.WRITE:
        return "read and write every repository, including those created later"
    if grants.everywhere is Access.READ:
        return "read every repository, including those created later"
    levels = {Access.READ: "read", Access.WRITE: "read and write"}
    return " and ".join(
        f"{levels[access]} {repository}" for repository, access in grants.named.items()
    )


def _grants(read_only: bool, access: tuple[tuple[str, Access], ...]) -> Grants | None:
    if read_only and access:
        raise click.UsageError(
            "--read-only is about every repository; with --access, say REPO=read instead."
        )
    if access:
        return Grants(Access.NONE, dict(access))
    return Grants(Access.READ) if read_only else None
