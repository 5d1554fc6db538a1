"""Upstreams: indexes elsewhere, from which packages come."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import msgspec
from msgspec import UNSET

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.upstreams import upstream as domain
from pypi_repo.domain.upstreams.errors import UnknownUpstream
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery
from pypi_repo.web.api.source_documents import (
    SavedUpstream,
    Upstream,
    UpstreamChanges,
    UpstreamCheck,
    UpstreamSettings,
    UpstreamUsage,
)

table = Table("Upstreams", "repositories")

_ALL = "/upstreams"
_ONE = "/upstreams/{upstream}"


@table.operation("GET", _ALL, {200: Page[Upstream]}, query=PageQuery)
def list_upstreams(call: Call) -> ApiResponse:
    """All upstreams, by name."""
    found = call.acting.upstreams.all()
    return ApiResponse(page_of(found, call.query, lambda upstream: upstream.name, _shown))


@table.operation("GET", _ONE, {200: Upstream})
def get_upstream(call: Call, upstream: str) -> ApiResponse:
    """An upstream with its settings, without secrets."""
    return ApiResponse(_shown(call.acting.upstreams.get(upstream)))


@table.operation("PUT", _ONE, {200: SavedUpstream, 201: SavedUpstream}, body=UpstreamSettings)
def put_upstream(call: Call, upstream: str) -> ApiResponse:
    """Create the upstream, or give it exactly these settings."""
    upstreams = call.acting.upstreams
    wanted = _given(call.body)
    try:
        found = upstreams.get(upstream)
    except UnknownUpstream:
        created = upstreams.create(upstream, **wanted)
        return _saved(call, created, wanted, 201, f"upstreams/{upstream}")
    wanted["url"] = domain.index_url(wanted["url"])
    said = {"file_hosts"} & wanted.keys()
    different = {name: value for name, value in wanted.items() if getattr(found, name) != value}
    changed = upstreams.change(upstream, **different)
    return _saved(call, changed, different.keys() | said)


@table.operation("PATCH", _ONE, {200: SavedUpstream}, body=UpstreamChanges)
def patch_upstream(call: Call, upstream: str) -> ApiResponse:
    """Change some settings of the upstream."""
    given = _given(call.body)
    return _saved(call, call.acting.upstreams.change(upstream, **given), given)


@table.operation("DELETE", _ONE, {204: None}, refusals=(409,))
def delete_upstream(call: Call, upstream: str) -> ApiResponse:
    """Delete the upstream, which must be no source, and everything that is known of it."""
    call.acting.upstreams.delete(upstream)
    return ApiResponse(status=204)


@table.operation("GET", f"{_ONE}/usage", {200: UpstreamUsage})
def get_upstream_usage(call: Call, upstream: str) -> ApiResponse:
    """How an upstream answers and is used."""
    report = call.acting.upstreams.report(upstream)
    return ApiResponse(
        UpstreamUsage(
            repositories=report.users,
            **asdict(report.health),
            cached_files=report.cached_files,
            cached_size=report.cached_size,
            hits=report.hits,
            misses=report.misses,
            fetched=report.fetched,
        )
    )


@table.operation("POST", f"{_ONE}/check", {200: UpstreamCheck}, refusals=(502,))
def check_upstream(call: Call, upstream: str) -> ApiResponse:
    """Ask the upstream for a page, and say what it speaks. No setting is changed."""
    found = call.acting.upstreams.check(upstream)
    return ApiResponse(msgspec.convert(found, UpstreamCheck, from_attributes=True))


def _saved(
    call: Call,
    saved: domain.Upstream,
    given: Collection[str],
    status: int = 200,
    location: str | None = None,
) -> ApiResponse:
    def with_what_a_page_says() -> ApiResponse:
        try:
            read = call.acting.upstreams.read_page(saved.name, given)
            warnings = [*read.warnings, *call.acting.warnings.of_upstream(saved.name)]
        except RegistryError as error:  # which is no answer to a change that is done
            told = f"It was saved, and not looked at for mistakes: {error.message}"
            return ApiResponse(_shown(saved), status, location, [told])
        return ApiResponse(_shown(read.upstream), status, location, warnings)

    return ApiResponse(after_commit=with_what_a_page_says)


def _given(document: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(document)
    return {name: value for name, value in values.items() if value is not UNSET}


def _shown(found: domain.Upstream) -> Upstream:
    return msgspec.convert(found, Upstream, from_attributes=True)
