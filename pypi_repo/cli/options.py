"""What all commands share: where the registry is, how errors end, what values options take."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from pypi_repo.cli.hints import with_hint
from pypi_repo.cli.output import takes_no_more
from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.text import printable
from pypi_repo.registry import Registry
from pypi_repo.settings import FilesSentBy, in_folder, parse_files_sent_by, parse_size, proxies_in

T = TypeVar("T")

_LONGEST_NUMBER = 6
_DURATIONS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Command(click.Command):
    """Refusals end with exit status 1 and their one sentence on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RegistryError as error:
            # One line: what a database says of itself may have several.
            sentence = with_hint(" ".join(error.for_operator.split()), error, ctx.command_path)
            raise click.ClickException(printable(sentence)) from error
        except BrokenPipeError:
            raise  # as of `pypi-repo ... | head`: click ends without a word
        except OSError as error:
            if not takes_no_more():
                raise
            raise click.ClickException(
                f"Standard output cannot be written: {error.strerror}. Send it elsewhere."
            ) from error


class Group(click.Group):
    command_class = Command


class Option(click.Option):
    """Can also be given as PYPI_REPO_..., named like the option.

    Only for where the registry is, and for `serve`: a variable that makes every new repository
    public or every user read-only would act on commands that nobody thought of.
    """

    def __init__(self, param_decls: Sequence[str] | None = None, **attributes: Any) -> None:
        super().__init__(param_decls, **attributes)
        if self.name:
            self.envvar = f"PYPI_REPO_{self.name.upper()}"
        self.show_envvar = True

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """What `"$VARIABLE"` of a script gives that is not set would mean the current folder."""
        if value == "":
            raise click.BadParameter("write a value, or leave it out.", ctx, self)
        return super().process_value(ctx, value)


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
            self.fail(
                f"{value!r} is not a duration; write it like 90d, 12h, 30m or 45s.", param, ctx
            )
        return timedelta(**{_DURATIONS[unit]: int(number)})


def location_options(command: Callable[..., T]) -> Callable[..., T]:
    """--data, and --database, --database-schema and --blobs in its place."""
    for decorate in (
        option("--blobs", metavar="URL", help="Where to keep files, as an fsspec URL."),
        option(
            "--database-schema",
            metavar="NAME",
            help="The schema for all tables, in a PostgreSQL database that is shared with others.",
        ),
        option("--database", metavar="URL", help="The metadata database, as a SQLAlchemy URL."),
        option(
            "--data",
            metavar="DIR",
            default="pypi-repo-data",
            show_default=True,
            help="The folder for the database and the files, unless --database or "
            "--blobs say otherwise.",
        ),
    ):
        command = decorate(command)
    return command


def uses_registry(command: Callable[..., T]) -> Callable[..., T]:
    """Adds the location options and hands the command an open registry, which must be there."""

    @location_options
    @functools.wraps(command)
    def with_registry(*arguments: Any, **options: Any) -> T:
        names = ("data", "database", "database_schema", "blobs")
        place = {name: options.pop(name) for name in names}
        settings = in_folder(**place, proxies=proxies_in(os.environ))
        with Registry(settings, make_new=False) as registry:
            return command(registry, *arguments, **options)

    return with_registry


def acts_as_operator(command: Callable[..., T]) -> Callable[..., T]:
    """Hands the command what the operator can do in the registry that `uses_registry` opens."""

    @uses_registry
    @functools.wraps(command)
    def with_operator(registry: Registry, *arguments: Any, **options: Any) -> T:
        return command(registry.acting_as(OPERATOR), *arguments, **options)

    return with_operator


def somebody_can_be_asked() -> bool:
    """Whether standard input is a terminal; a program may even have closed it."""
    return sys.stdin is not None and sys.stdin.isatty()


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
