"""The templates of all pages."""

from functools import cache
from typing import TYPE_CHECKING

from pypi_repo.web.pages import filters
from pypi_repo.web.templating import environment_of

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> "Environment":
    """Templates are compiled once in a process, however many registries it has."""
    made = environment_of("pypi_repo.web.pages")
    made.filters.update(filters.FILTERS)
    return made
