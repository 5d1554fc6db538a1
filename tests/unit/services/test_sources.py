"""Sources around sources: what is listed is what can be downloaded, and nothing else."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from werkzeug.test import Client

from pypi_repo import (
    ANONYMOUS,
    EVERY_AREA,
    OPERATOR,
    Actor,
    ActorKind,
    AllowList,
    AuthenticationRequired,
    DistributionFile,
    DownloadApp,
    Filtered,
    Folder,
    ListedFile,
    LooseFile,
    Merged,
    PermissionDenied,
    Redirect,
    Registry,
    ServedFile,
    Settings,
    SimpleIndexApp,
    Source,
    SourceWrapper,
    UnknownFile,
    UnknownProject,
    mount,
)
from pypi_repo.domain.errors import ProjectClosed, Unavailable, UnknownRelease
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import ExternalFile, ProjectPage, Versioned
from pypi_repo.testing import FakeSource
from pypi_repo.web.packages.page_cache import PageCache
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.uploads import UPLOADER, publish

ADA = Actor("ada")


def fake(*distributions: Distribution) -> FakeSource:
    return FakeSource({dist.filename: dist.content for dist in distributions})


def names(source: Source, actor: Actor = ADA) -> list[str]:
    return [project.name for project in source.project_list(actor).load().projects]


def page(source: Source, project: str, actor: Actor = ADA) -> ProjectPage:
    return source.project_page(actor, normalize(project)).load()


def downloaded(source: Source, path: str, actor: Actor = ADA) -> bytes:
    content, size = source.file(actor, path).open()
    with content:
        read = content.read()
    assert len(read) == size
    return read


def assert_listed_is_downloadable(*sources: Source) -> None:
    """Of the first: all files of all sources, whose locations can be guessed."""
    offered = sources[0]
    everywhere = {
        file.location: normalize(project)
        for source in sources
        for project in names(source)
        for file in page(source, project).files
    }
    listed = {file.location for project in names(offered) for file in page(offered, project).files}
    for location, project in everywhere.items():
        if location in listed:
            assert downloaded(offered, location)
        else:
            with pytest.raises(UnknownFile):
                offered.file(ADA, location)
            with pytest.raises((UnknownFile, UnknownProject)):
                offered.provenance(ADA, project, "1.0", location.rpartition("/")[2])


# Files that lie somewhere


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for dist in (
        wheel("demo", "1.0", requires_python=">=3.9"),
        wheel("demo", "2.0"),
        sdist("other"),
    ):
        dist.save(tmp_path)
    (tmp_path / "notes.txt").write_text("no distribution")
    (tmp_path / "broken-1.0-py3-none-any.whl").write_bytes(b"no archive")
    return Folder(tmp_path, may_read=lambda actor: not actor.is_anonymous)


def test_a_folder_is_an_index(folder: Folder) -> None:
    assert names(folder) == ["broken", "demo", "other"]
    shown = page(folder, "demo")
    assert shown.versions == ("1.0", "2.0")
    first = shown.files[0]
    dist = wheel("demo", "1.0", requires_python=">=3.9")
    assert (first.filename, first.hashes) == (dist.filename, {"sha256": dist.sha256})
    assert (first.requires_python, first.size) == (">=3.9", len(dist.content))
    assert downloaded(folder, first.location) == dist.content
    assert_listed_is_downloadable(folder)


def test_what_cannot_be_read_is_no_file_of_a_folder(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    assert page(folder, "broken").files == ()
    assert "broken-1.0-py3-none-any.whl is not offered" in caplog.text
    with pytest.raises(UnknownProject):
        page(folder, "notes")
    for path in ("notes.txt", "../demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl", ""):
        with pytest.raises(UnknownFile):
            folder.file(ADA, path)


def test_a_folder_follows_what_is_put_there_and_taken_away(folder: Folder, tmp_path: Path) -> None:
    before = folder.project_page(ADA, normalize("demo"))
    old = page(folder, "demo").files[0]
    changed = wheel("demo", "1.0", padding=1000)
    changed.save(tmp_path)
    (tmp_path / wheel("demo", "2.0").filename).unlink()
    assert folder.project_page(ADA, normalize("demo")).key != before.key
    (file,) = page(folder, "demo").files
    assert downloaded(folder, file.location) == changed.content
    with pytest.raises(UnknownFile):
        folder.file(ADA, old.location)


def test_a_page_lists_what_the_download_has_however_the_content_was_changed(
    folder: Folder, tmp_path: Path
) -> None:
    """Also with the size and the time of modification that it had, as `rsync --times` may do."""
    place = tmp_path / wheel("demo", "2.0").filename
    before, was = place.read_bytes(), place.stat()
    listed = page(folder, "demo").files[1]
    place.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    os.utime(place, ns=(was.st_atime_ns, was.st_mtime_ns))
    with pytest.raises(UnknownFile):
        folder.file(ADA, listed.location)
    assert listed.location not in [file.location for file in page(folder, "demo").files]


def test_a_file_that_is_replaced_after_it_was_looked_up_is_gone(
    folder: Folder, tmp_path: Path
) -> None:
    """Its ETag and its URL, which caches keep for a year, are those of other bytes."""
    found = folder.file(ADA, page(folder, "demo").files[0].location)
    wheel("demo", "1.0", padding=1000).save(tmp_path)
    with pytest.raises(UnknownFile):
        found.open()


def test_a_file_that_changes_while_it_is_read_is_not_offered_yet(tmp_path: Path) -> None:
    class Growing(Folder):
        def files(self) -> Iterator[LooseFile]:
            for file in super().files():
                yield replace(file, open=partial(self.opened, file))

        def opened(self, file: LooseFile) -> IO[bytes]:
            content = file.open()
            os.utime(tmp_path / file.filename)
            return content

    wheel("demo").save(tmp_path)
    assert page(Growing(tmp_path, may_read=lambda _actor: True), "demo").files == ()
    (file,) = page(Folder(tmp_path, may_read=lambda _actor: True), "demo").files
    assert file.filename == wheel("demo").filename


def test_what_is_no_file_harms_no_other(folder: Folder, tmp_path: Path) -> None:
    """Links that lead nowhere or to themselves, folders, pipes, and odd names."""
    before = names(folder)
    for number, name in enumerate(("loop", "nowhere", "folder", "pipe")):
        place = tmp_path / f"{name}-1.0-py3-none-any.whl"
        if number < 2:
            place.symlink_to(place.name if name == "loop" else "absent")
        elif name == "folder":
            place.mkdir()
        else:
            os.mkfifo(place)
    for odd in (b"x\xff-1.0.tar.gz", b'x"-1.0.tar.gz', b"x\n-1.0.tar.gz", b".whl", b"-.zip"):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), odd))).touch()
    assert names(folder) == before


def test_a_file_may_vanish_while_the_folder_is_listed(folder: Folder, tmp_path: Path) -> None:
    listed = iter(folder.files())
    first = next(listed)
    for place in tmp_path.iterdir():
        if place.name != first.filename:
            place.unlink()
    assert list(listed) == []


def test_a_folder_that_cannot_be_listed_is_unavailable(folder: Folder, tmp_path: Path) -> None:
    """And not empty: a source behind it must not supply its projects."""
    wheelhouse, away = tmp_path / "wheelhouse", tmp_path / "away"
    wheelhouse.mkdir()
    wheel("demo").save(wheelhouse)
    first = Folder(wheelhouse, may_read=lambda _actor: True)
    both = Merged(first, fake(wheel("demo", "99.0")))
    assert page(both, "demo").versions == ("1.0",)
    wheelhouse.rename(away)
    for ask in (names, lambda source: page(source, "demo")):
        with pytest.raises(Unavailable):
            ask(both)
    away.rename(wheelhouse)
    assert page(both, "demo").versions == ("1.0",)


def test_a_page_without_a_file_that_could_not_be_read_is_not_kept() -> None:
    dist, broken = wheel("demo"), [OSError(errno.EMFILE, "Too many open files")]

    class Failing(FakeSource):
        def files(self) -> Iterator[LooseFile]:
            for file in super().files():
                yield replace(file, open=partial(self.opened, file))

        def opened(self, file: LooseFile) -> IO[bytes]:
            if broken:
                raise broken.pop()
            return file.open()

    source = Failing({dist.filename: dist.content})
    with pytest.raises(Unavailable):
        page(source, "demo")
    assert [file.filename for file in page(source, "demo").files] == [dist.filename]


def test_what_is_known_of_files_does_not_outlive_them() -> None:
    source = fake()
    for padding in range(20):
        dist = wheel(f"demo{padding % 3}", padding=padding)
        source.contents = {dist.filename: dist.content}
        page(source, f"demo{padding % 3}")
    assert len(source._described) == 1


def test_no_later_source_gets_the_key_of_an_earlier_one() -> None:
    """Not even where it has its place in memory: the pages of all share one cache."""
    keys = {fake(wheel("demo")).project_page(ADA, normalize("demo")).key for _ in range(50)}
    assert len(keys) == 50


def test_a_folder_is_read_by_whom_it_is_for(folder: Folder) -> None:
    for ask in (
        lambda actor: folder.check_access(actor),
        lambda actor: folder.project_list(actor),
        lambda actor: folder.project_page(actor, normalize("demo")),
        lambda actor: folder.file(actor, "x"),
        lambda actor: folder.provenance(actor, normalize("demo"), "1.0", "x"),
        lambda actor: folder.project_details(actor, normalize("demo")),
    ):
        with pytest.raises(AuthenticationRequired):
            ask(ANONYMOUS)
    assert not folder.is_public()
    nobodys = Folder("nowhere", may_read=lambda _actor: False)
    with pytest.raises(PermissionDenied):
        nobodys.check_access(ADA)
    nobodys.check_access(OPERATOR)


def test_details_belong_to_the_page(folder: Folder) -> None:
    """The JSON API of any source, with the fields of the metadata where it knows them."""
    details = folder.project_details(ADA, normalize("demo")).load()
    assert details.version == "2.0"
    assert details.releases == {file.version: (file,) for file in page(folder, "demo").files}
    assert details.fields["name"] == "demo"
    spelled, release = folder.release_details(ADA, normalize("demo"), "v1.0.0")
    assert (spelled, release.load().version) == ("1.0", "1.0")
    for absent in ("3.0", "no version"):
        with pytest.raises(UnknownRelease):
            folder.release_details(ADA, normalize("demo"), absent)


# Allow-lists


def test_an_allow_list_hides_all_of_what_it_does_not_name() -> None:
    inner = fake(wheel("demo"), wheel("Foo.Bar"), sdist("demo"), wheel("secret"))
    allowed = AllowList(inner, ["Demo", "foo_bar"])
    assert names(allowed) == ["demo", "foo-bar"]
    assert page(allowed, "demo") == page(inner, "demo")
    for ask in (allowed.project_page, allowed.project_details):
        with pytest.raises(UnknownProject):
            ask(ADA, normalize("secret"))
    with pytest.raises(UnknownProject):
        allowed.release_details(ADA, normalize("secret"), "1.0")
    assert_listed_is_downloadable(allowed, inner)


def test_an_allow_list_goes_by_whose_file_it_is_and_not_by_what_it_is_called() -> None:
    """The name of an old sdist can be split in several ways."""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings) as registry:
        registry.acting_as(OPERATOR).repositories.create("main", profile="lenient")
        publish(registry, replace(sdist("tool-1", "2"), filename="tool-1-2.tar.gz"))
        own = registry.repository("main").source
        (file,) = page(own, "tool-1", OPERATOR).files
        assert AllowList(own, ["tool-1"]).file(OPERATOR, file.location).project == "tool-1"
        with pytest.raises(UnknownFile):
            AllowList(own, ["tool"]).file(OPERATOR, file.location)


def test_who_may_not_read_learns_nothing_from_an_allow_list() -> None:
    private = FakeSource({}, may_read=lambda actor: not actor.is_anonymous)
    allowed = AllowList(private, ["demo"])
    for project in ("demo", "other"):
        with pytest.raises(AuthenticationRequired):
            allowed.project_page(ANONYMOUS, normalize(project))
        with pytest.raises(AuthenticationRequired):
            allowed.file(ANONYMOUS, f"aa/bb/cc/{project}-1.0-py3-none-any.whl")


def test_nothing_tells_whether_a_file_of_a_project_that_is_not_shown_is_there(
    registry: Registry,
) -> None:
    own, projects = registry.repository("main").source, registry.acting_as(OPERATOR).projects
    allowed = AllowList(own, ["demo"])
    (file,), (shown,) = page(own, "hidden").files, page(own, "demo").files
    told = set()
    for change in (
        lambda: None,
        lambda: projects.set_status("main", "hidden", "quarantined"),
        lambda: projects.delete("main", "hidden"),
    ):
        change()
        for suffix in ("", ".metadata", ".asc"):
            with pytest.raises(UnknownFile) as refused:
                allowed.file(ADA, file.location + suffix)
            told.add((suffix, refused.value.message))
    assert len(told) == 3
    projects.set_status("main", "demo", "quarantined")
    with pytest.raises(ProjectClosed):
        allowed.file(ADA, shown.location)


class WheelsOnly(Filtered):
    """Offers no file but wheels."""

    def shows_file(self, file: ListedFile) -> bool:
        return file.kind == "bdist_wheel"


def test_a_file_that_is_not_shown_is_nowhere() -> None:
    inner = fake(wheel("demo", "1.0"), sdist("demo", "1.0"), sdist("demo", "2.0"))
    wheels = WheelsOnly(inner)
    assert [file.filename for file in page(wheels, "demo").files] == [wheel("demo").filename]
    assert page(wheels, "demo").versions == ("1.0",)
    assert wheels.project_details(ADA, normalize("demo")).load().releases.keys() == {"1.0"}
    with pytest.raises(UnknownRelease):
        wheels.release_details(ADA, normalize("demo"), "2.0")
    assert_listed_is_downloadable(wheels, inner)
    for suffix in (".metadata", ".asc"):
        with pytest.raises(UnknownFile):
            wheels.file(ADA, page(inner, "demo").files[0].location + suffix)
    dist = wheel("demo", "3.0")
    before = wheels.project_page(ADA, normalize("demo")).key
    inner.contents[dist.filename] = dist.content
    assert wheels.project_page(ADA, normalize("demo")).key != before
    assert page(wheels, "demo").versions == ("1.0", "3.0")


# Merged


def test_the_first_owner_supplies_a_project_whole() -> None:
    """Whatever the versions: so that nobody adds to a project of ours from elsewhere."""
    own = fake(wheel("demo", "1.0"))
    other = fake(wheel("demo", "99.0"), wheel("public"))
    both = Merged(own, other)
    assert names(both) == ["demo", "public"]
    assert page(both, "demo").versions == ("1.0",)
    assert page(both, "public").versions == ("1.0",)
    assert both.project_details(ADA, normalize("demo")).load().version == "1.0"
    assert both.release_details(ADA, normalize("public"), "1")[0] == "1.0"
    with pytest.raises(UnknownRelease):
        both.release_details(ADA, normalize("demo"), "99.0")
    with pytest.raises(UnknownProject):
        page(both, "absent")
    assert_listed_is_downloadable(both, own, other)


def test_a_project_that_is_refused_is_not_looked_for_elsewhere() -> None:
    class Refusing(SourceWrapper):
        def project_page(self, actor: Actor, project: object) -> Versioned[ProjectPage]:
            raise PermissionDenied("Not you.")

        def file(self, actor: Actor, path: str) -> ServedFile:
            raise PermissionDenied("Not you.")

    other = fake(wheel("demo", "99.0"))
    both = Merged(Refusing(fake()), other)
    with pytest.raises(PermissionDenied):
        both.project_page(ADA, normalize("demo"))
    with pytest.raises(PermissionDenied):
        both.file(ADA, page(other, "demo").files[0].location)


def test_the_first_says_who_may_read_a_merged_source() -> None:
    private = FakeSource({}, may_read=lambda actor: not actor.is_anonymous)
    both = Merged(private, fake(wheel("public")))
    with pytest.raises(AuthenticationRequired):
        both.project_page(ANONYMOUS, normalize("public"))
    with pytest.raises(AuthenticationRequired):
        both.file(ANONYMOUS, "aa/bb/cc/public-1.0-py3-none-any.whl")
    assert not both.is_public()
    assert names(both) == ["public"]


def test_nothing_behind_a_private_source_is_public(registry: Registry) -> None:
    """Or a shared cache would give what the first source keeps from somebody."""
    private = FakeSource({}, may_read=lambda actor: not actor.is_anonymous)
    for public in (fake(wheel("demo")), registry.repository("main").source):
        both = Merged(private, public)
        project = normalize("demo")
        (file,) = page(public, "demo").files
        assert public.file(ADA, file.location).public
        found = both.file(ADA, file.location)
        assert not found.public
        assert downloaded(both, file.location) == wheel("demo").content
        found.count_download()
        assert (found.project, found.filename) == (project, file.filename)
        assert found.etag == wheel("demo").sha256
        for versioned in (
            both.project_list(ADA),
            both.project_page(ADA, project),
            both.project_details(ADA, project),
            both.release_details(ADA, project, "1.0")[1],
        ):
            assert not versioned.public


def test_a_closed_project_is_not_looked_for_elsewhere(registry: Registry) -> None:
    """Neither one that is quarantined nor one that has no files any more."""
    own, operator = registry.repository("main").source, registry.acting_as(OPERATOR)
    operator.projects.set_status("main", "demo", "quarantined")
    (hidden,) = page(own, "hidden").files
    operator.projects.delete_file("main", hidden.filename)
    others = {name: wheel(name, "99.0") for name in ("demo", "hidden")}
    other = fake(*others.values())
    client = Client(registry.wsgi_app(source=lambda _name, own_files: Merged(own_files, other)))
    for project, dist in others.items():
        (file,) = page(other, project).files
        for path, status in {
            f"pypi/{project}/json": 404 if project == "demo" else 200,
            f"{project}/json": 404 if project == "demo" else 200,
            f"pypi/{project}/99.0/json": 404,
            f"files/{file.location}": 404,
            f"integrity/{project}/99.0/{dist.filename}/provenance": 404,
            f"simple/{project}/": 200,
        }.items():
            response = client.get(f"/repositories/main/{path}")
            assert response.status_code == status, path
            assert status == 404 or dist.filename not in response.text


def test_merged_pages_are_cached_by_what_is_in_them() -> None:
    own, other = fake(wheel("demo")), fake()
    both = Merged(own, other)
    before = both.project_list(ADA)
    assert both.project_list(ADA).key == before.key
    dist = wheel("public")
    other.contents[dist.filename] = dist.content
    assert both.project_list(ADA).key != before.key


def test_a_later_source_that_refuses_takes_no_list_away() -> None:
    refusing = FakeSource({}, may_read=lambda _actor: False)
    both = Merged(fake(wheel("demo")), refusing)
    assert names(both) == ["demo"]
    with pytest.raises(PermissionDenied):
        both.project_page(ADA, normalize("other"))


def test_sources_that_use_equal_keys_are_not_taken_for_each_other(registry: Registry) -> None:
    """Neither by the apps that share a cache, nor where the owner of a project changes."""

    class Careless(FakeSource):
        def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
            return replace(super().project_page(actor, project), key="always the same")

    one = Careless({wheel("demo", "1.0").filename: wheel("demo", "1.0").content})
    other = Careless({wheel("demo", "2.0").filename: wheel("demo", "2.0").content})
    cache = PageCache(2**20)
    shown = []
    for source in (one, other, Merged(one, other)):
        app = SimpleIndexApp(registry.repository("main", source), cache=cache)
        shown.append(Client(app).get("/demo/").text)
    assert ["1.0" in shown[0], "2.0" in shown[1], "1.0" in shown[2]] == [True, True, True]
    one.contents.clear()
    assert "2.0" in Client(app).get("/demo/").text


def test_a_file_whose_version_a_page_does_not_list_is_shown_all_the_same() -> None:
    class Odd(FakeSource):
        def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
            whole = super().project_page(actor, project)
            return replace(whole, load=lambda: replace(whole.load(), versions=("1",)))

    odd = Odd({wheel("demo", "1.0").filename: wheel("demo", "1.0").content})
    details = odd.project_details(ADA, normalize("demo")).load()
    assert {version: len(files) for version, files in details.releases.items()} == {
        "1": 0,
        "1.0": 1,
    }


# In the apps


@pytest.fixture
def registry() -> Iterator[Registry]:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings) as registry:
        registry.acting_as(OPERATOR).repositories.create("main", public=True)
        publish(registry, wheel("demo"))
        publish(registry, wheel("hidden"))
        yield registry


def test_a_registry_serves_a_source_at_all_of_its_urls(registry: Registry) -> None:
    """Neither index nor files, metadata, provenance or JSON document of what it does not offer."""

    def source(repository: str, own_files: Source) -> Source:
        assert repository == "main"
        return Merged(AllowList(own_files, ["demo"]), fake(wheel("extra")))

    client = Client(registry.wsgi_app(source=source))
    own = registry.repository("main").source
    (hidden,), (demo,) = page(own, "hidden", UPLOADER).files, page(own, "demo", UPLOADER).files
    main = "/repositories/main"
    (extra,) = page(fake(wheel("extra")), "extra").files
    for url, status in {
        f"{main}/simple/demo/": 200,
        f"{main}/pypi/demo/json": 200,
        f"{main}/files/{demo.location}": 200,
        f"{main}/files/{demo.location}.metadata": 200,
        f"{main}/simple/extra/": 200,
        f"{main}/pypi/extra/1.0/json": 200,
        f"{main}/extra/json": 200,
        f"{main}/files/{extra.location}": 200,
        f"{main}/simple/hidden/": 404,
        f"{main}/+simple/hidden/": 404,
        f"{main}/pypi/hidden/json": 404,
        f"{main}/pypi/hidden/1.0/json": 404,
        f"{main}/hidden/json": 404,
        f"{main}/files/{hidden.location}": 404,
        f"{main}/files/{hidden.location}.metadata": 404,
        f"{main}/integrity/hidden/1.0/{hidden.filename}/provenance": 404,
    }.items():
        assert client.get(url, buffered=True).status_code == status, url
    listing = client.get(f"{main}/simple/").text
    assert ("demo" in listing, "extra" in listing, "hidden" in listing) == (True, True, False)


def test_a_wrapper_that_lets_fewer_read_says_so_once(registry: Registry) -> None:
    class Closed(SourceWrapper):
        def check_access(self, actor: Actor) -> None:
            if actor.is_anonymous:
                raise AuthenticationRequired("Log in.")
            super().check_access(actor)

        def is_public(self) -> bool:
            return False

    def source(_repository: str, own_files: Source) -> Source:
        return Closed(own_files)

    (file,) = page(registry.repository("main").source, "demo").files
    anonymous = Client(registry.wsgi_app(lambda environ: ANONYMOUS, source))
    somebody = Client(registry.wsgi_app(lambda environ: ADA, source))
    for path in (
        "simple/",
        "simple/demo/",
        "pypi/demo/json",
        "pypi/demo/1.0/json",
        f"files/{file.location}",
        f"files/{file.location}.metadata",
        f"integrity/demo/1.0/{file.filename}/provenance",
    ):
        url = f"/repositories/main/{path}"
        assert anonymous.get(url).status_code == 401, path
        response = somebody.get(url)
        assert not response.cache_control.public, path
        assert (response.status_code == 404) is path.startswith("integrity"), path


def test_a_source_is_made_once_for_a_name_that_a_repository_may_have(registry: Registry) -> None:
    asked = []

    def source(repository: str, own_files: Source) -> Source:
        asked.append(repository)
        return own_files

    client = Client(registry.wsgi_app(source=source))
    for name in ("main", "other", "main", "-", "x" * 65, "Main", "other"):
        client.get(f"/repositories/{name}/simple/")
    assert asked == ["main", "other"]


class _Elsewhere(SourceWrapper):
    """Lists one file that is kept at another URL."""

    URL = "https://files.example.com/demo-1.0.tar.gz?a=1&b=2"
    FILE = ExternalFile(
        filename="demo-1.0.tar.gz", project=normalize("demo"), version="1.0", kind="sdist",
        python_tag="source", location=URL, hashes={"sha512": "ab" * 64}, metadata_hashes={},
    )  # fmt: skip

    def project_page(self, actor: Actor, project: object) -> Versioned[ProjectPage]:
        found = ProjectPage(
            name=normalize("demo"), status="active", status_reason="", serial=0, versions=("1.0",),
            files=(self.FILE,),
        )  # fmt: skip
        return Versioned(key="elsewhere", serial=0, public=True, load=lambda: found)

    def file(self, actor: Actor, path: str) -> Redirect:
        return Redirect(normalize("demo"), self.URL)


def test_a_file_may_be_elsewhere(registry: Registry) -> None:
    """With digests of other algorithms, and no size or time of upload that anybody knew."""
    bound = registry.repository("main", _Elsewhere(fake()))
    apps = {"/simple": SimpleIndexApp(bound), "/files": DownloadApp(bound)}
    client = Client(mount(apps))
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    (file,) = client.get("/simple/demo/", headers=accept).get_json(force=True)["files"]
    assert file["url"] == _Elsewhere.URL
    assert file["hashes"] == {"sha512": "ab" * 64}
    assert file["core-metadata"] is True
    assert not {"size", "upload-time"} & file.keys()
    html = client.get("/simple/demo/").text
    escaped, sha512 = _Elsewhere.URL.replace("&", "&amp;"), "ab" * 64
    assert f'href="{escaped}#sha512={sha512}"' in html
    assert 'data-core-metadata="true"' in html
    assert "data-size" not in html
    redirect = client.get("/files/any/path")
    assert (redirect.status_code, redirect.headers["Location"]) == (302, _Elsewhere.URL)


def test_versions_that_are_none_are_versions_all_the_same(registry: Registry) -> None:
    """P6: pytz 2004d, for example, is older than PEP 440."""

    class Old(_Elsewhere):
        def project_page(self, actor: Actor, project: object) -> Versioned[ProjectPage]:
            page = super().project_page(actor, project)
            loaded = replace(page.load(), versions=("1.0", "2004d"))
            return replace(page, load=lambda: loaded)

    source, demo = Old(fake()), normalize("demo")
    assert Source.project_details(source, ADA, demo).load().version == "1.0"
    spelled, details = Source.release_details(source, ADA, demo, "2004d")
    assert (spelled, details.load().version) == ("2004d", "2004d")


def test_own_files_are_listed_as_what_they_are(registry: Registry) -> None:
    (file,) = page(registry.repository("main").source, "demo").files
    assert isinstance(file, DistributionFile)
    assert file.hashes["sha256"] == file.digests.sha256
    assert file.location == file.path


def test_the_portal_manages_the_uploaded_files_whatever_readers_get(registry: Registry) -> None:
    boss = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
    app = registry.wsgi_app(
        lambda _environ: boss, lambda _name, own_files: AllowList(own_files, ["demo"])
    )
    page = Client(app).get("/portal/repositories/main/projects/hidden")
    assert page.status_code == 200
    assert "hidden-1.0" in Client(app).get("/portal/repositories/main/projects/hidden/files").text


def test_what_is_no_source_is_refused_at_once(registry: Registry) -> None:
    not_a_source: Any = object()
    own = registry.repository("main").source
    for use in (
        lambda: AllowList(not_a_source, ["demo"]),
        lambda: Merged([own, own]),  # type: ignore[arg-type]
        lambda: Merged(own, not_a_source),
        lambda: registry.repository("main", not_a_source),
        lambda: registry.wsgi_app(source=lambda _name, _own_files: not_a_source),
    ):
        with pytest.raises(TypeError, match="must be an object of a class that is derived from"):
            use()


def test_an_allow_list_is_not_one_name() -> None:
    with pytest.raises(TypeError, match="needs a list of projects"):
        AllowList(fake(wheel("demo")), "demo")
