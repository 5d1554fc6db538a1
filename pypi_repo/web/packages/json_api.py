"""JsonApiApp: projects as JSON documents, for mirrors, bots and auditors; and their provenance."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable, NotFound
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.pages import project_json
from pypi_repo.domain.records import ProjectDetails, Versioned
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.settings import Limits
from pypi_repo.web.accept import accept_header
from pypi_repo.web.app import RepositoryApp, path_info, redirect, require_reading, root_url
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.cors import READABLE
from pypi_repo.web.packages import cached_response as pages
from pypi_repo.web.packages.page_cache import PageCache

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PROVENANCE = "application/vnd.pypi.integrity.v1+json"


class JsonApiApp(RepositoryApp):
    """Serves projects and releases as JSON documents, in the format of the public index's JSON API.

    The URLs are `/PROJECT/json` and `/PROJECT/VERSION/json` below the mount point.

    repository: the repository, from `Registry.repository`.
    files_url: the URL of a `DownloadApp` for the same repository, absolute or relative to this app.
    index_url: the URL of a `SimpleIndexApp` for the same repository, absolute or relative to this
        app.
    authenticate: a function that returns the actor of a request; by default, clients log in with
        the accounts of the registry.
    cache: a cache for rendered documents, to share it with other apps; by default, the app has its
        own.
    """

    def __init__(
        self,
        repository: BoundRepository,
        *,
        files_url: str = "../files/",
        index_url: str = "../simple/",
        authenticate: Authenticate | None = None,
        cache: PageCache | None = None,
    ) -> None:
        super().__init__(repository, authenticate)
        self._source = repository.source
        self._files_url = files_url
        self._index_url = index_url
        self._cache = PageCache(Limits().page_cache) if cache is None else cache

    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        require_reading(request)
        path = path_info(request)
        name, *version, last = path.strip("/").split("/") if "/" in path.strip("/") else ["", ""]
        project = normalize(name)
        if last != "json" or len(version) > 1 or not is_normalized(project):
            self._source.check_access(actor)
            raise NotFound("There is nothing here; ask for /PROJECT/json.")
        if name != project:
            self._source.check_access(actor)
            target = "/".join([project, *map(quote, version), last])
            return redirect(request, target)
        if not version:
            return self._respond(request, project, self._source.project_details(actor, project))
        spelled, content = self._source.release_details(actor, project, version[0])
        if version[0] != spelled:
            # One URL for each release, or its document would be made for each spelling.
            return redirect(request, "/".join([project, quote(spelled), last]))
        return self._respond(request, project, content, whole=False)

    def _respond(
        self,
        request: Request,
        project: str,
        content: Versioned[ProjectDetails],
        *,
        whole: bool = True,
    ) -> "WSGIApplication":
        # Readers use these URLs out of their context, so they must be absolute.
        files_url = urljoin(root_url(request), self._files_url)
        project_url = urljoin(root_url(request), f"{self._index_url}{project}/")
        return pages.respond(
            request,
            self._cache,
            content,
            variant=(self._source, files_url, project_url),
            media_type="application/json",
            render=lambda details: project_json.render(
                details, files_url=files_url, project_url=project_url, whole=whole
            ),
            is_complete=lambda details: details.is_complete,
        )


class ProvenanceApp(RepositoryApp):
    """Serves the provenance of files (PEP 740).

    The URLs are `/PROJECT/VERSION/FILENAME/provenance` below the mount point.

    repository: the repository, from `Registry.repository`.
    authenticate: a function that returns the actor of a request; by default, clients log in with
        the accounts of the registry.
    """

    def __init__(
        self, repository: BoundRepository, *, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(repository, authenticate)
        self._source = repository.source

    def handle(self, request: Request, actor: Actor) -> Response:
        require_reading(request)
        parts = path_info(request).strip("/").split("/")
        if len(parts) != 4 or parts[3] != "provenance":
            self._source.check_access(actor)
            raise NotFound("There is nothing here; ask for /PROJECT/VERSION/FILENAME/provenance.")
        document = self._source.provenance(actor, normalize(parts[0]), parts[1], parts[2])
        # Whoever does not say what they accept accepts everything (RFC 9110 section 12.5.1).
        header = accept_header(request.environ)
        media_types = parse_accept_header(header, MIMEAccept) or MIMEAccept([("*/*", 1)])
        media_type = media_types.best_match([_PROVENANCE, "application/json"])
        if media_type is None:
            raise NotAcceptable(f"Provenance is {_PROVENANCE} or application/json.")
        response = Response(document, content_type=media_type)
        # Attestations may be added later.
        is_public = self._is_public()
        response.headers["Cache-Control"] = "no-cache" if is_public else "private, no-cache"
        response.headers["Vary"] = "Accept, Authorization, Cookie"
        if is_public:
            response.headers.extend(READABLE)
        return response
