"""What is remembered of the configuration of repositories is what is configured."""

from __future__ import annotations

import gc

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.errors import NameWithheld
from pypi_repo.services.sources.repository_source import ConfiguredSources
from tests.support.distributions import wheel
from tests.support.uploads import upload


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
