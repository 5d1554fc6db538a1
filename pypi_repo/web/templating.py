"""How pages are made: from the templates of a package, where all that is put in is escaped."""

from typing import TYPE_CHECKING

from pypi_repo.domain.waiting import about_to_wait

if TYPE_CHECKING:
    from jinja2 import Environment


def environment_of(package: str) -> "Environment":
    """Of the folder `templates` of the package; imported here, as many a process shows no page."""
    about_to_wait()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
