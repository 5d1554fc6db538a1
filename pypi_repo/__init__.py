"""A private Python package repository: plain-WSGI apps over a database and a blob store."""

from typing import TYPE_CHECKING, Any

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
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    InvalidCredentials,
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
from pypi_repo.web.authenticate import Authenticate, remote_user
from pypi_repo.web.mount import mount
from pypi_repo.web.packages.download import DownloadApp
from pypi_repo.web.packages.json_api import JsonApiApp, ProvenanceApp
from pypi_repo.web.packages.page_cache import PageCache
from pypi_repo.web.packages.simple_index import SimpleIndexApp
from pypi_repo.web.packages.upload import UploadApp

if TYPE_CHECKING:
    from pypi_repo.web.api.app import ApiApp
    from pypi_repo.web.browse.app import BrowseApp
    from pypi_repo.web.portal.app import PortalApp

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


def __getattr__(name: str) -> Any:
    """Imported by who asks for them (PEP 562): many processes never show a page."""
    if name == "ApiApp":
        from pypi_repo.web.api.app import ApiApp

        return ApiApp
    if name == "BrowseApp":
        from pypi_repo.web.browse.app import BrowseApp

        return BrowseApp
    if name == "PortalApp":
        from pypi_repo.web.portal.app import PortalApp

        return PortalApp
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
