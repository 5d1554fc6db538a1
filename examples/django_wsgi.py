"""The wsgi.py of a Django site that has a whole registry under /pypi, next to its own pages."""

from wsgiref.types import WSGIApplication

from django.core.wsgi import get_wsgi_application

from pypi_repo import Registry, Settings, mount


def make_application(folder: str) -> WSGIApplication:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    return mount({"/pypi": registry.wsgi_app()}, otherwise=get_wsgi_application())
