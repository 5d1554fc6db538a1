"""Projects, releases and files."""

from dataclasses import asdict

import msgspec
from packaging.version import Version

from pypi_repo.domain import records
from pypi_repo.domain.errors import NotFound, unknown_release
from pypi_repo.domain.identity import ci_job
from pypi_repo.web.api.documents import (
    CIJob,
    Deleted,
    File,
    Page,
    Project,
    ProjectSummary,
    Release,
    Status,
    Yank,
)
from pypi_repo.web.api.operations import ApiResponse, Call, Table, cursor_key, cut, page_of
from pypi_repo.web.api.queries import PageQuery, SearchQuery

table = Table("Projects, releases and files", "repositories")

_PROJECTS = "/repositories/{repository}/projects"
_PROJECT = _PROJECTS + "/{project}"
_RELEASE = _PROJECT + "/releases/{version}"
_FILE = "/repositories/{repository}/files/{filename}"


@table.operation("GET", _PROJECTS, {200: Page[ProjectSummary]}, query=SearchQuery)
def list_projects(call: Call, repository: str) -> ApiResponse:
    """The projects of a repository, by normalized name."""
    found = call.acting.projects.search(
        repository,
        call.query.q,
        after=cursor_key(call.query.cursor),
        limit=call.query.limit + 1,
    )
    return ApiResponse(
        cut(
            found,
            call.query.limit,
            lambda project: project.normalized_name,
            lambda project: msgspec.convert(project, ProjectSummary, from_attributes=True),
        )
    )


@table.operation("GET", _PROJECT, {200: Project})
def get_project(call: Call, repository: str, project: str) -> ApiResponse:
    """A project with its releases and files."""
    found, files = call.acting.projects.get(repository, project)
    return ApiResponse(
        Project(
            name=found.name,
            normalized_name=found.normalized_name,
            status=found.status,
            status_reason=found.status_reason,
            releases=_releases(files),
        )
    )


@table.operation("DELETE", _PROJECT, {200: Deleted})
def delete_project(call: Call, repository: str, project: str) -> ApiResponse:
    """Delete a project with all its files."""
    entry = call.acting.projects.delete(repository, project)
    return ApiResponse(Deleted(trash_entry=entry))


@table.operation("GET", f"{_PROJECT}/status", {200: Status})
def get_status(call: Call, repository: str, project: str) -> ApiResponse:
    """The status of a project."""
    found = call.acting.projects.project(repository, project)
    return ApiResponse(Status(status=found.status, reason=found.status_reason))


@table.operation("PUT", f"{_PROJECT}/status", {200: Status}, body=Status)
def put_status(call: Call, repository: str, project: str) -> ApiResponse:
    """Archive, quarantine or deprecate a project, or make it active again."""
    wanted = call.body
    if get_status(call, repository, project).document != wanted:
        call.acting.projects.set_status(repository, project, wanted.status, wanted.reason)
    return ApiResponse(wanted)


@table.operation("GET", _RELEASE, {200: Release})
def get_release(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """A release with its files."""
    return ApiResponse(_release(call, repository, project, version))


@table.operation("DELETE", _RELEASE, {200: Deleted})
def delete_release(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Delete a release with all its files."""
    entry = call.acting.projects.delete_release(repository, project, version)
    return ApiResponse(Deleted(trash_entry=entry))


@table.operation("GET", f"{_RELEASE}/yank", {200: Yank})
def get_release_yank(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """The reason for which all files of a release are yanked; 404 if they are not."""
    reasons = [file.yanked for file in _release(call, repository, project, version).files]
    if None in reasons or not reasons:
        raise NotFound(f"The release {version!r} is not yanked.")
    return ApiResponse(Yank(reason=reasons[0] or ""))


@table.operation("PUT", f"{_RELEASE}/yank", {200: Yank}, body=Yank)
def put_release_yank(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Yank all files of a release."""
    reasons = {file.yanked for file in _release(call, repository, project, version).files}
    if reasons != {call.body.reason}:
        call.acting.projects.yank_release(repository, project, version, call.body.reason)
    return ApiResponse(call.body)


@table.operation("DELETE", f"{_RELEASE}/yank", {204: None})
def delete_release_yank(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Undo the yank of all files of a release."""
    if all(file.yanked is None for file in _release(call, repository, project, version).files):
        raise NotFound(f"The release {version!r} is not yanked.")
    call.acting.projects.yank_release(repository, project, version, None)
    return ApiResponse(status=204)


@table.operation("GET", f"{_PROJECT}/files", {200: Page[File]}, query=PageQuery)
def list_files(call: Call, repository: str, project: str) -> ApiResponse:
    """The files of a project, by filename."""
    _found, files = call.acting.projects.get(repository, project)
    return ApiResponse(page_of(files, call.query, lambda file: file.filename, shown_file))


@table.operation("GET", _FILE, {200: File})
def get_file(call: Call, repository: str, filename: str) -> ApiResponse:
    """A file."""
    return ApiResponse(shown_file(call.acting.projects.file(repository, filename)))


@table.operation("DELETE", _FILE, {200: Deleted})
def delete_file(call: Call, repository: str, filename: str) -> ApiResponse:
    """Delete a file."""
    entry = call.acting.projects.delete_file(repository, filename)
    return ApiResponse(Deleted(trash_entry=entry))


@table.operation("GET", f"{_FILE}/yank", {200: Yank})
def get_file_yank(call: Call, repository: str, filename: str) -> ApiResponse:
    """The reason for which a file is yanked; 404 if it is not."""
    file = call.acting.projects.file(repository, filename)
    if file.yanked is None:
        raise NotFound(f"The file {filename!r} is not yanked.")
    return ApiResponse(Yank(reason=file.yanked))


@table.operation("PUT", f"{_FILE}/yank", {200: Yank}, body=Yank)
def put_file_yank(call: Call, repository: str, filename: str) -> ApiResponse:
    """Yank a file."""
    projects = call.acting.projects
    if projects.file(repository, filename).yanked != call.body.reason:
        projects.yank_file(repository, filename, call.body.reason)
    return ApiResponse(call.body)


@table.operation("DELETE", f"{_FILE}/yank", {204: None})
def delete_file_yank(call: Call, repository: str, filename: str) -> ApiResponse:
    """Undo the yank of a file."""
    get_file_yank(call, repository, filename)
    call.acting.projects.yank_file(repository, filename, None)
    return ApiResponse(status=204)


def _releases(files: list[records.DistributionFile]) -> list[Release]:
    by_version: dict[str, list[File]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(shown_file(file))
    newest_first = sorted(by_version, key=Version, reverse=True)
    return [Release(version=version, files=by_version[version]) for version in newest_first]


def _release(call: Call, repository: str, project: str, version: str) -> Release:
    files = call.acting.projects.release(repository, project, version)
    if not files:
        raise unknown_release(project, version)
    (release,) = _releases(files)
    return release


def shown_file(file: records.DistributionFile) -> File:
    """Returns the document of a file."""
    return File(
        filename=file.filename,
        version=file.version,
        kind=file.kind,
        size=file.size,
        sha256=file.digests.sha256,
        requires_python=file.requires_python,
        yanked=file.yanked,
        uploaded_at=file.uploaded_at,
        uploaded_by=file.uploaded_by,
        exemption=file.exemption,
        workload=_job(file.workload),
        attested=_job(file.attested),
    )


def _job(workload: ci_job.CIJob | None) -> CIJob | None:
    return None if workload is None else CIJob(**asdict(workload))
