"""Where a new password comes from: the terminal, standard input, or chance."""

import secrets
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from pypi_repo.cli.options import somebody_can_be_asked
from pypi_repo.cli.output import say

T = TypeVar("T")


def password_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds --password-stdin and --generate-password, for `new_password`."""
    for decorate in (
        click.option(
            "--generate-password",
            "generated",
            is_flag=True,
            help="Generate a strong password and print it as the last line.",
        ),
        click.option(
            "--password-stdin", "from_stdin", is_flag=True, help="Read the password from stdin."
        ),
    ):
        command = decorate(command)
    return command


def new_password(from_stdin: bool, generated: bool) -> str:
    """Returns a password: made up, from standard input, or asked for twice at the terminal."""
    if from_stdin and generated:
        raise click.UsageError("Say one of --password-stdin and --generate-password.")
    if generated:
        # Hexadecimal, so that no password looks like an option where it is pasted.
        return secrets.token_hex(12)
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n") if sys.stdin else ""
    if not somebody_can_be_asked():
        raise click.UsageError(
            "There is no terminal to ask for a password: use --password-stdin or "
            "--generate-password."
        )
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def tell(password: str, generated: bool, *lines: str) -> None:
    """Says what was done with a new password.

    One that was made up stands alone on standard output, for whoever pipes it on.
    """
    for line in lines:
        say(line, err=generated)
    if generated:
        click.echo(password)
