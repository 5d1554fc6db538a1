"""Which releases are kept (K1, K2, K4)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from pypi_repo.domain.lifecycle.expiry import Moment, ReleaseState, Verdict, plan
from pypi_repo.domain.lifecycle.retention import (
    RetentionRule,
    retention_terms,
    version_kind,
)
from pypi_repo.domain.names import NormalizedName

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1000)
LONG_SINCE, TODAY = LONG_AGO.date(), NOW.date()
DEMO = NormalizedName("demo")
_IDS = itertools.count(1)


def rule(pattern: str = "*", **terms: Any) -> RetentionRule:
    made = retention_terms(pattern, **terms)
    values = {name: getattr(made, name) for name in type(made).__slots__}
    return RetentionRule(id=next(_IDS), created_at=LONG_AGO, author="operator", **values)


def release(version: str, **known: Any) -> ReleaseState:
    return ReleaseState(version, **{"files": 1, "size": 1, "here_since": LONG_AGO, **known})


def days_ago(number: float) -> datetime:
    return NOW - timedelta(days=number)


def verdicts(
    releases: Sequence[ReleaseState],
    *rules: RetentionRule,
    recorded_since: date | None = LONG_SINCE,
    recorded_until: date | None = TODAY,
    project: NormalizedName = DEMO,
) -> list[Verdict]:
    return plan(project, releases, rules, Moment(NOW, recorded_since, recorded_until))


def expired(
    releases: Sequence[ReleaseState],
    *rules: RetentionRule,
    recorded_since: date | None = LONG_SINCE,
    project: NormalizedName = DEMO,
) -> list[str]:
    found = verdicts(releases, *rules, recorded_since=recorded_since, project=project)
    return [verdict.release.version for verdict in found if not verdict.is_kept]


def reason(release: ReleaseState, *rules: RetentionRule, **more: Any) -> str:
    """Of a release beside a newer final one, which is always kept."""
    found = verdicts([release, _NEWEST], *rules, **more)
    return next(verdict.reason for verdict in found if verdict.release is release)


_NEWEST = release("9.0")


def test_k1_the_newest_of_each_kind_are_kept_by_pep_440() -> None:
    releases = [
        *(release(f"1.{minor}") for minor in (10, 9, 2, 1)),
        *(release(f"2.0rc{number}") for number in (10, 9, 1)),
        *(release(f"2.0.dev{number}") for number in (3, 2, 1)),
        *(release(f"1.0+build{number}") for number in (3, 2, 1)),
    ]
    assert set(expired(releases, rule(keep_last=2))) == {
        *("1.2", "1.1", "2.0rc1", "2.0.dev1", "1.0+build1"),
    }


def test_k1_verdicts_come_in_the_order_of_versions() -> None:
    releases = [release(version) for version in ("1.10", "1.9", "1!0.1", "1.10rc1")]
    found = verdicts(releases, rule(keep_last=1))
    assert [each.release.version for each in found] == ["1.9", "1.10rc1", "1.10", "1!0.1"]


@pytest.mark.parametrize(
    ("only", "gone"),
    [
        ([], {"1.0", "1.0rc1", "1.0.dev1", "1.0+a"}),
        (["finals"], {"1.0"}),
        (["pre", "local"], {"1.0rc1", "1.0+a"}),
        (["dev"], {"1.0.dev1"}),
    ],
)
def test_k1_only_some_kinds(only: list[str], gone: set[str]) -> None:
    releases = [
        release(version + suffix)
        for version in ("1.0", "2.0")
        for suffix in ("", "rc1", ".dev1", "+a")
    ]
    assert set(expired(releases, rule(keep_last=1, only=only))) == gone


def test_k1_the_first_rule_about_a_release_decides() -> None:
    releases = [release(f"{major}.0") for major in (1, 2, 3, 4)]
    precious, all_ = rule("de*", keep_last=3), rule("*", keep_last=1)
    assert expired(releases, precious, all_) == ["1.0"]
    assert expired(releases, all_, precious) == ["1.0", "2.0", "3.0"]
    assert expired(releases, rule("other", keep_last=0), precious, all_) == ["1.0"]
    assert expired(releases, precious, all_, project=NormalizedName("other")) == [
        *("1.0", "2.0", "3.0"),
    ]


def test_k1_kinds_of_one_project_can_have_rules_of_their_own() -> None:
    releases = [release(version) for version in ("1.0", "2.0", "3.0", "3.1.dev1", "3.1.dev2")]
    dev, others = rule(keep_last=1, only=["dev"]), rule(keep_last=2)
    assert expired(releases, dev, others) == ["1.0", "3.1.dev1"]
    assert expired(releases, dev) == ["3.1.dev1"]


def test_k1_keep_beats_delete() -> None:
    """Each term alone keeps a release, whatever the others say of it."""
    found = rule(keep_last=1, keep_younger="7d", keep_downloaded="3d", keep_matching="==3.*")
    releases = [
        release("1.0"),
        release("2.0", here_since=days_ago(6)),
        release("3.0"),
        release("4.0", downloaded_on=days_ago(2).date()),
        release("5.0"),
        release("6.0"),
    ]
    assert expired(releases, found) == ["1.0", "5.0"]


def test_k1_reasons_are_those_of_each_term() -> None:
    found = rule(keep_last=1, keep_younger="7d", keep_downloaded="3d", keep_matching=">=3")
    assert reason(release("1.0"), found) == (
        "not among the last final release, not younger than 7 days, not downloaded for 3 days, "
        "does not match >=3"
    )
    assert reason(release("3.0"), found) == "matches >=3"
    assert reason(release("1.0", here_since=days_ago(6)), found) == "younger than 7 days"
    assert reason(release("1.0", downloaded_on=NOW.date()), found) == "downloaded within 3 days"
    assert reason(release("1.0+a"), found) == "among the last local version"
    assert reason(release("1.0"), rule(keep_last=0, only=["dev"])) == "no rule is about it"
    assert reason(release("9.0.dev1"), rule(keep_last=0)) == "a developmental release"


def test_k1_pre_releases_match_a_specifier_too() -> None:
    assert expired([release("2.0rc1"), release("1.0rc1")], rule(keep_matching=">=2.0rc1")) == [
        "1.0rc1"
    ]


def test_k1_yanked_releases_do_not_count_among_the_last_ones() -> None:
    releases = [
        release("1.0"),
        release("2.0"),
        release("3.0", is_yanked=True),
        release("4.0", is_yanked=True, downloaded_on=NOW.date()),
    ]
    found = rule(keep_last=2, keep_downloaded="3d")
    assert expired(releases, found) == ["3.0"]
    assert reason(release("1.0", is_yanked=True), rule(keep_last=5)) == (
        "yanked, so not counted among the last 5 final releases"
    )


def test_k2_the_last_final_release_that_is_not_yanked_is_kept() -> None:
    releases = [
        release("1.0"),
        release("2.0"),
        release("3.0", is_yanked=True),
        release("4.0rc1"),
        release("5.0+a"),
    ]
    found = verdicts(releases, rule(keep_last=0))
    (kept,) = [verdict for verdict in found if verdict.is_kept]
    assert (kept.release.version, kept.reason) == (
        "2.0",
        "the last final release that is not yanked",
    )


@pytest.mark.parametrize(
    ("versions", "kept"),
    [(("1.0+a", "1.0+b"), "1.0+b"), (("1.0a1", "1.0b1.dev1"), "1.0b1.dev1")],
)
def test_k2_without_a_final_release_the_last_one_that_is_not_yanked_is_kept(
    versions: tuple[str, ...], kept: str
) -> None:
    yanked = [release("0.9", is_yanked=True), release("2.0", is_yanked=True)]
    found = verdicts([*map(release, versions), *yanked], rule(keep_last=0))
    (verdict,) = [verdict for verdict in found if verdict.is_kept]
    assert verdict.release.version == kept
    assert verdict.reason == "the last release that is not yanked"


def test_k2_a_file_younger_than_24_hours_is_kept() -> None:
    new, old = release("1.0", here_since=days_ago(0.99)), release("1.0", here_since=days_ago(1))
    ahead = release("1.0", here_since=days_ago(-400))
    nothing = rule(keep_last=0)
    assert reason(new, nothing) == reason(ahead, nothing) == "here for less than 24 hours"
    assert expired([old, _NEWEST], nothing) == ["1.0"]


@pytest.mark.parametrize("pinned", ["in use by the plant", ""])
def test_k2_a_pinned_release_is_kept(pinned: str) -> None:
    found = reason(release("1.0", pinned=pinned, is_yanked=True), rule(keep_last=0))
    assert found == (f"pinned: {pinned}" if pinned else "pinned")


@pytest.mark.parametrize(
    ("recorded_since", "expected"),
    [
        (None, "downloads are recorded for less than 30 days"),
        (NOW.date(), "downloads are recorded for less than 30 days"),
        (days_ago(30).date(), "downloads are recorded for less than 30 days"),
        (days_ago(31).date(), "not downloaded for 30 days"),
    ],
)
def test_k4_a_fresh_registry_loses_nothing(recorded_since: date | None, expected: str) -> None:
    found = rule(keep_downloaded="30d")
    assert reason(release("1.0"), found, recorded_since=recorded_since) == expected


@pytest.mark.parametrize(
    ("recorded_until", "expected"),
    [
        (days_ago(31).date(), "no download of anything was recorded for 30 days"),
        (days_ago(30).date(), "not downloaded for 30 days"),
        (NOW.date(), "not downloaded for 30 days"),
    ],
)
def test_k4_nothing_is_lost_while_nothing_is_recorded(recorded_until: date, expected: str) -> None:
    """As after a long downtime, or the restore of an old backup."""
    found = rule(keep_downloaded="30d")
    assert reason(release("1.0"), found, recorded_until=recorded_until) == expected


def test_k4_what_came_within_the_window_was_not_there_for_all_of_it() -> None:
    found = rule(keep_downloaded="30d")
    assert reason(release("1.0", here_since=days_ago(29.9)), found) == "here for less than 30 days"
    assert reason(release("1.0", here_since=days_ago(30)), found) == "not downloaded for 30 days"


@pytest.mark.parametrize(("days", "is_kept"), [(0, True), (30, True), (31, False)])
def test_k1_downloads_are_counted_by_day(days: int, is_kept: bool) -> None:
    downloaded = release("1.0", downloaded_on=days_ago(days).date())
    assert (expired([downloaded, _NEWEST], rule(keep_downloaded="30d")) == []) == is_kept


def test_what_cannot_be_compared_is_kept() -> None:
    assert reason(release("2004d"), rule(keep_last=0)) == "not a version that could be compared"


def test_without_rules_everything_is_kept() -> None:
    assert expired([release("1.0"), release("2.0")]) == []


# Whatever there is

_VERSIONS = st.builds(
    "{}.{}{}{}{}".format,
    st.integers(0, 3),
    st.integers(0, 12),
    st.sampled_from(["", "", "", "rc1", "a2"]),
    st.sampled_from(["", "", ".dev1", ".dev10"]),
    st.sampled_from(["", "", "+cpu"]),
)
_RELEASES = st.lists(
    st.builds(
        ReleaseState,
        version=_VERSIONS,
        files=st.integers(1, 3),
        size=st.integers(0, 10),
        here_since=st.integers(0, 100).map(days_ago),
        is_yanked=st.booleans(),
        pinned=st.sampled_from([None, None, None, "", "in use"]),
        downloaded_on=st.none() | st.integers(0, 100).map(lambda days: days_ago(days).date()),
    ),
    unique_by=lambda found: Version(found.version),
    max_size=30,
)
_TERMS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "keep_last": st.integers(0, 5),
        "keep_younger": st.sampled_from(["12h", "10d", "50d"]),
        "keep_downloaded": st.sampled_from(["1d", "10d", "50d"]),
        "keep_matching": st.sampled_from([">=2", "==1.*", "<1.5"]),
    },
)
_ONLY = st.lists(st.sampled_from(["finals", "pre", "dev", "local"]), max_size=2)
_RULES = st.lists(
    st.builds(
        lambda pattern, only, terms: rule(pattern, only=only, **terms),
        st.sampled_from(["*", "demo", "d*", "other"]),
        _ONLY,
        _TERMS.filter(bool),
    ),
    max_size=3,
)
_RECORDED = st.none() | st.integers(0, 120).map(lambda days: days_ago(days).date())


@given(_RELEASES, _RULES, _RECORDED)
def test_k2_what_is_never_deleted(
    releases: list[ReleaseState], rules: list[RetentionRule], recorded: date | None
) -> None:
    gone = set(expired(releases, *rules, recorded_since=recorded))
    finals = [
        found
        for found in releases
        if version_kind(Version(found.version)) == "finals" and not found.is_yanked
    ]
    if finals:
        assert max(finals, key=lambda found: Version(found.version)).version not in gone
    for found in releases:
        if found.pinned is not None or found.here_since > days_ago(1):
            assert found.version not in gone


@given(_RELEASES, _RULES, _RECORDED)
def test_k1_each_release_gets_one_verdict_and_a_reason(
    releases: list[ReleaseState], rules: list[RetentionRule], recorded: date | None
) -> None:
    found = verdicts(releases, *rules, recorded_since=recorded)
    assert [each.release for each in found] == sorted(
        releases, key=lambda release: Version(release.version)
    )
    for verdict in found:
        kind = version_kind(Version(verdict.release.version))
        assert verdict.rule == next((one for one in rules if one.concerns(DEMO, kind)), None)
        assert verdict.reason
        assert verdict.is_kept or verdict.rule is not None


@given(_RELEASES, _RULES, _RECORDED, st.data())
def test_k3_deleting_a_part_changes_no_verdict_on_the_others(
    releases: list[ReleaseState],
    rules: list[RetentionRule],
    recorded: date | None,
    data: st.DataObject,
) -> None:
    """So what a run deletes in pieces is what the preview listed."""
    found = verdicts(releases, *rules, recorded_since=recorded)
    gone = [verdict.release for verdict in found if not verdict.is_kept]
    deleted = data.draw(st.sets(st.sampled_from(gone))) if gone else set()
    rest = [release for release in releases if release not in deleted]
    assert verdicts(rest, *rules, recorded_since=recorded) == [
        verdict for verdict in found if verdict.release not in deleted
    ]


@given(_RELEASES, _TERMS.filter(bool), _TERMS.filter(bool), _ONLY, _RECORDED)
def test_k1_more_terms_never_delete_more(
    releases: list[ReleaseState],
    terms: dict[str, Any],
    others: dict[str, Any],
    only: list[str],
    recorded: date | None,
) -> None:
    fewer, more = rule(only=only, **terms), rule(only=only, **{**others, **terms})
    gone = set(expired(releases, more, recorded_since=recorded))
    assert gone <= set(expired(releases, fewer, recorded_since=recorded))
