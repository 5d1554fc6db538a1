"""StagesApp: opens, shows, publishes and drops the stages of a repository, for its users."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import msgspec
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import Invalid
from pypi_repo.domain.lifecycle.stages import STAGE_DAYS, Stage
from pypi_repo.domain.records import DistributionFile
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.web import problems
from pypi_repo.web.app import RepositoryApp, path_info, require_method, root_url
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.packages.upload import UploadApp

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LARGEST_BODY = 64 * 1024  # bytes


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may say of a stage that it opens; see `Stages.open`."""

    description: str = ""
    days: int = STAGE_DAYS


class StagesApp(RepositoryApp):
    """Opens stages of one repository, and lists those that the client may end.

    POST to the mount point opens one, GET lists them.

    repository: the repository, from `Registry.repository`.
    authenticate: a function that returns the actor of a request; by default, clients log in with
        the accounts of the registry.
    """

    def __init__(
        self, repository: BoundRepository, *, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(repository, authenticate)
        self._repository = repository

    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        if path_info(request) not in ("", "/"):
            raise NotFound("There is nothing here; check the URL.")
        require_method(request, ["GET", "POST"], "Open a stage by POST, list stages by GET.")
        stages, name = self._repository.intake.stages(actor), self._repository.name
        if request.method != "POST":
            found = [_stage(each, root_url(request)) for each in stages.stages(name)]
            return _answer({"stages": found})
        asked = _opening(request)
        opened = _stage(stages.open(name, asked.description, days=asked.days), root_url(request))
        response = _answer({**opened, "files": []}, 201)
        response.headers["Location"] = str(opened["upload_url"])
        return response

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        return problems.as_problem(refusal)


class StageApp(RepositoryApp):
    """Shows, publishes and drops one stage, and takes what is uploaded to it.

    GET shows it, DELETE drops it, POST to `publish` publishes it, and POST uploads a file.

    repository: the repository at the stage; see `BoundRepository.at_stage`.
    id_: the id of the stage, which need not be open.
    authenticate: as for `StagesApp`.
    """

    def __init__(
        self, repository: BoundRepository, id_: str, *, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(repository, authenticate)
        self._repository = repository
        self._id = id_
        self._upload = UploadApp(repository, authenticate=authenticate)

    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        stages, path = self._repository.intake.stages(actor), path_info(request)
        if path == "/publish":
            require_method(request, ["POST"], "Publish the stage by POST.")
            accepted = stages.publish(self._repository.name, self._id)
            published = [_file(each.file) for each in accepted]
            return _answer({"status": "published", "files": published})
        if path not in ("", "/"):
            raise NotFound("There is nothing here; check the URL.")
        if request.method == "POST":
            return self._upload.handle(request, actor)
        require_method(
            request,
            ["GET", "POST", "DELETE"],
            "Upload to the stage by POST, see it by GET, drop it by DELETE.",
        )
        if request.method == "DELETE":
            stages.drop(self._repository.name, self._id)
            return Response(status=204)
        stage, files = stages.stage(self._repository.name, self._id)
        stages_url = urljoin(root_url(request), "../")
        return _answer({**_stage(stage, stages_url), "files": [_file(file) for file in files]})

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        is_upload = request.method == "POST" and path_info(request) in ("", "/")
        if is_upload:
            return problems.for_client(refusal, request)
        return problems.as_problem(refusal)


def _opening(request: Request) -> Opening:
    """Returns what the body says, which may be empty, whatever the type is called."""
    request.max_content_length = _LARGEST_BODY
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        request.max_content_length = None  # or it could not be drained
        raise
    try:
        return msgspec.json.decode(data, type=Opening) if data.strip() else Opening()
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(
            f"The body must be empty or a JSON object with `description` and `days`: {error}."
        ) from None


def _stage(stage: Stage, stages_url: str) -> dict[str, object]:
    """Returns a document about a stage, with names after PEP 694.

    stages_url: the absolute URL of the stages of the repository, with a slash at its end.
    """
    url = f"{stages_url}{stage.id}/"
    return {
        "id": stage.id,
        "status": "pending",
        "description": stage.description,
        "upload_url": url,
        "index_url": f"{url}simple/",
        "opened_by": stage.opened_by,
        "created_at": _moment(stage.created_at),
        "expires_at": _moment(stage.expires_at),
    }


def _file(file: DistributionFile) -> dict[str, object]:
    return {
        "filename": file.filename,
        "project": file.project,
        "version": file.version,
        "size": file.size,
        "hashes": dict(file.hashes),
        "uploaded_by": file.uploaded_by,
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _answer(document: dict[str, object], status: int = 200) -> Response:
    response = Response(msgspec.json.encode(document), status, content_type="application/json")
    response.autocorrect_location_header = False
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
