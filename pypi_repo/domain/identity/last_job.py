"""The last job that a publisher could have been meant for: what it said, and what it had to say."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pypi_repo.domain.identity.claims import Claims, values_of
from pypi_repo.domain.identity.publisher import Publisher
from pypi_repo.domain.identity.publisher_forms import field_of, with_received

_OWNERS_NAMES = frozenset({"repository_owner", "repository"})
"""Claims of GitHub that nobody else's jobs have until somebody takes over the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedClaim:
    """A claim for which a publisher has a condition.

    title: what people call it; the name of the claim if there is no other word.
    wanted: the pattern.
    received: the values that came; empty if the claim was not there.
    is_met: whether one of them matches.
    can_be_taken: whether somebody may want what came instead. A value that keeps strangers out is
        none of these once a job got in with another one, or if the job is not where it should be
        by another condition either: whoever has sent it is a stranger.
    """

    claim: str
    title: str
    wanted: str
    received: tuple[str, ...]
    is_met: bool
    can_be_taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LastJob:
    """The last job that a publisher could have been meant for.

    at: when its claims came.
    compared: those of the conditions, in their order.
    others: all other claims, as texts.
    was_refused: whether it did not get in; the settings may have been changed since.
    """

    at: datetime
    was_refused: bool
    compared: tuple[ComparedClaim, ...]
    others: Mapping[str, str]

    @property
    def unmet(self) -> tuple[ComparedClaim, ...]:
        """The claims that do not match the conditions of now."""
        return tuple(each for each in self.compared if not each.is_met)

    @property
    def takeable(self) -> tuple[ComparedClaim, ...]:
        """Those of which somebody may want what came."""
        return tuple(each for each in self.compared if each.can_be_taken)


def last_job_of(publisher: Publisher) -> LastJob | None:
    """Returns the last job that a publisher could have been meant for; None if there was none."""
    if publisher.received is None or publisher.received_at is None:
        return None
    claims: dict[str, Any] = json.loads(publisher.received)
    return LastJob(
        at=publisher.received_at,
        was_refused=not publisher.last_got_in,
        compared=tuple(_compared(publisher, claim, claims) for claim in publisher.claims),
        others={name: _text(claims[name]) for name in sorted(claims.keys() - publisher.claims)},
    )


def conditions_taken(publisher: Publisher, names: Iterable[str]) -> dict[str, str]:
    """Returns the conditions of a publisher, of which some ask for what the last job has said.

    names: the claims; those whose value cannot be taken stay as they are.
    """
    conditions, job = dict(publisher.claims), last_job_of(publisher)
    if job is None:
        return conditions
    received = {each.claim: each.received[0] for each in job.compared if len(each.received) == 1}
    takeable = {each.claim for each in job.takeable}
    for name in dict.fromkeys(names):
        if name in takeable:
            conditions = with_received(publisher.kind, publisher.issuer, conditions, received, name)
    return conditions


def _compared(publisher: Publisher, claim: str, claims: Claims) -> ComparedClaim:
    unmet, received = publisher.unmet(claims), tuple(sorted(values_of(claims, claim)))
    elsewhere = {name for name in unmet if name in publisher.identifying | _OWNERS_NAMES}
    field = field_of(publisher.kind, claim)
    is_value = len(received) == 1 and received[0].isprintable() and "*" not in received[0]
    is_stranger = claim in publisher.identifying and (
        publisher.last_used_at is not None or bool(elsewhere - {claim})
    )
    return ComparedClaim(
        claim=claim,
        title=claim if field is None else field.title,
        wanted=publisher.claims[claim],
        received=received,
        is_met=claim not in unmet,
        can_be_taken=claim in unmet and is_value and bool(received[0].strip()) and not is_stranger,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
