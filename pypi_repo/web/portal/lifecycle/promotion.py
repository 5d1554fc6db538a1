"""Promotes a release, or a whole project, to another repository."""

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting, UnknownRepository, unknown_release
from pypi_repo.domain.text import counted
from pypi_repo.domain.versions import is_same_version
from pypi_repo.services.lifecycle.transfer import Promoted
from pypi_repo.settings import format_size
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage, repository: str, project: str) -> Response:
    """Shows how to promote the release that the URL names, or all releases."""
    found, files = page.acting.projects.get(repository, project)
    version = page.asked("version")
    if version:
        files = [file for file in files if is_same_version(file.version, version)]
        if not files:
            raise unknown_release(found.name, version)
    others = page.acting.repositories.all(Permission.UPLOAD)
    return page.render(
        "portal/project_promote.html",
        repository=repository,
        project=found,
        version=version,
        files=files,
        targets=[each.name for each in others if each.name != repository],
    )


def promote(page: PortalPage, repository: str, project: str) -> Response:
    target, version, move = page.sent("to"), page.asked("version"), bool(page.sent("move"))
    promotion = page.acting.promotion
    with forms.blaming(page, "to", InvalidSetting, UnknownRepository):
        if not target:
            raise InvalidSetting("Choose the repository that gets the files.")
        if version:
            promoted = promotion.release(repository, project, version, target, move=move)
        else:
            promoted = promotion.project(repository, project, target, move=move)
    there = ("repositories", target, "projects", project, "releases")
    link = f"Show them in {target}" if page.manages(target) else ""
    note = page.done(_in_words(promoted, version), *there, link=link)
    if move and not version:  # nothing of the project is left
        return page.redirect("repositories", repository, note=note)
    return page.redirect("repositories", repository, "projects", project, "releases", note=note)


def _in_words(promoted: Promoted, version: str) -> str:
    size = format_size(sum(file.size for file in promoted.files))
    what = f"{promoted.project} {version}".strip()
    what += f", {counted(len(promoted.files), 'file')} ({size}),"
    if promoted.is_moved:
        return f"Moved {what} to {promoted.target}."
    if promoted.is_unchanged:
        return f"Nothing was changed: {promoted.target} has {what} already."
    return f"Copied {what} to {promoted.target}."
