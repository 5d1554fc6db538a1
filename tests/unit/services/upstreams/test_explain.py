"""Why a project comes from where it does (V8, V11)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pypi_repo import OPERATOR, PermissionDenied, Registry
from pypi_repo.domain.errors import InvalidName, RegistryError, UnknownRepository
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.explanation import Explanation, ShadowedName
from tests.support.distributions import wheel
from tests.support.uploads import UPLOADER, upload
from tests.support.upstreams import LiveUpstream


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def filled(registry: Registry, upstream: LiveUpstream) -> Registry:
    """With `main`, whose sources are repository `team`, and upstreams `public` and `other`."""
    for name in ("public", "other"):
        upstream.create_on(registry, name)
    registry.acting_as(OPERATOR).repositories.create("team")
    registry.acting_as(OPERATOR).sources.set_sources(
        "main", ["repository:team", "upstream:public", "upstream:other"]
    )
    return registry


def explain(registry: Registry, project: str = "demo", repository: str = "main") -> Explanation:
    """What is explained, which is what readers get."""
    found = registry.acting_as(OPERATOR).sources.explain(repository, project)
    source = registry.repository(repository).source
    try:
        page = source.project_page(OPERATOR, normalize(project))
    except RegistryError:
        assert found.supplier == ""
    else:
        assert found.supplier == page.source
        offered = {file.filename for file in page.load().files}
        assert not offered & {each.file.filename for each in found.withheld}
    return found


def answers(found: Explanation) -> dict[str, str]:
    return {each.source: each.answer for each in found.asked}


def test_v8_own_files(filled: Registry, upstream: LiveUpstream) -> None:
    registry = filled
    upstream.add(wheel("demo", "9.0"))
    registry.acting_as(OPERATOR).sources.reserve("main", ["demo"])
    upload(registry, wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).sources.reserve("main", [])
    found = explain(registry)
    assert (found.repository, found.project, found.supplier) == ("main", "demo", "own-files")
    assert found.why == "The repository has a project of this name itself."
    assert set(answers(found).values()) == {"not-asked"}
    assert [each.has_project for each in found.asked] == [False, None, None]
    assert found.shadowed == ()
    assert upstream.asked == []  # the name may be a secret


def test_v8_the_first_source_that_has_it(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    found = explain(filled, "DEMO")
    assert found.supplier == "upstream:public"
    assert found.why == "upstream:public is the first of the sources that has the project."
    assert answers(found) == {
        "repository:team": "has-none",
        "upstream:public": "supplies",
        "upstream:other": "not-asked",
    }
    team, public, other = found.asked
    assert (team.has_project, team.checked_at) == (False, None)
    assert public.checked_at is not None
    assert (public.has_project, public.stale_for) == (True, None)
    assert (other.has_project, other.checked_at) == (None, None)
    assert not found.is_merged


def test_v8_nobody_has_it(filled: Registry) -> None:
    found = explain(filled, "missing")
    assert found.supplier == ""
    assert found.why == "Neither the repository nor any of its sources has a project of this name."
    assert set(answers(found).values()) == {"has-none"}
    alone = explain(filled, "missing", "team")
    assert alone.why == "The repository has no project of this name, and no sources."
    assert alone.asked == ()


def test_v8_a_name_that_is_kept(filled: Registry, upstream: LiveUpstream) -> None:
    sources = filled.acting_as(OPERATOR).sources
    sources.reserve("main", ["demo", "acme-*"])
    found = explain(filled, "acme-core")
    assert (found.supplier, set(answers(found).values())) == ("", {"not-asked"})
    assert found.why == "The repository has reserved acme-*, so no source supplies the name."
    upload(filled, wheel("demo", "1.0"))
    filled.acting_as(OPERATOR).projects.delete("main", "demo")
    sources.reserve("main", [])
    assert "which was deleted" in explain(filled).why
    assert upstream.asked == []
    sources.give_up_name("main", "demo")
    assert explain(filled).asked[1].answer == "has-none"


def test_v8_a_source_that_keeps_the_name(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    filled.acting_as(OPERATOR).sources.reserve("team", ["demo"])
    found = explain(filled)
    assert found.supplier == ""
    assert answers(found)["repository:team"] == "keeps-name"
    assert "has reserved demo" in found.why
    assert upstream.asked == []


def test_v4_a_source_that_cannot_say(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.broken = "500 Internal Server Error"
    found = explain(filled)
    assert found.supplier == ""
    assert answers(found) == {
        "repository:team": "has-none",
        "upstream:public": "fails",
        "upstream:other": "not-asked",
    }
    assert found.why == found.asked[1].told
    assert "'public'" in found.why


def test_v8_a_source_that_shows_what_it_had(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    first = explain(filled).asked[1]
    filled.acting_as(OPERATOR).upstreams.change("public", fresh_for=0)
    upstream.broken = "503 Service Unavailable"
    again = explain(filled).asked[1]
    assert again.answer == "supplies"
    assert again.stale_for is not None
    assert again.checked_at == first.checked_at


def test_v8_an_upstream_that_is_offline(filled: Registry, upstream: LiveUpstream) -> None:
    filled.acting_as(OPERATOR).upstreams.change("public", offline=True)
    found = explain(filled)
    assert answers(found)["upstream:public"] == "keeps-name"
    assert "offline" in found.why


def test_v8_another_repository_says_where_it_has_it_from(
    filled: Registry, upstream: LiveUpstream
) -> None:
    upstream.add(wheel("demo", "1.0"))
    filled.acting_as(OPERATOR).sources.set_sources("team", ["upstream:other"])
    found = explain(filled)
    assert found.supplier == "repository:team"
    assert found.asked[0].told == (
        "There: upstream:other is the first of the sources that has the project."
    )


def test_v3_merged_names(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "2.0"))
    filled.acting_as(OPERATOR).sources.merge("main", ["demo"])
    upload(filled, wheel("demo", "1.0"))
    found = explain(filled)
    assert found.is_merged
    assert found.supplier == "own-files, upstream:public, upstream:other"
    assert answers(found)["repository:team"] == "has-none"
    assert "merged" in found.why
    upstream.broken = "500 Internal Server Error"
    filled.acting_as(OPERATOR).upstreams.change("other", fresh_for=0, stale_for=0)
    assert answers(explain(filled))["upstream:other"] == "fails"


def test_v8_a_merged_name_that_one_source_keeps(filled: Registry, upstream: LiveUpstream) -> None:
    """Readers get the files of the others."""
    upstream.add(wheel("demo", "2.0"))
    sources = filled.acting_as(OPERATOR).sources
    sources.merge("main", ["demo"])
    sources.reserve("team", ["demo"])
    found = explain(filled)
    assert found.supplier == "upstream:public, upstream:other"
    assert answers(found) == {
        "repository:team": "keeps-name",
        "upstream:public": "supplies",
        "upstream:other": "supplies",
    }
    assert "merged" in found.why
    sources.set_sources("main", ["repository:team"])
    alone = explain(filled)
    assert (alone.supplier, answers(alone)) == ("", {"repository:team": "keeps-name"})


def test_v8_a_merged_name_that_is_quarantined_here(
    filled: Registry, upstream: LiveUpstream
) -> None:
    """Nobody gets anything of it, and nobody is asked."""
    upstream.add(wheel("demo", "2.0"))
    operator = filled.acting_as(OPERATOR)
    operator.sources.merge("main", ["demo"])
    upload(filled, wheel("demo", "1.0"))
    operator.projects.set_status("main", "demo", "quarantined")
    upstream.asked.clear()
    found = explain(filled)
    assert found.supplier == "own-files"
    assert set(answers(found).values()) == {"not-asked"}
    assert upstream.asked == []


def test_v8_withheld_files_with_their_rules(filled: Registry, upstream: LiveUpstream) -> None:
    for version in ("1.0", "2.0", "3.0"):
        upstream.add(wheel("demo", version))
    operator = filled.acting_as(OPERATOR)
    rule = operator.sources.add_rule("main", "deny", "demo<2", reason="old")
    operator.upstreams.change("public", cooldown="3d", cooldown_mode="enforce")
    found = explain(filled)
    withheld = {each.file.version: each for each in found.withheld}
    assert {version: each.code for version, each in withheld.items()} == {
        "1.0": "denied",
        "2.0": "too-young",
        "3.0": "too-young",
    }
    assert withheld["1.0"].rule_id == rule.id
    assert withheld["2.0"].free_at is not None


def test_v8_what_is_withheld_on_the_way_is_told_too(
    filled: Registry, upstream: LiveUpstream
) -> None:
    for version in ("1.0", "2.0", "3.0"):
        upstream.add(wheel("demo", version))
    sources = filled.acting_as(OPERATOR).sources
    sources.set_sources("team", ["upstream:public"])
    there = sources.add_rule("team", "deny", "demo<2")
    here = sources.add_rule("main", "deny", "demo>=3")
    found = explain(filled)
    assert {each.file.version: each.rule_id for each in found.withheld} == {
        "1.0": there.id,
        "3.0": here.id,
    }


# What names hide


def test_v11_what_a_name_hides(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "9.0"))
    upload(filled, wheel("demo", "2.0"), "team")
    assert explain(filled).shadowed == ()  # nobody asked an upstream yet
    assert explain(filled, repository="main").supplier == "repository:team"
    filled.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    assert explain(filled).supplier == "upstream:public"
    filled.acting_as(OPERATOR).sources.set_sources(
        "main", ["repository:team", "upstream:public", "upstream:other"]
    )
    assert explain(filled).shadowed == ("upstream:public",)
    filled.acting_as(OPERATOR).sources.reserve("main", ["demo"])
    upload(filled, wheel("demo", "1.0"))
    assert explain(filled).shadowed == ("repository:team", "upstream:public")
    shadowed = filled.acting_as(OPERATOR).sources.shadowed_names("main")
    assert shadowed == [
        ShadowedName(project=normalize("demo"), source="repository:team"),
        ShadowedName(project=normalize("demo"), source="upstream:public"),
    ]
    filled.acting_as(OPERATOR).sources.merge("main", ["demo"])
    assert filled.acting_as(OPERATOR).sources.shadowed_names("main") == []


def test_v8_what_was_not_compared(filled: Registry, upstream: LiveUpstream) -> None:
    """B3: a list of what hides something says nothing of what nobody looked for."""
    upstream.add(wheel("old", "9.0"))
    sources = filled.acting_as(OPERATOR).sources
    sources.set_sources("main", [])
    for name in ("old", "older", "same", "merged"):
        upload(filled, wheel(name, "1.0"))
    assert sources.uncompared_names("main") == [], "there is nothing to compare it with"
    upload(filled, wheel("same", "1.0"), "team")
    sources.set_sources("team", ["upstream:public"])
    sources.set_sources("main", ["repository:team"])
    sources.merge("main", ["merged"])
    assert sources.uncompared_names("main") == ["old", "older"], "team has the other itself"
    upload(filled, wheel("new", "1.0"))
    assert sources.uncompared_names("main") == ["old", "older"], "it was asked for at the upload"
    sources.reserve("team", ["older"])
    assert sources.uncompared_names("main") == ["old"], "team keeps it from its source"
    assert explain(filled, "old", "team").supplier == "upstream:public"
    assert sources.uncompared_names("main") == []
    sources.set_sources("main", ["repository:team", "upstream:other"])
    assert sources.uncompared_names("main") == ["new", "old", "older", "same"]
    sources.reserve("main", ["old*"])
    assert sources.uncompared_names("main") == ["new", "same"], "no source ever learns the others"
    sources.reserve("main", ["*"])
    assert sources.uncompared_names("main") == []


def test_v11_names_that_are_known_further_away(filled: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "9.0"))
    sources = filled.acting_as(OPERATOR).sources
    sources.set_sources("main", ["repository:team"])
    sources.set_sources("team", ["upstream:other"])
    assert explain(filled, repository="team").supplier == "upstream:other"
    sources.reserve("main", ["demo"])
    upload(filled, wheel("demo", "1.0"))
    upload(filled, wheel("mine", "1.0"), "team")
    assert sources.shadowed_names("main") == [
        ShadowedName(project=normalize("demo"), source="repository:team")
    ]
    assert explain(filled).shadowed == ("repository:team",)
    sources.reserve("team", ["demo"])  # it keeps the name, and has no such project
    assert sources.shadowed_names("main") == []
    assert explain(filled).shadowed == ()


def test_what_an_earlier_source_hides_of_a_later_repository(
    filled: Registry, upstream: LiveUpstream
) -> None:
    """B1."""
    upstream.add(wheel("demo", "9.0"))
    upstream.add(wheel("kept", "9.0"))
    sources = filled.acting_as(OPERATOR).sources
    upload(filled, wheel("demo", "1.0"), "team")
    upload(filled, wheel("kept", "1.0"), "team")
    filled.acting_as(OPERATOR).repositories.create("other-team")
    sources.set_sources("other-team", ["repository:team"])
    sources.set_sources("main", ["repository:team", "repository:other-team", "upstream:public"])
    assert sources.of("main").warning == ""
    assert sources.shadowed_names("main") == [], "the same project by way of two sources"

    sources.set_sources("main", ["upstream:public", "repository:team", "repository:other-team"])
    sources.reserve("main", ["kept"])
    assert "repositories team and other-team" in sources.of("main").warning
    assert explain(filled).supplier == "upstream:public"
    assert sources.shadowed_names("main") == [
        ShadowedName(project=normalize("demo"), source=source, by="upstream:public")
        for source in ("repository:other-team", "repository:team")
    ]
    sources.merge("main", ["demo"])
    assert sources.shadowed_names("main") == []


# Who may


@pytest.mark.parametrize("project", ["", "a b", "../x", "a\0b", "-x"])
def test_v8_what_is_no_name(filled: Registry, project: str) -> None:
    with pytest.raises(InvalidName):
        filled.acting_as(OPERATOR).sources.explain("main", project)


def test_v8_only_for_who_manages_the_repository(filled: Registry, upstream: LiveUpstream) -> None:
    mine = filled.acting_as(UPLOADER).sources
    for call in (
        lambda: mine.explain("main", "demo"),
        lambda: mine.shadowed_names("main"),
        lambda: mine.uncompared_names("main"),
        lambda: mine.audit("main"),
    ):
        with pytest.raises(PermissionDenied):
            call()
    assert upstream.asked == []
    operator = filled.acting_as(OPERATOR).sources
    for call in (
        lambda: operator.explain("none", "demo"),
        lambda: operator.shadowed_names("none"),
        lambda: operator.uncompared_names("none"),
        lambda: operator.audit("none"),
    ):
        with pytest.raises(UnknownRepository):
            call()
