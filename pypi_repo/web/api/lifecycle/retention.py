"""Retention rules, what they delete, and pins."""

import msgspec

from pypi_repo.domain.errors import NotFound
from pypi_repo.domain.lifecycle import expiring, retention
from pypi_repo.domain.versions import is_same_version
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.lifecycle.retention_documents import (
    MOST_SHOWN,
    ExpiringRelease,
    Pin,
    RetentionLimit,
    RetentionPreview,
    RetentionRule,
    RetentionRuleSettings,
    RetentionRun,
)
from pypi_repo.web.api.operations import (
    ApiResponse,
    Call,
    Table,
    cursor,
    cursor_number,
    page_of,
)
from pypi_repo.web.api.queries import PageQuery

table = Table("Retention", "repositories")

_LONGEST_POSITION = 9  # digits
_RETENTION = "/repositories/{repository}/retention"
_RULES = f"{_RETENTION}/rules"
_RULE = f"{_RULES}/{{rule}}"
_PIN = "/repositories/{repository}/projects/{project}/releases/{version}/pin"


@table.operation("GET", _RULES, {200: Page[RetentionRule]}, query=PageQuery)
def list_retention_rules(call: Call, repository: str) -> ApiResponse:
    """The retention rules of a repository, in their order."""
    found = call.acting.retention.rules(repository)
    return ApiResponse(page_of(found, call.query, lambda rule: f"{rule.id:020}", _rule))


@table.operation("POST", _RULES, {201: RetentionRule}, body=RetentionRuleSettings)
def add_retention_rule(call: Call, repository: str) -> ApiResponse:
    """Add a retention rule after the others. Nothing is deleted until the rules are previewed."""
    added = call.acting.retention.add_rule(repository, **msgspec.structs.asdict(call.body))
    location = f"repositories/{repository}/retention/rules/{added.id}"
    return ApiResponse(_rule(added), 201, location)


@table.operation("GET", _RULE, {200: RetentionRule})
def get_retention_rule(call: Call, repository: str, rule: int) -> ApiResponse:
    """A retention rule."""
    return ApiResponse(_rule(call.acting.retention.rule(repository, rule)))


@table.operation("DELETE", _RULE, {204: None})
def delete_retention_rule(call: Call, repository: str, rule: int) -> ApiResponse:
    """Delete a retention rule. The others are to be previewed again."""
    call.acting.retention.delete_rule(repository, rule)
    return ApiResponse(status=204)


@table.operation("GET", f"{_RETENTION}/expiring", {200: Page[ExpiringRelease]}, query=PageQuery)
def list_expiring_releases(call: Call, repository: str) -> ApiResponse:
    """The releases that a run would delete now, by project and version."""
    first = cursor_number(call.query.cursor, _LONGEST_POSITION) or 0
    limit = call.query.limit
    shown: list[ExpiringRelease] = []
    seen = 0

    def show(release: expiring.ExpiringRelease) -> None:
        nonlocal seen
        if first <= seen < first + limit:
            shown.append(msgspec.convert(release, ExpiringRelease, from_attributes=True))
        seen += 1

    call.acting.retention.expiring(repository, show)
    following = cursor(str(first + limit)) if seen > first + limit else None
    return ApiResponse(Page(items=shown, next=following))


@table.operation("POST", f"{_RETENTION}/preview", {200: RetentionPreview}, refusals=(409,))
def preview_retention(call: Call, repository: str) -> ApiResponse:
    """Show what a run would delete now, and let the rules be run from now on."""
    first: list[ExpiringRelease] = []

    def show(release: expiring.ExpiringRelease) -> None:
        if len(first) < MOST_SHOWN:
            first.append(msgspec.convert(release, ExpiringRelease, from_attributes=True))

    seen = call.acting.retention.preview(repository, show)
    return ApiResponse(
        RetentionPreview(
            releases=seen.releases,
            files=seen.files,
            size=seen.size,
            kept=seen.kept,
            is_previewed=seen.is_previewed,
            items=first,
        )
    )


@table.operation(
    "POST", f"{_RETENTION}/run", {200: RetentionRun}, body=RetentionLimit, refusals=(409,)
)
def run_retention(call: Call, repository: str) -> ApiResponse:
    """Delete what the retention rules do not keep. They must have been previewed."""
    done = call.acting.retention.run(repository, call.body.limit)
    return ApiResponse(msgspec.convert(done, RetentionRun, from_attributes=True))


@table.operation("GET", _PIN, {200: Pin})
def get_pin(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Why no retention rule may delete a release; 404 if it is not pinned."""
    reason = _pinned(call, repository, project, version)
    if reason is None:
        raise NotFound(f"The release {version!r} is not pinned.")
    return ApiResponse(Pin(reason=reason))


@table.operation("PUT", _PIN, {200: Pin}, body=Pin)
def put_pin(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Pin a release, so that no retention rule deletes it."""
    call.acting.pins.pin(repository, project, version, call.body.reason)
    return ApiResponse(call.body)


@table.operation("DELETE", _PIN, {204: None})
def delete_pin(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Let retention rules decide about a release again."""
    get_pin(call, repository, project, version)
    call.acting.pins.unpin(repository, project, version)
    return ApiResponse(status=204)


def _pinned(call: Call, repository: str, project: str, version: str) -> str | None:
    pins = call.acting.pins.of(repository, project)
    return next((why for pinned, why in pins.items() if is_same_version(pinned, version)), None)


def _rule(found: retention.RetentionRule) -> RetentionRule:
    return msgspec.convert(found, RetentionRule, from_attributes=True)
