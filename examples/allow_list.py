"""A registry whose readers get approved projects only, whatever else is uploaded to it.

The other projects are neither on the index nor can their files be downloaded by their URLs.
"""

from collections.abc import Iterable
from wsgiref.types import WSGIApplication

from pypi_repo import AllowList, Registry, Settings, Source


def make_application(folder: str, approved: Iterable[str]) -> WSGIApplication:
    names = frozenset(approved)

    def source(repository: str, own_files: Source) -> Source:
        return own_files if repository == "staging" else AllowList(own_files, names)

    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    return registry.wsgi_app(source=source)
