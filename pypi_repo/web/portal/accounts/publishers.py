"""Publishers: which CI jobs get in without a password, and why one did not."""

from dataclasses import replace
from typing import Any

from werkzeug.wrappers import Response

from pypi_repo.domain.errors import InvalidSetting, NameTaken
from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.ci_lines import ci_lines
from pypi_repo.domain.identity.errors import IdentityProviderFailed
from pypi_repo.domain.identity.known_claims import warnings_of_claims
from pypi_repo.domain.identity.last_job import conditions_taken, last_job_of
from pypi_repo.domain.identity.publisher import (
    DEFAULT_MINUTES,
    USUAL_ISSUERS,
    GivenPublisherSettings,
    PublisherSettings,
)
from pypi_repo.domain.identity.publisher_forms import (
    FORMS,
    PROVIDERS,
    FilledForm,
    conditions_of,
    form_of,
)
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.patterns import name_patterns
from pypi_repo.domain.text import counted
from pypi_repo.services.notes import Note
from pypi_repo.web import problems
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.accounts.access_form import blaming_names, repository_names
from pypi_repo.web.portal.page import PortalPage


def show_all(page: PortalPage) -> Response:
    found = [(each, last_job_of(each)) for each in page.acting.publishers.all()]
    return page.render("portal/publishers.html", publishers=found, providers=PROVIDERS)


def show_new(page: PortalPage) -> Response:
    """Shows the form of one provider, and the way to those of the others."""
    page.acting.publishers.all()  # or somebody fills in a form for nothing
    kind = _kind(page.sent("kind") or page.asked("kind")) or "github"
    return page.render(
        "portal/publisher_new.html",
        publisher=PublisherSettings(kind=kind, issuer=USUAL_ISSUERS.get(kind, "")),
        form=FilledForm({}, {}),
        **_choices(page, kind),
    )


def create(page: PortalPage) -> Response:
    name, kind = page.sent("name"), _kind(page.sent("kind"))
    if kind is None:
        raise InvalidSetting(f"Choose a provider: {', '.join(PROVIDERS)}.")
    forms.read(page, "name", lambda: repository_name(name, "publisher"))
    settings = _settings(page, kind)
    forms.settle(page)
    settings["kind"] = kind
    if not settings["allow_http"]:  # then as the other publishers of the issuer
        del settings["allow_http"]
    with forms.blaming(page, "name", NameTaken), blaming_names(page, "repository"):
        page.acting.publishers.create(name, **settings)
    note = page.done(f"Created the publisher {name}. Put the lines below into the CI, and run it.")
    return page.redirect("publishers", name, note=_warning(note, kind, settings))


def show(page: PortalPage, publisher: str) -> Response:
    """Shows whether a publisher works, or else which claim differs.

    What somebody takes from the last job is filled in, and is not saved before the form is.
    """
    found = page.acting.publishers.get(publisher)
    audience = page.registry.trusted_publishing.audience
    job = last_job_of(found)
    asked = page.asked("take").split()
    taken = [] if job is None else [each.claim for each in job.takeable if each.claim in asked]
    return page.render(
        "portal/publisher.html",
        publisher=found,
        job=job,
        taken=taken,
        form=form_of(found.kind, found.issuer, conditions_taken(found, taken)),
        audience=audience,
        lines=ci_lines(found, page.repository_url(found.repository), audience),
        **_choices(page, found.kind),
    )


def change(page: PortalPage, publisher: str) -> Response:
    kind = page.acting.publishers.get(publisher).kind
    settings = _settings(page, kind)
    forms.settle(page)
    with blaming_names(page, "repository"):
        page.acting.publishers.change(publisher, **settings)
    note = page.done(f"Saved the publisher {publisher}. The tokens that it has given have ended.")
    return page.redirect("publishers", publisher, note=_warning(note, kind, settings))


def check(page: PortalPage, publisher: str) -> Response:
    """Asks its issuer for its keys, and tells what it says."""
    try:
        found = page.acting.publishers.check(publisher)
    except IdentityProviderFailed as error:
        page.error = error.message
        response = show(page, publisher)
        response.status_code = problems.status_of(error)
        return response
    text = f"The issuer answers as it should, and has {counted(found.keys, 'key')} to sign with."
    return page.redirect("publishers", publisher, note=page.done(text))


def delete(page: PortalPage, publisher: str) -> Response:
    page.acting.publishers.delete(publisher)
    note = page.done(f"Deleted the publisher {publisher}. What its jobs have uploaded stays.")
    return page.redirect("publishers", note=note)


def _warning(note: Note, kind: PublisherKind, settings: GivenPublisherSettings) -> Note:
    return replace(note, warnings=tuple(warnings_of_claims(kind, settings["claims"])))


def _choices(page: PortalPage, kind: PublisherKind) -> dict[str, Any]:
    return {
        "fields": FORMS[kind],
        "providers": PROVIDERS,
        "repositories": repository_names(page),
    }


def _settings(page: PortalPage, kind: PublisherKind) -> GivenPublisherSettings:
    """Returns the settings that the form asks for. Notes what is wrong with each of its fields.

    What only the operator changes stays as it is stored.
    """
    values = {field.name: page.sent(field.name) for field in FORMS[kind]}
    issuer = page.sent("issuer") or USUAL_ISSUERS.get(kind, "")
    form = FilledForm(values, dict(forms.pairs(page, "more", "first")))
    claims = forms.read(page, "more", lambda: conditions_of(kind, issuer, form)) or {}
    if not PublisherSettings(kind=kind, claims=claims).identifying:
        for field in FORMS[kind]:
            if field.required and not values[field.name]:
                page.refused[field.name] = InvalidSetting(f"{field.title} is missing; fill it in.")
    projects = page.sent("projects").split()
    return GivenPublisherSettings(
        issuer=issuer,
        claims=claims,
        repository=page.sent("repository"),
        projects=forms.read(page, "projects", lambda: name_patterns(projects)) or (),
        may=page.sent("may"),  # type: ignore[typeddict-item] # checked
        minutes=forms.number(page, "minutes", "minutes", DEFAULT_MINUTES) or DEFAULT_MINUTES,
        allow_http=bool(page.sent("allow_http")),
    )


def _kind(text: str) -> PublisherKind | None:
    return next((kind for kind in PROVIDERS if kind == text), None)
