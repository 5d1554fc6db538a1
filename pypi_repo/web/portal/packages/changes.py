"""Deleting, yanking, pinning, archiving: asks first, says exactly what goes, then what went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting, NotFound, UnknownProject
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    ProjectStatus,
    Repository,
)
from pypi_repo.domain.text import counted
from pypi_repo.services.notes import Note
from pypi_repo.web.portal.lifecycle.trash import undo
from pypi_repo.web.portal.page import PortalPage

_DONE = {
    "yank": "Yanked",
    "unyank": "Took back the yank of",
    "pin": "Pinned",
    "unpin": "Unpinned",
    "delete": "Deleted",
}
_HEADINGS = {
    "yank": "Yank",
    "unyank": "Take back the yank of",
    "pin": "Pin",
    "unpin": "Unpin",
    "delete": "Delete",
}
_WHY = {"pin": "Where it is in use, for those who manage", "": "Reason, for those who install"}
_NAMED = 3  # of many things, in a sentence about what was done with them


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that will be done.

    question: what it is done with, before; `name` is what that is called afterwards.
    files: those that go with it, and are not named by it.
    """

    question: str
    name: str
    files: tuple[str, ...]
    do: Callable[[], int | None]


def change_files(page: PortalPage, repository: str, project: str) -> Response:
    """Yanks, unyanks or deletes the chosen releases and files, or pins and unpins releases."""
    verb = page.sent("do")
    if verb not in _DONE:
        raise InvalidSetting("Choose what to do.")
    files = _files(page, repository, project)
    steps = [
        *(
            _release_step(page, repository, project, version, verb, files)
            for version in page.request.form.getlist("release")
        ),
        *(
            _file_step(page, repository, filename, verb)
            for filename in page.request.form.getlist("file")
        ),
    ]
    return _ask_or_do(page, verb, steps, repository, project)


def delete_project(page: PortalPage, repository: str, project: str) -> Response:
    """Deletes a project with everything in it."""
    step = _project_step(page, repository, project, "delete")
    return _ask_or_do(page, "delete", [step], repository)


def change_projects(page: PortalPage, repository: str) -> Response:
    """Deletes the chosen projects, or gives them another status."""
    verb = page.sent("do")
    if verb not in ("delete", *PROJECT_STATUSES):
        raise InvalidSetting("Choose what to do.")
    projects = page.request.form.getlist("project")
    steps = [_project_step(page, repository, project, verb) for project in projects]
    return _ask_or_do(page, verb, steps, repository)


def set_status(page: PortalPage, repository: str, project: str) -> Response:
    status = _status(page.sent("status"))
    page.acting.projects.set_status(repository, project, status, page.sent("reason"))
    note = page.done(f"Marked {project} as {status}.")
    return page.redirect("repositories", repository, "projects", project, "manage", note=note)


def _ask_or_do(
    page: PortalPage, verb: str, steps: Sequence[_Step], repository: str, project: str | None = None
) -> Response:
    """Asks first, and does it once that is answered.

    project: whose releases to show afterwards, or else the repository's projects.
    """
    if not steps:
        raise InvalidSetting("Nothing was chosen; tick what you mean.")
    back = ["repositories", repository]
    if project is not None:
        back += ["projects", project, "releases"]
    if page.sent("confirmed") == "yes":
        return page.redirect(*back, note=_do(page, verb, steps, repository, project))
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    kept = [
        (name, value)
        for name, value in page.request.form.items(multi=True)
        if name not in ("form_token", "confirmed", "reason")
    ]
    return page.render(
        "portal/confirm.html",
        heading=_HEADINGS.get(verb) or f"Mark as {verb}",
        steps=[step.question for step in steps],
        with_them=[name for step in steps for name in step.files],
        kept=kept,
        back=back,
        asks_reason=verb in ("yank", "pin", *PROJECT_STATUSES),
        reason_label=_WHY.get(verb, _WHY[""]),
        destroys=verb == "delete",
        afterwards=_afterwards(page, verb, found),
    )


def _do(
    page: PortalPage, verb: str, steps: Sequence[_Step], repository: str, project: str | None
) -> Note:
    """What is told of it: all that was still there to be done."""
    done: list[_Step] = []
    entries: list[int] = []
    for step in steps:
        try:
            entry = step.do()
        except NotFound:
            continue  # somebody else was faster, or it went with its release
        done.append(step)
        entries += [] if entry is None else [entry]
    if not done:
        return page.done("Nothing was left to do: what was chosen is gone.")
    names = [step.name for step in done[:_NAMED]]
    if len(done) > _NAMED:
        names.append(f"{len(done) - _NAMED} more")
    what = f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
    text = f"{_DONE[verb]} {what}" if verb in _DONE else f"Marked {what} as {verb}"
    files = sum(len(step.files) for step in done)
    if files:
        text += f", {counted(files, 'file')}"
    note = page.done(
        f"{text}.", "activity", link="See the activity", repository=repository, project=project
    )
    return undo(page, repository, entries, note)


def _afterwards(page: PortalPage, verb: str, repository: Repository) -> str:
    """What can be done about it later."""
    if verb != "delete":
        return "It can be changed again."
    days = page.acting.trash.days
    undone = f"It can be restored for {counted(days, 'day')}" if days else "It cannot be taken back"
    if repository.allow_reuse or repository.allow_overwrite:
        return f"{undone}."
    return f"{undone}, and nothing else can be published under these filenames again."


def _files(page: PortalPage, repository: str, project: str) -> list[DistributionFile]:
    """None where the project is gone."""
    try:
        return page.acting.projects.get(repository, project)[1]
    except UnknownProject:
        return []


def _project_step(page: PortalPage, repository: str, project: str, verb: str) -> _Step:
    projects = page.acting.projects
    if verb == "delete":
        return _Step(
            f"project {project} with all its releases",
            project,
            tuple(file.filename for file in _files(page, repository, project)),
            lambda: projects.delete(repository, project),
        )
    return _Step(
        f"project {project}",
        project,
        (),
        lambda: projects.set_status(repository, project, _status(verb), page.sent("reason")),
    )


def _release_step(
    page: PortalPage,
    repository: str,
    project: str,
    version: str,
    verb: str,
    files: list[DistributionFile],
) -> _Step:
    projects = page.acting.projects
    its_files = tuple(file.filename for file in files if file.version == version)
    name = f"{project} {version}"
    if verb == "delete":
        return _Step(
            f"release {name} with all its files",
            name,
            its_files,
            lambda: projects.delete_release(repository, project, version),
        )
    if verb in ("pin", "unpin"):
        return _Step(f"release {name}", name, (), _pinning(page, repository, project, version))
    reason = page.sent("reason") if verb == "yank" else None
    return _Step(
        f"release {name}, all its files",
        name,
        its_files,
        lambda: projects.yank_release(repository, project, version, reason),
    )


def _pinning(page: PortalPage, repository: str, project: str, version: str) -> Callable[[], None]:
    pins = page.acting.pins
    if page.sent("do") == "unpin":
        return lambda: pins.unpin(repository, project, version)
    return lambda: pins.pin(repository, project, version, page.sent("reason"))


def _file_step(page: PortalPage, repository: str, filename: str, verb: str) -> _Step:
    projects = page.acting.projects
    if verb in ("pin", "unpin"):
        raise InvalidSetting("Only whole releases are pinned; choose releases.")
    reason = page.sent("reason") if verb == "yank" else None

    def do() -> int | None:
        if verb == "delete":
            return projects.delete_file(repository, filename)
        projects.yank_file(repository, filename, reason)
        return None

    return _Step(f"file {filename}", filename, (), do)


def _status(text: str) -> ProjectStatus:
    for status in PROJECT_STATUSES:
        if status == text:
            return status
    raise InvalidSetting(f"A status is one of {', '.join(PROJECT_STATUSES)}.")
