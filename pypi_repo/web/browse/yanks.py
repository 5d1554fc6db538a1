"""Yanking what one has uploaded oneself, where the repository allows it."""

from werkzeug.wrappers import Response

from pypi_repo.domain.names import normalize
from pypi_repo.web.browse.page import BrowsePage
from pypi_repo.web.pages.shown_project import ShownProject


def yank(page: BrowsePage, project: str) -> Response:
    page.repository.own_uploads.yank(
        page.actor, normalize(project), page.sent("version"), page.sent("reason")
    )
    return _done(page, project, "yanked")


def unyank(page: BrowsePage, project: str) -> Response:
    page.repository.own_uploads.yank(page.actor, normalize(project), page.sent("version"), None)
    return _done(page, project, "unyanked")


def own_files(page: BrowsePage, shown: ShownProject) -> tuple[int, int]:
    """Returns how many files of the shown release whoever asks can yank, and can unyank."""
    release, project = shown.shown_release, shown.project.normalized_name
    uploads = page.repository.own_uploads
    if release is None or not uploads.may_yank(page.actor, page.record, project):
        return 0, 0
    own = uploads.among(page.actor, release.files)
    yanked = sum(file.yanked is not None for file in own)
    return len(own) - yanked, yanked


def _done(page: BrowsePage, project: str, notice: str) -> Response:
    version = page.sent("version")
    return page.redirect("project", normalize(project), version=version, notice=notice)
