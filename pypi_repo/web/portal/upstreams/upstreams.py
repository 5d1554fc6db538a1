"""Upstreams: how they answer and are used, and how to create, change and delete one."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace

from werkzeug.wrappers import Response

from pypi_repo.domain.errors import (
    InvalidSetting,
    NameTaken,
    UpstreamFailed,
    UpstreamRefused,
)
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.upstream import GivenUpstreamSettings
from pypi_repo.services.notes import Note
from pypi_repo.services.upstreams.configuring.checking import UpstreamCheck
from pypi_repo.services.upstreams.reports import REPORTED_DAYS
from pypi_repo.settings import format_size
from pypi_repo.web import problems
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage
from pypi_repo.web.portal.upstreams import upstream_form


def show_all(page: PortalPage) -> Response:
    reports = page.acting.upstreams.reports()
    return page.render("portal/upstreams.html", reports=reports, days=REPORTED_DAYS)


def show_new(page: PortalPage) -> Response:
    page.acting.upstreams.all()  # or somebody fills in a form for nothing
    return page.render("portal/upstream_new.html", upstream=upstream_form.EMPTY, stored_kind="none")


def create(page: PortalPage) -> Response:
    name = page.sent("name")
    forms.read(page, "name", lambda: repository_name(name, "upstream"))
    settings = upstream_form.settings(page, None)
    forms.settle(page)
    with forms.blaming(page, "name", NameTaken), _blaming_credentials(page):
        page.acting.upstreams.create(name, **settings)
    note = _done(
        page,
        name,
        _said(settings),
        f"Created the upstream {name}. Add it to the sources of a repository, on the page Sources "
        "of the repository.",
    )
    return page.redirect("upstreams", name, note=note)


def show(page: PortalPage, upstream: str) -> Response:
    report = page.acting.upstreams.report(upstream)
    return page.render(
        "portal/upstream.html",
        report=report,
        warnings=page.acting.warnings.of_upstream(upstream),
        upstream=report.upstream,
        stored_kind=upstream_form.kind_of(report.upstream),
        days=REPORTED_DAYS,
    )


def change(page: PortalPage, upstream: str) -> Response:
    before = page.acting.upstreams.get(upstream)
    settings = upstream_form.settings(page, before)
    forms.settle(page)
    with _blaming_credentials(page):
        page.acting.upstreams.change(upstream, **settings)
    said = {name for name, value in settings.items() if getattr(before, name) != value}
    saved = f"Saved the upstream {upstream}. The settings hold from the next request on."
    return page.redirect("upstreams", upstream, note=_done(page, upstream, said, saved))


def check(page: PortalPage, upstream: str) -> Response:
    """Asks it for a page, and tells what that says."""
    try:
        found = page.acting.upstreams.check(upstream)
    except (UpstreamFailed, UpstreamRefused) as error:
        page.error = error.message
        response = show(page, upstream)
        response.status_code = problems.status_of(error)
        return response
    return page.redirect("upstreams", upstream, note=page.done(_in_words(found)))


def show_deletion(page: PortalPage, upstream: str) -> Response:
    return page.render("portal/upstream_delete.html", report=page.acting.upstreams.report(upstream))


def delete(page: PortalPage, upstream: str) -> Response:
    gone = page.acting.upstreams.report(upstream)
    page.acting.upstreams.delete(upstream)
    note = page.done(
        f"Deleted the upstream {upstream}. Its {counted(gone.cached_files, 'cached file')}, "
        f"{format_size(gone.cached_size)}, will be removed by the next upkeep."
    )
    return page.redirect("upstreams", note=note)


def _blaming_credentials(page: PortalPage) -> AbstractContextManager[None]:
    """The form has checked everything else; which credentials are allowed, the service knows."""
    return forms.blaming(page, "credentials", InvalidSetting)


def _said(settings: GivenUpstreamSettings) -> set[str]:
    """Returns the names of the settings of a new upstream that were filled in."""
    return {name for name, value in settings.items() if value}


def _done(page: PortalPage, upstream: str, said: Collection[str], text: str) -> Note:
    """Makes a note that also tells what only the first installation would tell otherwise.

    said: the settings that were said. Hosts of files that a page names are taken if none are known.
    """
    found = page.acting.upstreams.read_page(upstream, said)
    if found.new_hosts:
        text = f"{text} Its files come from {', '.join(found.new_hosts)}."
    return replace(page.done(text), warnings=tuple(found.warnings))


def _in_words(found: UpstreamCheck) -> str:
    has = {
        "digests": found.has_digests,
        "upload times, which a cooldown needs": found.has_upload_times,
        "core metadata, which makes installing faster": found.has_core_metadata,
    }
    known = [what for what, is_known in has.items() if is_known]
    missing = [what for what, is_known in has.items() if not is_known]
    text = f"It speaks {found.speaks}; {found.project} has {counted(found.files, 'file')} there."
    if known:
        text += f" There are {' and '.join(known)}."
    if missing:
        text += f" Not all files have {' and '.join(missing)}."
    if found.file_hosts:
        text += f" Its files come from {', '.join(found.file_hosts)}."
    return text
