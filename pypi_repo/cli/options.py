"""What all commands share: where the registry is, how errors end, how lists are printed."""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from pypi_repo.domain.errors import RegistryError
from pypi_repo.registry import Registry
from pypi_repo.settings import FilesSentBy, in_folder, parse_files_sent_by, parse_size

T = TypeVar("T")

_LONGEST_NUMBER = 6
_DURATIONS = {"d": "days", "h": "hours", "m": "minutes"}


class Command(click.Command):
    """Refusals end with exit status 1 and their one sentence on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RegistryError as error:
            raise click.ClickException(error.for_operator) from error


class Group(click.Group):
    command_class = Command


class Option(click.Option):
    """Can also be given as PYPI_REPO_..., named like the option."""

    def __init__(self, param_decls: Sequence[str] | None = None, **attributes: Any) -> None:
        super().__init__(param_decls, **attributes)
        if self.envvar is None and self.name:
            self.envvar = f"PYPI_REPO_{self.name.upper()}"
        self.show_envvar = True


option = functools.partial(click.option, cls=Option)


class Size(click.ParamType[int]):
    name = "SIZE"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SentBy(click.ParamType[FilesSentBy]):
    name = "METHOD"

    def convert(self, value: Any, param: Any, ctx: Any) -> FilesSentBy:
        try:
            return parse_files_sent_by(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[timedelta]):
    name = "DURATION"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        number, unit = value[:-1], value[-1:]
        if not number.isdecimal() or unit not in _DURATIONS or len(number) > _LONGEST_NUMBER:
            self.fail(f"{value!r} is not a duration; write it like 90d, 12h or 30m.", param, ctx)
        return timedelta(**{_DURATIONS[unit]: int(number)})


def location_options(command: Callable[..., T]) -> Callable[..., T]:
    """--data, and --database and --blobs in its place."""
    for decorate in (
        option("--blobs", metavar="URL", help="Where files are kept: an fsspec URL."),
        option("--database", metavar="URL", help="The metadata database: a SQLAlchemy URL."),
        option(
            "--data",
            metavar="DIR",
            default="pypi-repo-data",
            show_default=True,
            help="The folder that holds database and files, where not said otherwise.",
        ),
    ):
        command = decorate(command)
    return command


def uses_registry(command: Callable[..., T]) -> Callable[..., T]:
    """Adds the location options and hands the command an open registry."""

    @location_options
    @functools.wraps(command)
    def with_registry(*arguments: Any, **options: Any) -> T:
        place = {name: options.pop(name) for name in ("data", "database", "blobs")}
        settings = in_folder(**place)
        registry = Registry(settings)
        if registry.is_new:
            click.echo(f"Made a new, empty registry in {settings.database}.", err=True)
        try:
            return command(registry, *arguments, **options)
        finally:
            registry.close()

    return with_registry


json_option = option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_records(records: Sequence[dict[str, Any]], as_json: bool) -> None:
    """As a JSON array, or as a table whose columns are the keys of the first record."""
    if as_json:
        click.echo(json.dumps(records, indent=2, default=_plain))
    elif records:
        rows = [[key.upper() for key in records[0]]]
        rows += [[_text(value) for value in record.values()] for record in records]
        _print_table(rows)


def print_record(record: dict[str, Any], as_json: bool) -> None:
    """As a JSON object, or one line per key."""
    if as_json:
        click.echo(json.dumps(record, indent=2, default=_plain))
    else:
        _print_table([[f"{key}:", _text(value)] for key, value in record.items()])


def read_password(from_stdin: bool) -> str:
    """One line of standard input, or asked for twice at the terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for a password: use --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return ", ".join(value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "-"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value)} has no JSON form")
