"""Writes docs/reference/command-line.md: `python -m tests.support.command_line_docs`.

A test compares the page with what this makes of the commands, so that it cannot lie.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from pypi_repo.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"

_INTRODUCTION = """\
# Command line

This page lists the commands of `pypi-repo`, which can also be run as `python -m pypi_repo`.

The location of the registry (`--data`, `--database`, `--blobs`) and all options of `serve` can also
be set as environment variables; the help texts name them.

Commands that delete or revoke something say what they will delete. They ask for confirmation at a
terminal, and require `--yes` elsewhere.

The exit status is 0 if the command has succeeded, 1 if it was refused, with one sentence on
standard error that says what to do next, and 2 for wrong usage.
"""


def page() -> str:
    sections = (
        f"## {path}\n\n```text\n{command.get_help(context)}\n```\n"
        for path, command, context in all_commands()
    )
    return "\n".join([_INTRODUCTION, *sections])


def all_commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Each command that does something, with what is typed for it."""
    yield from _commands_in(main, click.Context(main, info_name="pypi-repo"))


def _commands_in(
    group: click.Group, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.commands or group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context, max_content_width=98)
        if isinstance(command, click.Group):
            yield from _commands_in(command, own)
        else:
            yield own.command_path, command, own


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
