"""pypi-repo: the nouns put together.

What a noun needs is loaded when it is used: the overview, the version and a mistyped noun need
next to nothing.
"""

import logging
import os
from importlib import import_module
from keyword import iskeyword

import click

# Each noun with its module in this package, and what the overview says of it.
_NOUNS = {
    "serve": ("serve", "Run the server."),
    "repository": ("repository", "Create, list, change and delete repositories."),
    "upstream": (
        "sources.upstream",
        "Create, list, change and delete upstreams: indexes elsewhere, from which packages come.",
    ),
    "rule": (
        "sources.rule",
        "Allow and deny what a repository takes from its sources; the first rule that fits "
        "decides.",
    ),
    "exception": (
        "sources.rule",
        "Let files through before they are as old as the cooldown wants.",
    ),
    "explain": (
        "sources.explain",
        "Explain from where PROJECT comes in REPOSITORY, and which of its files are left out.",
    ),
    "user": (
        "accounts.user",
        "Create, list, change and delete repository users: the accounts of pip, twine and uv.",
    ),
    "group": (
        "accounts.group",
        "Create, list, change and delete groups of repository users, who share rights.",
    ),
    "token": ("accounts.token", "Create, list and revoke tokens: passwords for machines."),
    "admin": (
        "accounts.admin",
        "Create, list, change and delete administrators: the accounts of the portal and the API.",
    ),
    "identity-provider": (
        "accounts.identity_provider",
        "Create, list, change and delete identity providers: where people sign in "
        "(OpenID Connect).",
    ),
    "publisher": (
        "accounts.publisher",
        "Let CI jobs publish and install without a password (trusted publishing).",
    ),
    "attestations": (
        "accounts.attestations",
        "Show and replace whose signatures are trusted when attestations are verified.",
    ),
    "project": ("project", "List, show, close, promote and delete projects."),
    "release": ("project", "Yank, pin, promote and delete releases."),
    "file": ("project", "Yank and delete single files."),
    "retention": (
        "lifecycle.retention",
        "Say which releases a repository keeps, and delete the others.",
    ),
    "stage": (
        "lifecycle.stage",
        "Open, list, publish and drop stages: files that are published together.",
    ),
    "trash": (
        "lifecycle.trash",
        "List and restore what was deleted or overwritten, or delete it for good.",
    ),
    "import": ("importing", "Import to REPOSITORY what SOURCE has."),
    "webhook": (
        "webhook",
        "Create, list, change and delete webhooks: URLs that are told what happens.",
    ),
    "db": ("maintenance", "Upgrade the database schema, or print its revision."),
    "upkeep": ("maintenance", "Free space, and check that nothing is lost."),
    "backup": (
        "backup",
        "Copy a registry away, and make one of the copy, on any engine and any file store.",
    ),
}

# What goes wrong with an upstream, a command says itself; the log of `serve` is elsewhere.
logging.getLogger("pypi_repo.services.upstreams").addHandler(logging.NullHandler())


class _Nouns(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"There is no option {error.option_name} before the command; write it after it, as "
                "in `pypi-repo repository list --data DIR`.",
                ctx,
            ) from None

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_NOUNS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _NOUNS:
            return None
        module, _about = _NOUNS[name]
        loaded = import_module(f"pypi_repo.cli.{module}")
        attribute = f"{name}_" if iskeyword(name) else name.replace("-", "_")
        command: click.Command = getattr(loaded, attribute)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_module, about) in _NOUNS.items()])


@click.group(cls=_Nouns)
@click.version_option(package_name="pypi-repo")
@click.pass_context
def main(context: click.Context) -> None:
    """A private Python package repository."""
    if context.invoked_subcommand != "serve":  # which has a log for it
        from pypi_repo.cli.output import say
        from pypi_repo.variables import unknown_variables

        for sentence in unknown_variables(os.environ):
            say(sentence, err=True)
