"""SimpleIndexApp: the simple repository API in HTML and JSON, for pip, uv, poetry, pdm ..."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import UnknownProject
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.pages import simple_pages
from pypi_repo.domain.pages.representations import Representation, choose
from pypi_repo.domain.pages.simple_pages import Links
from pypi_repo.domain.records import ProjectList, ProjectPage, Versioned
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.settings import Limits
from pypi_repo.web.accept import accept_header
from pypi_repo.web.app import (
    RepositoryApp,
    path_info,
    redirect,
    redirect_to_root,
    require_reading,
    root_url,
)
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.packages import cached_response as pages
from pypi_repo.web.packages.page_cache import PageCache

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Content = TypeVar("Content", ProjectList, ProjectPage)


class SimpleIndexApp(RepositoryApp):
    """Serves the index of one repository: version 1.4 of the simple repository API (PEP 503,
    PEP 691), in HTML and JSON.

    The URLs in the arguments are absolute, or relative to the root page of the index.

    repository: the repository, from `Registry.repository`.
    files_url: the URL of a `DownloadApp` for the same repository, or of a CDN.
    provenance_url: the URL of a `ProvenanceApp` for the same repository. Pages link to provenance
        only if the request came by https.
    upload_url: the URL of an `UploadApp` for the same repository. Clients that upload to the index
        by mistake are told this URL.
    authenticate: a function that returns the actor of a request; by default, clients log in with
        the accounts of the registry.
    cache: a cache for rendered pages, to share it with other apps; by default, the app has its own.
    """

    def __init__(
        self,
        repository: BoundRepository,
        *,
        files_url: str = "../files/",
        provenance_url: str | None = None,
        upload_url: str | None = None,
        authenticate: Authenticate | None = None,
        cache: PageCache | None = None,
    ) -> None:
        super().__init__(repository, authenticate)
        self._source = repository.source
        self._cache = PageCache(Limits().page_cache) if cache is None else cache
        parts = urlsplit(files_url)
        is_absolute = bool(parts.scheme or parts.netloc or parts.path.startswith("/"))
        # A project page lies one level below the root page that `files_url` is relative to.
        self._files_url = ("" if is_absolute else "../") + files_url.rstrip("/") + "/"
        self._provenance_url = provenance_url
        self._upload_url = upload_url

    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        require_reading(request, self._upload_url)
        path = path_info(request)
        name = path.strip("/")
        project = normalize(name)
        if name and not is_normalized(project):
            self._source.check_access(actor)
            raise UnknownProject("There is no such project, nor could there be.")
        canonical = f"{project}/" if name else ""
        if path != f"/{canonical}":
            self._source.check_access(actor)
            return _redirect(request, path, canonical)
        if not name:
            return self._respond(request, self._source.project_list(actor), _render_list)
        links = Links(self._files_url, self._provenance_base(request))
        return self._respond(
            request,
            self._source.project_page(actor, project),
            lambda page, representation: _render_project(page, representation, links),
            variant=links,
        )

    def _provenance_base(self, request: Request) -> str | None:
        if self._provenance_url is None or request.environ.get("wsgi.url_scheme") != "https":
            return None
        return urljoin(root_url(request), self._provenance_url)

    def _respond(
        self,
        request: Request,
        content: Versioned[Content],
        render: Callable[[Content, Representation], bytes],
        variant: Hashable = None,
    ) -> "WSGIApplication":
        environ = request.environ
        # Parsing no parameters takes longer than finding the page.
        asked = request.args.get("format") if environ.get("QUERY_STRING") else None
        representation = _negotiate(accept_header(environ), asked)
        media_type = representation.value
        if representation is Representation.HTML:
            media_type += "; charset=utf-8"
        return pages.respond(
            request,
            self._cache,
            content,
            variant=(self._source, media_type, variant),
            media_type=media_type,
            render=lambda page: render(page, representation),
        )


def _render_project(page: ProjectPage, representation: Representation, links: Links) -> bytes:
    if representation.is_json:
        return simple_pages.project_json(page, links)
    return simple_pages.project_html(page, links)


def _render_list(index: ProjectList, representation: Representation) -> bytes:
    if representation.is_json:
        return simple_pages.list_json(index)
    return simple_pages.list_html(index)


@lru_cache(1024)  # installers send one of a handful
def _negotiate(accept: str, format_parameter: str | None) -> Representation:
    # Spaces around ';' and '=' are seen in the wild; Werkzeug would take them for other types.
    for separator in ";=":
        accept = separator.join(part.strip() for part in accept.split(separator))
    return choose(parse_accept_header(accept, MIMEAccept), format_parameter)


def _redirect(request: Request, path: str, canonical: str) -> Response:
    if not path:
        # Without its last slash, the mount point itself is what the client called.
        return redirect_to_root(request)
    return redirect(request, canonical)
