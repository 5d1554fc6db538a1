"""A registry in front of any site: requests for URLs that are not below /pypi go to the site.

A proxy or a login middleware in front of this application authenticates users and sets
REMOTE_USER. Requests without REMOTE_USER can only read public repositories.
"""

from wsgiref.types import WSGIApplication

from pypi_repo import Registry, Settings, mount, remote_user


def add_packages(site: WSGIApplication, folder: str) -> WSGIApplication:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    return mount({"/pypi": registry.wsgi_app(authenticate=remote_user)}, otherwise=site)
