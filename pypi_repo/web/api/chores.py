"""Chores: work that is done beside requests."""

from pypi_repo.services.chores.reports import ChoreReport
from pypi_repo.web.api.documents import Chore, Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery

table = Table("Chores", "repositories")


@table.operation("GET", "/chores", {200: Page[Chore]}, query=PageQuery)
def list_chores(call: Call) -> ApiResponse:
    """The chores, by name, and how their last runs went."""
    found = call.acting.chores.all()
    return ApiResponse(page_of(found, call.query, lambda chore: chore.name, _shown))


def _shown(report: ChoreReport) -> Chore:
    return Chore(
        name=report.name,
        what=report.what,
        every=int(report.every.total_seconds()),
        running=report.is_running,
        due_at=report.due_at,
        started_at=report.started_at,
        ended_at=report.ended_at,
        took=None if report.took is None else report.took.total_seconds(),
        did=report.did,
        failure=report.failure,
    )
