"""gzip of index pages: once for each page, with validators of its own."""

import gzip
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.distributions import wheel
from tests.support.http import HTML_V1, JSON, Site

PAGE = "/repositories/main/simple/demo/"
LIST = "/repositories/main/simple/"
DOCUMENT = "/repositories/main/pypi/demo/json"
TYPES = [(PAGE, JSON), (PAGE, HTML_V1), (PAGE, "text/html"), (DOCUMENT, "application/json")]
LARGE = pytest.mark.parametrize(("url", "accept"), TYPES)


@pytest.fixture
def full(site: Site) -> Site:
    """With a project page of several KiB."""
    for number in range(6):
        assert (
            site.upload(wheel(version=f"1.{number}", description="text " * 400)).status_code == 200
        )
    return site


@pytest.fixture
def compressions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is compressed from now on."""
    sizes: list[int] = []
    compress = gzip.compress

    def counting(data: bytes, *args: Any, **kwargs: Any) -> bytes:
        sizes.append(len(data))
        return compress(data, *args, **kwargs)

    monkeypatch.setattr("pypi_repo.web.packages.page_cache.gzip.compress", counting)
    return sizes


@LARGE
@pytest.mark.parametrize("encodings", ["gzip", "gzip, deflate, zstd", "deflate, gzip;q=0.1", "*"])
def test_pages_are_compressed_for_who_asks(
    full: Site, url: str, accept: str, encodings: str
) -> None:
    """X18: the same page, smaller."""
    plain = full.get(url, Accept=accept)
    compressed = full.get(url, Accept=accept, Accept_Encoding=encodings)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert compressed.content_type == plain.content_type
    assert gzip.decompress(compressed.data) == plain.data
    assert len(compressed.data) < len(plain.data) / 2
    assert compressed.headers["Content-Length"] == str(len(compressed.data))


@LARGE
@pytest.mark.parametrize("encodings", [None, "", "identity", "gzip;q=0", "br, zstd", "*;q=0"])
def test_and_for_nobody_else(full: Site, url: str, accept: str, encodings: str | None) -> None:
    """X18"""
    headers = {} if encodings is None else {"Accept_Encoding": encodings}
    response = full.get(url, Accept=accept, **headers)
    assert response.status_code == 200
    assert "Content-Encoding" not in response.headers
    assert response.data[:2] != b"\x1f\x8b"


@LARGE
def test_each_encoding_has_a_strong_validator(full: Site, url: str, accept: str) -> None:
    """X18, X50: uv ignores weak ones."""
    plain = full.get(url, Accept=accept).headers["ETag"]
    compressed = full.get(url, Accept=accept, Accept_Encoding="gzip").headers["ETag"]
    assert plain != compressed
    for etag in (plain, compressed):
        assert etag.startswith('"')
        assert etag.endswith('"')


def test_validators_differ_between_media_types(full: Site) -> None:
    """X50"""
    etags = [
        full.get(url, Accept=accept, Accept_Encoding=encoding).headers["ETag"]
        for url, accept in TYPES
        for encoding in ("gzip", "identity")
    ]
    assert len(set(etags)) == len(etags)


@LARGE
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_304_repeats_what_describes_the_page(
    full: Site, url: str, accept: str, encoding: str, method: str
) -> None:
    """X18, X50: uv fetches everything again where the validator is missing."""
    asked = {"Accept": accept, "Accept_Encoding": encoding}
    whole = full.get(url, **asked)
    for validator in (whole.headers["ETag"], f'"other", W/{whole.headers["ETag"]}', "*"):
        again = full.get(url, method=method, **asked, If_None_Match=validator)
        assert (again.status_code, again.data) == (304, b"")
        for header in ("ETag", "Vary", "Cache-Control"):
            assert again.headers[header] == whole.headers[header]


@LARGE
def test_the_validator_of_one_encoding_is_not_that_of_another(
    full: Site, url: str, accept: str
) -> None:
    """X18: whoever has the plain page and asks for gzip gets a page."""
    plain = full.get(url, Accept=accept).headers["ETag"]
    again = full.get(url, Accept=accept, Accept_Encoding="gzip", If_None_Match=plain)
    assert again.status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("public", [False, True])
def test_caches_are_told_what_the_page_depends_on(
    registry: Registry, full: Site, encoding: str, public: bool
) -> None:
    """X17, X18"""
    registry.acting_as(OPERATOR).repositories.change("main", public=public)
    for url in (PAGE, LIST, DOCUMENT):
        vary = full.get(url, Accept_Encoding=encoding).headers["Vary"]
        names = {name.strip() for name in vary.split(",")}
        who = set() if public else {"Authorization", "Cookie"}
        assert names == {"Accept", "Accept-Encoding"} | who


@LARGE
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_head_is_get_without_the_body(full: Site, url: str, accept: str, encoding: str) -> None:
    """X04, X18: also the length."""
    asked = {"Accept": accept, "Accept_Encoding": encoding}
    whole, head = full.get(url, **asked), full.get(url, method="HEAD", **asked)
    assert head.status_code == 200
    assert head.data == b""
    assert dict(head.headers) == dict(whole.headers)


def test_a_page_is_compressed_once(full: Site, compressions: list[int]) -> None:
    """X18: not for each request, whoever asks and however."""
    for _ in range(3):
        full.get(PAGE, Accept=JSON, Accept_Encoding="gzip")
        full.get(PAGE, Accept=JSON, Accept_Encoding="gzip, br", method="HEAD")
        full.get(f"{PAGE}?format={JSON}", Accept_Encoding="gzip")
    assert len(compressions) == 1


def test_a_changed_page_is_compressed_anew(full: Site, compressions: list[int]) -> None:
    """X18, U95: and nobody gets the old one."""
    before = full.get(PAGE, Accept=JSON, Accept_Encoding="gzip")
    assert full.upload(wheel(version="2.0")).status_code == 200
    after = full.get(PAGE, Accept=JSON, Accept_Encoding="gzip")
    assert b"demo-2.0-" in gzip.decompress(after.data)
    assert before.headers["ETag"] != after.headers["ETag"]
    assert len(compressions) == 2


def test_nothing_is_compressed_for_nobody(full: Site, compressions: list[int]) -> None:
    """X18"""
    full.get(PAGE, Accept=JSON)
    full.get(PAGE, Accept=JSON, Accept_Encoding="br")
    assert compressions == []


def test_small_pages_are_not_worth_it(site: Site, compressions: list[int]) -> None:
    """X18"""
    response = site.get(LIST, Accept=JSON, Accept_Encoding="gzip")
    assert response.get_json(force=True)["projects"] == []
    assert "Content-Encoding" not in response.headers
    assert compressions == []


def test_compressed_pages_are_the_same_bytes_again(full: Site) -> None:
    """X50: in every process, so that no time stamp may be in them."""
    compressed = full.get(PAGE, Accept=JSON, Accept_Encoding="gzip").data
    assert compressed[4:8] == b"\0\0\0\0"


def test_files_are_never_compressed(full: Site) -> None:
    """X56: a client would unpack them and find another digest."""
    dist = wheel(version="1.0", description="text " * 400)
    url = full.file_url(dist)
    for suffix in ("", ".metadata"):
        response = full.get(url + suffix, Accept_Encoding="gzip")
        assert "Content-Encoding" not in response.headers
        assert "no-transform" in response.headers["Cache-Control"]
    assert response.data == dist.metadata


def test_errors_are_not_compressed(full: Site) -> None:
    """X74"""
    response = full.get("/repositories/main/simple/other/", Accept_Encoding="gzip")
    assert response.status_code == 404
    assert "Content-Encoding" not in response.headers
