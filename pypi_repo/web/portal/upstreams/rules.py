"""Rules for what comes from the sources of a repository, and exceptions from the cooldown."""

from datetime import UTC, date, datetime, time

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.records import PROJECT_STATUSES
from pypi_repo.domain.upstreams.rules import Rule, covered_rules, parse_target, warning_of_rule
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage

KINDS = {"sdist": "sdists only", "bdist_wheel": "wheels only"}


def show(page: PortalPage, repository: str) -> Response:
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    configured = page.acting.sources.of(repository)
    now = datetime.now(UTC)
    return page.render(
        "portal/repository_rules.html",
        repository=found,
        configured=configured,
        warnings=page.acting.warnings.of_repository(repository, {"rules"}),
        rules=[rule for rule in configured.rules if not rule.is_exception],
        exceptions=[rule for rule in configured.rules if rule.is_exception],
        kinds=KINDS,
        statuses=PROJECT_STATUSES,
        covered=covered_rules(configured.rules, now),
        now=now,
    )


def add(page: PortalPage, repository: str) -> Response:
    """Adds a rule or an exception: each has a form with fields of its own names."""
    is_exception = page.sent("action") == "exempt"
    target, reason, until = (
        f"{'exception_' if is_exception else ''}{name}" for name in ("target", "reason", "until")
    )
    forms.read(page, target, lambda: parse_target(page.sent(target)))
    ends = forms.read(page, until, lambda: _moment(page.sent(until)))
    why = forms.text(page, reason)
    if is_exception:
        _require(page, reason, "Say why; whoever looks at it later wants to know.")
        _require(page, until, "Say when it ends; an exception without an end is forgotten.")
    forms.settle(page)
    added = page.acting.sources.add_rule(
        repository,
        page.sent("action"),  # type: ignore[arg-type] # the service checks it
        page.sent(target),
        kind=page.sent("kind") or None,  # type: ignore[arg-type] # likewise
        yanked=bool(page.sent("yanked")),
        status=page.sent("status") or None,  # type: ignore[arg-type] # likewise
        reason=why,
        until=ends,
    )
    rules = page.acting.sources.of(repository).rules
    holds = warning_of_rule(added.id, rules, datetime.now(UTC)) or "It holds at once."
    note = page.done(f"Added {_name_of(added)}. {holds}")
    return page.redirect("repositories", repository, "rules", note=note)


def delete(page: PortalPage, repository: str, rule_id: int) -> Response:
    gone = page.acting.sources.delete_rule(repository, rule_id)
    note = page.done(f"Deleted {_name_of(gone)}. What it decided, the others decide.")
    return page.redirect("repositories", repository, "rules", note=note)


def _name_of(rule: Rule) -> str:
    return f"the {'exception' if rule.is_exception else 'rule'} {rule.id} for {rule.target}"


def _require(page: PortalPage, field: str, sentence: str) -> None:
    if not page.sent(field) and field not in page.refused:
        page.refused[field] = InvalidSetting(sentence)


def _moment(text: str) -> datetime | None:
    """Returns the beginning of a day in UTC; None for no text.

    Raises InvalidSetting for what is no day, or none that is to come.
    """
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidSetting(f"{text[:20]!r} is not a day; write it like 2026-01-31.") from None
    if day <= datetime.now(UTC).date():
        raise InvalidSetting("The day on which it ends must be in the future.")
    return datetime.combine(day, time(), UTC)
