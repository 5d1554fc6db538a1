"""pypi-repo upstream prefetch ..."""

from pathlib import Path

import click

from pypi_repo.cli.options import Command, acts_as_operator
from pypi_repo.cli.output import say
from pypi_repo.cli.progress import progress
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.prefetching.environments import Environments
from pypi_repo.domain.prefetching.lock_files import read_lock
from pypi_repo.domain.prefetching.requirement_lists import read_list
from pypi_repo.domain.prefetching.wanted import Requirements
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting
from pypi_repo.settings import format_size

_LOCKS = (".lock", ".toml")
_GOES_ON = "the same command goes on where it was"


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="A requirements.txt, uv.lock, poetry.lock or pylock.toml.",
)
@click.option(
    "pythons",
    "--python",
    multiple=True,
    metavar="VERSION",
    help="Only what can be installed with this Python, like 3.12; may be repeated.",
)
@click.option(
    "platforms",
    "--platform",
    multiple=True,
    metavar="PATTERN",
    help="Only what can be installed on platforms with such a tag, like win_amd64 or "
    "'manylinux*_x86_64'; may be repeated.",
)
@acts_as_operator
def prefetch(
    operator: Acting,
    name: str,
    requirements: Path,
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
) -> None:
    """Fetch the files of upstream NAME that FILE wants, before anybody asks for them.

    They are the files that a lock names. Of a requirements.txt, they are those of the newest
    versions that it allows; it should name dependencies, too. What is here already is not fetched
    again.
    """
    environments = Environments(pythons, platforms)
    wanted = _read(requirements, environments)
    for line in wanted.left_out:
        say(f"Left out, because it comes from no index: {line}", err=True)
    try:
        with progress() as shown:
            done = operator.upstreams.prefetch(name, wanted.wanted, environments, shown.listen)
    except KeyboardInterrupt:
        raise click.ClickException(f"Interrupted; {_GOES_ON}.") from None
    for project in done.elsewhere:
        say(f"Left out, because it does not come from upstream {name}: {project}", err=True)
    for problem in done.problems:
        say(problem, err=True)
    if done.problems:
        raise click.ClickException(
            f"Not everything was fetched from {name}, but {counted(done.fetched, 'file')} "
            f"({format_size(done.size)}); {_GOES_ON}."
        )
    say(
        f"Fetched {counted(done.fetched, 'file')} ({format_size(done.size)}) from {name}; "
        f"{done.here:,} {'was' if done.here == 1 else 'were'} here already."
    )


def _read(path: Path, environments: Environments) -> Requirements:
    if path.suffix in _LOCKS:
        return read_lock(_text(str(path)))
    return read_list(str(path), _text, environments)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path} cannot be read as text; check it.") from error
