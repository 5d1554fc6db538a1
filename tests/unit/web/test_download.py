"""Downloads over HTTP: ranges, conditions, streaming, and what is no file."""

import gc
import gzip
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO
from wsgiref.util import FileWrapper

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry
from tests.support.distributions import sdist, wheel
from tests.support.http import Called, Connection, Site, basic, call, environ_of
from tests.support.live import LiveServer

USER, PASSWORD = "user@example.com", "correct horse"
READER = "reader@example.com"

DIST = wheel(padding=700_000)
SIZE = len(DIST.content)
LARGEST_CHUNK = 1024 * 1024


@pytest.fixture
def disk(new_registry: Callable[..., Registry], tmp_path: Path) -> Registry:
    return new_registry(blobs=f"file://{tmp_path}/blobs")


@pytest.fixture
def disk_site(disk: Registry) -> Site:
    root = "/repositories/main/"
    urls = (root, f"{root}simple/", f"{root}files/")
    return Site(Client(disk.wsgi_app()), *urls, headers=basic(USER, PASSWORD))


@pytest.fixture
def uploaded(site: Site) -> Site:
    site.upload(wheel())
    return site


def unclosed_files(action: Callable[[], object]) -> list[str]:
    """What Python says of files that nobody closed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
        gc.collect()
    return [str(warning.message) for warning in caught if warning.category is ResourceWarning]


# The whole file


def test_x55_x56_the_file_with_its_headers(stored_site: Site) -> None:
    stored_site.upload(DIST)
    url = stored_site.file_url(DIST)
    assert url.endswith(f"/{DIST.filename}")
    response = stored_site.get(url)
    assert response.status == "200 OK"
    assert response.data == DIST.content
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == f'"{DIST.sha256}"'
    assert "no-transform" in response.headers["Cache-Control"]


def test_x56_an_sdist_is_never_said_to_be_encoded(mounted: Site) -> None:
    dist = sdist()
    mounted.upload(dist)
    for method in ("GET", "HEAD"):
        for accept in ("identity", "gzip, deflate", "gzip"):
            response = mounted.get(mounted.file_url(dist), method=method, Accept_Encoding=accept)
            assert "Content-Encoding" not in response.headers
            assert response.headers["Content-Length"] == str(len(dist.content))
    assert gzip.decompress(mounted.get(mounted.file_url(dist)).data)


def test_x53_the_digest_in_the_url_lets_it_be_kept_for_ever(
    registry: Registry, mounted: Site
) -> None:
    mounted.upload(wheel())
    url = mounted.file_url(wheel())
    for path in (url, f"{url}.metadata"):
        private = mounted.get(path)
        directives = private.headers["Cache-Control"].split(", ")
        assert "immutable" in directives
        assert "private" in directives
        assert private.headers["Vary"] == "Authorization, Cookie"
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    public = mounted.get(url)
    assert "public" in public.headers["Cache-Control"].split(", ")
    assert "Vary" not in public.headers


def test_x54_no_browser_shows_what_is_inside(mounted: Site) -> None:
    mounted.upload(wheel())
    for suffix in ("", ".metadata"):
        headers = mounted.get(mounted.file_url(wheel()) + suffix).headers
        assert headers["Content-Security-Policy"] == "sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Disposition"] == (
            f'attachment; filename="{wheel().filename}{suffix}"'
        )


def test_x40_metadata_is_a_file_like_the_other(stored_site: Site) -> None:
    dist = wheel(description="text " * 100)
    stored_site.upload(dist)
    url = f"{stored_site.file_url(dist)}.metadata"
    full = stored_site.get(url)
    assert full.data == dist.metadata
    assert full.headers["Content-Length"] == str(len(dist.metadata))
    head = stored_site.get(url, method="HEAD")
    assert list(head.headers) == list(full.headers)
    assert head.data == b""
    part = stored_site.get(url, Range="bytes=3-9")
    assert (part.status_code, part.data) == (206, dist.metadata[3:10])
    assert part.headers["Content-Range"] == f"bytes 3-9/{len(dist.metadata)}"
    assert stored_site.get(url, Range="bytes=-4").data == dist.metadata[-4:]
    assert stored_site.get(url, Range="bytes=99999-").status_code == 416
    etag = full.headers["ETag"]
    assert stored_site.get(url, If_None_Match=etag).status_code == 304
    assert etag != stored_site.get(stored_site.file_url(dist)).headers["ETag"]
    assert stored_site.client.get(url).status_code == 401


def test_x55_raw_and_encoded_plus_are_the_same_file(mounted: Site) -> None:
    dist = wheel(version="1.0+cu.12")
    mounted.upload(dist)
    url = mounted.file_url(dist)
    assert "%2B" in url
    for spelling in (url, url.replace("%2B", "+"), url.replace("%2B", "%2b")):
        assert mounted.get(spelling).data == dist.content


def test_x04_x57_head_has_the_headers_of_get(stored_site: Site) -> None:
    stored_site.upload(DIST)
    url = stored_site.file_url(DIST)
    get, head = stored_site.get(url), stored_site.get(url, method="HEAD")
    assert head.status == "200 OK"
    assert list(head.headers) == list(get.headers)
    assert head.data == b""
    ranged = stored_site.get(url, method="HEAD", Range="bytes=0-9")
    assert ranged.status_code == 200  # a range is only defined for GET
    assert ranged.headers["Content-Length"] == str(SIZE)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "PATCH"])
def test_x77_files_are_only_read(mounted: Site, method: str) -> None:
    mounted.upload(wheel())
    response = mounted.get(mounted.file_url(wheel()), method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


# Ranges


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-99", 0, 100),
    ("bytes=100-199", 100, 200),
    ("bytes=5-", 5, SIZE),
    ("bytes=0-", 0, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    ("bytes=-16384", SIZE - 16384, SIZE),
    (f"bytes=-{SIZE}", 0, SIZE),
    (f"bytes=-{SIZE * 10}", 0, SIZE),
    (f"bytes=10-{SIZE * 10}", 10, SIZE),
    (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    (f"bytes=0-{SIZE - 1}", 0, SIZE),
    ("bytes=262143-524289", 262143, 524290),
    ("bytes=0-" + "9" * 4000, 0, SIZE),
    ("BYTES=1-2", 1, 3),
    ("bytes = 1-2", 1, 3),
]


def test_x57_a_range_is_206_with_exactly_these_bytes(stored_site: Site) -> None:
    stored_site.upload(DIST)
    url = stored_site.file_url(DIST)
    for asked, start, stop in RANGES:
        response = stored_site.get(url, Range=asked)
        assert response.status_code == 206, asked
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        assert response.headers["Content-Length"] == str(stop - start)
        assert response.headers["ETag"] == f'"{DIST.sha256}"'
        assert response.data == DIST.content[start:stop], asked


def test_x57_a_range_beyond_the_end_is_416_with_the_size(stored_site: Site) -> None:
    stored_site.upload(DIST)
    url = stored_site.file_url(DIST)
    for asked in (f"{SIZE}-", f"{SIZE}-{SIZE + 5}", "99999999999999999999-"):
        response = stored_site.get(url, Range=f"bytes={asked}")
        assert response.status_code == 416
        assert response.headers["Content-Range"] == f"bytes */{SIZE}"
        assert str(SIZE) in response.status


ANSWERED_IN_FULL = [
    "bytes=0-1,5-6",
    "bytes=0-1, -1",
    "bytes=5-2",
    "bytes=a-b",
    "bytes=",
    "bytes",
    "bytes=-",
    "bytes=--1",
    "bytes=1",
    "bytes=1-2-3",
    "bytes=+1-2",
    "bytes=\u00b2-3",
    "items=0-1",
    "seconds=1-2",
    "=0-1",
    "0-1",
    "",
    "bytes=0x1-2",
    "bytes=1.5-2",
    "bytes=" + "9" * 5000 + "-",
    "bytes=" + "0-1," * 3000,
]


def test_x57_several_ranges_or_none_are_answered_with_the_whole_file(site: Site) -> None:
    site.upload(wheel())
    url = site.file_url(wheel())
    for asked in ANSWERED_IN_FULL:
        response = site.get(url, Range=asked)
        assert response.status_code == 200, asked
        assert response.data == wheel().content
        assert "Content-Range" not in response.headers


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30),
        st.from_regex(r"bytes ?= ?-?[0-9]{0,7}-?[0-9]{0,7}", fullmatch=True),
    )
)
def test_x57_whatever_is_asked_for_the_length_is_true(uploaded: Site, asked: str) -> None:
    site = uploaded
    content = wheel().content
    response = site.get(site.file_url(wheel()), Range=asked)
    assert response.status_code in (200, 206, 416)
    assert int(response.headers["Content-Length"]) == len(response.data)
    if response.status_code == 206:
        bounds = response.headers["Content-Range"].removeprefix("bytes ").partition("/")[0]
        first, last = map(int, bounds.split("-"))
        assert response.data == content[first : last + 1] != b""


IF_RANGE = [
    ("{etag}", 206),
    ("W/{etag}", 200),
    ('"other"', 200),
    ('W/"other"', 200),
    ("Fri, 01 Jan 2100 00:00:00 GMT", 200),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ("nonsense", 200),
    ("*", 200),
    ("", 200),
    ('{etag}, "other"', 200),
]


def test_x57_if_range(mounted: Site) -> None:
    dist = wheel()
    mounted.upload(dist)
    url = mounted.file_url(dist)
    for condition, status in IF_RANGE:
        given = condition.format(etag=f'"{dist.sha256}"')
        response = mounted.get(url, Range="bytes=10-", If_Range=given)
        assert response.status_code == status, condition
        assert response.data == dist.content[10 if status == 206 else 0 :]


CONDITIONS = [
    ("{etag}", 304),
    ("W/{etag}", 304),
    ('"other", {etag}', 304),
    ("*", 304),
    ('"other"', 200),
    ("", 200),
    ("nonsense", 200),
]


def test_x51_if_none_match(stored_site: Site) -> None:
    stored_site.upload(wheel())
    url, etag = stored_site.file_url(wheel()), f'"{wheel().sha256}"'
    for condition, status in CONDITIONS:
        for method in ("GET", "HEAD"):
            given = condition.format(etag=etag)
            response = stored_site.get(url, method=method, If_None_Match=given)
            assert response.status_code == status, condition
            assert response.headers["ETag"] == etag
            if status == 304:
                assert response.data == b""
                assert "Content-Length" not in response.headers
                assert "Cache-Control" in response.headers


def test_x51_if_none_match_wins_over_a_range(site: Site) -> None:
    site.upload(wheel())
    etag = f'"{wheel().sha256}"'
    response = site.get(site.file_url(wheel()), If_None_Match=etag, Range="bytes=0-1")
    assert response.status_code == 304
    unsatisfiable = site.get(site.file_url(wheel()), If_None_Match=etag, Range="bytes=999999-")
    assert unsatisfiable.status_code == 304


# Streaming


class Recorder(FileWrapper):
    """A server's file_wrapper that remembers what it was given."""

    def __init__(self, file: IO[bytes], size: int = 8192) -> None:
        super().__init__(file, size)
        self.file = file


def start(site: Site, url: str, *, wrapper: bool = True, **headers: str) -> Called:
    given = {**site.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    more = {"wsgi.file_wrapper": Recorder} if wrapper else {}
    return call(site.client.application, environ_of(url, headers=given, **more))


def test_x58_a_whole_local_file_goes_through_the_servers_file_wrapper(disk_site: Site) -> None:
    disk_site.upload(DIST)
    answer = start(disk_site, disk_site.file_url(DIST))
    assert isinstance(answer.chunks, Recorder)
    file = answer.chunks.file
    assert file.fileno() > 0  # a real file, that sendfile() can be given
    assert file.tell() == 0
    assert file.read() == DIST.content
    assert not file.closed
    answer.close()
    assert file.closed


def test_x58_what_is_small_is_one_piece(stored_site: Site) -> None:
    """Of which a server knows the whole when the answer begins."""
    stored_site.upload(wheel())
    url, dist = stored_site.file_url(wheel()), wheel()
    for target, content in ((url, dist.content), (f"{url}.metadata", dist.metadata)):
        for _ in range(2):
            assert start(stored_site, target).chunks == (content,)
            assert start(stored_site, target, Range="bytes=5-9").chunks == (content[5:10],)


def test_x58_a_part_of_a_local_file_does_not(disk_site: Site) -> None:
    disk_site.upload(DIST)
    answer = start(disk_site, disk_site.file_url(DIST), Range="bytes=5-9")
    assert not isinstance(answer.chunks, Recorder)
    assert answer.read() == DIST.content[5:10]


def test_x58_without_a_file_wrapper_it_comes_in_chunks(stored_site: Site) -> None:
    stored_site.upload(DIST)
    answer = start(stored_site, stored_site.file_url(DIST), wrapper=False)
    chunks = list(answer.chunks)
    answer.close()
    assert b"".join(chunks) == DIST.content
    assert len(chunks) > 1
    assert max(map(len, chunks)) <= LARGEST_CHUNK


def test_x58_a_large_part_comes_in_chunks(stored_site: Site) -> None:
    stored_site.upload(DIST)
    answer = start(stored_site, stored_site.file_url(DIST), Range="bytes=1-")
    chunks = list(answer.chunks)
    answer.close()
    assert b"".join(chunks) == DIST.content[1:]
    assert len(chunks) > 1
    assert max(map(len, chunks)) <= LARGEST_CHUNK


def abandon_after(site: Site, url: str, chunks: int, **headers: str) -> None:
    answer = start(site, url, wrapper=False, **headers)
    for _chunk, _ in zip(answer.chunks, range(chunks), strict=False):
        pass
    answer.close()


REQUESTS: list[dict[str, str]] = [
    {},
    {"Range": "bytes=5-600000"},
    {"Range": "bytes=99999999-"},
    {"If_None_Match": "*"},
    {"Range": "bytes=0-1,3-4"},
]


@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_x58_no_file_stays_open(disk_site: Site, suffix: str) -> None:
    disk_site.upload(DIST)
    url = disk_site.file_url(DIST) + suffix

    def ask_for_everything() -> None:
        for headers in REQUESTS:
            for chunks in (0, 1, 99):
                abandon_after(disk_site, url, chunks, **headers)
            environ = environ_of(url, method="HEAD", headers={**disk_site.headers, **headers})
            call(disk_site.client.application, environ).close()

    assert unclosed_files(ask_for_everything) == []


def test_x58_a_server_that_does_not_close_is_noticed_by_the_test_above(disk_site: Site) -> None:
    disk_site.upload(DIST)
    url = disk_site.file_url(DIST)
    found = unclosed_files(lambda: str(start(disk_site, url, wrapper=False)))
    assert len(found) == 1
    assert DIST.filename in found[0]


def request_bytes(url: str, *lines: str) -> bytes:
    authorization = f"Authorization: {basic(USER, PASSWORD)['Authorization']}"
    head = [f"GET {url} HTTP/1.1", "Host: x", "Connection: close", authorization, *lines]
    return "\r\n".join([*head, "", ""]).encode()


def test_x58_a_client_that_goes_away_leaves_no_file_open(disk: Registry, disk_site: Site) -> None:
    dist = wheel(padding=12_000_000)
    disk_site.upload(dist)
    url = disk_site.file_url(dist)

    def go_away() -> None:
        with LiveServer(disk.wsgi_app()) as server:
            for lines in ((), ("Range: bytes=1-",)):
                with Connection(server.port) as connection:
                    connection.send(request_bytes(url, *lines))
                    status, headers = connection.read_head()
                    assert status.startswith((b"HTTP/1.1 200", b"HTTP/1.1 206"))
                    assert int(headers["content-length"]) >= 12_000_000
                    connection.read(1000)
            with Connection(server.port) as connection:  # it still serves
                connection.send(request_bytes(url))
                connection.read_head()
                assert connection.read_to_end() == dist.content

    assert unclosed_files(go_away) == []


def test_x57_on_the_wire(stored: Registry, stored_site: Site) -> None:
    stored_site.upload(DIST)
    url = stored_site.file_url(DIST)
    with LiveServer(stored.wsgi_app()) as server:
        expected = {
            "X: y": (b"200 OK", DIST.content),
            "Range: bytes=10-19": (b"206 PARTIAL CONTENT", DIST.content[10:20]),
            "Range: bytes=-20": (b"206 PARTIAL CONTENT", DIST.content[-20:]),
            f'If-None-Match: "{DIST.sha256}"': (b"304 NOT MODIFIED", b""),
        }
        for line, (status, body) in expected.items():
            with Connection(server.port) as connection:
                connection.send(request_bytes(url, line))
                answered, headers = connection.read_head()
                assert answered.upper() == b"HTTP/1.1 " + status
                assert connection.read_to_end() == body
                if body:
                    assert int(headers["content-length"]) == len(body)
                assert "content-encoding" not in headers
                assert "transfer-encoding" not in headers
        with Connection(server.port) as connection:
            connection.send(request_bytes(url).replace(b"GET", b"HEAD", 1))
            answered, headers = connection.read_head()
            assert answered == b"HTTP/1.1 200 OK"
            assert int(headers["content-length"]) == SIZE
            assert headers["accept-ranges"] == "bytes"
            assert connection.read_to_end() == b""


# What is no file


def test_x55_a_wrong_digest_is_404(mounted: Site) -> None:
    first, second = wheel(), wheel(version="2.0")
    mounted.upload(first)
    mounted.upload(second)
    right = mounted.file_url(first)
    other = mounted.file_url(second)
    swapped = other.rpartition("/")[0] + "/" + first.filename
    upper = right.replace(first.sha256[4:], first.sha256[4:].upper())
    shifted = right.replace(f"/{first.sha256[2:4]}/", "/00/")
    for url in (swapped, upper, shifted):
        assert url != right
        for suffix in ("", ".metadata"):
            assert mounted.get(url + suffix).status_code == 404
    assert mounted.get(right).status_code == 200


DIGEST = "ab/cd/" + "0" * 60


TRICKS = [
    "",
    "x",
    f"{DIGEST}/",
    f"{DIGEST}/demo-9.9-py3-none-any.whl",
    f"{DIGEST}/..",
    f"{DIGEST}/../../../registry.db",
    "../simple/demo/x",
    "..%2f..%2f..%2fetc/passwd",
    "%2e%2e/%2e%2e/registry.db",
    f"{DIGEST}/%2Fetc%2Fpasswd",
    f"{DIGEST}/a%2Fb",
    f"{DIGEST}/..%5C..%5Cregistry.db",
    f"{DIGEST}/%00",
    f"{DIGEST}/demo-1.0-py3-none-any.whl%00",
    f"{DIGEST}/%ff%fe",
    f"{DIGEST}/%0d%0aX-Injected:%20yes",
    f"{DIGEST}/.metadata",
    f"{DIGEST}/.metadata.metadata",
    "AB/CD/" + "0" * 60 + "/x",
    "a" * 64 + "/x",
    f"{DIGEST}/" + "a" * 100_000,
    "/" * 10_000,
    ".staging/x",
    "\u0661\u0662/\u0661\u0662/" + "\u0661" * 60 + "/x",
]


def test_x55_path_tricks_are_404(disk_site: Site) -> None:
    disk_site.upload(wheel())
    for path in TRICKS:
        for method in ("GET", "HEAD"):
            response = disk_site.get(disk_site.files_url + path, method=method)
            assert response.status_code == 404, path
            assert "X-Injected" not in response.headers


@pytest.mark.parametrize("trick", ["{url}/", "{url}%00", "{url}%2e", "{url}.metadata.metadata"])
def test_x55_almost_a_files_url_is_404(disk_site: Site, trick: str) -> None:
    disk_site.upload(wheel())
    assert disk_site.get(trick.format(url=disk_site.file_url(wheel()))).status_code == 404


def test_x55_a_file_of_another_repository_is_404(stored: Registry, stored_site: Site) -> None:
    stored.acting_as(OPERATOR).repositories.create("other")
    stored_site.upload(wheel())
    url = stored_site.file_url(wheel()).replace("/main/", "/other/")
    assert stored_site.get(url).status_code == 404


def test_x58_a_lost_blob_is_404_and_logged(
    stored: Registry, stored_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    stored_site.upload(wheel())
    url = stored_site.file_url(wheel())
    for blob in list(stored._blobs.walk()):
        stored._blobs.delete(blob.path)
    with caplog.at_level(logging.ERROR):
        for target in (url, f"{url}.metadata"):
            for headers in ({}, {"Range": "bytes=0-9"}):
                caplog.clear()
                response = stored_site.get(target, **headers)
                assert response.status_code == 404
                assert "missing" in response.text
                assert response.headers["Cache-Control"] == "no-store"
                messages = [record.getMessage() for record in caplog.records]
                assert any(wheel().filename in message for message in messages), messages


def test_x73_files_need_the_same_rights_as_the_index(mounted: Site) -> None:
    mounted.upload(wheel())
    url = mounted.file_url(wheel())
    assert mounted.client.get(url).status_code == 401
    assert mounted.client.get(f"{url}.metadata").status_code == 401
    assert mounted.client.get(url, headers=basic(READER, PASSWORD)).status_code == 200
