"""Promotion: releases and projects that are copied or moved to another repository."""

from pypi_repo.services.lifecycle import transfer
from pypi_repo.web.api.documents import Promotion, PromotionTarget
from pypi_repo.web.api.operations import ApiResponse, Call, Table
from pypi_repo.web.api.projects import shown_file

table = Table("Promotion", "repositories")

_PROJECT = "/repositories/{repository}/projects/{project}"
_REFUSALS = (409, 413, 502)


@table.operation(
    "POST",
    f"{_PROJECT}/releases/{{version}}/promote",
    {200: Promotion},
    body=PromotionTarget,
    refusals=_REFUSALS,
)
def promote_release(call: Call, repository: str, project: str, version: str) -> ApiResponse:
    """Copy or move a release to another repository, with all its files or not at all."""
    wanted: PromotionTarget = call.body
    promoted = call.acting.promotion.release(
        repository, project, version, wanted.to, move=wanted.move
    )
    return _shown(promoted)


@table.operation(
    "POST", f"{_PROJECT}/promote", {200: Promotion}, body=PromotionTarget, refusals=_REFUSALS
)
def promote_project(call: Call, repository: str, project: str) -> ApiResponse:
    """Copy or move a project to another repository, with all its files or not at all."""
    wanted: PromotionTarget = call.body
    promoted = call.acting.promotion.project(repository, project, wanted.to, move=wanted.move)
    return _shown(promoted)


def _shown(promoted: transfer.Promoted) -> ApiResponse:
    return ApiResponse(
        Promotion(
            project=promoted.project,
            source=promoted.source,
            target=promoted.target,
            moved=promoted.is_moved,
            unchanged=promoted.is_unchanged,
            files=[shown_file(file) for file in promoted.files],
        )
    )
