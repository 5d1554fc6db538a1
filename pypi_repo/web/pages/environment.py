"""The templates of all pages, with escaping."""

from functools import cache
from typing import TYPE_CHECKING

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.web.pages import filters

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> "Environment":
    """Returns the environment, in which a template is compiled once for all registries.

    Jinja2 is only imported here, because many processes never render a page.
    """
    about_to_wait()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("pypi_repo.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters.FILTERS)
    return made
