"""Keeps what CI jobs said of themselves, so that people see why a publisher was not for them."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from pypi_repo.domain.identity.claims import Claims
from pypi_repo.domain.identity.conditions import JobConditions
from pypi_repo.domain.identity.publisher import ListedPublisher, Publisher
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.publishers import PublisherRows

_MOST = 20  # publishers that keep what came in one token
_LARGEST = 8 * 1024  # characters of JSON
_LONG = 2 * 1024  # characters of JSON, of the value of a claim
_SHOWN = 200  # characters of a long text
_FIRST = 10  # of a long list
_MORE = "\u2026"
_PAUSE = timedelta(seconds=1)
_A_WHILE = timedelta(hours=1)


def note_refusal(
    database: Database, publishers: Sequence[ListedPublisher], claims: Claims, at: datetime
) -> None:
    """Keeps the claims of a job with the publishers that were probably meant for it.

    These are the ones with the most conditions that match. Those with none are left out, unless no
    job has used them so far: then even a misspelled condition may be the only one. Anybody can have
    a job at a public provider, so one never takes the place of one that was refused a while ago and
    came nearer.

    publishers: those of the issuer, of which none matches.
    """
    near = [each for each in publishers if _is_near(each, claims)]
    most = max((_met(each, claims) for each in near), default=0)
    # A colleague's mistake is none of the publishers that only have the same owner.
    nearest = [each for each in near if _met(each, claims) == most]
    unused = [each for each in publishers if each.last_used_at is None and each not in nearest]
    unused.sort(key=lambda each: _met(each, claims), reverse=True)
    several = PublisherRows(database).those((nearest + unused)[:_MOST])
    due = [each for each in several if _comes_nearer(each, claims, at)]
    if not due:
        return
    received = _as_json(claims, due)
    with database.begin() as connection:
        for each in due:
            PublisherRows(connection).note_received(each, received, at, each.why_not(claims))


def note_success(
    transaction: Executor, publishers: Sequence[Publisher], claims: Claims, at: datetime
) -> None:
    """Keeps the claims of a job with the publishers that are for it, which are locked."""
    due = [
        each
        for each in publishers
        if each.refusal is not None or not each.last_got_in or _is_due(each, at)
    ]
    received = _as_json(claims, due)
    for each in due:
        PublisherRows(transaction).note_received(each, received, at, None)


def _is_due(publisher: Publisher, at: datetime) -> bool:
    return publisher.received_at is None or at - publisher.received_at >= _PAUSE


def _comes_nearer(publisher: Publisher, claims: Claims, at: datetime) -> bool:
    """Whether a job that was refused shows more of what is wrong than the last one."""
    if publisher.received is None or publisher.received_at is None or publisher.last_got_in:
        return _is_due(publisher, at)
    before, now = _met(publisher, json.loads(publisher.received)), _met(publisher, claims)
    if now != before:
        return now > before or at - publisher.received_at >= _A_WHILE
    return _is_due(publisher, at)


def _is_near(publisher: JobConditions, claims: Claims) -> bool:
    unmet = publisher.unmet(claims)
    return any(
        "*" not in pattern for name, pattern in publisher.claims.items() if name not in unmet
    )


def _met(publisher: JobConditions, claims: Claims) -> int:
    return len(publisher.claims) - len(publisher.unmet(claims))


def _as_json(claims: Claims, publishers: Sequence[JobConditions]) -> str:
    """Returns the claims without those that are too long, and of those that matter as much as fits.

    What conditions name comes first. It is ASCII, so a character is a byte.
    """
    named = {name for each in publishers for name in each.claims}
    kept: dict[str, object] = {}
    size = len("{}")
    for name in sorted(claims, key=lambda name: name not in named):
        value = claims[name]
        if name in named and len(json.dumps(value)) > _LONG:
            value = _beginning(name, value, publishers)
        added = len(json.dumps({name: value}))
        if size + added <= _LARGEST:
            kept[name] = value
            size += added
    return json.dumps(kept)


def _beginning(name: str, value: object, publishers: Sequence[JobConditions]) -> object:
    """Returns of a long value, such as a list of groups, what shows whether conditions are met.

    That is the first one for each condition, or the first ones if none is met.
    """
    if isinstance(value, str):
        return value[:_SHOWN] + _MORE
    if not isinstance(value, list):
        return _MORE
    patterns = dict.fromkeys(each.claims[name] for each in publishers if name in each.claims)
    conditions = [JobConditions(claims={name: pattern}) for pattern in patterns]
    first = [
        next((item for item in value if not each.unmet({name: item})), None) for each in conditions
    ]
    kept = [item for item in first if item is not None] or value[:_FIRST]
    return [*(item for item in kept if len(json.dumps(item)) <= _LONG), _MORE]
