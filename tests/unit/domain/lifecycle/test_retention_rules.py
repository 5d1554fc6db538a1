"""What a rule may say (K1)."""

from typing import Any

import pytest
from packaging.version import Version

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.lifecycle.retention import RetentionTerms, retention_terms, version_kind
from pypi_repo.domain.names import NormalizedName


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("1.0", "finals"),
        ("1!2.0.post1", "finals"),
        ("1.0a1", "pre"),
        ("1.0rc1", "pre"),
        ("1.0rc1.post1", "pre"),
        ("1.0.dev3", "dev"),
        ("1.0rc1.dev3", "dev"),
        ("1.0.post1.dev3", "dev"),
        ("1.0+cpu", "local"),
        ("1.0.dev3+g1a2b3c", "local"),
    ],
)
def test_k1_kinds_of_versions(version: str, kind: str) -> None:
    assert version_kind(Version(version)) == kind


def test_k1_what_a_rule_says_is_put_into_one_form() -> None:
    terms = retention_terms(
        "Acme_*",
        only=["dev", "finals", "dev"],
        keep_last=10,
        keep_younger=" 90D",
        keep_downloaded="4w",
        keep_matching=" >= 2.0, <3",
    )
    assert terms == RetentionTerms(
        pattern="acme-*",
        only=("finals", "dev"),
        keep_last=10,
        keep_younger="90d",
        keep_downloaded="4w",
        keep_matching="<3,>=2.0",
    )
    assert terms.described() == {
        "pattern": "acme-*",
        "only": "finals dev",
        "keep_last": "10",
        "keep_younger": "90d",
        "keep_downloaded": "4w",
        "keep_matching": "<3,>=2.0",
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"only": ["dev"]},
        {"keep_last": -1},
        {"keep_last": 1_000_001},
        {"keep_younger": "soon"},
        {"keep_younger": "2026-11-01"},
        {"keep_downloaded": ""},
        {"keep_downloaded": "-1d"},
        {"keep_matching": ""},
        {"keep_matching": "2.0"},
        {"keep_matching": "," * 700},
        {"keep_matching": ">=1," * 300 + ">=1"},
        {"keep_last": 1, "only": ["final"]},
        {"keep_last": 1, "only": ["d\0ev"]},
    ],
)
def test_k1_rules_that_say_nothing_or_nonsense(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        retention_terms("*", **given)


def test_k1_a_pattern_that_matches_no_project() -> None:
    with pytest.raises(InvalidSetting, match="matches no project"):
        retention_terms("a b", keep_last=1)


def test_k1_a_rule_is_about_kinds_of_versions_of_projects() -> None:
    terms = retention_terms("acme-*", only=["pre", "dev"], keep_last=1)
    assert terms.concerns(NormalizedName("acme-core"), "dev")
    assert not terms.concerns(NormalizedName("acme-core"), "finals")
    assert not terms.concerns(NormalizedName("other"), "dev")
    assert retention_terms("*", keep_last=1).concerns(NormalizedName("other"), "local")
