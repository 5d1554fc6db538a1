"""What a repository offers of what comes from its sources (C1 to C7)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ProjectPage, ProjectStatus, Repository, Versioned
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.rules import Rule, RuleAction, parse_target
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.values.durations import Age
from pypi_repo.services.upstreams.screening import Screen

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DEMO = NormalizedName("demo")


def days(number: float) -> datetime:
    """So many days after now; before, if negative."""
    return NOW + timedelta(days=number)


def file(version: str, age: float | None = None, **fields: Any) -> UpstreamFile:
    """age: in days; None for a file without an upload time."""
    values = {
        "filename": f"demo-{version}-py3-none-any.whl",
        "project": DEMO,
        "version": version,
        "kind": "bdist_wheel",
        "python_tag": "py3",
        "url": f"https://files.example.com/demo-{version}-py3-none-any.whl",
        "uploaded_at": None if age is None else days(-age),
    }
    return UpstreamFile(**(values | fields))


def sdist(version: str, age: float | None = None, **fields: Any) -> UpstreamFile:
    return file(version, age, filename=f"demo-{version}.tar.gz", kind="sdist", **fields)


def page(*files: UpstreamFile, status: ProjectStatus = "active") -> ProjectPage:
    return ProjectPage(
        name=DEMO,
        status=status,
        status_reason="",
        serial=0,
        versions=tuple(dict.fromkeys(each.version for each in files)),
        files=files,
    )


def rule(action: RuleAction, target: str = "demo", **fields: Any) -> Rule:
    pattern, specifier = parse_target(target)
    values = {"id": 1, "author": "ops", "created_at": days(-10), "reason": ""} | fields
    return Rule(action=action, pattern=pattern, specifier=specifier, **values)


def upstream(**settings: Any) -> Upstream:
    return Upstream(id=1, name="public", url="https://index.example.com/simple/", created_at=NOW,
                    **settings)  # fmt: skip


def screen(
    *rules: Rule, source: Upstream | None = None, repository: dict[str, Any] | None = None
) -> Screen:
    owner = Repository(id=1, name="main", created_at=NOW, **(repository or {}))
    return Screen.of(owner, RepositorySources(rules=rules), source)


def cooling(cooldown: str = "3d", *rules: Rule, **settings: Any) -> Screen:
    return screen(*rules, source=upstream(cooldown=cooldown, cooldown_mode="enforce", **settings))


def shown(by: Screen, whole: ProjectPage, now: datetime = NOW) -> list[str]:
    return [each.version for each in by.shown(whole, now).files]


# The cooldown


def test_c1_files_younger_than_the_cooldown_are_left_out_with_their_versions() -> None:
    whole = page(file("1.0", 10), file("2.0", 3), file("2.1", 2.9))
    visible = cooling().shown(whole, NOW)
    assert [each.version for each in visible.files] == ["1.0", "2.0"]
    assert visible.versions == ("1.0", "2.0")


def test_c1_a_version_stays_as_long_as_one_of_its_files_does() -> None:
    whole = page(file("1.0", 10), sdist("1.0", 1))
    visible = cooling().shown(whole, NOW)
    assert [each.kind for each in visible.files] == ["bdist_wheel"]
    assert visible.versions == ("1.0",)


def test_versions_without_any_files_stay() -> None:
    whole = replace(page(file("1.0", 1)), versions=("0.9", "1.0"))
    assert cooling().shown(whole, NOW).versions == ("0.9",)


def test_c1_a_date_instead_of_a_duration() -> None:
    by = cooling("2026-11-20")
    whole = page(file("1.0", uploaded_at=datetime(2026, 11, 19, 23, 59, tzinfo=UTC)),
                 file("1.1", uploaded_at=datetime(2026, 11, 20, tzinfo=UTC)))  # fmt: skip
    assert shown(by, whole) == ["1.0"]
    assert shown(by, whole, days(4000)) == ["1.0"]
    (withheld,) = by.withheld(whole, NOW)
    assert withheld.free_at is None
    assert "(cooldown: 2026-11-20)" in withheld.reason


@pytest.mark.parametrize(
    ("of_upstream", "of_repository", "offered"),
    [
        ({}, {}, True),
        ({"cooldown": "3d"}, {}, True),
        ({"cooldown_mode": "enforce"}, {}, True),
        ({"cooldown": "3d", "cooldown_mode": "audit"}, {}, True),
        ({"cooldown": "3d", "cooldown_mode": "enforce"}, {}, False),
        ({"cooldown": "3d", "cooldown_mode": "enforce"}, {"cooldown_mode": "off"}, True),
        ({"cooldown": "3d", "cooldown_mode": "enforce"}, {"cooldown": "1d"}, True),
        ({"cooldown": "3d"}, {"cooldown_mode": "enforce"}, False),
        ({}, {"cooldown": "3d", "cooldown_mode": "enforce"}, False),
        ({"cooldown": "1d", "cooldown_mode": "enforce"}, {"cooldown": "3d"}, False),
    ],
)
def test_c1_the_repository_has_the_last_word(
    of_upstream: dict[str, str], of_repository: dict[str, str], offered: bool
) -> None:
    by = screen(source=upstream(**of_upstream), repository=of_repository)
    assert (by.verdict(page(file("1.0", 2)), file("1.0", 2), NOW) is None) is offered


@pytest.mark.parametrize(
    "by",
    [
        screen(),
        screen(rule("allow"), rule("exempt", until=days(1))),
        screen(source=upstream(cooldown="3d", cooldown_mode="audit")),
        screen(source=upstream(cooldown_mode="enforce")),
    ],
)
def test_nothing_is_gone_through_if_nothing_is_ever_withheld(by: Screen) -> None:
    whole = page(file("1.0", 0))
    assert by.is_open
    assert by.shown(whole, NOW) is whole
    assert by.withheld(whole, NOW) == ()


def test_c1_the_cooldown_of_a_repository_holds_for_what_comes_by_way_of_another() -> None:
    by = screen(repository={"cooldown": "3d", "cooldown_mode": "enforce"})
    assert shown(by, page(file("1.0", 10), file("2.0", 1), file("3.0"))) == ["1.0"]
    assert screen(repository={"cooldown": "3d"}).is_open  # there is no mode of an upstream


def test_c2_a_file_without_an_upload_time_is_withheld() -> None:
    by, whole = cooling(), page(file("1.0"), file("0.9", 5))
    assert shown(by, whole) == ["0.9"]
    (withheld,) = by.withheld(whole, NOW)
    assert withheld.code == "no-upload-time"
    assert (withheld.since, withheld.free_at, withheld.rule_id) == (None, None, None)
    assert "no upload time" in withheld.reason
    assert "older version" not in withheld.reason


def test_c2_unless_its_first_sight_counts_which_is_shown_then() -> None:
    by = cooling(first_seen=True)
    whole = page(
        file("1.0", first_seen=days(-3)),
        file("1.1", first_seen=days(-1)),
        file("1.2"),  # nobody noted when
        file("1.3", 2, first_seen=days(-30)),  # the upstream knows better
        file("1.4", 30, first_seen=days(-1)),
    )
    visible = by.shown(whole, NOW)
    assert [(each.version, each.uploaded_at) for each in visible.files] == [
        ("1.0", days(-3)),
        ("1.4", days(-30)),
    ]
    withheld = {each.file.version: each for each in by.withheld(whole, NOW)}
    assert (withheld["1.1"].since, withheld["1.1"].free_at) == (days(-1), days(2))
    assert "was first seen on 2026-11-25 12:00 UTC" in withheld["1.1"].reason
    assert withheld["1.2"].code == "no-upload-time"


def test_c2_the_first_sight_is_shown_without_a_cooldown_too() -> None:
    by = screen(source=upstream(first_seen=True))
    (visible,) = by.shown(page(file("1.0", first_seen=days(-1))), NOW).files
    assert visible.uploaded_at == days(-1)
    by = screen(source=upstream(first_seen=False))
    (visible,) = by.shown(page(file("1.0", first_seen=days(-1))), NOW).files
    assert visible.uploaded_at is None


def test_c3_an_exception_lets_a_file_through_until_it_ends() -> None:
    by = cooling("30d", rule("exempt", "demo==2.*", until=days(1)))
    whole = page(file("1.0", 1), file("2.0", 1), file("2.1"))
    assert shown(by, whole) == ["2.0", "2.1"]
    assert shown(by, whole, days(1)) == []


def test_c3_an_exception_lifts_no_rule() -> None:
    by = cooling("3d", rule("exempt", until=days(1)), rule("deny", "demo>=2"))
    assert shown(by, page(file("1.0", 1), file("2.0", 1))) == ["1.0"]


def test_c4_the_reason_says_why_since_when_and_until_when() -> None:
    young = file("2.33.0", 1)
    found = cooling().verdict(page(young), young, NOW)
    assert found is not None
    assert found.reason == (
        "demo 2.33.0 was uploaded on 2026-11-25 12:00 UTC and becomes available on 2026-11-28 "
        "12:00 UTC (cooldown: 3 days); choose an older version, or ask an administrator for an "
        "exception."
    )
    assert (found.code, found.since, found.free_at) == ("too-young", days(-1), days(2))
    assert found.file is young


def test_c4_what_a_rule_denies_says_which() -> None:
    by = screen(rule("deny", "demo<2.32", id=12, reason="CVE-2026-1", until=days(2)))
    found = by.verdict(page(file("2.31")), file("2.31"), NOW)
    assert found is not None
    assert found.reason == (
        "demo 2.31 is denied since 2026-11-16 12:00 UTC by rule 12, demo<2.32 (CVE-2026-1), and "
        "becomes available on 2026-11-28 12:00 UTC; choose another version, or ask an "
        "administrator."
    )
    assert (found.code, found.rule_id) == ("denied", 12)
    assert (found.since, found.free_at) == (days(-10), days(2))


def test_c4_the_date_is_that_on_which_nothing_withholds_it_any_more() -> None:
    rules = (
        rule("deny", "demo", until=days(1)),
        rule("deny", "demo==1.*", id=2, until=days(4)),
        rule("exempt", "demo==2.*", id=3, until=days(2)),
    )
    by = cooling("3d", *rules)
    whole = page(file("1.0", 9), file("2.0", 0), file("3.0", 0))
    assert [each.free_at for each in by.withheld(whole, NOW)] == [days(4), days(1), days(3)]


def test_an_upload_time_beyond_all_times_is_never_reached() -> None:
    late = file("1.0", uploaded_at=datetime.max.replace(tzinfo=UTC))
    by = cooling()
    (withheld,) = by.withheld(page(late), NOW)
    assert withheld.free_at is None
    assert shown(by, page(file("1.0", uploaded_at=datetime.min.replace(tzinfo=UTC)))) == ["1.0"]


# Rules


def test_c6_the_first_rule_that_matches_decides() -> None:
    by = screen(rule("allow", "demo>=2"), rule("deny", "demo>=1"), rule("allow", "demo"))
    assert shown(by, page(file("0.9"), file("1.0"), file("2.0"))) == ["0.9", "2.0"]


def test_c6_what_no_rule_is_about_is_allowed() -> None:
    assert shown(screen(rule("deny", "dem")), page(file("1.0"))) == ["1.0"]
    assert shown(screen(rule("deny", "d*o")), page(file("1.0"))) == []


def test_c6_kinds_of_files_yanked_ones_and_statuses() -> None:
    whole = page(file("1.0"), sdist("1.0"), file("1.1", yanked=""))
    visible = screen(rule("deny", kind="sdist")).shown(whole, NOW)
    assert [each.kind for each in visible.files] == ["bdist_wheel", "bdist_wheel"]
    assert shown(screen(rule("deny", yanked=True)), whole) == ["1.0", "1.0"]
    archived = screen(rule("deny", status="archived"))
    assert len(shown(archived, whole)) == 3
    assert shown(archived, replace(whole, status="archived")) == []


def test_c6_rules_are_about_what_comes_from_other_repositories_too() -> None:
    assert not screen(rule("deny")).is_open


def test_c6_allowed_is_not_exempt() -> None:
    assert shown(cooling("3d", rule("allow")), page(file("1.0", 1))) == []


def test_c6_a_rule_that_is_over_decides_nothing() -> None:
    by = screen(rule("deny", until=NOW), rule("deny", "demo>=2"))
    assert shown(by, page(file("1.0"), file("2.0"))) == ["1.0"]


def test_c7_what_an_enforced_cooldown_would_withhold() -> None:
    by = screen(
        rule("deny", "demo==1.0"),
        rule("exempt", "demo==1.1", until=days(1)),
        source=upstream(cooldown="3d", cooldown_mode="audit"),
    )
    whole = page(file("1.0", 1), file("1.1", 1), file("1.2", 1), file("1.3", 5))
    assert shown(by, whole) == ["1.1", "1.2", "1.3"]
    assert [each.file.version for each in by.would_withhold(whole, NOW)] == ["1.2"]
    longer = by.would_withhold(whole, NOW, Age("7d"))
    assert [each.file.version for each in longer] == ["1.2", "1.3"]
    assert screen(source=upstream()).would_withhold(whole, NOW) == ()


# What is cached


def versioned(whole: ProjectPage, loads: list[int] | None = None) -> Versioned[ProjectPage]:
    def load() -> ProjectPage:
        if loads is not None:
            loads.append(1)
        return whole

    return Versioned(key=("page", id(whole)), serial=0, public=False, load=load)


def test_c5_the_selection_changes_when_a_file_comes_of_age_and_only_then() -> None:
    by, page_ = cooling(), versioned(page(file("1.0", 2), file("1.1", 1), file("0.1", 900)))
    found = [by.selection(page_, days(hours / 24)) for hours in range(72)]
    assert found == [found[0]] * 24 + [found[24]] * 24 + [found[48]] * 24
    assert len(set(found)) == 3


def test_c5_a_page_is_loaded_once_and_only_if_time_matters() -> None:
    loads: list[int] = []
    page_ = versioned(page(file("1.0", 2)), loads)
    for by in (screen(), screen(rule("deny")), cooling("2026-11-01"), cooling("3d")):
        for hours in range(100):
            by.selection(page_, days(hours / 24))
    assert len(loads) == 1


def test_c5_a_clock_that_is_set_back() -> None:
    by, page_ = cooling(), versioned(page(file("1.0", 2), file("1.1", 1)))
    forwards = [by.selection(page_, days(number)) for number in range(4)]
    again = cooling()
    assert [again.selection(page_, days(number)) for number in (3, 2, 1, 0)] == forwards[::-1]


MOMENTS = st.integers(-6, 6).map(days)
VERSIONS = st.sampled_from(["1.0", "1.1", "2.0", "2.0+cpu", "not a version"])
FILES = st.builds(
    lambda version, kind, **fields: file(
        version, kind=kind, filename=f"demo-{version}.{kind}", **fields
    ),
    VERSIONS,
    st.sampled_from(["sdist", "bdist_wheel", "bdist_egg"]),
    uploaded_at=st.none() | MOMENTS,
    first_seen=st.none() | MOMENTS,
    yanked=st.none() | st.just("broken"),
)
PAGES = st.builds(
    lambda files, status: page(*files, status=status),
    st.lists(FILES, max_size=6, unique_by=lambda each: each.filename),
    st.sampled_from(["active", "archived"]),
)
RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from(["allow", "deny", "exempt"]),
        st.sampled_from(["demo", "*", "other", "demo>=2", "demo==1.0", "d*<2"]),
        kind=st.sampled_from([None, "sdist", "bdist_wheel"]),
        yanked=st.booleans(),
        status=st.sampled_from([None, "archived"]),
        until=st.none() | MOMENTS,
    ),
    max_size=4,
)
SCREENS = st.builds(
    Screen,
    RULES,
    age=st.none() | st.sampled_from(["0s", "2d", "2026-11-25"]).map(Age),
    is_enforced=st.booleans(),
    first_seen=st.booleans(),
)


@given(by=SCREENS, whole=PAGES, now=MOMENTS)
def test_v5_each_file_is_shown_or_withheld_with_a_reason(
    by: Screen, whole: ProjectPage, now: datetime
) -> None:
    visible = [each.filename for each in by.shown(whole, now).files]
    withheld = by.withheld(whole, now)
    names = [each.file.filename for each in withheld]
    in_order = [each.filename for each in whole.files]
    assert visible == [name for name in in_order if name not in names]
    assert names == [name for name in in_order if name not in visible]
    for each in whole.files:
        verdict = by.verdict(whole, each, now)
        assert (verdict is None) is (each.filename in visible)
        assert verdict is None or verdict in withheld
    if by.is_open:
        assert by.shown(whole, now) == whole


@given(by=SCREENS, whole=PAGES, start=MOMENTS, later=st.lists(MOMENTS, max_size=9))
def test_c5_the_selection_changes_exactly_when_what_is_shown_does(
    by: Screen, whole: ProjectPage, start: datetime, later: list[datetime]
) -> None:
    page_ = versioned(whole)
    by.selection(page_, start)
    in_order = sorted({start, *later, *map(days, range(-9, 9))})
    seen = {now: (by.selection(page_, now), by.shown(whole, now)) for now in in_order}
    for now in reversed(in_order):
        assert by.selection(page_, now) == seen[now][0]
    for before, after in pairwise(in_order):
        same = seen[before][0] == seen[after][0]
        assert same is (seen[before][1] == seen[after][1])


@given(by=SCREENS, whole=PAGES, now=MOMENTS)
def test_c4_a_file_is_available_on_the_date_that_was_named(
    by: Screen, whole: ProjectPage, now: datetime
) -> None:
    for withheld in by.withheld(whole, now):
        if withheld.free_at is None:
            assert all(by.verdict(whole, withheld.file, days(n)) for n in range(7, 12))
        else:
            assert now < withheld.free_at
            just_before = withheld.free_at - timedelta(microseconds=1)
            assert by.verdict(whole, withheld.file, just_before) is not None
            assert by.verdict(whole, withheld.file, withheld.free_at) is None
