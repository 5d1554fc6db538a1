"""A registry in front of any site: what is not below /pypi falls through to the site.

Who asks was found out by something further out (a proxy, a login middleware), which sets
REMOTE_USER; without it, only public repositories can be read.
"""

from wsgiref.types import WSGIApplication

from pypi_repo import Registry, Settings, mount, remote_user


def add_packages(site: WSGIApplication, folder: str) -> WSGIApplication:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    return mount({"/pypi": registry.wsgi_app(authenticate=remote_user)}, otherwise=site)
