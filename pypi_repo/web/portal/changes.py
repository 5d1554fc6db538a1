"""Deleting, yanking and archiving: asks first, and says exactly what goes."""

from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from pypi_repo.domain.errors import InvalidSetting, NotFound, UnknownProject
from pypi_repo.domain.records import PROJECT_STATUSES, ProjectStatus
from pypi_repo.web.portal.page import Page

_VERBS = {"yank": "Yank", "unyank": "Take back the yank of", "delete": "Delete"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that will be done, as people read it."""

    what: str
    do: Callable[[], None]


def change_files(page: Page, repository: str, project: str) -> Response:
    """Yanks, unyanks or deletes the chosen releases and files, or deletes the project."""
    verb = page.sent("do")
    if verb == "delete-project":
        steps = [_project_step(page, repository, project, "delete")]
        return _ask_or_do(
            page, "Delete", steps, [repository], lambda: _names(page, repository, project)
        )
    if verb not in _VERBS:
        raise InvalidSetting("Choose what to do.")
    versions = page.request.form.getlist("release")
    steps = [
        *(_release_step(page, repository, project, version, verb) for version in versions),
        *(
            _file_step(page, repository, filename, verb)
            for filename in page.request.form.getlist("file")
        ),
    ]
    return _ask_or_do(
        page,
        _VERBS[verb],
        steps,
        [repository, "projects", project],
        lambda: _names(page, repository, project, set(versions)),
    )


def change_projects(page: Page, repository: str) -> Response:
    """Deletes the chosen projects, or gives them another status."""
    verb = page.sent("do")
    if verb not in ("delete", *PROJECT_STATUSES):
        raise InvalidSetting("Choose what to do.")
    projects = page.request.form.getlist("project")
    steps = [_project_step(page, repository, project, verb) for project in projects]
    heading = "Delete" if verb == "delete" else f"Mark as {verb}"
    going = projects if verb == "delete" else []
    return _ask_or_do(
        page,
        heading,
        steps,
        [repository],
        lambda: [name for project in going for name in _names(page, repository, project)],
    )


def set_status(page: Page, repository: str, project: str) -> Response:
    page.registry.projects.set_status(
        repository, project, _status(page.sent("status")), page.sent("reason"), actor=page.actor
    )
    return page.redirect("repositories", repository, "projects", project, notice="saved")


def _ask_or_do(
    page: Page,
    heading: str,
    steps: list[_Step],
    back: list[str],
    with_them: Callable[[], list[str]],
) -> Response:
    """Asks first, and does it once that is answered.

    back: the page to go to afterwards: a repository, or what is in it.
    with_them: tells the names of the files that `steps` do not name by themselves.
    """
    if not steps:
        raise InvalidSetting("Nothing was chosen; tick what you mean.")
    if page.sent("confirmed") != "yes":
        kept = [
            (name, value)
            for name, value in page.request.form.items(multi=True)
            if name not in ("form_token", "confirmed", "reason")
        ]
        return page.render(
            "confirm.html",
            heading=heading,
            steps=[step.what for step in steps],
            with_them=with_them(),
            repository=page.registry.repositories.get(back[0], actor=page.actor),
            kept=kept,
            back=["repositories", *back],
            asks_reason=page.sent("do") in ("yank", *PROJECT_STATUSES),
        )
    for step in steps:
        try:
            step.do()
        except NotFound:
            continue  # somebody else was faster, or it went with its release
    return page.redirect("repositories", *back, notice="done")


def _names(
    page: Page, repository: str, project: str, versions: set[str] | None = None
) -> list[str]:
    """Of the files of a project, or of those of some of its releases. None where it is gone."""
    try:
        _found, files = page.registry.projects.get(repository, project, actor=page.actor)
    except UnknownProject:
        return []
    return [file.filename for file in files if versions is None or file.version in versions]


def _project_step(page: Page, repository: str, project: str, verb: str) -> _Step:
    projects = page.registry.projects
    if verb == "delete":
        return _Step(
            f"project {project} with all its releases",
            lambda: projects.delete(repository, project, actor=page.actor),
        )
    return _Step(
        f"project {project}",
        lambda: projects.set_status(
            repository, project, _status(verb), page.sent("reason"), actor=page.actor
        ),
    )


def _release_step(page: Page, repository: str, project: str, version: str, verb: str) -> _Step:
    projects = page.registry.projects
    if verb == "delete":
        return _Step(
            f"release {project} {version} with all its files",
            lambda: projects.delete_release(repository, project, version, actor=page.actor),
        )
    reason = page.sent("reason") if verb == "yank" else None
    return _Step(
        f"release {project} {version}, all its files",
        lambda: projects.yank_release(repository, project, version, reason, actor=page.actor),
    )


def _file_step(page: Page, repository: str, filename: str, verb: str) -> _Step:
    projects = page.registry.projects
    if verb == "delete":
        return _Step(
            f"file {filename}", lambda: projects.delete_file(repository, filename, actor=page.actor)
        )
    reason = page.sent("reason") if verb == "yank" else None
    return _Step(
        f"file {filename}",
        lambda: projects.yank_file(repository, filename, reason, actor=page.actor),
    )


def _status(text: str) -> ProjectStatus:
    for status in PROJECT_STATUSES:
        if status == text:
            return status
    raise InvalidSetting(f"A status is one of {', '.join(PROJECT_STATUSES)}.")
