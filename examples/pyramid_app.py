"""A Pyramid site with a registry under /pypi, outside the router so that uploads stream."""

from wsgiref.types import WSGIApplication

from pyramid.config import Configurator
from pyramid.response import Response

from pypi_repo import Registry, Settings, mount


def home(_request: object) -> Response:
    return Response("Hello from Pyramid")


def make_application(folder: str) -> WSGIApplication:
    configurator = Configurator()
    configurator.add_route("home", "/")
    configurator.add_view(home, route_name="home")
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    return mount({"/pypi": registry.wsgi_app()}, otherwise=configurator.make_wsgi_app())
