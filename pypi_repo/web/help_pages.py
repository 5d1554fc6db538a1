"""Small pages for people who open a URL of the registry in a browser."""

from functools import cache
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.records import Repository
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.web.app import root_url
from pypi_repo.web.templating import environment_of

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def landing_page(request: Request, readable: list[Repository]) -> Response:
    """Returns a page that says what this registry is, and lists what can be read without login.

    readable: the repositories that anonymous clients may read.
    """
    return shown(page("landing.html", root=root_url(request), readable=readable))


def connection_page(request: Request, repository: str) -> Response:
    """Returns a page that shows how to connect twine, pip and uv to a repository."""
    url = root_url(request)
    scheme, _separator, place = url.partition("://")
    return shown(page("connection.html", name=repository, url=url, scheme=scheme, place=place))


def page(template: str, **values: Any) -> str:
    """Renders a template, which is imported and compiled when the first page is rendered."""
    return _template(template).render(values)


def shown(document: str) -> Response:
    """Returns a response with a document, which may load nothing but its own style."""
    response = Response(document, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@cache
def _template(name: str) -> "Template":
    about_to_wait()  # until it is compiled
    return _environment().get_template(name)


@cache
def _environment() -> "Environment":
    return environment_of("pypi_repo.web")
