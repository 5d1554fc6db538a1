"""I1, I2, I3: what a simple index says of its files comes with them, whatever else it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import (
    InvalidSetting,
    UnreadablePage,
    UpstreamFailed,
    UpstreamRefused,
)
from pypi_repo.domain.importing.selection import Selection
from pypi_repo.services.importing.importing import Imports
from pypi_repo.services.importing.sources import site
from pypi_repo.services.importing.sources.opening import SourceAccess
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import releases
from tests.conftest import PASSWORD, READER
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.journal import journal_of
from tests.support.live import LiveServer
from tests.support.scripted_index import ScriptedIndex
from tests.support.scripted_server import Asked, Cut, ScriptedServer, reply
from tests.support.uploads import damage, filenames, page, publish, upload
from tests.support.upstreams import LiveUpstream

LOCAL = SourceAccess(allow_http=True, allow_private_network=True)
DEMO = Selection.of(["demo"])
OLD, NEW, SOURCE = wheel("demo", "1.0"), wheel("demo", "2.0"), sdist("demo", "2.0")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    monkeypatch.setattr(site, "_PAUSE", 0)


@pytest.fixture
def imports(both: Registry) -> Imports:
    return both.acting_as(OPERATOR).imports


@pytest.fixture
def elsewhere() -> Iterator[LiveUpstream]:
    """Another registry of ours, with a project that is deprecated, yanked and signed in places."""
    upstream = LiveUpstream()
    publish(upstream.registry, OLD, "public", signature=b"a signature")
    for file in (NEW, SOURCE, wheel("Other.Pkg", "1.0")):
        upstream.add(file)
    operator = upstream.registry.acting_as(OPERATOR)
    operator.projects.yank_file("public", OLD.filename, "It is <broken>.")
    operator.projects.set_status("public", "demo", "archived", "Use another.")
    yield upstream
    upstream.close()


@pytest.fixture
def index() -> Iterator[ScriptedIndex]:
    with ScriptedIndex() as scripted:
        yield scripted


def add(index: ScriptedIndex, *files: Distribution, **says: object) -> None:
    for file in files:
        index.add(file.filename, file.content, **says)


def test_all_that_an_index_says_comes(
    imports: Imports, both: Registry, elsewhere: LiveUpstream
) -> None:
    """I2: upload times, yanks, the status and signatures, of another registry of ours."""
    report = imports.run("main", imports.source(elsewhere.url, LOCAL))

    assert (report.imported, report.left_out, report.notes) == (4, (), ())
    assert report.statuses == ("demo",)
    here, there = page(both), page(elsewhere.registry, "demo", "public")
    assert (here.status, here.status_reason) == ("archived", "Use another.")
    for ours, theirs in zip(
        sorted(here.files, key=lambda file: file.filename),
        sorted(there.files, key=lambda file: file.filename),
        strict=True,
    ):
        for name in ("filename", "hashes", "yanked", "uploaded_at", "is_signed", "requires_python"):
            assert getattr(ours, name) == getattr(theirs, name), name
    assert filenames(both, "other-pkg") == ["other_pkg-1.0-py3-none-any.whl"]
    assert damage(both) == []


def test_a_second_run_asks_for_no_file(
    imports: Imports, both: Registry, elsewhere: LiveUpstream
) -> None:
    """I3: what has the digest that the page lists is here already."""
    imports.run("main", imports.source(elsewhere.url, LOCAL))
    before, asked = journal_of(both), elsewhere.files_asked()

    report = imports.run("main", imports.source(elsewhere.url, LOCAL))

    assert (report.imported, report.here, report.left_out) == (0, 4, ())
    assert elsewhere.files_asked() == asked
    assert journal_of(both) == before


def test_what_was_left_out_can_come_later(
    imports: Imports, both: Registry, elsewhere: LiveUpstream
) -> None:
    """Although the project got its status, archived, in the first run."""
    both.acting_as(OPERATOR).repositories.change("main", max_file_size=len(SOURCE.content) - 1)
    first = imports.run("main", imports.source(elsewhere.url, LOCAL))
    both.acting_as(OPERATOR).repositories.change("main", max_file_size=None)

    second = imports.run("main", imports.source(elsewhere.url, LOCAL))

    assert first.left_out
    assert (second.imported, second.left_out) == (len(first.left_out), ())
    assert page(both).status == "archived"


def test_a_status_that_was_set_here_stays(
    imports: Imports, both: Registry, elsewhere: LiveUpstream
) -> None:
    imports.run("main", imports.source(elsewhere.url, LOCAL))
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    report = imports.run("main", imports.source(elsewhere.url, LOCAL))
    assert (report.statuses, page(both).status) == ((), "active")


def test_a_project_with_own_files_keeps_its_status(
    imports: Imports, both: Registry, elsewhere: LiveUpstream
) -> None:
    upload(both, wheel("demo", "9.0"))
    report = imports.run("main", imports.source(elsewhere.url, LOCAL))
    assert (report.imported, report.statuses, page(both).status) == (4, (), "active")


def test_credentials_open_a_private_index(
    imports: Imports, both: Registry, registry: Registry
) -> None:
    upload(registry, NEW)
    server = LiveServer(registry.wsgi_app())
    url = f"{server.url}/repositories/main/simple"
    known = SourceAccess(
        username=READER, password=PASSWORD, allow_http=True, allow_private_network=True
    )
    try:
        with pytest.raises(UpstreamFailed, match="credentials"):
            imports.run("main", imports.source(url, LOCAL))
        assert imports.run("main", imports.source(url, known)).imported == 1
    finally:
        server.close()
    details = [each.detail or {} for each in journal_of(both, "main")]
    assert {detail["from"] for detail in details[-2:]} == {f"{url}/"}
    assert PASSWORD not in str(details)


def test_quarantined_projects_offer_nothing(
    imports: Imports, both: Registry, elsewhere: LiveUpstream
) -> None:
    """But it is told."""
    elsewhere.registry.acting_as(OPERATOR).projects.set_status("public", "demo", "quarantined")
    report = imports.run("main", imports.source(elsewhere.url, LOCAL), DEMO)
    assert (report.imported, [each.project for each in report.left_out]) == (0, ["demo"])


def test_uploaders_are_kept_where_it_is_told(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    """I2: an index does not say who they are; see the tests with devpi, which does."""
    add(index, NEW)
    imports.run("main", imports.source(index.url, LOCAL), DEMO, keep_uploaders=True)
    (file,) = both.acting_as(OPERATOR).projects.get("main", "demo")[1]
    assert (file.uploaded_by, file.uploaded_by_user) == (OPERATOR.name, False)


def test_a_release_is_as_old_as_its_oldest_file(
    imports: Imports, both: Registry, database: Database, index: ScriptedIndex
) -> None:
    """Although another file of it was here before."""
    upload(both, NEW)
    add(index, SOURCE, upload_time="2020-01-01T00:00:00Z")
    imports.run("main", imports.source(index.url, LOCAL), DEMO)
    created_at = database.execute(select(releases.c.created_at)).scalar_one()
    assert created_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_times_to_come_are_not_believed(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    add(index, NEW, upload_time="2999-01-01T00:00:00Z")
    imports.run("main", imports.source(index.url, LOCAL), DEMO)
    (file,) = page(both).files
    assert file.uploaded_at is not None
    assert file.uploaded_at <= datetime.now(UTC)


def test_attestations_come_along(imports: Imports, both: Registry, index: ScriptedIndex) -> None:
    add(index, NEW, provenance="../../files/provenance")
    bundles = [{"publisher": {"kind": "other"}, "attestations": [attestation(NEW)]}]
    document = {"version": 1, "attestation_bundles": bundles}
    index.put("provenance", json.dumps(document).encode())

    report = imports.run("main", imports.source(index.url, LOCAL), DEMO)

    assert (report.imported, report.notes) == (1, ())
    (file,) = page(both).files
    assert file.has_provenance


@pytest.mark.parametrize("size", [None, 0, -1, +1])
def test_other_content_than_the_page_names(
    imports: Imports, both: Registry, index: ScriptedIndex, size: int | None
) -> None:
    """I2: whether the size is right, wrong or not listed."""
    add(index, NEW, size=None if size is None else len(NEW.content) + size)
    changed = bytearray(NEW.content)
    changed[-1] ^= 1
    index.put(NEW.filename, bytes(changed))
    add(index, OLD)

    report = imports.run("main", imports.source(index.url, LOCAL), DEMO)

    assert [each.filename for each in report.left_out] == [NEW.filename]
    assert filenames(both) == [OLD.filename]
    assert damage(both) == []


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha384", "sha512", "blake2b"])
def test_other_digests_are_compared_too(
    imports: Imports, both: Registry, index: ScriptedIndex, algorithm: str
) -> None:
    add(
        index,
        NEW,
        hashes={algorithm: "0" * {"md5": 32, "sha1": 40, "sha384": 96}.get(algorithm, 128)},
    )
    report = imports.run("main", imports.source(index.url, LOCAL), DEMO)
    assert [each.filename for each in report.left_out] == [NEW.filename]
    assert algorithm in report.left_out[0].reason


def test_a_file_without_any_digest(imports: Imports, both: Registry, index: ScriptedIndex) -> None:
    add(index, NEW, hashes={})
    first = imports.run("main", imports.source(index.url, LOCAL), DEMO)
    again = imports.run("main", imports.source(index.url, LOCAL), DEMO)
    assert (first.imported, again.imported, again.here) == (1, 0, 1)


def test_the_archive_of_another_project(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    """With the right digest: what is in it decides, also as it is."""
    index.add(NEW.filename, wheel("other", "2.0").content)
    report = imports.run("main", imports.source(index.url, LOCAL), DEMO, as_is=True)
    assert (report.imported, [each.filename for each in report.left_out]) == (0, [NEW.filename])


@pytest.mark.parametrize(
    "name",
    [
        "../demo-2.0.tar.gz",
        "/etc/demo-2.0.tar.gz",
        "demo-2.0.tar.gz\n",
        ".demo-2.0.tar.gz",
        "x-1.zip",
    ],
)
def test_paths_and_other_projects_in_names(
    imports: Imports, both: Registry, index: ScriptedIndex, name: str
) -> None:
    add(index, OLD)
    index._pages["demo"].append({**index._pages["demo"][0], "filename": name})

    report = imports.run("main", imports.source(index.url, LOCAL), DEMO, as_is=True)

    assert report.imported == 1
    assert [(each.project, each.filename) for each in report.left_out] == [("demo", "")]
    assert filenames(both) == [OLD.filename]


def test_a_transfer_that_was_cut_goes_on(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    big = wheel("demo", "3.0", padding=600_000)
    add(index, big)

    def cut(asked: Asked, content: bytes) -> Iterator[bytes]:
        start = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        last = len(content) - 1
        where = {"Content_Range": f"bytes {start}-{last}/{len(content)}"} if start else {}
        answer = reply(content[start:], "206 Partial Content" if start else "200 OK", **where)
        yield answer[: len(answer) - len(content[start:]) + 250_000]
        if len(content) - start > 250_000:
            raise Cut

    index.answers = cut

    assert imports.run("main", imports.source(index.url, LOCAL), DEMO).imported == 1
    assert index.ranges[0] is None
    assert len(index.ranges) == 3
    assert damage(both) == []


def test_an_endless_file(imports: Imports, both: Registry, index: ScriptedIndex) -> None:
    """It is given up at the size that the page names, or else at the limit."""
    both.acting_as(OPERATOR).repositories.change("main", max_file_size=1_000_000)
    add(index, NEW, OLD, size=None)
    sent = []

    def without_end(_asked: Asked, content: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        for number in range(1000):
            sent.append(number)
            yield content[:1] * 100_000

    index.answers = without_end
    report = imports.run("main", imports.source(index.url, LOCAL), DEMO)

    assert sorted(each.filename for each in report.left_out) == [OLD.filename, NEW.filename]
    assert len(sent) < 2 * 500


def test_an_endless_page(imports: Imports, both: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "_LARGEST_PAGE", 1_000_000)

    def without_end(_asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
        while True:
            yield b"<a href='demo-1.0.tar.gz'>demo-1.0.tar.gz</a>\n" * 1000

    with ScriptedServer(without_end) as server:
        source = imports.source(f"{server.url}/simple/", LOCAL)
        report = imports.run("main", source, DEMO)
        with pytest.raises(UpstreamFailed):
            imports.run("main", source)
    assert (report.imported, [each.project for each in report.left_out]) == (0, ["demo"])


def test_redirects_to_other_hosts(imports: Imports, both: Registry, index: ScriptedIndex) -> None:
    """They are followed to hosts that are allowed, and no other is asked."""
    add(index, NEW)
    redirected = []

    def other(asked: Asked) -> bytes:
        redirected.append(asked.target)
        return reply(NEW.content)

    with ScriptedServer(other) as server:
        index.answers = lambda _asked, _content: reply(
            status="302 Found", Location=f"{server.url}/{NEW.filename}"
        )
        refused = imports.run("main", imports.source(index.url, LOCAL), DEMO)
        assert redirected == []
        allowed = SourceAccess(
            allow_http=True,
            allow_private_network=True,
            file_hosts=frozenset({f"127.0.0.1:{server.port}"}),
        )
        report = imports.run("main", imports.source(index.url, allowed), DEMO)
    assert [each.filename for each in refused.left_out] == [NEW.filename]
    assert report.imported == 1


def test_links_to_other_hosts_are_told(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    add(index, NEW, url=f"http://files.invalid/{NEW.filename}")
    source = imports.source(index.url, LOCAL)
    assert imports.assess("main", source, DEMO).hosts == ("files.invalid",)
    report = imports.run("main", source, DEMO)
    assert (report.hosts, report.imported) == (("files.invalid",), 0)


@pytest.mark.parametrize(
    "access",
    [SourceAccess(), SourceAccess(allow_http=True), SourceAccess(allow_private_network=True)],
)
def test_only_what_is_allowed_is_asked(
    imports: Imports, both: Registry, index: ScriptedIndex, access: SourceAccess
) -> None:
    """An address in a private network, and a URL without TLS."""
    with pytest.raises(UpstreamRefused):
        imports.run("main", imports.source(index.url, access))
    report = imports.run("main", imports.source(index.url, access), DEMO)
    assert [each.project for each in report.left_out] == ["demo"]
    assert index.pages_asked == []


def test_credentials_in_the_url(imports: Imports) -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        imports.run("main", imports.source("https://me:hidden@example.invalid/simple/", LOCAL))
    assert "hidden" not in refusal.value.for_operator


def test_a_server_that_dies_ends_the_run(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    """Rather than waiting for each of its files."""
    for number in range(100):
        add(index, wheel("demo", f"1.{number}"))

    def fails(_asked: Asked, _content: bytes) -> bytes:
        raise Cut

    index.answers = fails
    with pytest.raises(UpstreamFailed, match="begin again"):
        imports.run("main", imports.source(index.url, LOCAL), DEMO)
    assert len({asked.target for asked in index.asked}) < 60


def test_a_file_that_is_gone_is_left_out(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    add(index, NEW, OLD)
    del index._contents[NEW.filename]
    report = imports.run("main", imports.source(index.url, LOCAL), DEMO)
    assert (report.imported, [each.filename for each in report.left_out]) == (1, [NEW.filename])


def test_an_assessment_asks_for_no_file(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    odd = wheel("demo", "1.5", filename="Demo-1.5-py3-none-any.whl")
    upload(both, OLD)
    add(index, OLD, NEW)
    index._pages["demo"].append({**index._pages["demo"][0], "filename": odd.filename, "size": None})
    found = imports.assess("main", imports.source(index.url, LOCAL), DEMO)
    assert (found.projects, found.new_projects, found.here, found.files) == (1, 0, 1, 2)
    assert (found.size, found.unknown_sizes) == (len(NEW.content), 1)
    assert [each.filename for each in found.refused] == [odd.filename]
    assert not found.has_read_files
    assert index.asked == []


def test_an_assessment_looks_at_metadata(
    imports: Imports, both: Registry, index: ScriptedIndex
) -> None:
    """Where the index has them beside the wheels: a rule refuses one, and nobody takes another."""
    odd = wheel("demo", "3.0", extra_metadata="License-Expression: no such licence")
    wrong = wheel("demo", "4.0")
    add(index, NEW, beside=NEW.metadata)
    add(index, odd, beside=odd.metadata)
    add(index, wrong, beside=wheel("other", "4.0").metadata)

    found = imports.assess("main", imports.source(index.url, LOCAL), DEMO)

    assert found.files == 2
    assert [each.filename for each in found.refused] == [odd.filename]
    assert [each.filename for each in found.left_out] == [wrong.filename]
    assert {asked.target.rpartition("/")[2] for asked in index.asked} == {
        f"{file.filename}.metadata" for file in (NEW, odd, wrong)
    }


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (
            b'{"meta": {}, "projects": [{"name": "Demo"}, {"name": "../x"}, {"name": "a.b"}]}',
            "demo a-b",
        ),
        (
            b'<a href="Demo/">Demo</a> <a href="../">up</a> <A HREF="/x/simple/a_b">a.b</A>',
            "demo a-b",
        ),
        (b'{"projects": []}', ""),
        (b'<meta name="pypi:repository-version" content="1.0"><a href="/help/">Ask us</a>', ""),
    ],
)
def test_lists_of_projects(imports: Imports, body: bytes, names: str) -> None:
    with ScriptedServer(lambda _asked: reply(body)) as server:
        source = imports.source(f"{server.url}/simple/", LOCAL)
        assert list(source.projects()) == sorted(names.split())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"projects": [1]}',
        b'{"name": "demo"}',
        b'<form>Sign in</form> <a href="/help/">Ask us</a><a href="//evil.invalid/x/">y</a>',
    ],
)
def test_lists_that_are_none(imports: Imports, body: bytes) -> None:
    with ScriptedServer(lambda _asked: reply(body)) as server:
        source = imports.source(f"{server.url}/simple/", LOCAL)
        with pytest.raises(UnreadablePage):
            source.projects()


def test_static_pages_under_other_spellings(imports: Imports, both: Registry) -> None:
    """A folder of pages that nobody has normalized."""

    def answer(asked: Asked) -> bytes:
        match asked.target:
            case "/simple/":
                return reply(b'<a href="Demo/">Demo/</a>')
            case "/simple/Demo/":
                link = f'<a href="{NEW.filename}#sha256={NEW.sha256}">{NEW.filename}</a>'
                return reply(link.encode())
            case target if target.endswith(".whl"):
                return reply(NEW.content)
        return reply(status="404 Not Found")

    with ScriptedServer(answer) as server:
        assert imports.run("main", imports.source(f"{server.url}/simple", LOCAL)).imported == 1


def test_selections_name_projects() -> None:
    with pytest.raises(InvalidSetting):
        Selection.of(["demo", "no name"])
