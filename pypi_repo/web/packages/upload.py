"""UploadApp: the legacy upload API, as twine, uv, poetry, hatch, flit and pdm speak it."""

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import ActionGone, Conflict, Invalid, InvalidForm, TooLarge
from pypi_repo.domain.lifecycle.errors import FileStaged
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.services.packages.placing import Accepted
from pypi_repo.storage.blobs.store import StagedFile
from pypi_repo.web.app import RepositoryApp, path_info, require_method
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.observability.request_notes import note_upload
from pypi_repo.web.packages.forms import UploadReader
from pypi_repo.web.packages.upload_slots import take_slot
from pypi_repo.web.plain_response import PlainResponse

_GONE = frozenset({"submit", "submit_pkg_info", "doc_upload"})


class UploadApp(RepositoryApp):
    """Accepts uploads to one repository, with the legacy upload API of the public index.

    Clients POST to the mount point, with or without a slash at the end.

    repository: the repository, from `Registry.repository`.
    authenticate: a function that returns the actor of a request; by default, clients log in with
        the accounts of the registry.
    """

    def __init__(
        self, repository: BoundRepository, *, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(repository, authenticate)
        self._uploads = repository.uploads

    def handle(self, request: Request, actor: Actor) -> PlainResponse:
        if path_info(request) not in ("", "/"):
            raise NotFound("There is nothing here; uploads go to the URL above.")
        require_method(
            request,
            ["POST"],
            "This is the upload URL: give it to twine or uv publish, which POST to it. Installers "
            "need the URL of the index.",
        )
        admission = self._uploads.admit(actor)
        take_slot(request.environ, actor)
        with self._uploads.stage() as staged:
            upload = UploadReader(staged, admission.file_limit, self._uploads.limits)
            try:
                upload.read(request)
                accepted = self._accept(request, actor, upload, staged)
                note_upload(staged.size)
            except FileStaged:
                raise  # for which the public index has no example
            except (Conflict, TooLarge) as error:
                if admission.rules.conflicts_are_invalid:
                    raise Invalid(error.message) from error
                raise
        text = "".join(f"Warning: {warning}\n" for warning in accepted.warnings).encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(text))),
        ]
        return PlainResponse("200 OK", headers, [text])

    def _accept(
        self, request: Request, actor: Actor, upload: UploadReader, staged: StagedFile
    ) -> Accepted:
        _check_action([*request.args.getlist(":action"), *upload.fields.get(":action", ())])
        if upload.filename is None:
            raise InvalidForm("The upload has no content.")
        form = UploadForm.from_fields(upload.fields, upload.filename, upload.signature)
        return self._uploads.accept(actor, form, staged)


def _check_action(actions: list[str]) -> None:
    action = actions[0] if actions else ""
    if action in _GONE:
        raise ActionGone(f"The action {action!r} is no longer offered; files are uploaded at once.")
    if action != "file_upload":
        raise InvalidForm("The form field :action must be file_upload; use twine or uv publish.")
