"""What the index of a stage shows of its repository, and of the sources of the repository."""

import pytest

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry
from pypi_repo.domain.errors import (
    PermissionDenied,
    ProjectClosed,
    UnknownFile,
    UnknownProject,
    UnknownRelease,
)
from pypi_repo.domain.lifecycle.errors import UnknownStage
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import ProjectPage
from pypi_repo.domain.upstreams.errors import NameSupplied
from pypi_repo.services.sources.source import ServedFile, Source
from tests.support.distributions import Distribution, wheel
from tests.support.uploads import UPLOADER, page, stage, upload

DEMO = normalize("demo")
OLD, NEW = wheel("demo", "1.0"), wheel("demo", "2.0")


@pytest.fixture
def opened(both: Registry) -> str:
    return both.acting_as(UPLOADER).stages.open("main").id


@pytest.fixture
def source(both: Registry, opened: str) -> Source:
    return both.repository("main").at_stage(opened).source


def names(page: ProjectPage) -> list[str]:
    return [file.filename for file in page.files]


def location(dist: Distribution) -> str:
    digest = dist.sha256
    return f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{dist.filename}"


def content(source: Source, dist: Distribution, actor: Actor = UPLOADER) -> bytes:
    file = source.file(actor, location(dist))
    assert isinstance(file, ServedFile)
    assert not file.public
    opened, _size = file.open()
    with opened:
        return opened.read()


def test_a_staged_file_takes_the_place_of_one_of_its_name(
    both: Registry, opened: str, source: Source
) -> None:
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    other = wheel("demo", "1.0", padding=3)
    upload(both, OLD)
    stage(both, opened, other)
    assert [file.hashes["sha256"] for file in source.project_page(UPLOADER, DEMO).load().files] == [
        other.sha256
    ]
    assert content(source, other) == other.content
    assert page(both).files[0].hashes["sha256"] == OLD.sha256


def test_keys_are_not_those_of_the_repository(both: Registry, opened: str, source: Source) -> None:
    """G1: nobody is shown the page of the other."""
    upload(both, OLD)
    plain = both.repository("main").source
    keys = {plain.project_page(UPLOADER, DEMO).key, plain.project_list(UPLOADER).key}
    for dist in (NEW, wheel("other"), wheel("demo", "3.0")):
        stage(both, opened, dist)
        for versioned in (source.project_page(UPLOADER, DEMO), source.project_list(UPLOADER)):
            assert not versioned.public
            keys.add(versioned.key)
    assert len(keys) == 6, "those of the repository, two pages and two lists"


def test_a_quarantined_project_offers_nothing(both: Registry, opened: str, source: Source) -> None:
    upload(both, OLD)
    stage(both, opened, NEW)
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    assert names(source.project_page(UPLOADER, DEMO).load()) == []
    assert source.project_list(UPLOADER).load().projects == ()
    with pytest.raises(ProjectClosed):
        content(source, NEW)
    with pytest.raises(UnknownRelease):
        source.project_details(UPLOADER, DEMO).load()


def test_sources_of_the_repository_are_there(both: Registry, opened: str, source: Source) -> None:
    """What the release depends on can be installed from the same index."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("lower")
    upload(both, wheel("needed"), "lower")
    operator.sources.set_sources("main", ["repository:lower"])
    stage(both, opened, NEW)
    assert [each.name for each in source.project_list(UPLOADER).load().projects] == [
        "demo",
        "needed",
    ]
    assert content(source, wheel("needed")) == wheel("needed").content
    details = source.release_details(UPLOADER, DEMO, "2.0.0")[1].load()
    assert details.version == "2.0"
    with pytest.raises(NameSupplied):
        stage(both, opened, wheel("needed", "2.0"))


def test_a_name_that_a_source_got_meanwhile_is_not_published(both: Registry, opened: str) -> None:
    """Dependency confusion: the sources are asked again."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("lower")
    operator.sources.set_sources("main", ["repository:lower"])
    stage(both, opened, NEW)
    upload(both, OLD, "lower")
    with pytest.raises(NameSupplied):
        both.acting_as(UPLOADER).stages.publish("main", opened)
    operator.sources.merge("main", ["demo"])
    both.acting_as(UPLOADER).stages.publish("main", opened)
    assert sorted(names(page(both))) == [OLD.filename, NEW.filename]


def test_with_a_merged_name(both: Registry, opened: str, source: Source) -> None:
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("lower")
    operator.sources.set_sources("main", ["repository:lower"])
    operator.sources.merge("main", ["demo"])
    upload(both, OLD, "lower")
    stage(both, opened, NEW)
    assert names(source.project_page(UPLOADER, DEMO).load()) == [OLD.filename, NEW.filename]
    assert [content(source, dist) for dist in (OLD, NEW)] == [OLD.content, NEW.content]


def test_what_is_elsewhere_is_not_there(both: Registry, opened: str, source: Source) -> None:
    other = both.acting_as(UPLOADER).stages.open("main").id
    stage(both, other, NEW)
    stage(both, opened, OLD)
    with pytest.raises(UnknownFile):
        content(source, NEW)
    with pytest.raises(UnknownFile):
        source.file(UPLOADER, location(NEW).replace("2.0", "1.0"))
    with pytest.raises(UnknownProject):
        source.project_page(UPLOADER, normalize("unknown"))
    both.acting_as(UPLOADER).stages.drop("main", opened)
    for use in (source.project_list, source.check_access):
        with pytest.raises(UnknownStage):
            use(UPLOADER)
    with pytest.raises(UnknownStage):
        content(source, OLD)


def test_rights_on_projects(both: Registry, opened: str, source: Source) -> None:
    few = Actor("few", grants=Grants(Access.NONE, patterns={("main", "other"): Access.READ}))
    stage(both, opened, NEW)
    stage(both, opened, wheel("other"))
    assert [each.name for each in source.project_list(few).load().projects] == ["other"]
    assert content(source, wheel("other"), few) == wheel("other").content
    for use in (lambda: source.project_page(few, DEMO), lambda: content(source, NEW, few)):
        with pytest.raises(PermissionDenied):
            use()


def test_trying_a_release_is_no_download(both: Registry, opened: str, source: Source) -> None:
    """K4: or whatever was tried would look as if it were in use."""
    stage(both, opened, NEW)
    file = source.file(UPLOADER, location(NEW))
    assert isinstance(file, ServedFile)
    file.count_download()
    assert not both._usage._downloads
