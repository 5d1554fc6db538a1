"""Upstreams: how they answer and are used, and how to create, change and delete one."""

from contextlib import AbstractContextManager

from werkzeug.wrappers import Response

from pypi_repo.domain.errors import InvalidSetting, NameTaken
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.text import counted
from pypi_repo.services.upstreams.reports import REPORTED_DAYS
from pypi_repo.settings import format_size
from pypi_repo.web.portal import forms
from pypi_repo.web.portal.page import Page
from pypi_repo.web.portal.upstreams import upstream_form


def show_all(page: Page) -> Response:
    reports = page.acting.upstreams.reports()
    return page.render("upstreams.html", reports=reports, days=REPORTED_DAYS)


def show_new(page: Page) -> Response:
    page.acting.upstreams.all()  # or somebody fills in a form for nothing
    return page.render("upstream_new.html", upstream=upstream_form.EMPTY, stored_kind="none")


def create(page: Page) -> Response:
    name = page.sent("name")
    forms.read(page, "name", lambda: repository_name(name, "upstream"))
    settings = upstream_form.settings(page, None)
    forms.settle(page)
    with forms.blaming(page, "name", NameTaken), _blaming_credentials(page):
        page.acting.upstreams.create(name, **settings)
    note = page.done(
        f"Created the upstream {name}. Add it to the sources of a repository, on the page Sources "
        "of the repository."
    )
    return page.redirect("upstreams", name, note=note)


def show(page: Page, upstream: str) -> Response:
    report = page.acting.upstreams.report(upstream)
    return page.render(
        "upstream.html",
        report=report,
        upstream=report.upstream,
        stored_kind=upstream_form.kind_of(report.upstream),
        days=REPORTED_DAYS,
    )


def change(page: Page, upstream: str) -> Response:
    settings = upstream_form.settings(page, page.acting.upstreams.get(upstream))
    forms.settle(page)
    with _blaming_credentials(page):
        page.acting.upstreams.change(upstream, **settings)
    note = page.done(f"Saved the upstream {upstream}. The settings hold from the next request on.")
    return page.redirect("upstreams", upstream, note=note)


def show_deletion(page: Page, upstream: str) -> Response:
    return page.render("upstream_delete.html", report=page.acting.upstreams.report(upstream))


def delete(page: Page, upstream: str) -> Response:
    gone = page.acting.upstreams.report(upstream)
    page.acting.upstreams.delete(upstream)
    note = page.done(
        f"Deleted the upstream {upstream}. Its {counted(gone.cached_files, 'cached file')}, "
        f"{format_size(gone.cached_size)}, will be removed by the next upkeep."
    )
    return page.redirect("upstreams", note=note)


def _blaming_credentials(page: Page) -> AbstractContextManager[None]:
    """The form has checked everything else; which credentials are allowed, the service knows."""
    return forms.blaming(page, "credentials", InvalidSetting)
