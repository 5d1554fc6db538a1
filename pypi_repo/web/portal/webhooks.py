"""Webhooks: how they do, and how to create, change, try and delete one."""

from dataclasses import replace
from typing import Any, get_args

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting, NameTaken
from pypi_repo.domain.events.event import EVENT_TYPES
from pypi_repo.domain.events.webhook import (
    WEBHOOK_FORMS,
    Delivery,
    GivenWebhookSettings,
    Webhook,
    WebhookForm,
    WebhookSettings,
)
from pypi_repo.domain.names import repository_name
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage

_SHOWN = 25  # deliveries on a page
_LONGEST_ID = 18  # digits
_VALID = WebhookSettings(url="https://ci.example/", form="slack")
"""Of which one setting at a time is replaced, so that a refusal is about this one."""


def show_all(page: PortalPage) -> Response:
    return page.render("portal/webhooks.html", webhooks=page.acting.webhooks.all())


def show_new(page: PortalPage) -> Response:
    page.acting.webhooks.all()  # or somebody fills in a form for nothing
    managed = page.acting.repositories.all(Permission.MANAGE)
    return page.render(
        "portal/webhook_new.html",
        webhook=WebhookSettings(),
        repositories=[found.name for found in managed],
        types=EVENT_TYPES,
    )


def create(page: PortalPage) -> Response:
    name = page.sent("name")
    forms.read(page, "name", lambda: repository_name(name, "webhook"))
    settings = _settings(page, None)
    forms.settle(page)
    with forms.blaming(page, "name", NameTaken):
        page.acting.webhooks.create(name, page.sent("repository") or None, **settings)
    obstacle = page.acting.webhooks.obstacle(name)
    advice = "Send it a test to see whether it is received."
    if obstacle is not None:
        advice = f"Nothing can be delivered yet. {obstacle.message}"
    note = page.done(f"Created the webhook {name}. {advice}")
    return page.redirect("webhooks", name, note=note)


def show(page: PortalPage, webhook: str) -> Response:
    found = page.acting.webhooks.get(webhook)
    before = _before(page)
    deliveries = page.acting.webhooks.deliveries(webhook, limit=_SHOWN + 1, before=before)
    return page.render(
        "portal/webhook.html",
        webhook=found,
        types=EVENT_TYPES,
        waiting=page.acting.webhooks.number_waiting(webhook),
        deliveries=deliveries[:_SHOWN],
        next=deliveries[_SHOWN - 1].id if len(deliveries) > _SHOWN else None,
    )


def change(page: PortalPage, webhook: str) -> Response:
    stored = page.acting.webhooks.get(webhook)
    settings = _settings(page, stored)
    settings["enabled"] = bool(page.sent("enabled"))
    forms.settle(page)
    page.acting.webhooks.change(webhook, **settings)
    told = f"Saved the webhook {webhook}."
    if settings.get("secret") and stored.secret:
        told += " The secret before signs as well for a day."
    if obstacle := page.acting.webhooks.obstacle(webhook):
        told += f" Nothing can be delivered yet. {obstacle.message}"
    return page.redirect("webhooks", webhook, note=page.done(told))


def test(page: PortalPage, webhook: str) -> Response:
    return _told(page, webhook, page.acting.webhooks.test(webhook))


def redeliver(page: PortalPage, webhook: str, delivery_id: int) -> Response:
    return _told(page, webhook, page.acting.webhooks.redeliver(webhook, delivery_id))


def delete(page: PortalPage, webhook: str) -> Response:
    page.acting.webhooks.delete(webhook)
    return page.redirect("webhooks", note=page.done(f"Deleted the webhook {webhook}."))


def _told(page: PortalPage, webhook: str, made: Delivery) -> Response:
    """Says what the receiver has answered, on the page of the webhook."""
    if made.failure is not None:
        page.error = made.failure
        response = show(page, webhook)
        response.status_code = 502
        return response
    note = page.done(f"Delivered: the receiver answers with status {made.status}.")
    return page.redirect("webhooks", webhook, note=note)


def _before(page: PortalPage) -> int | None:
    text = page.request.args.get("before", "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID):
        raise BadRequest("This link is not from here; begin with the first page.")
    return int(text) if text else None


def _settings(page: PortalPage, stored: Webhook | None) -> GivenWebhookSettings:
    """Returns the settings that the form asks for. Notes what is wrong with each of its fields.

    stored: the webhook as it is; None for a new one. A URL and a secret that are not typed in again
        stay as they are.
    """
    form = _form(page)
    given = GivenWebhookSettings(
        form=form,
        events=tuple(page.request.form.getlist("event")),
        allow_http=bool(page.sent("allow_http")),
    )
    _check(page, "events", events=given["events"])
    if url := page.sent("url"):
        given["url"] = url
        _check(page, "url", url=url, allow_http=given["allow_http"])
    elif stored is None or stored.url is None:
        page.refused["url"] = InvalidSetting("Give the URL that is to be told.")
    else:
        _check(page, "url", url=stored.url, allow_http=given["allow_http"])
    if secret := page.sent("secret"):
        given["secret"] = secret
        _check(page, "secret", secret=secret)
    elif form == "json" and (stored is None or stored.secret is None):
        page.refused["secret"] = InvalidSetting(
            "Give a secret, by which the receiver can tell who sends."
        )
    return given


def _form(page: PortalPage) -> WebhookForm:
    for form in get_args(WebhookForm):
        if form == page.sent("form"):
            return form  # type: ignore[no-any-return]
    page.refused["form"] = InvalidSetting(f"A form is one of {', '.join(WEBHOOK_FORMS)}.")
    return "json"


def _check(page: PortalPage, field: str, **values: Any) -> None:
    forms.read(page, field, replace(_VALID, **values).check)
