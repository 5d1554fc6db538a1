"""A registry in front of any site: requests for URLs that are not below /pypi go to the site.

A proxy or a login middleware in front of this application authenticates users and sets
REMOTE_USER. These users may read and write every repository; requests without REMOTE_USER can only
read public repositories.
"""

from wsgiref.types import WSGIApplication

from pypi_repo import Access, Grants, Registry, Settings, mount, remote_user


def add_packages(site: WSGIApplication, folder: str) -> WSGIApplication:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    packages = registry.wsgi_app(authenticate=remote_user(Grants(Access.WRITE)))
    return mount({"/pypi": packages}, otherwise=site)
