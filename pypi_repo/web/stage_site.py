"""The WSGI app of the stages of a repository; docs/reference/urls.md lists its URLs."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.settings import FilesSentBy
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.mount import mount, not_found, shifted
from pypi_repo.web.packages.download import DownloadApp
from pypi_repo.web.packages.json_api import JsonApiApp, ProvenanceApp
from pypi_repo.web.packages.page_cache import PageCache
from pypi_repo.web.packages.simple_index import SimpleIndexApp
from pypi_repo.web.packages.stages import StageApp, StagesApp
from pypi_repo.web.packages.upload import UploadApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_APPS_KEPT = 64
_LONGEST_ID = 64  # characters; no stage has a longer one


def stage_site(
    repository: BoundRepository,
    authenticate: Authenticate | None,
    readers: Authenticate,
    cache: PageCache,
    files_sent_by: FilesSentBy | None,
) -> "WSGIApplication":
    """Returns an app for all stages of a repository, each below its id.

    authenticate: for requests that change something; by default, the accounts of the registry.
    readers: for those that only read.
    """

    @lru_cache(_APPS_KEPT)  # what a page in the cache belongs to
    def app_of(id_: str) -> "WSGIApplication":
        return _stage_app(
            repository.at_stage(id_), id_, authenticate, readers, cache, files_sent_by
        )

    stages = _by_method(
        StagesApp(repository, authenticate=readers),
        StagesApp(repository, authenticate=authenticate),
    )

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        id_ = environ["PATH_INFO"].removeprefix("/").partition("/")[0]
        if not id_:
            return stages(environ, start_response)
        if len(id_) > _LONGEST_ID:
            return not_found(environ, start_response)
        return app_of(id_)(shifted(environ, len(f"/{id_}")), start_response)

    return app


def _stage_app(
    repository: BoundRepository,
    id_: str,
    authenticate: Authenticate | None,
    readers: Authenticate,
    cache: PageCache,
    files_sent_by: FilesSentBy | None,
) -> "WSGIApplication":
    index = SimpleIndexApp(
        repository,
        authenticate=readers,
        provenance_url="../integrity/",
        upload_url="../",
        cache=cache,
    )
    return mount(
        {
            "/simple": index,
            # Where hatch looks before it uploads; it follows no redirects.
            "/+simple": index,
            "/files": DownloadApp(repository, authenticate=readers, sent_by=files_sent_by),
            "/legacy": UploadApp(repository, authenticate=authenticate),
            "/pypi": JsonApiApp(repository, authenticate=readers, cache=cache),
            "/integrity": ProvenanceApp(repository, authenticate=readers),
        },
        otherwise=_by_method(
            StageApp(repository, id_, authenticate=readers),
            StageApp(repository, id_, authenticate=authenticate),
        ),
    )


def _by_method(reading: "WSGIApplication", changing: "WSGIApplication") -> "WSGIApplication":
    """Lets browsers that are signed in show what they may not change without a password."""

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        is_reading = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        return (reading if is_reading else changing)(environ, start_response)

    return app
