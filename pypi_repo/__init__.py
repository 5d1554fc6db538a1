"""A private Python package repository: plain-WSGI apps over a database and a blob store."""

from pypi_repo.domain.access import ANONYMOUS, Access, AccessPolicy, Actor, Grants, Permission
from pypi_repo.domain.errors import InvalidCredentials, RegistryError, UnknownProject
from pypi_repo.domain.records import ProjectList, ProjectPage, Versioned
from pypi_repo.registry import Registry
from pypi_repo.services.simple_index import Index
from pypi_repo.settings import Limits, Settings
from pypi_repo.web.authenticate import Authenticate, remote_user
from pypi_repo.web.download import DownloadApp
from pypi_repo.web.json_api import JsonApiApp, ProvenanceApp
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
    "Index",
    "InvalidCredentials",
    "JsonApiApp",
    "Limits",
    "Permission",
    "ProjectList",
    "ProjectPage",
    "ProvenanceApp",
    "Registry",
    "RegistryError",
    "Settings",
    "SimpleIndexApp",
    "UnknownProject",
    "UploadApp",
    "Versioned",
    "mount",
    "remote_user",
]
