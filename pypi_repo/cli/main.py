"""pypi-repo: the nouns put together."""

import logging

import click

from pypi_repo.cli.accounts.admin import admin
from pypi_repo.cli.accounts.group import group
from pypi_repo.cli.accounts.identity_provider import identity_provider
from pypi_repo.cli.accounts.invite import invite
from pypi_repo.cli.accounts.token import token
from pypi_repo.cli.accounts.user import user
from pypi_repo.cli.backup import backup
from pypi_repo.cli.maintenance import db, upkeep
from pypi_repo.cli.options import Group
from pypi_repo.cli.project import file, project, release
from pypi_repo.cli.repository import repository
from pypi_repo.cli.serve import serve
from pypi_repo.cli.sources.explain import explain
from pypi_repo.cli.sources.rule import exception, rule
from pypi_repo.cli.sources.upstream import upstream

# What goes wrong with an upstream, a command says itself; the log of `serve` is elsewhere.
logging.getLogger("pypi_repo.services.upstreams").addHandler(logging.NullHandler())


@click.group(cls=Group)
@click.version_option(package_name="pypi-repo")
def main() -> None:
    """A private Python package repository."""


user.add_command(invite)

for command in (
    *(serve, repository, upstream, rule, exception, explain, user, group, token, admin),
    *(identity_provider, project, release, file, db, upkeep, backup),
):
    main.add_command(command)
