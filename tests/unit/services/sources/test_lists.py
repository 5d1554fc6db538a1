"""What lists say of projects: only what the source shows, in as many statements, asking nobody. B1.

The project page of the same source is the measure of everything.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypi_repo import (
    ANONYMOUS,
    OPERATOR,
    Access,
    Actor,
    AllowList,
    AuthenticationRequired,
    Filtered,
    Grants,
    ListedFile,
    Merged,
    PermissionDenied,
    ProjectPage,
    Registry,
    Settings,
    Source,
    SourceWrapper,
    UnknownProject,
    Versioned,
)
from pypi_repo.domain.lists import ListRequest
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.pages.summaries import summary_of
from pypi_repo.domain.records import ProjectSummary
from pypi_repo.services.sources.lists.search import find_projects
from pypi_repo.testing import FakeSource
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.sql import count_statements
from tests.support.uploads import UPLOADER, upload
from tests.support.written_index import Entry, WrittenIndex

ADA = Actor("ada", grants=Grants(Access.READ))


@pytest.fixture
def index() -> Iterator[WrittenIndex]:
    with WrittenIndex() as index:
        yield index


def source_of(registry: Registry, repository: str = "main") -> Source:
    return registry.repository(repository).source


def fake(*distributions: Distribution) -> FakeSource:
    return FakeSource({dist.filename: dist.content for dist in distributions})


def listed(source: Source, actor: Actor = ADA) -> list[NormalizedName]:
    return [each.normalized_name for each in source.project_list(actor).load().projects]


def summaries(source: Source, *names: str, actor: Actor = ADA) -> dict[str, ProjectSummary]:
    wanted = [normalize(name) for name in names] or listed(source, actor)
    return {str(name): found for name, found in source.summaries(actor, wanted).items()}


def newest(source: Source, limit: int = 10, actor: Actor = ADA) -> list[tuple[str, str]]:
    found = source.newest_releases(actor, limit)
    return [(each.normalized_name, each.version) for each in found]


def found(source: Source, text: str = "", actor: Actor = ADA, **how: int) -> list[str]:
    page = find_projects(source, actor, ListRequest(text=text, **how))
    return [each.name for each in page.rows]


def described(version: str, summary: str, **how: str) -> Distribution:
    return wheel("demo", version, extra_metadata=f"Summary: {summary}\n", **how)


def assert_lists_say_what_pages_say(source: Source, actor: Actor, names: list[str]) -> None:
    """Nothing appears in a list that no page shows."""
    told = summaries(source, *names, actor=actor)
    pages: dict[str, ProjectPage] = {}
    for name in names:
        try:
            pages[name] = source.project_page(actor, normalize(name)).load()
        except (UnknownProject, PermissionDenied, AuthenticationRequired):
            assert name not in told
            continue
        page = summary_of(pages[name])
        alone = [getattr(told[name], each) for each in ("status", "latest", "releases", "files")]
        assert alone == [page.status, page.latest, page.releases, page.files]
        assert (told[name].size, told[name].last_upload) == (page.size, page.last_upload)
    for release in source.newest_releases(actor, 50):
        of_release = [
            file.uploaded_at
            for file in pages[release.normalized_name].files
            if file.version == release.version and file.yanked is None
        ]
        assert release.uploaded_at in of_release
    for row in find_projects(source, actor, ListRequest(size=50)).rows:
        assert row == told[row.normalized_name]


# What was uploaded


def test_own_projects_are_summed_up(both: Registry) -> None:
    upload(both, described("1.0", "The first"))
    upload(both, described("2.0", "The second"))
    upload(both, sdist("demo", "2.0"))
    upload(both, wheel("Other", "1.0rc1"))
    both.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "broken")
    source = source_of(both)
    told = summaries(source)
    assert (told["demo"].latest, told["demo"].releases, told["demo"].files) == ("2.0", 2, 3)
    assert (told["other"].name, told["other"].latest) == ("Other", "1.0rc1")
    assert summaries(source, "absent", "it's %s\0") == {}
    assert newest(source) == [("other", "1.0rc1"), ("demo", "2.0")]
    assert newest(source, 1) == [("other", "1.0rc1")]
    assert_lists_say_what_pages_say(source, ADA, ["demo", "other"])


def test_a_quarantined_project_says_nothing(both: Registry) -> None:
    upload(both, described("1.0", "A secret"))
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    source = source_of(both)
    told = summaries(source, "demo")["demo"]
    assert (told.status, told.latest, told.summary, told.files) == ("quarantined", None, "", 0)
    assert (newest(source), found(source)) == ([], [])


def test_lists_cost_the_same_however_long_they_are(both: Registry) -> None:
    def statements() -> list[int]:
        source, counts = source_of(both), []
        source.project_list(ADA).load()
        for ask in (
            lambda: summaries(source, "one", "two", "three"),
            lambda: newest(source, 2),
            lambda: found(source, "o"),
        ):
            with count_statements(both._database) as counted:
                ask()
            counts.append(len(counted))
        return counts

    upload(both, wheel("one", "1.0"))
    few = statements()
    for name in ("two", "three", "four"):
        for version in ("1.0", "2.0"):
            upload(both, wheel(name, version))
    assert statements() == few
    assert all(number <= most for number, most in zip(few, (3, 2, 4), strict=True))


def test_the_newest_releases_are_found_behind_many_files_of_one(both: Registry) -> None:
    upload(both, wheel("old", "1.0"))
    for number in range(40):
        upload(both, wheel("demo", "1.0", tag=f"py3{number}-none-any"))
    assert newest(source_of(both), 2) == [("demo", "1.0"), ("old", "1.0")]


# Who may read


@pytest.mark.parametrize("allowed", [["acme-x"], ["acme-x", "acme-y", "demo"]])
def test_rights_on_names_hold_in_lists(both: Registry, allowed: list[str]) -> None:
    """G2: also for names that come from sources."""
    both.acting_as(OPERATOR).repositories.create("other")
    for name in ("acme-x", "demo", "secret"):
        upload(both, wheel(name, "1.0"))
    for name in ("acme-y", "secret", "elsewhere"):
        upload(both, wheel(name, "2.0"), "other")
    both.acting_as(OPERATOR).sources.set_sources("main", ["repository:other"])
    patterns = {("main", name): Access.READ for name in allowed}
    bob = Actor("bob", grants=Grants(Access.NONE, named={"other": Access.READ}, patterns=patterns))
    source = source_of(both)
    assert found(source, actor=bob) == allowed
    names = ["acme-x", "acme-y", "demo", "secret", "elsewhere"]
    assert sorted(summaries(source, *names, actor=bob)) == allowed
    assert {name for name, _version in newest(source, actor=bob)} == {*allowed}
    assert_lists_say_what_pages_say(source, bob, names)
    assert found(source, actor=ADA) == ["acme-x", "acme-y", "demo", "elsewhere", "secret"]


def test_who_may_not_read_gets_no_list(both: Registry) -> None:
    upload(both, wheel("demo", "1.0"))
    source = source_of(both)
    for ask in (summaries, newest, found):
        with pytest.raises(AuthenticationRequired):
            ask(source, actor=ANONYMOUS)  # type: ignore[operator]
        with pytest.raises(PermissionDenied):
            ask(SourceWrapper(source), actor=Actor("bob"))  # type: ignore[operator]


# Sources of repositories


def test_projects_of_upstreams_are_told_without_asking(
    registry: Registry, index: WrittenIndex
) -> None:
    index.entries = [Entry(wheel("lib-a", "1.0")), Entry(wheel("lib-b", "2.0"))]
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("other")
    upload(registry, wheel("own", "1.0"))
    upload(registry, wheel("shared", "3.0"), "other")
    index.create_on(registry, "first")
    operator.sources.set_sources("main", ["upstream:first", "repository:other"])
    source = source_of(registry)
    source.project_page(ADA, normalize("lib-a"))
    assert found(source) == ["lib-a", "own", "shared"]
    asked = len(index.asked)
    told = summaries(source, "lib-a", "lib-b", "own", "shared")
    assert {name: each.latest for name, each in told.items()} == {
        "lib-a": "1.0",
        "own": "1.0",
        "shared": "3.0",
    }
    assert newest(source) == [("shared", "3.0"), ("own", "1.0")]
    hiding = WithoutVersion(source, "none")
    assert summaries(hiding, "lib-a", "lib-b", "own", "shared") == told
    operator.sources.merge("main", ["*"])
    assert summaries(source, "lib-a", "lib-b", "own", "shared").keys() == told.keys()
    operator.sources.add_rule("main", "deny", "shared>=3")
    source.project_page(ADA, normalize("own"))
    asked = len(index.asked)
    assert summaries(source, "shared")["shared"].latest is None
    assert ("shared", "3.0") not in newest(source)
    assert len(index.asked) == asked


def test_a_closed_name_is_listed_from_nowhere(registry: Registry) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("other")
    for repository in ("main", "other"):
        upload(registry, wheel("demo", "1.0"), repository)
    operator.sources.set_sources("main", ["repository:other"])
    operator.projects.set_status("main", "demo", "quarantined")
    assert (found(source_of(registry)), newest(source_of(registry))) == ([], [])


# Wrappers


class WithoutVersion(Filtered):
    def __init__(self, source: Source, version: str) -> None:
        super().__init__(source)
        self.version = version

    def shows_file(self, file: ListedFile) -> bool:
        return file.version != self.version


class OtherPages(SourceWrapper):
    """A class of a host that shows less without saying so."""

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        page = super().project_page(actor, project).load()
        return Versioned(
            key="other",
            serial=0,
            public=False,
            load=lambda: ProjectPage(
                name=page.name,
                status="active",
                status_reason="",
                serial=0,
                versions=page.versions[:1],
                files=page.files[:1],
            ),
        )


def test_wrappers_hide_in_lists_what_they_hide_on_pages(registry: Registry) -> None:
    upload(registry, described("1.0", "The first"))
    upload(registry, described("2.0", "A secret"))
    upload(registry, wheel("other", "1.0"))
    source = source_of(registry)
    names = ["demo", "other"]
    for wrapper in (
        SourceWrapper(source),
        AllowList(source, ["other"]),
        WithoutVersion(source, "2.0"),
        OtherPages(source),
        AllowList(OtherPages(WithoutVersion(source, "2.0")), ["demo"]),
        Merged(WithoutVersion(source, "1.0"), AllowList(source, ["other"])),
    ):
        assert_lists_say_what_pages_say(wrapper, ADA, names)
    assert newest(AllowList(source, ["other"])) == [("other", "1.0")]
    assert newest(AllowList(source, ["demo"]), 1) == [("demo", "2.0")]
    assert newest(WithoutVersion(source, "2.0")) == [("other", "1.0"), ("demo", "1.0")]
    assert newest(OtherPages(source)) == []
    assert summaries(SourceWrapper(source))["demo"].summary == "A secret"
    for hiding in (WithoutVersion(source, "2.0"), OtherPages(source)):
        assert summaries(hiding)["demo"].latest == "1.0"
        assert summaries(hiding)["demo"].summary == ""


def test_sources_of_hosts_are_summed_up_as_they_are(registry: Registry) -> None:
    folder = fake(described("1.0", "It lies\n somewhere"), sdist("other", "2.0"))
    told = summaries(folder)
    assert (told["demo"].latest, told["demo"].summary) == ("1.0", "It lies somewhere")
    assert_lists_say_what_pages_say(folder, ADA, ["demo", "other"])
    upload(registry, wheel("other", "1.0"))
    upload(registry, wheel("own", "1.0"))
    merged = Merged(source_of(registry), folder)
    assert {name: each.latest for name, each in summaries(merged).items()} == {
        "demo": "1.0",
        "other": "1.0",
        "own": "1.0",
    }
    assert newest(merged) == [("own", "1.0"), ("other", "1.0")]
    registry.acting_as(OPERATOR).projects.delete("main", "own")
    assert newest(merged) == [("other", "1.0")]


# Searching


def test_what_is_meant_comes_first() -> None:
    names = ("a-lib", "lib", "lib-b", "liba", "my-lib", "other")
    source = fake(*(wheel(name, "1.0") for name in names))
    assert found(source, "LIB") == ["lib", "lib-b", "liba", "a-lib", "my-lib"]
    assert found(source, "lib", size=2, page=2) == ["liba", "a-lib"]
    assert found(source, "b_a") == []
    assert found(source) == [*names]
    page = find_projects(source, ADA, ListRequest(text="lib", size=2, page=9))
    assert (page.number, page.total, [each.latest for each in page.rows]) == (3, 5, ["1.0"])


def test_a_search_looks_up_only_what_it_shows() -> None:
    class Counting(SourceWrapper):
        asked: list[str] = []  # noqa: RUF012

        def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
            self.asked.append(project)
            return super().last_page(actor, project)

    source = Counting(fake(*(wheel(f"lib-{number}", "1.0") for number in range(30))))
    assert found(source, "lib", size=2) == ["lib-0", "lib-1"]
    assert Counting.asked == ["lib-0", "lib-1"]


# Whatever is hidden

POOL = [
    *(wheel(name, version) for name in ("demo", "lib-a", "acme") for version in ("1.0", "2.0")),
    sdist("demo", "2.0"),
    sdist("lib-a", "3.0rc1"),
]
NAMES = ["acme", "demo", "lib-a"]


class Hiding(Filtered):
    def __init__(self, source: Source, projects: set[str], files: set[str]) -> None:
        super().__init__(source)
        self.projects, self.files = projects, files

    def shows(self, project: NormalizedName) -> bool:
        return project not in self.projects

    def shows_file(self, file: ListedFile) -> bool:
        return file.filename not in self.files


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    uploaded=st.lists(st.sampled_from(POOL), unique_by=lambda each: each.filename),
    elsewhere=st.lists(st.sampled_from(POOL), unique_by=lambda each: each.filename),
    closed=st.sampled_from([None, *NAMES]),
    yanked=st.sets(st.sampled_from([each.filename for each in POOL])),
    merged=st.lists(st.sampled_from([*NAMES, "*"]), max_size=1),
    rights=st.sets(st.sampled_from([*NAMES, "*", "*a*"])),
    hidden=st.sets(st.sampled_from(NAMES)),
    files=st.sets(st.sampled_from([each.filename for each in POOL])),
)
def test_what_is_hidden_is_in_no_list(
    uploaded: list[Distribution],
    elsewhere: list[Distribution],
    closed: str | None,
    yanked: set[str],
    merged: list[str],
    rights: set[str],
    hidden: set[str],
    files: set[str],
) -> None:
    with Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4)) as registry:
        operator = registry.acting_as(OPERATOR)
        for repository, given_files in (("main", uploaded), ("other", elsewhere)):
            operator.repositories.create(repository)
            for distribution in given_files:
                upload(registry, distribution, repository)
        operator.sources.set_sources("main", ["repository:other"])
        operator.sources.merge("main", merged)
        for distribution in uploaded:
            if distribution.filename in yanked:
                operator.projects.yank_file("main", distribution.filename, "broken")
        if closed in {normalize(each.name) for each in uploaded}:
            operator.projects.set_status("main", str(closed), "quarantined")
        patterns = {("main", pattern): Access.READ for pattern in rights}
        some = Actor("bob", grants=Grants(Access.NONE, named={}, patterns=patterns))
        source = source_of(registry)
        for actor in (UPLOADER, some) if rights else (UPLOADER,):
            assert_lists_say_what_pages_say(source, actor, NAMES)
            assert_lists_say_what_pages_say(Hiding(source, hidden, set()), actor, NAMES)
            assert_lists_say_what_pages_say(Hiding(source, hidden, files), actor, NAMES)
            assert_lists_say_what_pages_say(OtherPages(source), actor, NAMES)
