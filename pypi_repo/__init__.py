"""A private Python package repository: plain-WSGI apps over a database and a blob store."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypi_repo.domain.accounts.access import (
        ANONYMOUS,
        EVERY_AREA,
        OPERATOR,
        AccessPolicy,
        Actor,
        ActorKind,
        Area,
        GrantPolicy,
        Permission,
    )
    from pypi_repo.domain.accounts.errors import InvalidCredentials
    from pypi_repo.domain.accounts.grants import Access, Grants
    from pypi_repo.domain.errors import (
        AuthenticationRequired,
        PermissionDenied,
        ProjectClosed,
        RegistryError,
        Unavailable,
        UnknownFile,
        UnknownProject,
        UnknownRelease,
        UnknownRepository,
        UpstreamFailed,
        UpstreamRefused,
    )
    from pypi_repo.domain.events.event import Event
    from pypi_repo.domain.pages.summaries import NewestRelease
    from pypi_repo.domain.records import (
        DistributionFile,
        ExternalFile,
        ListedFile,
        ListedProject,
        ProjectDetails,
        ProjectList,
        ProjectPage,
        ProjectSummary,
        Repository,
        Versioned,
    )
    from pypi_repo.domain.repository_settings import RepositorySettings
    from pypi_repo.registry import Registry
    from pypi_repo.services.bound_repository import BoundRepository
    from pypi_repo.services.packages.placing import Accepted
    from pypi_repo.services.sources.filtered import AllowList, Filtered
    from pypi_repo.services.sources.loose_files import Folder, LooseFile, LooseFiles
    from pypi_repo.services.sources.merged import Merged
    from pypi_repo.services.sources.source import Redirect, ServedFile, Source
    from pypi_repo.services.sources.wrappers import SourceWrapper
    from pypi_repo.settings import Limits, Settings, SignedUrls, XAccel, XSendfile
    from pypi_repo.web.api.app import ApiApp
    from pypi_repo.web.authenticate import Authenticate, remote_user
    from pypi_repo.web.browse.app import BrowseApp
    from pypi_repo.web.mount import mount
    from pypi_repo.web.packages.download import DownloadApp
    from pypi_repo.web.packages.json_api import JsonApiApp, ProvenanceApp
    from pypi_repo.web.packages.page_cache import PageCache
    from pypi_repo.web.packages.simple_index import SimpleIndexApp
    from pypi_repo.web.packages.upload import UploadApp
    from pypi_repo.web.portal.app import PortalApp
    from pypi_repo.web.trusted_publishing import TrustedPublishingApp

__all__ = [
    "ANONYMOUS",
    "EVERY_AREA",
    "OPERATOR",
    "Accepted",
    "Access",
    "AccessPolicy",
    "Actor",
    "ActorKind",
    "AllowList",
    "ApiApp",
    "Area",
    "Authenticate",
    "AuthenticationRequired",
    "BoundRepository",
    "BrowseApp",
    "DistributionFile",
    "DownloadApp",
    "Event",
    "ExternalFile",
    "Filtered",
    "Folder",
    "GrantPolicy",
    "Grants",
    "InvalidCredentials",
    "JsonApiApp",
    "Limits",
    "ListedFile",
    "ListedProject",
    "LooseFile",
    "LooseFiles",
    "Merged",
    "NewestRelease",
    "PageCache",
    "Permission",
    "PermissionDenied",
    "PortalApp",
    "ProjectClosed",
    "ProjectDetails",
    "ProjectList",
    "ProjectPage",
    "ProjectSummary",
    "ProvenanceApp",
    "Redirect",
    "Registry",
    "RegistryError",
    "Repository",
    "RepositorySettings",
    "ServedFile",
    "Settings",
    "SignedUrls",
    "SimpleIndexApp",
    "Source",
    "SourceWrapper",
    "TrustedPublishingApp",
    "Unavailable",
    "UnknownFile",
    "UnknownProject",
    "UnknownRelease",
    "UnknownRepository",
    "UploadApp",
    "UpstreamFailed",
    "UpstreamRefused",
    "Versioned",
    "XAccel",
    "XSendfile",
    "mount",
    "remote_user",
]

# Where each name is, below this package.
_PLACES = {
    "ANONYMOUS": "domain.accounts.access",
    "Accepted": "services.packages.placing",
    "Access": "domain.accounts.grants",
    "AccessPolicy": "domain.accounts.access",
    "Actor": "domain.accounts.access",
    "ActorKind": "domain.accounts.access",
    "AllowList": "services.sources.filtered",
    "ApiApp": "web.api.app",
    "Area": "domain.accounts.access",
    "Authenticate": "web.authenticate",
    "AuthenticationRequired": "domain.errors",
    "BoundRepository": "services.bound_repository",
    "BrowseApp": "web.browse.app",
    "DistributionFile": "domain.records",
    "DownloadApp": "web.packages.download",
    "EVERY_AREA": "domain.accounts.access",
    "Event": "domain.events.event",
    "ExternalFile": "domain.records",
    "Filtered": "services.sources.filtered",
    "Folder": "services.sources.loose_files",
    "GrantPolicy": "domain.accounts.access",
    "Grants": "domain.accounts.grants",
    "InvalidCredentials": "domain.accounts.errors",
    "JsonApiApp": "web.packages.json_api",
    "Limits": "settings",
    "ListedFile": "domain.records",
    "ListedProject": "domain.records",
    "LooseFile": "services.sources.loose_files",
    "LooseFiles": "services.sources.loose_files",
    "Merged": "services.sources.merged",
    "NewestRelease": "domain.pages.summaries",
    "OPERATOR": "domain.accounts.access",
    "PageCache": "web.packages.page_cache",
    "Permission": "domain.accounts.access",
    "PermissionDenied": "domain.errors",
    "PortalApp": "web.portal.app",
    "ProjectClosed": "domain.errors",
    "ProjectDetails": "domain.records",
    "ProjectList": "domain.records",
    "ProjectPage": "domain.records",
    "ProjectSummary": "domain.records",
    "ProvenanceApp": "web.packages.json_api",
    "Redirect": "services.sources.source",
    "Registry": "registry",
    "RegistryError": "domain.errors",
    "Repository": "domain.records",
    "RepositorySettings": "domain.repository_settings",
    "ServedFile": "services.sources.source",
    "Settings": "settings",
    "SignedUrls": "settings",
    "SimpleIndexApp": "web.packages.simple_index",
    "Source": "services.sources.source",
    "SourceWrapper": "services.sources.wrappers",
    "TrustedPublishingApp": "web.trusted_publishing",
    "Unavailable": "domain.errors",
    "UnknownFile": "domain.errors",
    "UnknownProject": "domain.errors",
    "UnknownRelease": "domain.errors",
    "UnknownRepository": "domain.errors",
    "UploadApp": "web.packages.upload",
    "UpstreamFailed": "domain.errors",
    "UpstreamRefused": "domain.errors",
    "Versioned": "domain.records",
    "XAccel": "settings",
    "XSendfile": "settings",
    "mount": "web.mount",
    "remote_user": "web.authenticate",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for (PEP 562): no process needs all of it, and some need next to none."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{place}"), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
