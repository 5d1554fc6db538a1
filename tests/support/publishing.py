"""Uploads without HTTP: straight through the services of a registry."""

from __future__ import annotations

from pypi_repo import Actor, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import ProjectPage
from pypi_repo.domain.upload_form import UploadForm
from pypi_repo.services.upload import Accepted
from tests.support.distributions import Distribution, upload_form

PUBLISHER = Actor("publisher@example.com")
"""May read and write every repository."""


def publish(
    registry: Registry,
    distribution: Distribution,
    repository: str = "main",
    *,
    signature: bytes | None = None,
    **overrides: str | list[str] | None,
) -> Accepted:
    """What an upload does once the request is taken apart; see `upload_form` for `overrides`."""
    fields = upload_form(distribution, **overrides)
    lists = {key: [value] if isinstance(value, str) else value for key, value in fields.items()}
    form = UploadForm.from_fields(lists, distribution.filename, signature)
    uploads = registry.repository(repository).uploads
    with uploads.stage() as staged:
        staged.write(distribution.content, uploads.admit(PUBLISHER).file_limit)
        return uploads.accept(PUBLISHER, form, staged)


def page_of(registry: Registry, project: str = "demo", repository: str = "main") -> ProjectPage:
    """What the index says of a project at this moment."""
    return registry.repository(repository).index.project_page(PUBLISHER, normalize(project)).load()
