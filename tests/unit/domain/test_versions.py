"""Versions of which some are none, as on other indexes."""

from __future__ import annotations

import random

import pytest

from pypi_repo.domain.releases import preferred_version
from pypi_repo.domain.versions import version_order


def test_versions_in_order() -> None:
    """P1: what is none comes before all that are."""
    in_order = ["2004d", "dev", "0.9", "1.0rc1", "1.0", "1.0+cpu", "1.0.post1", "1!0.1"]
    shuffled = random.Random(1).sample(in_order, len(in_order))
    assert sorted(shuffled, key=version_order) == in_order


@pytest.mark.parametrize(
    ("installable", "expected"),
    [
        ({"1.0": True, "2004d": True}, "1.0"),
        ({"1.0rc1": True, "2004d": True}, "1.0rc1"),
        ({"1.0": False, "2004d": True}, "2004d"),
        ({"2004d": True, "2005x": True}, "2005x"),
        ({}, None),
    ],
)
def test_the_preferred_version(installable: dict[str, bool], expected: str | None) -> None:
    """P6: one that installers know, if there is one to install."""
    assert preferred_version(installable) == expected
