"""Stages: files that are published together."""

from dataclasses import asdict
from typing import Any

import msgspec

from pypi_repo.domain.lifecycle import stages
from pypi_repo.domain.records import DistributionFile
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.lifecycle.stage_documents import (
    PublishedStage,
    Stage,
    StagedFile,
    StageSettings,
    StageWithFiles,
)
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.projects import shown_file
from pypi_repo.web.api.queries import PageQuery

table = Table("Stages", "repositories")

_ALL = "/repositories/{repository}/stages"
_ONE = f"{_ALL}/{{stage}}"


@table.operation("GET", _ALL, {200: Page[Stage]}, query=PageQuery)
def list_stages(call: Call, repository: str) -> ApiResponse:
    """The open stages of a repository, the oldest first."""
    found = call.acting.stages.stages(repository)
    return ApiResponse(page_of(found, call.query, _place, _stage))


@table.operation("POST", _ALL, {201: Stage}, body=StageSettings, refusals=(409,))
def open_stage(call: Call, repository: str) -> ApiResponse:
    """Open a stage. Nobody sees what is uploaded to it until it is published."""
    wanted: StageSettings = call.body
    opened = call.acting.stages.open(repository, wanted.description, days=wanted.days)
    return ApiResponse(_stage(opened), 201, f"repositories/{repository}/stages/{opened.id}")


@table.operation("GET", _ONE, {200: StageWithFiles})
def get_stage(call: Call, repository: str, stage: str) -> ApiResponse:
    """A stage with its files."""
    found, files = call.acting.stages.stage(repository, stage)
    return ApiResponse(StageWithFiles(stage=_stage(found), files=[_file(file) for file in files]))


@table.operation("POST", f"{_ONE}/publish", {200: PublishedStage}, refusals=(409, 413, 502))
def publish_stage(call: Call, repository: str, stage: str) -> ApiResponse:
    """Publish the files of the stage, all of them or none, and end the stage."""
    accepted = call.acting.stages.publish(repository, stage)
    return ApiResponse(PublishedStage(files=[_file(each.file) for each in accepted]))


@table.operation("DELETE", _ONE, {204: None})
def drop_stage(call: Call, repository: str, stage: str) -> ApiResponse:
    """End the stage. Its files are lost, and their names are free."""
    call.acting.stages.drop(repository, stage)
    return ApiResponse(status=204)


def _place(found: stages.Stage) -> str:
    return f"{found.created_at.isoformat()} {found.id}"


def _stage(found: stages.Stage) -> Stage:
    upload_url, index_url = stages.stage_urls(found)
    known: dict[str, Any] = {
        name: value for name, value in asdict(found).items() if name in Stage.__struct_fields__
    }
    return Stage(**known, upload_url=upload_url, index_url=index_url)


def _file(file: DistributionFile) -> StagedFile:
    return StagedFile(**msgspec.structs.asdict(shown_file(file)), project=file.project)
