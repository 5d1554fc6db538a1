"""Uploads from the browser: the very same checks as everywhere, for several files at once."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidForm, RegistryError
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.services.notes import Note
from pypi_repo.services.packages.upload import Uploads
from pypi_repo.web import problems
from pypi_repo.web.observability.request_notes import note_upload
from pypi_repo.web.packages.forms import form_errors, multipart_events, sent_filename
from pypi_repo.web.packages.multipart import Data, Part
from pypi_repo.web.packages.upload_slots import take_slot
from pypi_repo.web.portal.lifecycle.trash import undo
from pypi_repo.web.portal.page import PortalPage

_LONGEST_FIELD = 1000  # bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file, in a word and in sentences; refused, what twine would show.

    project: the path of the project's page below the portal's root; empty where it was refused.
    trash_entry: with which the overwrite of another file can be undone; None where none was.
    retry_after: how many seconds to wait before it is sent again, where that may help.
    """

    filename: str
    status: int
    outcome: str
    message: str
    project: str = ""
    trash_entry: int | None = None
    retry_after: str = ""


def show(page: PortalPage, repository: str, results: tuple[Result, ...] = ()) -> Response:
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    return page.render("portal/repository_upload.html", repository=found, results=results)


def upload(page: PortalPage, repository: str) -> Response:
    """Uploads files, of which one that is refused does not keep the others out.

    Who prefers JSON gets the results so; the script does, and sends each file by itself. Others
    are shown them after a redirect, or at once where something was refused.
    """
    wants_json = page.request.accept_mimetypes.best == "application/json"
    try:
        results = _results(page, repository)
    except RegistryError as error:
        if not wants_json:
            raise
        results = (_refused("", error),)
    worst = max(results, key=lambda result: result.status)
    if wants_json:
        document = json.dumps([asdict(result) for result in results])
        response = page.answer(Response(document, content_type="application/json"))
    elif worst.status == 200:
        note = _summary(page, repository, results)
        return page.redirect("repositories", repository, "upload", note=note)
    else:
        response = show(page, repository, results)
    response.status_code = worst.status
    if worst.retry_after:
        response.headers["Retry-After"] = worst.retry_after
    return response


def _summary(page: PortalPage, repository: str, results: tuple[Result, ...]) -> Note:
    text = " ".join(f"{found.outcome}: {found.filename}. {found.message}" for found in results)
    projects = {found.project for found in results}
    if len(projects) == 1:
        note = Note(text=text, link="See the project", path=projects.pop())
    else:
        note = page.done(text, "repositories", repository, link="See the projects")
    entries = [found.trash_entry for found in results if found.trash_entry is not None]
    return undo(page, repository, entries, note)


def _results(page: PortalPage, repository: str) -> tuple[Result, ...]:
    with form_errors():
        results = tuple(_each(page, repository))
    if not results:
        raise InvalidForm("Choose at least one file.")
    return results


def _each(page: PortalPage, repository: str) -> Iterator[Result]:
    """The form's token comes before the files, so that no other site's are even staged."""
    uploads = page.registry.repository(repository).uploads
    file_limit = uploads.admit(page.actor).file_limit
    take_slot(page.request.environ, page.actor)
    form_token = page.request.headers.get("X-Form-Token", "")
    events = multipart_events(page.request, uploads.limits)
    for part in events:
        assert isinstance(part, Part)  # noqa: S101 - what follows it is taken below
        if part.filename:
            page.check_form_token(form_token)
            yield _accept(page, repository, uploads, part, events, file_limit)
        else:
            value = _text(events)
            if part.name == "form_token" and part.filename is None:
                form_token = value


def _accept(
    page: PortalPage,
    repository: str,
    uploads: Uploads,
    part: Part,
    events: Iterator[Part | Data],
    file_limit: int,
) -> Result:
    name, chunks = part.filename or "", _chunks(events)
    try:
        with uploads.stage() as staged:
            form = UploadForm(DistributionFilename.parse(sent_filename(part)))
            for chunk in chunks:
                staged.write(chunk, file_limit)
            accepted = uploads.accept(page.actor, form, staged)
            note_upload(staged.size)
    except RegistryError as error:
        for _rest in chunks:
            pass
        return _refused(name, error)
    notes = list(accepted.warnings)
    if accepted.is_unchanged:
        notes.append("It is unchanged.")
    if accepted.trash_entry is not None:
        notes.append("It took the place of another file.")
    return Result(
        name,
        200,
        "Already there" if accepted.is_unchanged else "Uploaded",
        " ".join(notes),
        page.path("repositories", repository, "projects", accepted.file.project),
        accepted.trash_entry,
    )


def _refused(filename: str, error: RegistryError) -> Result:
    refusal = problems.refusal_of(error)
    retry_after = refusal.headers.get("Retry-After", "")
    return Result(filename, refusal.status, "Refused", refusal.message, retry_after=retry_after)


def _chunks(events: Iterator[Part | Data]) -> Iterator[bytes]:
    """The content of the part that has just begun."""
    for event in events:
        assert isinstance(event, Data)  # noqa: S101 - nothing else follows within a part
        yield event.data
        if not event.more_data:
            return


def _text(events: Iterator[Part | Data]) -> str:
    content = b""
    for chunk in _chunks(events):
        content += chunk
        if len(content) > _LONGEST_FIELD:
            raise InvalidForm("A field of the form is too long.")
    return content.decode("utf-8", "replace")
