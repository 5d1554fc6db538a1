"""A private Python package repository: plain-WSGI apps over a database and a blob store."""

from pypi_repo.domain.access import ANONYMOUS, Access, AccessPolicy, Actor, Grants, Permission
from pypi_repo.domain.errors import RegistryError
from pypi_repo.registry import Registry
from pypi_repo.settings import Limits, Settings
from pypi_repo.web.authenticate import Authenticate, remote_user
from pypi_repo.web.download import DownloadApp
from pypi_repo.web.mount import mount
from pypi_repo.web.simple_index import SimpleIndexApp
from pypi_repo.web.upload import UploadApp

__all__ = [
    "ANONYMOUS",
    "Access",
    "AccessPolicy",
    "Actor",
    "Authenticate",
    "DownloadApp",
    "Grants",
    "Limits",
    "Permission",
    "Registry",
    "RegistryError",
    "Settings",
    "SimpleIndexApp",
    "UploadApp",
    "mount",
    "remote_user",
]
