"""The form with the settings of an upstream."""

from dataclasses import replace
from typing import Any

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.upstreams.upstream import (
    GivenUpstreamSettings,
    Upstream,
    UpstreamSettings,
    index_url,
)
from pypi_repo.domain.values.durations import parse_duration
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage

EMPTY = UpstreamSettings()
_VALID = UpstreamSettings(url="https://index.example/simple/")
"""Of which one setting at a time is replaced, so that a refusal is about this one."""

_KEPT = ""
"""In the place of a secret that stays as it is stored."""


def settings(page: PortalPage, stored: Upstream | None) -> GivenUpstreamSettings:
    """Returns the settings that the form asks for. Notes what is wrong with each of its fields.

    stored: the upstream as it is; None for a new one. A secret that is not typed in again stays
        as it is stored. So does what only the operator changes.
    """
    url, allow_http = index_url(page.sent("url")), bool(page.sent("allow_http"))
    _check(page, "url", url=url, allow_http=allow_http)
    credentials = _credentials(page, stored, url)
    hosts = tuple(dict.fromkeys(page.sent("file_hosts").replace(",", " ").split()))
    _check(page, "file_hosts", file_hosts=hosts)
    fresh_for = forms.read(page, "fresh_for", lambda: _duration(page.sent("fresh_for")))
    given = GivenUpstreamSettings(
        url=url,
        file_hosts=hosts,
        fresh_for=EMPTY.fresh_for if fresh_for is None else fresh_for,
        stale_for=forms.read(page, "stale_for", lambda: _duration(page.sent("stale_for"))),
        cache_size=forms.size(page, "cache_size"),
        cooldown=page.sent("cooldown") or None,
        cooldown_mode=page.sent("cooldown_mode") or "off",  # type: ignore[typeddict-item] # checked
        first_seen=bool(page.sent("first_seen")),
        offline=bool(page.sent("offline")),
        allow_http=allow_http,
        **credentials,
    )
    _check(page, "cooldown", cooldown=given["cooldown"])
    _check(page, "cooldown_mode", cooldown_mode=given["cooldown_mode"])
    return given


def _check(page: PortalPage, field: str, **values: Any) -> None:
    forms.read(page, field, replace(_VALID, **values).check)


def _duration(text: str) -> int | None:
    return parse_duration(text) if text else None


def kind_of(upstream: UpstreamSettings) -> str:
    """Returns which of the form's credentials an upstream has."""
    if upstream.secret_variable is not None:
        return "variable"
    if upstream.username is not None:
        return "password"
    return "none" if upstream.secret is None else "token"


def _credentials(page: PortalPage, stored: Upstream | None, url: str) -> GivenUpstreamSettings:
    """Returns what changes of the credentials. Notes what is wrong with each of their fields."""
    kind = page.sent("credentials")
    given = GivenUpstreamSettings(username=None, secret=None, secret_variable=None)
    if kind == "none":
        return given
    if kind == "variable":
        given["secret_variable"] = _filled_in(page, "secret_variable")
    elif kind == "token":
        given["secret"] = _secret(page, stored, url, None)
    elif kind == "password":
        given["username"] = _filled_in(page, "username")
        given["secret"] = _secret(page, stored, url, given["username"])
    else:
        page.refused["credentials"] = InvalidSetting("Choose which credentials the index wants.")
    return GivenUpstreamSettings() if given.get("secret") == _KEPT else given


def _secret(
    page: PortalPage, stored: Upstream | None, url: str, username: str | None
) -> str | None:
    """Returns the secret that was typed in, or `_KEPT`. Notes that there must be one."""
    typed = page.request.form.get("secret", "")  # it may begin or end with spaces
    if typed:
        values = {"secret": typed, "username": username and "somebody"}
        _check(page, "secret", **values)
        return typed
    if stored is None or stored.secret is None or stored.username != username:
        page.refused["secret"] = InvalidSetting(
            "Give the password or the token, or choose other credentials."
        )
    elif "url" not in page.refused and stored.keeps_credentials_from(url):
        page.refused["secret"] = InvalidSetting(
            "The URL leads to another place; give the password or the token for it."
        )
    return _KEPT


def _filled_in(page: PortalPage, field: str) -> str | None:
    """Returns the text of a field about credentials. Notes what is wrong with it."""
    text = page.sent(field)
    if text:
        _check(page, field, **{field: text})
    else:
        page.refused[field] = InvalidSetting("Fill this in, or choose other credentials.")
    return text or None
