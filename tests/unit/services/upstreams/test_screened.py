"""A screen around a source: what is listed, and what can be had (V5, C2, C4, C5)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pypi_repo import OPERATOR, Actor, Redirect, Registry, Source, UnknownFile, UnknownProject
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import ExternalFile, ListedFile, ProjectList, ProjectPage, Versioned
from pypi_repo.domain.stored_files import file_path
from pypi_repo.domain.upstreams.errors import FileWithheld
from pypi_repo.domain.upstreams.rules import Rule, parse_target
from pypi_repo.services.sources.lists.page_summaries import PageSummaries
from pypi_repo.services.sources.screened import Screened
from pypi_repo.services.upstreams.screening import Screen
from tests.support.live import LiveServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

NOW = datetime.now(UTC)


class Listing(Source):
    """Lists files, which clients get from elsewhere. `loads` is how often a page was needed."""

    def __init__(self, *files: ExternalFile) -> None:
        self.files = files
        self.loads = 0

    def check_access(self, actor: Actor) -> None:
        pass

    def is_public(self) -> bool:
        return False

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        raise NotImplementedError

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        files = tuple(file for file in self.files if file.project == project)
        if not files:
            raise UnknownProject("There is none.")
        page = ProjectPage(
            name=project,
            status="active",
            status_reason="",
            serial=0,
            versions=tuple(file.version for file in files),
            files=files,
        )

        def load() -> ProjectPage:
            self.loads += 1
            return page

        return Versioned(key=project, serial=0, public=False, load=load)

    def file(self, actor: Actor, path: str) -> Redirect:
        for file in self.files:
            if path.startswith(file.location):
                return Redirect(file.project, f"https://files.example.com/{path}")
        raise UnknownFile("There is none.")


def listed(project: str, version: str, filename: str, letter: str) -> ExternalFile:
    """letter: of which the SHA-256 consists."""
    return ExternalFile(
        filename=filename,
        project=normalize(project),
        version=version,
        kind="sdist",
        python_tag="source",
        location=file_path(letter * 64, filename),
        hashes={"sha256": letter * 64},
    )


def denying(source: Source, target: str) -> Screened:
    pattern, specifier = parse_target(target)
    rule = Rule(
        id=1, action="deny", pattern=pattern, specifier=specifier, author="ops", created_at=NOW
    )
    return Screened(source, Screen([rule]), "one", PageSummaries())


def test_v5_what_is_beside_a_file_is_withheld_with_it() -> None:
    source = denying(Listing(listed("demo", "1.0", "demo-1.0.tar.gz", "a")), "demo")
    place = file_path("a" * 64, "demo-1.0.tar.gz")
    assert source.project_page(OPERATOR, normalize("demo")).load().files == ()
    for suffix in ("", ".metadata", ".asc"):
        with pytest.raises(FileWithheld):
            source.file(OPERATOR, place + suffix)
    with pytest.raises(FileWithheld):
        source.provenance(OPERATOR, normalize("demo"), "1.0", "demo-1.0.tar.gz")
    with pytest.raises(UnknownFile):  # which is no other file's business
        source.file(OPERATOR, file_path("b" * 64, "demo-1.0.tar.gz"))


def test_c4_what_the_source_withholds_is_withheld_and_not_unknown() -> None:
    """Each of two repositories, one behind the other, has rules of its own."""
    files = [listed("demo", f"{n}", f"demo-{n}.tar.gz", "abc"[n]) for n in range(3)]
    inner = denying(Listing(*files), "demo<1")
    outer = denying(inner, "demo>=2")
    for number in (0, 2):
        with pytest.raises(FileWithheld):
            outer.file(OPERATOR, files[number].location)
        with pytest.raises(FileWithheld):
            outer.provenance(OPERATOR, normalize("demo"), f"{number}", files[number].filename)
    assert outer.file(OPERATOR, files[1].location).project == "demo"
    with pytest.raises(UnknownFile):
        outer.file(OPERATOR, file_path("d" * 64, "demo-0.tar.gz"))


def test_v5_files_of_one_name_in_two_projects() -> None:
    """Where the name of an old sdist ends is not to be seen."""
    name = "tool-1.0-9.tar.gz"
    theirs, ours = listed("tool", "1.0.post9", name, "a"), listed("tool-1.0", "9", name, "b")
    source = denying(Listing(theirs, ours), "tool")
    found = source.file(OPERATOR, ours.location)
    assert found.project == "tool-1-0"
    with pytest.raises(FileWithheld):
        source.file(OPERATOR, theirs.location)


def test_v5_a_hot_file_costs_no_look_at_its_page() -> None:
    listing = Listing(*(listed("demo", f"{n}", f"demo-{n}.tar.gz", "a") for n in range(3)))
    source = denying(listing, "demo<1")
    for _time in range(5):
        assert source.file(OPERATOR, listing.files[1].location).project == "demo"
        with pytest.raises(FileWithheld):
            source.file(OPERATOR, listing.files[0].location)
    assert listing.loads == 2  # for each of the files


# Files without upload times


@pytest.fixture
def old_index() -> Iterator[LiveServer]:
    """In HTML, with links to two wheels."""
    links = [f'<a href="demo-{version}-py3-none-any.whl">x</a>' for version in ("1.0", "2.0")]

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return ["\n".join(links).encode()]

    with LiveServer(app) as server:
        yield server


def page(registry: Registry) -> tuple[ListedFile, ...]:
    source = registry.repository("main").source
    return source.project_page(OPERATOR, normalize("demo")).load().files


def test_c2_c5_a_file_without_a_time_waits_from_its_first_sight_on(
    registry: Registry, old_index: LiveServer
) -> None:
    """It appears by itself: the upstream is not asked again."""
    operator = registry.acting_as(OPERATOR)
    operator.upstreams.create(
        "old", url=f"{old_index.url}/", allow_http=True, allow_private_network=True
    )
    operator.sources.set_sources("main", ["upstream:old"])
    assert [file.uploaded_at for file in page(registry)] == [None, None]
    operator.upstreams.change("old", cooldown="1h", cooldown_mode="enforce")
    assert page(registry) == ()
    operator.upstreams.change("old", first_seen=True)
    assert page(registry) == ()
    (first, _second) = operator.sources.explain("main", "demo").withheld
    assert first.since is not None
    assert first.since > NOW
    assert first.free_at == first.since + timedelta(hours=1)
    seconds = int((datetime.now(UTC) - first.since).total_seconds()) + 2  # a moment from now
    operator.upstreams.change("old", cooldown=f"{seconds}s")
    free_at = first.since + timedelta(seconds=seconds)
    files: tuple[ListedFile, ...] = ()
    while not files:
        time.sleep(0.01)
        before, files, after = datetime.now(UTC), page(registry), datetime.now(UTC)
        assert after >= free_at or not files
        assert before < free_at or files
    assert [file.uploaded_at for file in files] == [first.since, first.since]
