"""Deletes files, releases and projects within a transaction, into the trash if there is one.

The names of deleted files cannot be used again, unless the repository allows it.
"""

from pypi_repo.domain.records import DistributionFile
from pypi_repo.services.packages.project_change import ProjectChange
from pypi_repo.storage.upstreams import SourcesOfRepositories


def delete_file(change: ProjectChange, file: DistributionFile) -> int | None:
    """Deletes a file of the project.

    Returns the id of the entry in the trash, or None without a trash.
    """
    action, catalog, repository = "delete file", change.catalog, change.repository
    entry = None
    if change.gate.keeps_deleted:
        days = change.gate.trash_days
        entry = catalog.trash.keep_file(repository, file, action, change.actor, days)
    catalog.retire_filename(repository, file.filename)
    catalog.delete_file(repository, file.filename)
    detail = {"sha256": file.digests.sha256}
    change.record(action, version=file.version, filename=file.filename, detail=detail)
    return entry


def delete_release(
    change: ProjectChange,
    version: str,
    action: str = "delete release",
    detail: dict[str, str] | None = None,
) -> int | None:
    """Deletes a release with all its files.

    version: the version, in any spelling (PEP 440).
    action: what the journal calls it.
    detail: what the journal says beside it.

    Returns the id of the entry in the trash, or None without a trash.

    Raises UnknownRelease.
    """
    catalog, release_id = change.catalog, change.release_id(version)
    entry = None
    if change.gate.keeps_deleted:
        entry = catalog.trash.keep_release(
            change.project, release_id, action, change.actor, change.gate.trash_days
        )
    catalog.retire_filenames(change.project, release_id)
    catalog.delete_release(release_id)
    change.record(action, version=version, detail=detail)
    return entry


def delete_project(change: ProjectChange) -> int | None:
    """Deletes the project with all its releases and files.

    Its name stays with the repository: none of its sources supplies it, unless the name is given
    up.

    Returns the id of the entry in the trash, or None without a trash.
    """
    action, catalog = "delete project", change.catalog
    entry = None
    if change.gate.keeps_deleted:
        days = change.gate.trash_days
        entry = catalog.trash.keep_project(change.project, action, change.actor, days)
    catalog.retire_filenames(change.project)
    change.record(action)
    catalog.delete_project(change.project)
    kept = SourcesOfRepositories(change.executor)
    kept.keep_name(change.repository, change.project.normalized_name)
    return entry
