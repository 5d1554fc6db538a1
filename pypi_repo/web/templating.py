"""Renders pages from templates, with escaping."""

from typing import TYPE_CHECKING

from pypi_repo.domain.waiting import about_to_wait

if TYPE_CHECKING:
    from jinja2 import Environment


def environment_of(package: str) -> "Environment":
    """Returns the environment for the folder `templates` of a package.

    Jinja2 is only imported here, because many processes never render a page.
    """
    about_to_wait()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
