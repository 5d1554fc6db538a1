"""The WSGI app of a whole registry; docs/reference/urls.md lists its URLs."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import is_normalized, is_repository_name, normalize
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.services.sources.source import Source
from pypi_repo.settings import FilesSentBy
from pypi_repo.web.app import (
    RepositoryApp,
    path_info,
    redirect,
    require_method,
    uploads_go_to,
)
from pypi_repo.web.authenticate import Authenticate, basic_token_or_session
from pypi_repo.web.browsers import asking_to_sign_in
from pypi_repo.web.mount import mount, not_found, only_waiting, shifted, when_first_asked
from pypi_repo.web.packages.download import DownloadApp
from pypi_repo.web.packages.json_api import JsonApiApp, ProvenanceApp
from pypi_repo.web.packages.page_cache import PageCache
from pypi_repo.web.packages.simple_index import SimpleIndexApp
from pypi_repo.web.packages.upload import UploadApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from pypi_repo.registry import Registry

_APPS_KEPT = 1024
_STAGES = "/stages"
_ACCOUNT = "../../account/"  # from the root of a repository
_LONGEST_KEPT = 64  # characters; no repository has a longer name


def registry_site(
    registry: "Registry",
    cache: PageCache,
    authenticate: Authenticate | None,
    source: Callable[[str, Source], Source] | None,
    files_sent_by: FilesSentBy | None,
    for_operators: "Mapping[str, WSGIApplication]",
) -> "WSGIApplication":
    """Returns an app for a whole registry.

    It has all repositories at /repositories/NAME/, the portal, the API, the accounts of users and a
    landing page, and the exchange of tokens of CI jobs.

    cache: the cache for the pages of all repositories.
    authenticate: for a host with its own accounts; by default, the accounts of the registry are
        used.
    source: returns the source for the readers of a repository and of each of its stages, by the
        name of the repository and what they have.
    files_sent_by: what sends files instead of the DownloadApp of each repository.
    for_operators: other apps, by their prefixes.
    """

    def app_of(name: str) -> "WSGIApplication":
        bound = registry.repository(name)
        if source is not None and is_repository_name(name):
            bound = bound.wrapped_by(partial(source, name))
        readers = authenticate or basic_token_or_session(bound.login, registry.user_sessions)
        return _repository_app(bound, authenticate, readers, cache, files_sent_by)

    kept_app_of = lru_cache(_APPS_KEPT)(app_of)
    kept_app_of("main")  # what cannot work should say so before the first request

    def portal() -> "WSGIApplication":
        from pypi_repo.web.portal.app import PortalApp

        account_url = "../account/" if authenticate is None else None
        return PortalApp(registry, account_url=account_url, authenticate=authenticate)

    def api() -> "WSGIApplication":
        from pypi_repo.web.api.app import ApiApp

        return ApiApp(registry)

    def landing() -> "WSGIApplication":
        from pypi_repo.web.browse.landing import LandingApp

        return LandingApp(registry, authenticate)

    def repositories(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        name = environ["PATH_INFO"].removeprefix("/").partition("/")[0]
        if not name:
            return not_found(environ, start_response)
        app = kept_app_of(name) if len(name) <= _LONGEST_KEPT else app_of(name)
        return app(shifted(environ, len(f"/{name}")), start_response)

    def account() -> "WSGIApplication":
        from pypi_repo.web.account.app import AccountApp

        return AccountApp(registry)

    def trusted_publishing() -> "WSGIApplication":
        from pypi_repo.web.trusted_publishing import TrustedPublishingApp

        return TrustedPublishingApp(registry)

    of_accounts: dict[str, WSGIApplication] = {}
    if authenticate is None:  # a host has its own way to sign in
        exchange = only_waiting(when_first_asked(trusted_publishing))
        of_accounts = {
            "/account": only_waiting(when_first_asked(account)),
            "/_/oidc": exchange,
            "/.well-known/pytp": exchange,
        }
    return mount(
        {
            "/repositories": repositories,
            "/portal": only_waiting(when_first_asked(portal)),
            "/api/v1": only_waiting(when_first_asked(api)),
            **of_accounts,
            **for_operators,
        },
        otherwise=only_waiting(when_first_asked(landing)),
    )


def _repository_app(
    repository: BoundRepository,
    authenticate: Authenticate | None,
    readers: Authenticate,
    cache: PageCache,
    files_sent_by: FilesSentBy | None,
) -> "WSGIApplication":
    def pages() -> "WSGIApplication":
        from pypi_repo.web.browse.app import BrowseApp

        return BrowseApp(
            repository,
            authenticate=authenticate,
            upload_url="",
            provenance_url="integrity/",
            account_url=_ACCOUNT if authenticate is None else None,
        )

    def stages() -> "WSGIApplication":
        from pypi_repo.web.stage_site import stage_site

        return stage_site(repository, authenticate, readers, cache, files_sent_by)

    upload = UploadApp(repository, authenticate=authenticate)
    index = SimpleIndexApp(
        repository,
        authenticate=readers,
        provenance_url="../integrity/",
        upload_url="../",
        cache=cache,
    )
    app = mount(
        {
            "/simple": index,
            # Where hatch looks before it uploads; it follows no redirects.
            "/+simple": index,
            "/files": DownloadApp(repository, authenticate=readers, sent_by=files_sent_by),
            "/legacy": upload,
            "/legacy/+simple": SimpleIndexApp(
                repository,
                authenticate=readers,
                files_url="../../files/",
                upload_url="../",
                cache=cache,
            ),
            "/pypi": JsonApiApp(repository, authenticate=readers, cache=cache),
            "/integrity": ProvenanceApp(repository, authenticate=readers),
        },
        otherwise=_RepositoryRoot(
            repository,
            readers,
            upload,
            # Where pip-compile and Renovate look for it, who know the URL of the index alone.
            JsonApiApp(
                repository,
                authenticate=readers,
                files_url="files/",
                index_url="simple/",
                cache=cache,
            ),
            only_waiting(when_first_asked(pages)),
            only_waiting(when_first_asked(stages)),
        ),
    )
    return asking_to_sign_in(app, _ACCOUNT) if authenticate is None else app


class _RepositoryRoot(RepositoryApp):
    """The root of a repository.

    It serves uploads, stages, the pages for people, and the JSON API beside `/simple`. It redirects
    index URLs without `/simple`.
    """

    def __init__(
        self,
        repository: BoundRepository,
        authenticate: Authenticate | None,
        upload: UploadApp,
        documents: JsonApiApp,
        pages: "WSGIApplication",
        stages: "WSGIApplication",
    ) -> None:
        super().__init__(repository, authenticate)
        self._source = repository.source
        self._upload = upload
        self._documents = documents
        self._pages = pages
        self._stages = stages

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if _is_of_a_page(environ):
            return self._pages(environ, start_response)
        if _is_of_a_stage(environ):
            return self._stages(shifted(environ, len(_STAGES)), start_response)
        return super().__call__(environ, start_response)

    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        path = path_info(request)
        segments = [segment for segment in path.split("/") if segment]
        if not segments and request.method == "POST":
            return self._upload.handle(request, actor)
        methods = ["GET"] if segments else ["GET", "POST"]
        require_method(request, methods, uploads_go_to(request, ""))
        if len(segments) in (2, 3) and segments[-1] == "json":
            return self._documents.handle(request, actor)
        self._source.check_access(actor)
        if not segments:
            return redirect(request, "")
        if "//" in path and len(segments) > 1:
            return redirect(request, quote("/".join(segments)) + "/" * path.endswith("/"))
        project = normalize(segments[0])
        if len(segments) > 1 or not is_normalized(project):
            raise NotFound("There is nothing here; check the URL.")
        return redirect(request, f"simple/{project}/")


def _is_of_a_page(environ: "WSGIEnvironment") -> bool:
    """Returns whether a URL below the root of a repository is one of `BrowseApp`.

    A package may be called "project", and then its JSON document is at `/project/json`.
    """
    path: str = environ["PATH_INFO"]
    if path in ("", "/"):
        return environ["REQUEST_METHOD"] in ("GET", "HEAD")
    if path.startswith("/+"):
        return True
    segments = path.split("/")
    return path.startswith("/project/") and bool(segments[2]) and segments[-1] != "json"


def _is_of_a_stage(environ: "WSGIEnvironment") -> bool:
    """Returns whether a URL below the root of a repository is one of `stage_site`.

    A package may be called "stages", and then its JSON documents are below `/stages/`.
    """
    path: str = environ["PATH_INFO"]
    if path != _STAGES and not path.startswith(f"{_STAGES}/"):
        return False
    return not (path.count("/") in (2, 3) and path.endswith("/json"))
