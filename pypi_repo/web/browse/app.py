"""BrowseApp: the pages on which readers of a repository look at its packages."""

from typing import TYPE_CHECKING, ClassVar

from werkzeug.wrappers import Request

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.web.app import for_package_clients
from pypi_repo.web.authenticate import Authenticate, basic_or_token, session_of
from pypi_repo.web.browse import connect, front, project, yanks
from pypi_repo.web.browse.page import BrowsePage, Places
from pypi_repo.web.pages.app import PagesApp, Route

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROUTES = (
    Route("/", front.show),
    Route("/+connect", connect.show),
    Route("/project/<project>", project.show),
    Route("/project/<project>/readme", project.show_readme),
    Route("/project/<project>/releases", project.show_releases),
    Route("/project/<project>/files", project.show_files),
    Route("/project/<project>/yank", None, yanks.yank),
    Route("/project/<project>/unyank", None, yanks.unyank),
)


class BrowseApp(PagesApp[BrowsePage]):
    """Serves the pages of one repository: its projects, their releases, files and descriptions.

    They show what the source of the repository offers to whoever asks, and nothing else. The URLs
    in the arguments are absolute, or relative to the mount point of this app.

    repository: the repository, from `Registry.repository`.
    authenticate: a function that returns the actor of a request; by default, people log in with
        the accounts of the registry, as package clients do. Administrators are refused.
    files_url: the URL of a `DownloadApp` for the same repository, or of a CDN.
    index_url: the URL of a `SimpleIndexApp` for the same repository.
    upload_url: the URL of an `UploadApp` for the same repository. Without it, the pages do not say
        how to publish.
    provenance_url: the URL of a `ProvenanceApp` for the same repository.
    account_url: the URL of the `AccountApp`, below the same folder as this app. Browsers are sent
        there instead of being asked for a password, and whoever is signed in there is so here.
    """

    _ROUTES: ClassVar = ROUTES

    def __init__(
        self,
        repository: BoundRepository,
        *,
        authenticate: Authenticate | None = None,
        files_url: str = "files/",
        index_url: str = "simple/",
        upload_url: str | None = None,
        provenance_url: str | None = None,
        account_url: str | None = None,
    ) -> None:
        super().__init__(authenticate or basic_or_token(repository.login))
        self._repository = repository
        self._places = Places(
            files=files_url,
            index=index_url,
            uploads=upload_url,
            provenance=provenance_url,
        )
        self._account_url = account_url

    def identify(self, environ: "WSGIEnvironment") -> Actor:
        return for_package_clients(super().identify(environ))

    def _session(self, request: Request) -> Session | None:
        if self._account_url is None or "Authorization" in request.headers:
            return None
        return session_of(request.environ, self._repository.sessions)

    def _page(self, request: Request, actor: Actor) -> BrowsePage:
        return BrowsePage(
            request=request,
            actor=actor,
            account=self._account_url,
            repository=self._repository,
            places=self._places,
        )
