"""Live upstreams: another registry on a port of its own, and who reads it through ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.waiting import about_to_wait
from tests.conftest import PASSWORD, READER
from tests.support.distributions import Distribution
from tests.support.http import JSON, basic
from tests.support.live import LiveServer
from tests.support.uploads import upload

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class LiveUpstream:
    """A registry of its own, whose repository `public` everybody may read.

    asked: the method and the path of each request so far.
    broken: the status with which it answers everything instead, if there is one.
    """

    def __init__(self) -> None:
        self.registry = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
        self.registry.acting_as(OPERATOR).repositories.create("public", public=True)
        self.asked: list[tuple[str, str]] = []
        self.broken: str | None = None
        self._app = self.registry.wsgi_app()
        self._server = LiveServer(self._answer)
        self.url = f"{self._server.url}/repositories/public/simple/"

    def add(self, distribution: Distribution) -> None:
        """Publishes a distribution on the upstream."""
        upload(self.registry, distribution, "public")

    def create_on(self, registry: Registry, name: str = "public", **settings: object) -> None:
        """Creates this upstream in a registry."""
        given = {"allow_http": True, "allow_private_network": True, **settings}
        registry.acting_as(OPERATOR).upstreams.create(name, url=self.url, **given)  # type: ignore[arg-type]

    def pages_asked(self) -> list[str]:
        """Returns the projects whose pages were asked for, in order."""
        parts = [path.split("/") for _method, path in self.asked]
        return [part[4] for part in parts if part[3] == "simple"]

    def files_asked(self) -> list[str]:
        """Returns the names of the files that were asked for, in order."""
        return [path.rpartition("/")[2] for _method, path in self.asked if "/files/" in path]

    def close(self) -> None:
        self._server.close()
        self.registry.close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        about_to_wait()  # or the server may call this twice for one request
        self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if self.broken is not None:
            start_response(self.broken, [("Content-Length", "0")])
            return ()
        return self._app(environ, start_response)


class Reader:
    """Reads a repository as its readers do."""

    def __init__(self, registry: Registry, repository: str = "main") -> None:
        self._client = Client(registry.wsgi_app())
        self._place = f"/repositories/{repository}"

    def get(self, path: str, user: str | None = READER, accept: str = JSON) -> TestResponse:
        """The answer to a request for a path below that of the repository."""
        headers = {"Accept": accept}
        if user is not None:
            headers |= basic(user, PASSWORD)
        return self._client.get(self._place + path, headers=headers)

    def files(self, project: str, user: str | None = READER) -> list[str]:
        """The names of the files on the page of a project."""
        response = self.get(f"/simple/{project}/", user)
        assert response.status_code == 200, response.text
        return [file["filename"] for file in response.get_json()["files"]]

    def status(self, project: str, user: str | None = READER) -> int:
        """The status of the page of a project."""
        return self.get(f"/simple/{project}/", user).status_code

    def get_file(self, project: str, filename: str, user: str | None = READER) -> TestResponse:
        """The answer to a request for what a page links to, or for its metadata."""
        page = self.get(f"/simple/{project}/", user).get_json()
        asked = filename.removesuffix(".metadata")
        (url,) = [file["url"] for file in page["files"] if file["filename"] == asked]
        return self.get(urljoin(f"/simple/{project}/", url + filename[len(asked) :]), user)

    def download(self, project: str, filename: str, user: str | None = READER) -> bytes:
        """The content of a file that is on the page of a project."""
        response = self.get_file(project, filename, user)
        assert response.status_code == 200, response.text
        content: bytes = response.data
        return content


def keep_metadata(registry: Registry) -> None:
    """Lets a registry keep the core metadata that came from upstreams, which can wait a moment."""
    registry._upstream_files._keeping._keep_waiting()
