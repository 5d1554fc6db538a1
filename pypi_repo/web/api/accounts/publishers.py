"""Publishers, which let CI jobs in without a password."""

from typing import Any

import msgspec
from msgspec import UNSET

from pypi_repo.domain.identity import publisher as domain
from pypi_repo.domain.identity.errors import UnknownPublisher
from pypi_repo.domain.identity.known_claims import warnings_of_claims
from pypi_repo.domain.identity.last_job import last_job_of
from pypi_repo.web.api.accounts.publisher_documents import (
    LastJob,
    Publisher,
    PublisherChanges,
    PublisherCheck,
    PublisherSettings,
    SavedPublisher,
)
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery

table = Table("Publishers", "users")

_ALL = "/publishers"
_ONE = "/publishers/{publisher}"


@table.operation("GET", _ALL, {200: Page[Publisher]}, query=PageQuery)
def list_publishers(call: Call) -> ApiResponse:
    """All publishers, by name."""
    found = call.acting.publishers.all()
    return ApiResponse(page_of(found, call.query, lambda publisher: publisher.name, _shown))


@table.operation("GET", _ONE, {200: Publisher})
def get_publisher(call: Call, publisher: str) -> ApiResponse:
    """A publisher with its settings, and what the last job said."""
    return ApiResponse(_shown(call.acting.publishers.get(publisher)))


@table.operation(
    "PUT", _ONE, {200: SavedPublisher, 201: SavedPublisher}, body=PublisherSettings, refusals=(409,)
)
def put_publisher(call: Call, publisher: str) -> ApiResponse:
    """Create the publisher, or give it exactly these settings."""
    wanted = _given(call.body)
    try:
        changed = call.acting.publishers.change(publisher, **wanted)
    except UnknownPublisher:
        created = call.acting.publishers.create(publisher, **wanted)
        return _saved(created, 201, f"publishers/{created.name}")
    return _saved(changed)


@table.operation("PATCH", _ONE, {200: SavedPublisher}, body=PublisherChanges)
def patch_publisher(call: Call, publisher: str) -> ApiResponse:
    """Change some settings of the publisher. The tokens that it has given end."""
    return _saved(call.acting.publishers.change(publisher, **_given(call.body)))


@table.operation("DELETE", _ONE, {204: None})
def delete_publisher(call: Call, publisher: str) -> ApiResponse:
    """Delete the publisher. The tokens that it has given end."""
    call.acting.publishers.delete(publisher)
    return ApiResponse(status=204)


@table.operation("POST", f"{_ONE}/check", {200: PublisherCheck}, refusals=(502,))
def check_publisher(call: Call, publisher: str) -> ApiResponse:
    """Ask the issuer of the publisher who it is, and for its keys."""
    found = call.acting.publishers.check(publisher)
    return ApiResponse(msgspec.convert(found, PublisherCheck, from_attributes=True))


def _given(document: msgspec.Struct) -> dict[str, Any]:
    given = msgspec.structs.asdict(document)
    given = {name: value for name, value in given.items() if value is not UNSET}
    if "issuer" in given:
        given["issuer"] = given["issuer"] or ""
    return given


def _saved(saved: domain.Publisher, status: int = 200, location: str | None = None) -> ApiResponse:
    warnings = warnings_of_claims(saved.kind, saved.claims)
    return ApiResponse(_shown(saved), status, location, warnings)


def _shown(found: domain.Publisher) -> Publisher:
    names = {field.name for field in msgspec.structs.fields(Publisher)} - {"last_job"}
    job = last_job_of(found)
    return Publisher(
        **{name: getattr(found, name) for name in names},
        last_job=None if job is None else msgspec.convert(job, LastJob, from_attributes=True),
    )
