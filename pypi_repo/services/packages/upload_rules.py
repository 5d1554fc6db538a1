"""Decides whether a file may be published, by rights, proofs, names, releases and the quota.

The checks are made twice: before the archive is read, so that most refusals come early, and in the
transaction that publishes the file, in which nobody else can change the answer.
"""

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.digests import Digests
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    FilenameRetired,
    PermissionDenied,
    ProjectClosed,
    ReleaseClosed,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.identity.errors import AttestationRequired, TrustedPublishingRequired
from pypi_repo.domain.lifecycle.errors import FileStaged
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.services.gate import Gate
from pypi_repo.settings import Limits
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.destination import Destination, FoundRelease


def open_destination(
    gate: Gate,
    catalog: Catalog,
    actor: Actor,
    repository: str,
    filename: DistributionFilename,
    digests: Digests,
    *,
    into_archived: bool = False,
) -> Destination:
    """Returns what exists where a file is to be published.

    into_archived: whether an archived project counts as an active one.

    Raises an error if there is no such repository, if it takes no uploads, if the actor may not
    upload to the project, or if the status of the project does not allow uploads.
    """
    found = catalog.destination(repository, filename, digests.sha256)
    gate.admit(actor, Permission.UPLOAD, repository, found and found.repository, filename.project)
    assert found is not None  # noqa: S101 - nobody is admitted to a repository that is not there
    check_accepts(found.repository)
    if found.project is not None and not (into_archived and found.project.status == "archived"):
        _refuse_closed(found.project)
    return found


def check_accepts(repository: Repository) -> None:
    """Raises PermissionDenied if a repository takes no uploads."""
    if not repository.accepts_uploads:
        raise PermissionDenied(
            f"Repository {repository.name!r} takes no uploads; upload to another one, or ask an "
            "administrator."
        )


def check_uploader(
    actor: Actor,
    repository: Repository,
    project: NormalizedName | None = None,
    *,
    has_attestations: bool = True,
) -> None:
    """Refuses an upload early if the repository wants more proof than the upload can bring.

    project: the project; None if it is not known yet, so that only what the repository wants of all
        projects matters.
    has_attestations: whether the file may have attestations, as far as that is known.

    Raises TrustedPublishingRequired or AttestationRequired.
    """
    is_job = actor.workload is not None
    where = f"repository {repository.name!r}"
    if project is not None:
        where = f"project {project!r} of {where}"
    if not is_job and repository.demands_trusted_publishing(project):
        raise TrustedPublishingRequired(
            f"Upload to {where} from a CI job that has a publisher there, as passwords and tokens "
            "are not accepted for it (trusted publishing only)."
        )
    if not (is_job and has_attestations) and repository.demands_attestations(project):
        raise AttestationRequired(
            f"Upload to {where} with attestations, from a CI job that has a publisher there, as "
            "only files with verified attestations are accepted for it."
        )


def is_proven(repository: Repository, file: DistributionFile) -> bool:
    """Returns whether a file has the proofs that the repository wants of its project."""
    is_from_job = file.workload is not None
    is_attested = file.attested is not None
    return (is_from_job or not repository.demands_trusted_publishing(file.project)) and (
        is_attested or not repository.demands_attestations(file.project)
    )


def check_proven(repository: Repository, file: DistributionFile, unverified: str) -> None:
    """Refuses a file that has not the proof that the repository wants, whoever brings it.

    unverified: why attestations of the file were not verified; empty if there are none.

    Raises TrustedPublishingRequired or AttestationRequired.
    """
    wanted = f"which repository {repository.name!r} demands of project {file.project!r}"
    if file.workload is None and repository.demands_trusted_publishing(file.project):
        raise TrustedPublishingRequired(
            f"{file.filename} was not uploaded by trusted publishing, {wanted}; upload it from a "
            "CI job that has a publisher."
        )
    if file.attested is None and repository.demands_attestations(file.project):
        if unverified:  # first, as clients show the beginning
            raise AttestationRequired(f"{unverified} {file.filename} needs it, {wanted}.")
        raise AttestationRequired(
            f"{file.filename} has no verified attestations, {wanted}; upload it with attestations, "
            "from a CI job that has a publisher."
        )


def file_limit(repository: Repository, limits: Limits) -> int:
    """Returns the size of the largest file that a repository allows, in bytes."""
    return min(limits.file_size, repository.max_file_size or limits.file_size)


def _refuse_closed(project: Project) -> None:
    if project.status in ("archived", "quarantined"):
        reason = f" ({project.status_reason})" if project.status_reason else ""
        raise ProjectClosed(
            f"Project {project.name!r} is {project.status}{reason} and takes no uploads; ask an "
            "administrator to make it active."
        )


def existing_file(
    gate: Gate,
    catalog: Catalog,
    actor: Actor,
    destination: Destination,
    filename: DistributionFilename,
    digests: Digests,
    stage: str | None = None,
) -> DistributionFile | None:
    """Returns the file with this name, or with another spelling of the same wheel's name.

    stage: the id of the stage to which the file is uploaded; None if it is to be published at once.

    Raises FileAlreadyExists or FilenameRetired if its content differs and it may not be replaced,
    PermissionDenied if it is a file of a project to which the actor may not upload, and FileStaged
    if another stage has reserved the name.
    """
    repository, existing = destination.repository, destination.file
    if existing is not None and existing.project != filename.project:
        refuse_foreign(gate, actor, repository, existing)
    if existing is not None and existing.digests == digests:
        return existing
    reserved = destination.reserved
    if reserved is not None and reserved.stage != stage:
        raise FileStaged(
            f"{_same(filename, reserved.filename)} is reserved by a stage that "
            f"{reserved.opened_by!r} opened; wait until it is published or dropped, or raise the "
            "version."
        )
    if RULES[repository.profile].distinct_contents:
        _refuse_copy(gate, catalog, actor, destination, filename)
    if repository.allow_overwrite:
        return existing
    if existing is not None:
        raise FileAlreadyExists(
            f"File already exists: repository {repository.name!r} has "
            f"{_same(filename, existing.filename)} with other content and does not allow "
            "overwriting; raise the version."
        )
    if destination.retired is not None and not repository.allow_reuse:
        raise FilenameRetired(
            f"{_same(filename, destination.retired)} was deleted from repository "
            f"{repository.name!r} and its name cannot be used again; raise the version."
        )
    return None


def refuse_foreign(
    gate: Gate, actor: Actor, repository: Repository, existing: DistributionFile
) -> None:
    """Protects another project: the name of an old sdist can be read as that of several.

    Raises PermissionDenied if the actor may not upload to the project of a file.
    """
    if not gate.allows(actor, Permission.UPLOAD, repository, existing.project):
        raise PermissionDenied(
            f"{actor.name!r} may not upload {existing.filename} to repository {repository.name!r}; "
            "another project has a file with this name."
        )


def other_content(
    repository: Repository, filename: DistributionFilename, existing: DistributionFile
) -> FileAlreadyExists:
    """Returns the error for a file that would replace another one, where that must not happen."""
    return FileAlreadyExists(
        f"Repository {repository.name!r} has {_same(filename, existing.filename)} with other "
        "content, which stays; delete that file before, if the other one is wanted."
    )


def _same(filename: DistributionFilename, other: str) -> str:
    """Returns the other name, and what it has to do with this file."""
    if other == filename.filename:
        return other
    return f"{other}, which is the same wheel as {filename.filename},"


def _refuse_copy(
    gate: Gate,
    catalog: Catalog,
    actor: Actor,
    destination: Destination,
    filename: DistributionFilename,
) -> None:
    """Raises FileAlreadyExists if a file with another name has the same content.

    The error message contains the other name only if the actor may read its project.
    """
    repository, copy = destination.repository, destination.copy
    if copy is None or copy == filename.filename:
        return
    located = catalog.locate_file(repository.name, copy)
    project = located and located[1]
    is_named = project is not None and gate.allows(
        actor, Permission.READ, repository, project.normalized_name
    )
    name = copy if is_named else "another file"
    raise FileAlreadyExists(f"File already exists: its content is here as {name}.")


def check_new_project(
    gate: Gate, catalog: Catalog, actor: Actor, repository: Repository, name: str
) -> None:
    """Raises InvalidName if a new project may not have this name.

    The error message names no project that the actor may not read.
    """

    def may_name(other: str) -> bool:
        return gate.allows(actor, Permission.READ, repository, normalize(other))

    for check in RULES[repository.profile].new_name_checks:
        check(name, (other.name for other in catalog.projects(repository)), may_name)


def check_open(
    repository: Repository,
    release: FoundRelease,
    file: DistributionFile,
    replaced: DistributionFile | None,
) -> None:
    """Raises ReleaseClosed if the release accepts no such file any more."""
    rules = RULES[repository.profile]
    closes_after = rules.releases_close_after
    if closes_after is not None and file.uploaded_at - release.created_at > closes_after:
        raise ReleaseClosed(
            f"Release {file.version} is older than {closes_after.days} days and takes no new "
            "files; raise the version."
        )
    if rules.one_sdist == "never":
        return  # old releases may have a .zip beside the .tar.gz, or several spellings
    if rules.one_sdist == "unless overwriting" and repository.allow_overwrite:
        return
    if file.kind == "sdist" and replaced is None and release.has_sdist:
        raise ReleaseClosed(
            f"Release {file.version} has a source distribution already; raise the version."
        )
