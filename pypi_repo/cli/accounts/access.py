"""The options that say what users and groups may do, and how commands print it."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import click

from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.accounts.written_grants import WrittenGrant, parse_grant, written_patterns
from pypi_repo.domain.errors import InvalidSetting

T = TypeVar("T")


class _Grant(click.ParamType[WrittenGrant]):
    name = "REPO[/PATTERN]=read|write|none"

    def convert(self, value: Any, param: Any, ctx: Any) -> WrittenGrant:
        try:
            return value if isinstance(value, tuple) else parse_grant(value)
        except InvalidSetting as error:
            self.fail(error.message, param, ctx)


def access_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds --read-write, --read-only and --access, for `grants_of`."""
    for decorate in (
        click.option(
            "--access",
            type=_Grant(),
            multiple=True,
            help="May use only the named repositories, or only the projects in them whose names "
            "match PATTERN, such as acme-*; may be repeated. With --read-only or --read-write, it "
            "says what is different there.",
        ),
        click.option("--read-only", is_flag=True, help="May read every repository."),
        click.option("--read-write", is_flag=True, help="May read and write every repository."),
    ):
        command = decorate(command)
    return command


group_option = click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="A group of the user; may be repeated.",
)


def grants_of(read_write: bool, read_only: bool, access: Iterable[WrittenGrant]) -> Grants | None:
    """Returns what the options give, or None if there are none.

    Raises UsageError.
    """
    if read_write and read_only:
        raise click.UsageError("Say one of --read-write and --read-only.")
    given = tuple(access)
    if not (read_write or read_only or given):
        return None
    everywhere = Access.WRITE if read_write else Access.READ if read_only else Access.NONE
    return Grants(
        everywhere,
        {repository: level for repository, pattern, level in given if pattern is None},
        {(repository, pattern): level for repository, pattern, level in given if pattern},
    )


def described(grants: Grants) -> str:
    """Returns what follows "who may"."""
    levels = {Access.NONE: "not use", Access.READ: "read", Access.WRITE: "read and write"}
    parts = [f"{levels[access]} {name}" for name, access in grants.named.items()]
    parts += [
        f"{levels[access]} projects {pattern} of {name}"
        for (name, pattern), access in grants.patterns.items()
    ]
    if grants.everywhere:
        every = "every other repository" if grants.named else "every repository"
        parts.append(f"{levels[grants.everywhere]} {every}, including those created later")
    return " and ".join(parts) or "not use any repository"


def described_with(grants: Grants, groups: Collection[str]) -> str:
    """Returns what follows "who may"."""
    if not groups:
        return described(grants)
    theirs = f"do what {'group' if len(groups) == 1 else 'groups'} {', '.join(groups)} may"
    return theirs if grants == Grants() else f"{described(grants)}, and {theirs}"


def access_record(grants: Grants) -> dict[str, Any]:
    """Returns the part of a record that says what is given.

    Projects are under the name of the repository and the pattern, as --access takes them.
    """
    named = {name: access.name.lower() for name, access in sorted(grants.named.items())}
    return {
        "everywhere": grants.everywhere.name.lower(),
        "access": named | written_patterns(grants),
    }
