"""Where a project comes from, what is hidden of it, and what a cooldown would have hidden."""

from datetime import UTC, datetime
from functools import partial

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.domain.values.durations import Age
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.page import NO_PAGE
from pypi_repo.web.portal.page import PortalPage

DAYS = 7
_SHOWN = 200  # files; others are named by their number
_NEVER = datetime.min.replace(tzinfo=UTC)


def show(page: PortalPage, repository: str, project: str, status: int = 200) -> Response:
    """Explains from where a project comes, or why nobody supplies it.

    status: of the answer, for the page of a project that there is not.
    """
    if not is_normalized(normalize(project)):
        raise NotFound(NO_PAGE)
    explained = page.acting.sources.explain(repository, project)
    withheld = sorted(explained.withheld, key=_appeared, reverse=True)
    return page.render(
        "portal/project_origin.html",
        status,
        repository=page.acting.repositories.get(repository, Permission.MANAGE),
        explained=explained,
        is_in_trash=page.acting.trash.has(repository, normalize(project)),
        suppliers=explained.supplier.split(", ") if explained.supplier else [],
        withheld=withheld[:_SHOWN],
        more=len(withheld[_SHOWN:]),
    )


def show_audit(page: PortalPage, repository: str) -> Response:
    """Shows what a cooldown would have left out of what was downloaded lately."""
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    days = forms.read(page, "days", lambda: _days(page.asked("days")))
    cooldown = page.asked("cooldown")
    forms.read(page, "cooldown", lambda: Age(cooldown) if cooldown else None)
    audit = partial(page.acting.sources.audit, repository, days or DAYS, cooldown or None)
    entries = [] if page.refused else forms.read(page, "days", audit)
    return page.render(
        "portal/repository_audit.html",
        400 if page.refused else 200,
        repository=found,
        configured=page.acting.sources.of(repository),
        entries=entries,
        days=page.asked("days") or DAYS,
        cooldown=cooldown,
    )


def _appeared(withheld: Withheld) -> datetime:
    return withheld.file.uploaded_at or _NEVER


def _days(text: str) -> int:
    if not text:
        return DAYS
    if not text.isascii() or not text.isdecimal() or len(text) > 5:
        raise InvalidSetting(f"{text[:20]!r} is not a number of days; write one like 7.")
    if not int(text):
        raise InvalidSetting("Look at one day at least.")
    return int(text)
