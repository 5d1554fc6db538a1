"""What is remembered of the configuration of repositories is what is configured."""

from __future__ import annotations

import gc
from collections.abc import Hashable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.errors import NameWithheld
from pypi_repo.domain.upstreams.rules import Rule
from pypi_repo.domain.values.durations import Age
from pypi_repo.services.sources.repository_source import ConfiguredSources
from pypi_repo.services.upstreams.screening import Screen
from tests.support.distributions import wheel
from tests.support.uploads import upload

RULE = Rule(id=1, action="deny", pattern="demo", author="ops", created_at=datetime.now(UTC))


class TakenBack(Exception):
    pass


def test_what_was_taken_back_is_forgotten(both: Registry) -> None:
    """The next change gets the same revision."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("team")
    upload(both, wheel("demo", "1.0"), "team")
    source = both.repository("main").source

    def reserve_and_fail() -> None:
        operator.sources.set_sources("main", ["repository:team"])
        operator.sources.reserve("main", ["demo"])
        with pytest.raises(NameWithheld):
            source.project_page(OPERATOR, normalize("demo"))
        raise TakenBack

    with pytest.raises(TakenBack):
        both.as_one(reserve_and_fail)
    assert operator.repositories.get("main").sources_revision == 0
    operator.sources.set_sources("main", ["repository:team"])
    operator.sources.merge("main", ["other"])
    page = source.project_page(OPERATOR, normalize("demo"))
    assert page.source == "repository:team"


def test_a_page_that_is_shown_as_before_is_the_same_page(registry: Registry) -> None:
    """Or a change of anything would have all pages of all sources rendered again."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("team")
    for project in ("demo", "other"):
        upload(registry, wheel(project, "1.0"), "team")
    upload(registry, wheel("own", "1.0"))
    operator.sources.set_sources("main", ["repository:team"])
    rule = operator.sources.add_rule("main", "deny", "evil")

    def key() -> Hashable:
        return registry.repository("main").source.project_page(OPERATOR, normalize("demo")).key

    before = key()
    operator.projects.delete("main", "own")
    operator.sources.reserve("main", ["acme-*"])
    assert key() == before
    operator.sources.add_rule("main", "deny", "demo>5")
    assert key() != before
    operator.sources.delete_rule("main", rule.id)
    assert key() != before


@pytest.mark.parametrize(
    "changed",
    [
        {"rules": (RULE, replace(RULE, id=2))},
        {"rules": (replace(RULE, action="allow"),)},
        {"rules": (replace(RULE, reason="because"),)},
        {"rules": ()},
        {"age": Age("4d")},
        {"age": None},
        {"is_enforced": False},
        {"first_seen": True},
    ],
    ids=range(8),
)
def test_screens_that_decide_otherwise_are_told_apart(changed: dict[str, Any]) -> None:
    made_of: dict[str, Any] = {
        "rules": (RULE,),
        "age": Age("3d"),
        "is_enforced": True,
        "first_seen": False,
    }
    assert Screen(**made_of).identity == Screen(**made_of | {"age": Age("3d")}).identity
    assert Screen(**made_of).identity != Screen(**made_of | changed).identity


def test_a_configuration_is_kept_once_for_each_repository(registry: Registry) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("team")
    upload(registry, wheel("demo", "1.0"), "team")
    operator.sources.set_sources("main", ["repository:team"])
    source = registry.repository("main").source
    gc.collect()
    before = sum(isinstance(each, ConfiguredSources) for each in gc.get_objects())
    for number in range(20):
        operator.sources.add_rule("main", "deny", f"other{number}")
        source.project_page(OPERATOR, normalize("demo")).load()
    gc.collect()
    after = sum(isinstance(each, ConfiguredSources) for each in gc.get_objects())
    assert after <= before + 1
