"""Looks through the projects that a source shows."""

from collections.abc import Sequence

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.domain.names import normalize
from pypi_repo.domain.pages.summaries import name_alone
from pypi_repo.domain.records import ListedProject, ProjectSummary
from pypi_repo.services.sources.source import Source


def find_projects(source: Source, actor: Actor, request: ListRequest) -> ListPage[ProjectSummary]:
    """Returns one page of the projects of a source whose normalized name contains a text.

    A project with exactly this name comes first, then those whose names begin with the text, and
    then the others, each in the order of their names. Only the projects of the page are looked up.
    Of one that was never seen on an upstream, only the name is told.

    request: the page to return; `sort` and `descending` are ignored.

    Raises AuthenticationRequired, PermissionDenied or UnknownRepository.
    """
    listed = source.project_list(actor).load().projects
    page = ListPage.of(_found(listed, normalize(request.text)), request)
    summaries = source.summaries(actor, [each.normalized_name for each in page.rows])
    rows = [summaries.get(each.normalized_name) or name_alone(each) for each in page.rows]
    return ListPage(rows=rows, number=page.number, size=page.size, total=page.total)


def _found(listed: Sequence[ListedProject], text: str) -> Sequence[ListedProject]:
    if not text:
        return listed
    found = [each for each in listed if text in each.normalized_name]
    return sorted(found, key=lambda each: _place(each.normalized_name, text))


def _place(name: str, text: str) -> int:
    """Returns the place of a name that contains a text; names at the same one stay in order."""
    return 0 if name == text else 1 if name.startswith(text) else 2
