"""What publishers demand of CI jobs, and what they give (T3, T4, T8)."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.accounts.grants import Access
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.publisher import DEFAULT_ISSUERS, USUAL_ISSUERS, PublisherSettings
from tests.support.growth import assert_linear

ISSUER = "https://ci.example.com"


def settings(**values: Any) -> PublisherSettings:
    usual = {"issuer": ISSUER, "claims": {"sub": "x"}, "repository": "main"}
    return PublisherSettings(**{**usual, **values})


def matches(pattern: str, value: object) -> bool:
    return not settings(claims={"sub": pattern}).unmet({"sub": value})


@pytest.mark.parametrize(
    ("pattern", "values", "others"),
    [
        (
            "refs/tags/*",
            ["refs/tags/", "refs/tags/v1"],
            ["refs/tags", "refs/heads/x", "x/refs/tags/v"],
        ),
        ("a/*@tags/*", ["a/x@tags/v1", "a/@tags/"], ["a/x@heads/v1"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("*ab*ab*", ["abab", "xabyabz"], ["ab", "aab"]),
        ("a?[b].", ["a?[b]."], ["axb."]),
        ("Acme", ["Acme"], ["acme", "ACME", "Acme ", " Acme", "Acme\n"]),
        ("*", ["", "x", "\n"], []),
        ("true", [True, "true"], [False, "True", 1]),
        ("1", [1, "1"], [True, 1.0, "01"]),
        ("x", [["y", "x"]], [[], ["y"], {"x": "x"}, None, [["x"]]]),
    ],
)
def test_t3_a_star_stands_for_any_characters(
    pattern: str, values: list[object], others: list[object]
) -> None:
    assert [value for value in values if not matches(pattern, value)] == []
    assert [value for value in others if matches(pattern, value)] == []


def test_t3_a_claim_that_is_not_there_matches_nothing() -> None:
    assert settings(claims={"sub": "*", "ref": "*"}).unmet({"sub": "x"}) == ("ref",)


@given(st.text("ab*.[\n", min_size=1, max_size=8), st.text("ab.[\n", max_size=10))
def test_t3_matching_is_that_of_a_regular_expression(pattern: str, value: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL)
    assert matches(pattern, value) is (expected is not None)


def test_t3_many_stars_take_no_longer() -> None:
    value = "a" * 100_000
    assert_linear(lambda pattern: matches(pattern, value), lambda size: "*a" * size + "*b", 400)


def test_t3_long_values_take_no_longer() -> None:
    pattern = "*".join(["", *["aaab"] * 100, ""])
    assert_linear(lambda value: matches(pattern, value), lambda size: "a" * size, 2_000_000)


def test_t8_what_is_wrong_is_said_in_the_order_of_the_conditions() -> None:
    wanted = settings(claims={"sub": "x", "ref": "refs/tags/*", "environment": "pypi"})
    assert wanted.why_not({"sub": "x", "ref": "refs/tags/v1", "environment": "pypi"}) is None
    assert wanted.unmet({"sub": "x", "ref": "main"}) == ("ref", "environment")
    assert wanted.why_not({"sub": "x", "ref": ["main", "a"]}) == (
        "The claim ref must be 'refs/tags/*', and is 'a', 'main'."
    )
    assert wanted.why_not({"sub": "x", "ref": "refs/tags/v1"}) == (
        "The claim environment must be 'pypi', and is not there."
    )
    assert len(wanted.why_not({"sub": "y" * 9_999}) or "") < 300


@pytest.mark.parametrize(
    ("kind", "exact"),
    [
        ("github", {"repository_owner_id": "1"}),
        ("github", {"repository_id": "1", "ref": "*"}),
        ("gitlab", {"project_id": "1"}),
        ("gitlab", {"namespace_path": "acme"}),
        ("google", {"email": "ci@acme.iam.gserviceaccount.com"}),
        ("buildkite", {"organization_slug": "acme", "pipeline_slug": "*"}),
        ("circleci", {"oidc.circleci.com/org-id": "1"}),
        ("github", {"repository_id": "1", "repository_owner_id": "*"}),
        ("oidc", {"anything": "x"}),
    ],
)
def test_t3_one_claim_keeps_strangers_out(kind: PublisherKind, exact: dict[str, str]) -> None:
    issuer = DEFAULT_ISSUERS["google"] if kind == "google" else ISSUER
    settings(kind=kind, issuer=issuer, claims=exact).in_form()
    for claims in (
        {name: f"{value}*" for name, value in exact.items()},
        {"actor": "*"},
        {},
    ):
        with pytest.raises(InvalidSetting, match="exact value"):
            settings(kind=kind, issuer=issuer, claims=claims).in_form()


def test_t5_the_name_of_an_owner_is_not_enough() -> None:
    """Whoever takes over the name has another number."""
    with pytest.raises(InvalidSetting, match="repository_owner_id"):
        settings(kind="github", claims={"repository": "acme/x", "sub": "repo:acme/x"}).check()


@pytest.mark.parametrize("kind", USUAL_ISSUERS)
def test_t3_a_known_issuer_has_its_kind(kind: PublisherKind) -> None:
    """Or the rule about what identifies its jobs would be passed by."""
    with pytest.raises(InvalidSetting, match=f"the issuer of {kind};"):
        settings(kind="oidc", issuer=USUAL_ISSUERS[kind]).check()


def test_t3_an_issuer_is_needed_where_none_is_usual() -> None:
    for kind in ("circleci", "oidc"):
        with pytest.raises(InvalidSetting, match="needs the URL of its issuer"):
            settings(kind=kind, issuer="").in_form()


def test_t5_an_address_of_google_must_be_verified() -> None:
    stored = settings(kind="google", issuer="", claims={"email": "ci@acme.example"}).in_form()
    assert stored.issuer == "https://accounts.google.com"
    assert stored.unmet({"email": "ci@acme.example", "email_verified": True}) == ()
    for verified in (False, None, 1, "1"):
        claims = {"email": "ci@acme.example", "email_verified": verified}
        assert stored.unmet(claims) == ("email_verified",)
    assert stored.in_form() == stored
    assert settings(kind="google", issuer="").in_form().claims == {"sub": "x"}
    for pattern in ("*", "false", "t*"):
        claims = {"email": "ci@acme.example", "email_verified": pattern}
        with pytest.raises(InvalidSetting, match="email_verified"):
            settings(kind="google", issuer="", claims=claims).in_form()
    with pytest.raises(InvalidSetting, match="email_verified"):
        replace(stored, claims={"email": "ci@acme.example"}).check()


@pytest.mark.parametrize(
    "issuer", [ISSUER, "https://oauth2.sigstore.dev/auth", "https://accounts.google.com/"]
)
def test_t5_only_google_vouches_for_addresses_of_google(issuer: str) -> None:
    with pytest.raises(InvalidSetting, match="The issuer of google is"):
        settings(kind="google", issuer=issuer).check()


@pytest.mark.parametrize("claim", ["job_workflow_ref", "workflow_ref", "ci_config_ref_uri"])
def test_t5_a_file_is_not_taken_for_one_with_an_at_in_its_name(claim: str) -> None:
    """Whoever may push anything but `release.yml` may push `release.yml@x.yml`."""
    file = "acme/x/.github/workflows/release.yml"
    with pytest.raises(InvalidSetting, match="end it with @refs/"):
        settings(claims={"sub": "x", claim: f"{file}@*"}).check()
    wanted = settings(claims={"sub": "x", claim: f"{file}@refs/*"})
    wanted.check()
    assert wanted.unmet({"sub": "x", claim: f"{file}@refs/tags/v1"}) == ()
    assert wanted.unmet({"sub": "x", claim: f"{file}@x.yml@refs/tags/v1"}) == (claim,)


@pytest.mark.parametrize("claim", ["repository_owner_id", "repository_id"])
def test_t3_an_id_of_github_is_a_number(claim: str) -> None:
    """No job has another one, so nobody would see why none gets in."""
    for value in ("acme", "0x1f", "\u0661"):
        with pytest.raises(InvalidSetting, match=claim):
            settings(kind="github", claims={claim: value}).check()
    settings(kind="github", claims={claim: "90000001"}).check()


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "x", "": "y"},
        {"sub": "x", " ": "y"},
        {"sub": ""},
        {"sub": " "},
        {"sub": "x "},
        {" sub": "x"},
        {"sub": "x\n"},
        {"sub": "x" * 1000},
        {"sub": "x\0"},
        {"sub": "\ud800"},
        {f"claim{number}": "x" for number in range(21)},
        *({"sub": "x", name: "x"} for name in ("iss", "aud", "exp", "iat", "nbf", "jti")),
    ],
)
def test_claims_that_no_job_could_match(claims: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting):
        settings(claims=claims).check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "jenkins"},
        {"issuer": "http://ci.example.com"},
        {"issuer": "https://ci.example.com/?x"},
        {"may": "delete"},
        {"minutes": 14},
        {"minutes": 361},
        {"projects": ("a b",)},
        {"projects": tuple(f"a{number}" for number in range(101))},
        {"ca_file": "\0"},
    ],
)
def test_settings_that_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        settings(**wrong).in_form()


def test_t3_projects_are_stored_as_they_are_compared() -> None:
    assert settings(projects=("Demo", "Acme_*", "demo")).in_form().projects == ("acme-*", "demo")


def test_t4_what_a_publisher_gives() -> None:
    wide = settings().grants
    assert (wide.on("main", "demo"), wide.on("main", None)) == (Access.WRITE, Access.WRITE)
    assert wide.on("other", "demo") is Access.NONE
    narrow = settings(projects=("acme-*",), may="read").grants
    assert narrow.on("main", "acme-x") is Access.READ
    assert narrow.on("main", "demo") is Access.NONE
    assert settings(minutes=360).token_life == timedelta(hours=6)
