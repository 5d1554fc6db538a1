"""What all commands share: where the registry is, how errors end, what values options take."""

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import click

from pypi_repo.cli.hints import with_hint
from pypi_repo.cli.output import takes_no_more
from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.errors import InvalidSetting, RegistryError
from pypi_repo.domain.patterns import name_patterns
from pypi_repo.domain.text import printable
from pypi_repo.domain.values.durations import Age, parse_duration
from pypi_repo.registry import Registry
from pypi_repo.settings import (
    USUAL_FOLDER,
    FilesSentBy,
    in_folder,
    parse_files_sent_by,
    parse_size,
)
from pypi_repo.variables import proxies_in, trash_days_in

T = TypeVar("T")


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
    """A group of commands whose refusals end as those of `Command` do."""

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

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Returns what the environment says, if anybody meant it.

        Kubernetes sets PYPI_REPO_PORT to a URL if there is a Service called pypi-repo.
        """
        value = super().resolve_envvar_value(ctx)
        is_of_a_service = self.name == "port" and (value or "").startswith(("tcp://", "udp://"))
        return None if is_of_a_service else value

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Refuses an empty value, which an unset variable of a script gives.

        It would mean the current folder.
        """
        if value == "":
            raise click.BadParameter("write a value, or leave it out.", ctx, self)
        return super().process_value(ctx, value)


option = functools.partial(click.option, cls=Option)


class Size(click.ParamType[int]):
    """A size in bytes, with or without a unit, such as `100MiB`; see `parse_size`."""

    name = "SIZE"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SentBy(click.ParamType[FilesSentBy]):
    """Who sends files to clients, such as `nginx:/files/`; see `parse_files_sent_by`."""

    name = "METHOD"

    def convert(self, value: Any, param: Any, ctx: Any) -> FilesSentBy:
        try:
            return parse_files_sent_by(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[timedelta]):
    """A span of time such as `10m` or `7d`; see `parse_duration`."""

    name = "DURATION"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        try:
            return value if isinstance(value, timedelta) else _timedelta(value)
        except InvalidSetting as error:
            self.fail(error.message, param, ctx)


class Number(click.IntRange):
    """A whole number, which click calls an "integer range" in its refusals."""

    name = "number"


class Id(click.ParamType[int]):
    """The number by which a list shows something."""

    name = "ID"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        try:
            return int(value)
        except ValueError:
            self.fail(
                f"{value!r} is no number; write only the number that `list` shows.", param, ctx
            )


class FilesAge(click.ParamType[str]):
    """How old files must be; see `Age`."""

    name = "AGE"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            Age(value)
        except InvalidSetting as error:
            self.fail(error.message, param, ctx)
        return str(value)


class NamePatterns(click.ParamType[tuple[str, ...]]):
    """Patterns for names of projects, separated by spaces, or the word `none`."""

    name = "PATTERNS|none"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        if not value.strip():  # what `"$VARIABLE"` of a script gives that is not set
            self.fail("write a name, a pattern, or none.", param, ctx)
        try:
            return () if value.lower() == "none" else name_patterns(value.split())
        except InvalidSetting as error:
            self.fail(error.message, param, ctx)


class Moment(click.ParamType[datetime]):
    """A date, which means its beginning in UTC, or a time with its offset from UTC."""

    name = "DATE"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
            is_date = len(value) == len("2026-11-01")
            if not is_date and found.tzinfo is None:
                raise ValueError("There is no offset from UTC.")
            return found.replace(tzinfo=UTC) if is_date else found.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no date; write it like 2026-11-01 or 2026-11-01T12:00:00Z.",
                param,
                ctx,
            )


class _Word(Enum):
    NONE = "none"


class OrNone(click.ParamType[Any]):
    """A value of another kind, or a word that takes the setting away.

    word: the word, in any case.
    """

    def __init__(self, kind: click.ParamType[Any], word: str = "none") -> None:
        self._kind = kind
        self._word = word
        self.name = f"{kind.name}|{word}"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is _Word.NONE or (isinstance(value, str) and value.lower() == self._word):
            return _Word.NONE
        return self._kind.convert(value, param, ctx)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that were given; those of `OrNone` are None where they say so."""
    return {
        name: None if value is _Word.NONE else value
        for name, value in options.items()
        if value is not None
    }


def _timedelta(text: str) -> timedelta:
    return timedelta(seconds=parse_duration(text))


def location_options(command: Callable[..., T]) -> Callable[..., T]:
    """Adds --data, and --database, --database-schema and --blobs in its place."""
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
            default=USUAL_FOLDER,
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
        try:
            trash_days = trash_days_in(os.environ)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        settings = in_folder(
            **place,
            proxies=proxies_in(os.environ),
            variables=os.environ,
            trash_days=trash_days,
        )
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
    """Tells whether standard input is a terminal; a program may even have closed it."""
    return sys.stdin is not None and sys.stdin.isatty()


def secret_from_stdin(what: str) -> str:
    """Reads a secret from a line of standard input, which a terminal does not show.

    what: what it is, to ask for it.
    """
    if somebody_can_be_asked():
        asked: str = click.prompt(what, hide_input=True, err=True)
        return asked
    line = sys.stdin.readline().rstrip("\r\n") if sys.stdin else ""
    if not line:
        raise click.UsageError(f"Standard input has no {what.lower()}; write it there, as a line.")
    return line


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
