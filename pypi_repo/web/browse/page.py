"""What every view of a repository's pages works with."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote, urljoin

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.metadata.contacts import is_web_url
from pypi_repo.domain.pages.simple_pages import file_url
from pypi_repo.domain.records import ListedFile, Repository
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.services.sources.source import Source
from pypi_repo.web.app import root_url
from pypi_repo.web.browse.visitor import VisitorPage


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the other apps for the repository are, relative to the root of the pages or absolute.

    files: a `DownloadApp`, or a CDN.
    index: a `SimpleIndexApp`.
    uploads: an `UploadApp`; None where nothing is published.
    provenance: a `ProvenanceApp`, if there is one.
    """

    files: str
    index: str
    uploads: str | None
    provenance: str | None


@dataclass(kw_only=True)
class BrowsePage(VisitorPage):
    """One request to the pages of a repository."""

    LAYOUT: ClassVar[str] = "browse/base.html"
    HOME: ClassVar[str] = "Go to the packages"

    repository: BoundRepository
    places: Places

    @property
    def title(self) -> str:
        return self.repository.name

    @property
    def source(self) -> Source:
        """What the repository shows to its readers, from which everything here comes."""
        return self.repository.source

    @cached_property
    def record(self) -> Repository | None:
        """The settings of the repository, for whoever may read it; None if it does not exist."""
        return self.repository.uploads.repository()

    @cached_property
    def may_publish(self) -> bool:
        """Whether whoever asks may upload something here."""
        if self.places.uploads is None:
            return False
        try:
            self.repository.uploads.admit(self.actor)
        except RegistryError:
            return False
        return True

    @property
    def user(self) -> str:
        """The name for lines to paste; empty for whoever did not say it."""
        return "" if self.actor.is_anonymous else self.actor.name

    @property
    def login(self) -> str:
        """Who logs in to install; empty where everybody may."""
        return "" if self.source.is_public() else self.user or "YOUR-USER"

    @property
    def index_url(self) -> str:
        """The absolute URL of the index, as the browser reached this deployment."""
        return urljoin(root_url(self.request), self.places.index)

    @property
    def uploads_url(self) -> str:
        """The absolute URL for uploads."""
        return urljoin(root_url(self.request), self.places.uploads or "")

    def path(self, *segments: str, **query: Any) -> str:
        """Returns a URL relative to the root; that of a project ends with a slash.

        Without it, `project/json` is the JSON document of a package that is called "project".
        """
        if len(segments) == 2 and segments[0] == "project":
            segments = (*segments, "")
        return super().path(*segments, **query)

    def file_url(self, file: ListedFile) -> str | None:
        """Returns the link to a file; None for one that no browser should be sent to."""
        url = file_url(file, f"{self.outer(self.places.files).rstrip('/')}/")
        return url if url is not file.location or is_web_url(url) else None

    def provenance_url(self, file: ListedFile) -> str | None:
        """Returns the link to what is attested of a file."""
        if self.places.provenance is None or not file.has_provenance:
            return None
        path = quote(f"{file.project}/{file.version}/{file.filename}/provenance")
        return self.outer(self.places.provenance) + path
