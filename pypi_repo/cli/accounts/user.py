"""pypi-repo user ..."""

from typing import Any

import click

from pypi_repo.cli.accounts.access import (
    access_options,
    access_record,
    described_with,
    grants_of,
    group_option,
)
from pypi_repo.cli.accounts.invite import invite
from pypi_repo.cli.accounts.passwords import new_password, password_options, tell
from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.accounts.accounts import User
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.accounts.rights import RightsExplanation
from pypi_repo.domain.accounts.written_grants import WrittenGrant
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def user() -> None:
    """Create, list, change and delete repository users: the accounts of pip, twine and uv."""


@user.command()
@click.argument("name")
@password_options
@click.option(
    "--tokens-only",
    is_flag=True,
    help="Give the user no password: it signs in elsewhere, and its clients use tokens.",
)
@access_options
@group_option
@acts_as_operator
def create(
    operator: Acting,
    name: str,
    from_stdin: bool,
    generated: bool,
    tokens_only: bool,
    read_write: bool,
    read_only: bool,
    access: tuple[WrittenGrant, ...],
    groups: tuple[str, ...],
) -> None:
    """Make the repository user NAME, who may read and write every repository.

    NAME is an e-mail address or a word. With --group and without rights of its own, the user may
    do what its groups may.
    """
    usual = Grants(Access.NONE if groups else Access.WRITE)
    grants = grants_of(read_write, read_only, access) or usual
    if tokens_only and (from_stdin or generated):
        raise click.UsageError(
            "Say one of --tokens-only, --password-stdin and --generate-password."
        )
    password = None if tokens_only else new_password(from_stdin, generated)
    operator.accounts.create_user(
        name,
        password,
        everywhere=grants.everywhere,
        named=grants.named,
        patterns=grants.patterns,
        groups=groups,
        tokens_only=tokens_only,
    )
    lines = [f"Created repository user {name.lower()}, who may {described_with(grants, groups)}."]
    if grants.everywhere is not Access.NONE and not grants.named:
        lines.append(
            f"`pypi-repo user set {name.lower()} --access REPO=read` narrows that to one "
            "repository."
        )
    tell(password or "", generated, *lines)


@user.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all repository users."""
    print_records(
        [_record(found) for found in operator.accounts.users()],
        as_json,
        if_none="There are no repository users; `user create` makes one.",
    )


@user.command()
@click.argument("name")
@click.option(
    "--explain",
    "repository",
    metavar="REPO",
    help="Explain what the user may do in this repository, or with PROJECT of it.",
)
@click.argument("project", required=False)
@json_option
@acts_as_operator
def show(
    operator: Acting, name: str, repository: str | None, project: str | None, as_json: bool
) -> None:
    """Show repository user NAME, or explain its rights: --explain REPO [PROJECT]."""
    if repository is None:
        if project is not None:
            raise click.UsageError("Say --explain REPO before the name of a project.")
        print_record(_record(operator.accounts.user(name)), as_json)
        return
    found = operator.rights.explain(name, repository, project)
    if as_json:
        print_record(_explained(found), as_json)
        return
    for sentence in found.sentences():
        say(sentence)


@user.command("set")
@click.argument("name")
@access_options
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="A group of the user, in place of those that it has; may be repeated. `group remove` "
    "takes a user out of its last group.",
)
@click.option(
    "--disable/--enable",
    "disabled",
    default=None,
    help="Refuse the user and its tokens, or accept them again.",
)
@click.option(
    "--tokens-only/--passwords",
    "tokens_only",
    default=None,
    help="Refuse the password of the user, but not its tokens; or accept it again.",
)
@acts_as_operator
def set_(
    operator: Acting,
    name: str,
    read_write: bool,
    read_only: bool,
    access: tuple[WrittenGrant, ...],
    groups: tuple[str, ...],
    disabled: bool | None,
    tokens_only: bool | None,
) -> None:
    """Change what repository user NAME may do, from its next request on.

    --read-write, --read-only and --access replace all rights that the user has of its own.
    """
    grants = grants_of(read_write, read_only, access)
    if grants is None and not groups and disabled is None and tokens_only is None:
        raise click.UsageError(
            "Say one of --read-write, --read-only, --access, --group, --disable, --enable, "
            "--tokens-only and --passwords."
        )
    operator.accounts.change_user(
        name,
        grants=grants,
        groups=groups or None,
        disabled=disabled,
        tokens_only=tokens_only,
    )
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


user.add_command(invite)


def _record(found: User) -> dict[str, Any]:
    return {
        "name": found.name,
        **access_record(found.grants),
        "groups": list(found.groups),
        "disabled": found.disabled,
        "tokens_only": found.tokens_only,
        "created_at": found.created_at,
        "last_used_at": found.last_used_at,
    }


def _explained(found: RightsExplanation) -> dict[str, Any]:
    return {
        "user": found.user,
        "repository": found.repository,
        "project": found.project,
        "may_read": found.may_read,
        "may_upload": found.may_upload,
        "public": found.is_public,
        "disabled": found.disabled,
        "rights": [
            {
                "group": right.group,
                "repository": right.repository,
                "pattern": right.pattern,
                "access": right.access.name.lower(),
            }
            for right in found.rights
        ],
    }
