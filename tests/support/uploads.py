"""Uploads and pages without HTTP: straight through the services of a registry."""

from __future__ import annotations

from dataclasses import replace

from pypi_repo import Access, Actor, Grants, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import DistributionFile, ProjectPage
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.services.operations.upkeep import Problem
from pypi_repo.services.packages.placing import Accepted
from pypi_repo.services.packages.upload import Uploads
from tests.support.distributions import Distribution, upload_form

UPLOADER = Actor("user@example.com", grants=Grants(Access.WRITE))
"""May read and write every repository, as a new repository user may."""


def form_of(
    distribution: Distribution, filename: str | None = None, /, **overrides: str | list[str] | None
) -> UploadForm:
    """The checked form of an upload; see `upload_form` for the overrides."""
    fields = upload_form(distribution, **overrides)
    lists = {key: [value] if isinstance(value, str) else value for key, value in fields.items()}
    return UploadForm.from_fields(lists, filename or distribution.filename)


def publish(
    registry: Registry,
    distribution: Distribution,
    repository: str = "main",
    actor: Actor = UPLOADER,
    *,
    signature: bytes | None = None,
    **overrides: str | list[str] | None,
) -> Accepted:
    """What UploadApp does once it has taken a request apart."""
    uploads = registry.repository(repository).uploads
    return accept(uploads, distribution, actor, signature=signature, **overrides)


def stage(
    registry: Registry,
    id_: str,
    distribution: Distribution,
    repository: str = "main",
    actor: Actor = UPLOADER,
    *,
    signature: bytes | None = None,
    **overrides: str | list[str] | None,
) -> Accepted:
    """The same for the stage with this id."""
    uploads = registry.repository(repository).at_stage(id_).uploads
    return accept(uploads, distribution, actor, signature=signature, **overrides)


def accept(
    uploads: Uploads,
    distribution: Distribution,
    actor: Actor,
    *,
    signature: bytes | None = None,
    **overrides: str | list[str] | None,
) -> Accepted:
    limit = uploads.admit(actor).file_limit
    form = replace(form_of(distribution, **overrides), signature=signature)
    with uploads.stage() as staged:
        staged.write(distribution.content, limit)
        return uploads.accept(actor, form, staged)


def upload(
    registry: Registry,
    distribution: Distribution,
    repository: str = "main",
    actor: Actor = UPLOADER,
    **overrides: str | list[str] | None,
) -> DistributionFile:
    """The file as the index shows it after `publish`."""
    return publish(registry, distribution, repository, actor, signature=None, **overrides).file


def page(
    registry: Registry, project: str = "demo", repository: str = "main", actor: Actor = UPLOADER
) -> ProjectPage:
    """What the index says of a project at this moment."""
    return registry.repository(repository).source.project_page(actor, normalize(project)).load()


def damage(registry: Registry) -> list[Problem]:
    """All that `upkeep verify` finds."""
    return [problem for checked in registry.upkeep.verify() for problem in checked.problems]


def filenames(registry: Registry, project: str = "demo", repository: str = "main") -> list[str]:
    """On the project's page, in its order."""
    return [file.filename for file in page(registry, project, repository).files]
