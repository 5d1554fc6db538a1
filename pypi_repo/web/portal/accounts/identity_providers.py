"""Identity providers: who signs in with them, and how to create, change and delete one."""

from urllib.parse import urljoin

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.identity.errors import IdentityProviderFailed
from pypi_repo.domain.identity.provider import (
    GivenProviderSettings,
    IdentityProvider,
    ProviderSettings,
)
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.text import counted
from pypi_repo.web import problems
from pypi_repo.web.app import root_url
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage

_EMPTY = ProviderSettings()


def show_all(page: PortalPage) -> Response:
    found = page.acting.identity_providers.all()
    return page.render("portal/identity_providers.html", providers=found)


def show_new(page: PortalPage) -> Response:
    page.acting.identity_providers.all()  # or somebody fills in a form for nothing
    return page.render("portal/identity_provider_new.html", provider=_EMPTY, areas=list(Area))


def create(page: PortalPage) -> Response:
    name = page.sent("name")
    forms.read(page, "name", lambda: repository_name(name, "identity provider"))
    settings = _settings(page)
    forms.settle(page)
    settings["title"] = settings["title"] or name
    settings["accounts"] = page.sent("accounts")  # type: ignore[typeddict-item] # checked
    with forms.blaming(page, "name", NameTaken):
        page.acting.identity_providers.create(name, **settings)
    note = page.done(
        f"Created the identity provider {name}. Tell it the callback URL below, and ask it now."
    )
    return page.redirect("identity-providers", name, note=note)


def show(page: PortalPage, provider: str) -> Response:
    found = page.acting.identity_providers.get(provider)
    return page.render(
        "portal/identity_provider.html",
        provider=found,
        identities=page.acting.identity_providers.identities(provider),
        callback_url=_callback_url(page, found),
        areas=list(Area),
    )


def change(page: PortalPage, provider: str) -> Response:
    settings = _settings(page)
    forms.settle(page)
    settings["title"] = settings["title"] or provider
    page.acting.identity_providers.change(provider, **settings)
    note = page.done(f"Saved the identity provider {provider}, from the next sign-in on.")
    return page.redirect("identity-providers", provider, note=note)


def check(page: PortalPage, provider: str) -> Response:
    """Asks it who it is, and tells what it says."""
    try:
        found = page.acting.identity_providers.check(provider)
    except IdentityProviderFailed as error:
        page.error = error.message
        response = show(page, provider)
        response.status_code = problems.status_of(error)
        return response
    text = f"It answers as it should, and has {counted(found.keys, 'key')} to sign with."
    return page.redirect("identity-providers", provider, note=page.done(text))


def link(page: PortalPage, provider: str) -> Response:
    account, subject = page.sent("account"), page.sent("subject")
    page.acting.identity_providers.link(provider, account, subject)
    note = page.done(f"{account.lower()} can sign in with {provider} now.")
    return page.redirect("identity-providers", provider, note=note)


def unlink(page: PortalPage, provider: str) -> Response:
    removed = page.acting.identity_providers.unlink(provider, page.sent("subject"))
    note = page.done(f"{removed.account} is not linked to {provider} any more.")
    return page.redirect("identity-providers", provider, note=note)


def delete(page: PortalPage, provider: str) -> Response:
    page.acting.identity_providers.delete(provider)
    note = page.done(f"Deleted the identity provider {provider}. The accounts stay.")
    return page.redirect("identity-providers", note=note)


def _callback_url(page: PortalPage, provider: IdentityProvider) -> str | None:
    """None for users of a host that has its own accounts: nobody is sent back there."""
    root = "" if provider.accounts == "administrators" else page.account_url
    if root is None:
        return None
    return urljoin(root_url(page.request), root + page.path("sign-in", provider.name, "callback"))


def _settings(page: PortalPage) -> GivenProviderSettings:
    """Returns the settings that the form asks for. Notes what is wrong with each of its fields.

    A secret that is not typed in again stays as it is stored. So does what only the operator
    changes.
    """
    mapping: dict[str, tuple[str, ...]] = {}
    for value, name in forms.pairs(page, "mapping", "last"):  # a value may have some, names none
        mapping[value] = (*mapping.get(value, ()), name)
    conditions = forms.pairs(page, "conditions", "first")
    hours = forms.number(page, "session_hours", "hours", 12)
    given = GivenProviderSettings(
        title=page.sent("title"),
        issuer=page.sent("issuer"),
        client_id=page.sent("client_id"),
        scopes=tuple(page.sent("scopes").split()) or _EMPTY.scopes,
        name_claim=page.sent("name_claim") or _EMPTY.name_claim,
        groups_claim=page.sent("groups_claim") or None,
        mapping=mapping,
        creates=bool(page.sent("creates")),
        conditions=dict(conditions),
        session_hours=hours or _EMPTY.session_hours,
        enabled=bool(page.sent("enabled")),
        allow_http=bool(page.sent("allow_http")),
    )
    secret = page.request.form.get("client_secret", "")  # it may begin or end with spaces
    return GivenProviderSettings(**given, client_secret=secret) if secret else given
