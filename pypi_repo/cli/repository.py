"""pypi-repo repository ..."""

from collections.abc import Callable, Iterable
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import (
    FilesAge,
    Group,
    NamePatterns,
    OrNone,
    Size,
    acts_as_operator,
    given,
    json_option,
    uses_registry,
)
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.records import Repository
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import COOLDOWN_MODES
from pypi_repo.domain.validation.profiles import PROFILES
from pypi_repo.registry import Registry
from pypi_repo.services.acting import Acting
from pypi_repo.settings import format_size


@click.group(cls=Group)
def repository() -> None:
    """Create, list, change and delete repositories."""


_OPTIONS = (
    click.option("--description", metavar="TEXT", help="A description, shown to people."),
    click.option(
        "--public/--private",
        default=None,
        help="Whether everybody may read; writing always needs a user.",
    ),
    click.option(
        "--allow-overwrite/--protect", default=None, help="Whether uploads may replace files."
    ),
    click.option(
        "--allow-reuse/--retire-names",
        default=None,
        help="Whether names of deleted files can be used again.",
    ),
    click.option(
        "--max-file-size",
        type=OrNone(Size()),
        help="The largest file, like 500MiB; at most what the server allows.",
    ),
    click.option(
        "--quota", type=OrNone(Size()), help="The limit for all files together, like 50GiB."
    ),
    click.option(
        "--quota-counts-trash/--quota-without-trash",
        default=None,
        help="Whether what is in the trash counts for the quota.",
    ),
    click.option(
        "--profile", type=click.Choice(PROFILES), help="How strictly uploads are checked."
    ),
    click.option(
        "accepts_uploads",
        "--uploads/--no-uploads",
        default=None,
        help="Whether files can be uploaded, or only come from its sources.",
    ),
    click.option(
        "--users-may-yank/--only-administrators-yank",
        default=None,
        help="Whether users can yank what they have uploaded themselves.",
    ),
    click.option(
        "--trusted-publishing-only",
        type=NamePatterns(),
        help="Projects to which only CI jobs with a publisher may upload, like 'acme-* tools', "
        "'*' for all, none for none.",
    ),
    click.option(
        "--attestations-required",
        type=NamePatterns(),
        help="Projects whose files must come with attestations that verify, like 'acme-* tools', "
        "'*' for all, none for none.",
    ),
    click.option(
        "--public-sources/--private-sources",
        default=None,
        help="Whether everybody may also read what comes from upstreams.",
    ),
    click.option(
        "--cooldown",
        type=OrNone(FilesAge()),
        help="How old files from upstreams must be, like 3d, or a date like 2026-11-01 before "
        "which they must be from; none for what each upstream says.",
    ),
    click.option(
        "--cooldown-mode",
        type=OrNone(click.Choice(COOLDOWN_MODES)),
        metavar=f"[{'|'.join(COOLDOWN_MODES)}|none]",
        help="Whether files that are too young are left out; none for what each upstream says.",
    ),
)

_OF_SOURCES = (
    click.option(
        "sources",
        "--source",
        multiple=True,
        metavar="upstream:NAME|repository:NAME",
        help="Where to look for what is not here; may be repeated, in the order to look in. All "
        "sources are replaced.",
    ),
    click.option("--no-sources", is_flag=True, help="Offer the repository's own files only."),
    click.option(
        "reserved",
        "--reserve",
        multiple=True,
        metavar="PATTERN",
        help="Names that no source supplies, like 'acme-*'; may be repeated. All are replaced.",
    ),
    click.option("--no-reserved", is_flag=True, help="Reserve no names."),
    click.option(
        "merged",
        "--merge",
        multiple=True,
        metavar="PATTERN",
        help="Names that the repository and all its sources supply together, so that whoever can "
        "publish in one of them can add files; may be repeated. All are replaced.",
    ),
    click.option(
        "--no-merged", is_flag=True, help="Let the first source that has a name supply it."
    ),
)


def _takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each setting of a repository, None where it is not given."""
    for option in reversed((*_OPTIONS, *_OF_SOURCES)):
        command = option(command)
    return command


@repository.command()
@click.argument("name")
@_takes_settings
@uses_registry
def create(registry: Registry, name: str, **options: Any) -> None:
    """Make the repository NAME, private and protected against overwriting."""
    sources, settings = _sources(options), given(options)
    operator = registry.acting_as(OPERATOR)

    def created() -> None:
        operator.repositories.create(name, **settings)
        operator.sources.configure(name, **sources)

    registry.as_one(created)
    say(f"Created repository {name}; packages go to and come from /repositories/{name}/.")
    _warn(operator, name, [*sources, *settings])


@repository.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all repositories."""
    print_records(
        [_record(found) for found in operator.repositories.all()],
        as_json,
        if_none="There are no repositories; `repository create` makes one.",
    )


@repository.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings and the sources of repository NAME."""
    record = _record(operator.repositories.get(name))
    print_record(record | _record_of_sources(operator.sources.of(name)), as_json)


@repository.command("set")
@click.argument("name")
@_takes_settings
@click.option(
    "given_up",
    "--give-up",
    multiple=True,
    metavar="NAME",
    help="Let sources supply the name of a deleted project; may be repeated.",
)
@uses_registry
def set_(registry: Registry, name: str, given_up: tuple[str, ...], **options: Any) -> None:
    """Change settings of repository NAME; others stay as they are."""
    sources, settings = _sources(options), given(options)
    if not (sources or settings or given_up):
        raise click.UsageError("Say what to change, such as --public or --protect.")
    operator = registry.acting_as(OPERATOR)

    def changed() -> tuple[RepositorySources, RepositorySources]:
        before = operator.sources.of(name)
        operator.repositories.change(name, **settings)
        return before, operator.sources.configure(name, **sources, given_up=given_up)

    before, after = registry.as_one(changed)
    say(f"Changed repository {name}.")
    for sentence in after.gone_since(before):
        say(sentence)
    _warn(operator, name, [*sources, *settings])


@repository.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete repository NAME with everything in it, and all access and tokens for it."""
    operator.repositories.get(name)
    held = operator.usage.repository(name)
    content = (
        f"{counted(held.projects, 'project')} and {counted(held.files, 'file')} "
        f"({format_size(held.size)})"
    )
    confirm(f"This deletes repository {name} with {content}", yes)
    operator.repositories.delete(name)
    say(f"Deleted repository {name} with {content}; `pypi-repo upkeep sweep` will free its space.")


def _warn(operator: Acting, name: str, given: Iterable[str]) -> None:
    for warning in operator.warnings.of_repository(name, frozenset(given)):
        say(warning, err=True)


def _sources(options: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Takes what is about sources out of the options, and returns what was given of it."""
    if "none" in options["sources"]:  # which other settings take; a project may be called so
        raise click.UsageError("Write --no-sources instead of --source none.")
    found = {}
    for name, option in (("sources", "--source"), ("reserved", "--reserve"), ("merged", "--merge")):
        values, none = options.pop(name), options.pop(f"no_{name}")
        if values and none:
            raise click.UsageError(f"Say one of {option} and --no-{name}.")
        if values or none:
            found[name] = values
    return found


def _record_of_sources(found: RepositorySources) -> dict[str, Any]:
    return {
        "sources": list(found.references),
        "reserved": list(found.reserved),
        "merged": list(found.merged),
        "kept": sorted(found.kept),
    }


def _record(found: Repository) -> dict[str, Any]:
    settings = found.settings()
    description = settings.pop("description")
    return {
        "name": found.name,
        **settings,
        "serial": found.serial,
        "created_at": found.created_at,
        "description": description,
    }
