"""Claims that are probably mistyped (T3)."""

import pytest

from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.conditions import IDENTIFYING
from pypi_repo.domain.identity.known_claims import warnings_of_claims
from pypi_repo.domain.identity.publisher_forms import FORMS
from tests.support.ci_jobs import OF_GITHUB


@pytest.mark.parametrize("kind", FORMS)
def test_what_is_asked_for_is_known(kind: PublisherKind) -> None:
    asked = {field.claim for field in FORMS[kind]} | IDENTIFYING.get(kind, frozenset())
    assert warnings_of_claims(kind, asked) == []


def test_what_jobs_say_is_known() -> None:
    assert warnings_of_claims("github", OF_GITHUB) == []
    assert warnings_of_claims("buildkite", ["agent_tag:queue"]) == []
    assert warnings_of_claims("oidc", ["whatever"]) == []


def test_a_mistyped_claim_is_told_with_what_was_probably_meant() -> None:
    assert warnings_of_claims("github", ["repositry", "ref", "colour"]) == [
        "No claim 'repositry' of GitHub Actions is known, and a job without it is refused; did you "
        "mean repository?",
        "No claim 'colour' of GitHub Actions is known, and a job without it is refused; check its "
        "name.",
    ]
