"""The retention rules of a repository, what they delete, and the button that does it."""

from functools import partial
from typing import Any

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.lifecycle.expiring import ExpiringRelease
from pypi_repo.domain.lifecycle.retention import MOST_KEPT, VersionKind, retention_terms
from pypi_repo.domain.lists import ListPage, ListRequest, nearest_page
from pypi_repo.domain.patterns import name_pattern
from pypi_repo.domain.text import counted
from pypi_repo.services.lifecycle.retention import FILES_OF_A_RUN
from pypi_repo.settings import format_size
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.listing import Listing
from pypi_repo.web.portal.page import PortalPage

KINDS: dict[VersionKind, str] = {
    "finals": "final releases",
    "pre": "pre-releases",
    "dev": "developmental releases",
    "local": "local versions",
}
_TERMS = ("keep_younger", "keep_downloaded", "keep_matching")


def show(page: PortalPage, repository: str) -> Response:
    rules = page.acting.retention.rules(repository)
    return page.render(
        "portal/repository_retention.html",
        repository=page.acting.repositories.get(repository, Permission.MANAGE),
        rules=rules,
        is_previewed=all(rule.previewed_at for rule in rules),
        kinds=KINDS,
    )


def add(page: PortalPage, repository: str) -> Response:
    forms.read(page, "pattern", lambda: name_pattern(page.sent("pattern")))
    keep_last = forms.read(page, "keep_last", lambda: _number(page.sent("keep_last")))
    given: dict[str, Any] = {name: page.sent(name) for name in _TERMS if page.sent(name)}
    for name in given:
        term = {name: given[name]}
        forms.read(page, name, partial(retention_terms, "*", **term))
    forms.settle(page)
    with forms.blaming(page, "keep_last", InvalidSetting):
        added = page.acting.retention.add_rule(
            repository,
            page.sent("pattern"),
            only=page.request.form.getlist("only"),
            keep_last=keep_last,
            **given,
        )
    note = page.done(f"Added the rule {added.id} for {added.pattern}. Preview what it deletes.")
    return page.redirect("repositories", repository, "retention", note=note)


def delete(page: PortalPage, repository: str, rule_id: int) -> Response:
    gone = page.acting.retention.delete_rule(repository, rule_id)
    note = page.done(f"Deleted the rule {gone.id} for {gone.pattern}.")
    return page.redirect("repositories", repository, "retention", note=note)


def preview(page: PortalPage, repository: str) -> Response:
    """Lets the rules be run, below the table of what they delete."""
    page.acting.retention.preview(repository, lambda _release: None)
    return page.redirect("repositories", repository, "retention", "preview")


def show_preview(page: PortalPage, repository: str) -> Response:
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    listing = Listing(page, ("repositories", repository, "retention", "preview"), ("project",))
    shown = _Chunk(listing.request)
    seen = page.acting.retention.expiring(repository, shown.add)
    return page.render(
        "portal/repository_expiring.html",
        repository=found,
        seen=seen,
        listing=listing,
        releases=shown.page(seen.releases),
        limit=FILES_OF_A_RUN,
        days=page.acting.trash.days,
    )


def run(page: PortalPage, repository: str) -> Response:
    done = page.acting.retention.run(repository)
    what = f"{counted(done.releases, 'release')} with {counted(done.files, 'file')}"
    rest = "" if done.is_complete else " There is more; this was as much as a run deletes."
    text = f"Deleted {what} ({format_size(done.size)}).{rest}"
    note = page.done(text, "repositories", repository, "trash", link="See the trash")
    return page.redirect("repositories", repository, "retention", note=note)


class _Chunk:
    """Keeps one page of a long list that passes; the last one, if the list ends before it."""

    def __init__(self, request: ListRequest) -> None:
        self._request = request
        self._rows: list[ExpiringRelease] = []
        self._passed = 0

    def add(self, release: ExpiringRelease) -> None:
        number, size = self._request.page, self._request.size
        if self._passed < number * size:
            if self._passed % size == 0:
                self._rows.clear()
            self._rows.append(release)
        self._passed += 1

    def page(self, total: int) -> ListPage[ExpiringRelease]:
        number = nearest_page(self._request, total)
        return ListPage(rows=self._rows, number=number, size=self._request.size, total=total)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(MOST_KEPT)):
        raise InvalidSetting(f"{text[:20]!r} is not a number of versions; write one like 10.")
    return int(text)
