"""Pages of other indexes in JSON, some of which have bugs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.upstreams.pages import UpstreamFile
from tests.support.upstream_pages import Document, listed, page, read

WHEEL = "demo-1.0-py3-none-any.whl"
SHA256 = "ab" * 32


def _one(**fields: Any) -> UpstreamFile:
    """The file of a page of one wheel."""
    found = read(page("demo", ["1.0"], [{**listed(WHEEL), **_named(fields)}]))
    assert found.dropped == 0
    (file,) = found.files
    return file


def _named(fields: Document) -> Document:
    return {name.replace("_", "-"): value for name, value in fields.items()}


def test_a_file_says_what_a_listed_file_says() -> None:
    """P1"""
    file = _one(url="https://files.example/x", requires_python=">=3.9", gpg_sig=True)
    assert file == UpstreamFile(
        filename=WHEEL,
        project=file.project,
        version="1.0",
        kind="bdist_wheel",
        python_tag="py3",
        url="https://files.example/x",
        size=len(WHEEL) * 1000,
        hashes=listed(WHEEL)["hashes"],
        requires_python=">=3.9",
        metadata_hashes=listed(WHEEL)["core-metadata"],
        is_signed=True,
        uploaded_at=datetime(2024, 5, 1, 12, 30, 15, 42, tzinfo=UTC),
    )
    sha256 = file.hashes["sha256"]
    assert file.location == f"{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{WHEEL}"
    assert not file.has_provenance


def test_a_file_without_a_sha256_has_a_location_too() -> None:
    """P7"""
    assert _one(hashes={}).location == f"unhashed/demo/{WHEEL}"
    assert _one(hashes={"md5": "ab" * 16}).location == f"unhashed/demo/{WHEEL}"


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ({"sha256": SHA256}, {"sha256": SHA256}),
        ({"sha256": SHA256.upper()}, {"sha256": SHA256}),
        ({"md5": "ab" * 16, "sha512": "ab" * 64}, {"md5": "ab" * 16, "sha512": "ab" * 64}),
        ({"blake2b": "ab" * 64, "blake2b_256": SHA256}, {"blake2b": "ab" * 64}),
        ({"sha256": "", "sha512": None}, {}),
        ({"sha256": None, "md5": "ab" * 16}, {"md5": "ab" * 16}),
        ({"crc32": "abababab", "": ""}, {}),
        ({}, {}),
        (None, {}),
        ([SHA256], {}),
        (SHA256, {}),
    ],
)
def test_digests_that_can_be_checked(said: object, read_as: Document) -> None:
    """P1: of all algorithms that hashlib knows."""
    assert _one(hashes=said).hashes == read_as


@pytest.mark.parametrize(
    "digest", [SHA256[1:], SHA256[:-1] + "g", SHA256[:-1] + "\n", '"><script>', 12]
)
def test_a_file_whose_digest_is_none_is_left_out(digest: object) -> None:
    """Or it would count as one without a digest, which nothing is compared with."""
    hashes = {"sha256": digest, "md5": "ab" * 16}
    found = read(page("demo", ["1.0"], [{**listed(WHEEL), "hashes": hashes}]))
    assert (found.files, found.dropped) == ((), 1)


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        (False, None),
        (True, ""),
        ("broken", "broken"),
        ("", ""),
        (None, None),
        (0, None),
        ({}, None),
    ],
)
def test_yanked(said: object, read_as: str | None) -> None:
    """P1, X33"""
    assert _one(yanked=said).yanked == read_as


@pytest.mark.parametrize(
    ("fields", "read_as"),
    [
        ({"core-metadata": True}, {}),
        ({"core-metadata": {}}, {}),
        ({"core-metadata": {"sha256": SHA256}}, {"sha256": SHA256}),
        ({"core-metadata": {"sha256": "unknown"}}, {}),
        ({"core-metadata": False}, None),
        ({"core-metadata": None}, None),
        ({"dist-info-metadata": {"sha256": SHA256}}, {"sha256": SHA256}),
        ({"data-dist-info-metadata": True}, {}),
        ({"core-metadata": False, "dist-info-metadata": True}, None),
        ({"core-metadata": "yes", "dist-info-metadata": {"sha256": SHA256}}, {"sha256": SHA256}),
        ({}, None),
    ],
)
def test_core_metadata_under_new_and_old_names(fields: Document, read_as: object) -> None:
    """P1: the new name counts where both are there (PEP 714)."""
    file = {key: value for key, value in listed(WHEEL).items() if "metadata" not in key}
    (found,) = read(page("demo", ["1.0"], [{**file, **fields}])).files
    assert found.metadata_hashes == read_as


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ("2024-05-01T12:30:15.000042Z", datetime(2024, 5, 1, 12, 30, 15, 42, tzinfo=UTC)),
        ("2024-05-01T12:30:15Z", datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)),
        ("2024-05-01T14:30:15+02:00", datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)),
        ("2024-05-01 12:30:15", datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)),
        ("2024-05-01T12:30:15.123456789Z", datetime(2024, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1714566615, None),
    ],
)
def test_times_of_upload(said: object, read_as: datetime | None) -> None:
    """P1, X33"""
    assert _one(upload_time=said).uploaded_at == read_as


@pytest.mark.parametrize(
    ("said", "read_as"),
    [(0, 0), (2**63 - 1, 2**63 - 1), (2**63, None), (-1, None), (1.5, None), ("9", None)],
)
def test_sizes(said: object, read_as: int | None) -> None:
    """P1"""
    assert _one(size=said).size == read_as


@pytest.mark.parametrize("value", [None, 1, [], {}, True, "x", [[[]]]])
@pytest.mark.parametrize(
    "name",
    ["hashes", "size", "upload-time", "requires-python", "yanked", "core-metadata", "gpg-sig"],
)
def test_a_field_of_the_wrong_type_costs_nothing_else(name: str, value: object) -> None:
    """P1: neither the other fields nor the other files."""
    wrong = {**listed(WHEEL), "provenance": "https://index.example/p", name: value}
    found = read(page("demo", ["1.0"], [wrong, listed("demo-1.0.tar.gz")]))
    assert [file.filename for file in found.files] == [WHEEL, "demo-1.0.tar.gz"]
    right = {**listed(WHEEL), "provenance": "https://index.example/p"}
    (expected,) = read(page("demo", ["1.0"], [right])).files
    fields = {"hashes", "size", "uploaded_at", "requires_python", "yanked", "metadata_hashes"}
    same = [field for field in fields if getattr(found.files[0], field) == getattr(expected, field)]
    assert len(same) >= len(fields) - 1
    assert found.files[0].provenance == "https://index.example/p"


@pytest.mark.parametrize(
    "file",
    [
        {**listed(WHEEL), "filename": None},
        {**listed(WHEEL), "filename": 1},
        {**listed(WHEEL), "filename": ""},
        {**listed(WHEEL), "url": None},
        {**listed(WHEEL), "url": ""},
        {**listed(WHEEL), "url": "ftp://files.example/x"},
        {},
        [],
        None,
        "demo-1.0.tar.gz",
        1,
    ],
)
def test_what_is_no_file_is_dropped_and_counted(file: object) -> None:
    """P1"""
    found = read({"files": [file, listed("demo-1.0.tar.gz")], "name": "demo"})
    assert [file.filename for file in found.files] == ["demo-1.0.tar.gz"]
    assert found.dropped == 1


def test_the_first_of_two_files_of_one_name_counts() -> None:
    files = [{**listed(WHEEL), "size": size} for size in (1, 2, 3)]
    found = read(page("demo", ["1.0"], files))
    assert [file.size for file in found.files] == [1]
    assert found.dropped == 0


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["1.0", "2.0"], ("1.0", "2.0")),
        (["2.0", "1.0"], ("2.0", "1.0")),
        (["1.0", "1.0", "2.0"], ("1.0", "2.0")),
        (["v1.0"], ("v1.0",)),
        (["1.0.0"], ("1.0.0",)),
        (["0.5"], ("0.5", "1.0")),
        ([], ("1.0",)),
        (["0.5", None, 1, "", "a\nb", "9" * 201], ("0.5", "1.0")),
        (None, ("1.0",)),
        ("1.0", ("1.0",)),
    ],
)
def test_versions_are_those_of_the_page_and_of_its_files(
    versions: object, expected: tuple[str, ...]
) -> None:
    """P1, X32: in the spelling of the page."""
    found = read({**page("demo", [], [listed(WHEEL)]), "versions": versions})
    assert found.versions == expected
    assert found.files[0].version in expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"status": "archived", "reason": "old"}, ("archived", "old")),
        ({"status": "deprecated"}, ("deprecated", "")),
        ({"status": "of a later standard"}, ("active", "")),
        ({"status": ["archived"]}, ("active", "")),
        ({"status": "archived", "reason": 1}, ("archived", "")),
        ("archived", ("active", "")),
        (None, ("active", "")),
    ],
)
def test_the_status(status: object, expected: tuple[str, str]) -> None:
    """P1 (PEP 792)"""
    found = read({**page("demo", ["1.0"], []), "project-status": status})
    assert (found.status, found.status_reason) == expected


def test_a_quarantined_project_offers_nothing() -> None:
    """X46"""
    status = {"status": "quarantined"}
    found = read(page("demo", ["1.0"], [listed(WHEEL)], project_status=status))
    assert (found.status, found.versions, found.files) == ("quarantined", (), ())


@pytest.mark.parametrize(
    ("said", "read_as"),
    [("Demo", "Demo"), ("other", "demo"), ("", "demo"), (None, "demo"), ("demo" * 999, "demo")],
)
def test_the_name_of_the_project(said: object, read_as: str) -> None:
    assert read({**page("demo", [], []), "name": said}).name == read_as


@pytest.mark.parametrize("version", ["1.0", "1.4", "1.99", "1", None, 1, {}, ""])
def test_versions_of_the_api_that_are_known(version: object) -> None:
    """X30 (PEP 629)"""
    assert read({**page("demo", [], []), "meta": {"api-version": version}}).files == ()


@pytest.mark.parametrize("version", ["2.0", "2", "10.1", "02.0"])
def test_a_version_of_the_api_that_nobody_can_know(version: str) -> None:
    """PEP 629: a client must not guess what it means."""
    with pytest.raises(UnreadablePage, match=r"of which only 1 is known"):
        read({**page("demo", [], []), "meta": {"api-version": version}})


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "{}",
        '{"files": {}}',
        '{"files": null}',
        '{"message": "not found"}',
        '{"files": [',
        '{"files": []} and more',
        '{"files": [NaN]}',
        '{"files": ' + "[" * 100_000,
        '{"files": [], "name": "\\ud800"}',
        "[]",
        "null",
        "",
        " ",
    ],
)
def test_what_is_no_page(body: str) -> None:
    """P1: never an empty page, which would say that there is a project."""
    with pytest.raises(UnreadablePage):
        read(body)


def test_more_files_than_allowed() -> None:
    """S3"""
    files = [listed(f"demo-1.{number}.tar.gz") for number in range(11)]
    assert len(read(page("demo", [], files[:10]), max_files=10).files) == 10
    with pytest.raises(UnreadablePage, match="has more than 10 files"):
        read(page("demo", [], files), max_files=10)


@pytest.mark.parametrize("filler", ["0,", "[],", "{},", '[[[[[["x"]]]]]],', '{"a":{"b":{}}},'])
def test_values_are_counted_before_anything_is_made_of_them(filler: str) -> None:
    """S3: they take far more memory than text."""
    body = '{"files": [' + filler * 20_000 + "0]}"
    with pytest.raises(UnreadablePage, match=r"has more than [0-9,]+ values"):
        read(body, max_files=10)


def test_more_versions_than_allowed() -> None:
    """S3"""
    with pytest.raises(UnreadablePage, match="has more than 10 versions"):
        read(page("demo", [str(number) for number in range(11)], []), max_files=10)


def test_who_is_told_what() -> None:
    """S1: clients learn no URL of an upstream."""
    with pytest.raises(UnreadablePage) as caught:
        read("{", url="https://secret.internal/simple/demo/")
    assert caught.value.code == "unreadable-page"
    assert "'demo'" in caught.value.message
    assert "secret.internal" not in caught.value.message
    assert "secret.internal" in caught.value.for_operator


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "text/html", "text/plain; charset=utf-16", "\xff", "application/x"],
)
def test_json_is_seen_from_its_first_character(content_type: str) -> None:
    """P2: whatever the Content-Type says."""
    body = json.dumps(page("demo", ["1.0"], [listed(WHEEL)]))
    for beginning in ("", "\ufeff", "\n  \t", "\ufeff\r\n"):
        assert len(read(beginning + body, content_type=content_type).files) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://other.example/x/demo.whl", "https://other.example/x/demo.whl"),
        ("http://other.example:8080/x", "http://other.example:8080/x"),
        ("HTTPS://Other.Example/X", "https://other.example/X"),
        ("../../files/x", "https://index.example/files/x"),
        ("../../../../../../x", "https://index.example/x"),
        ("x", "https://index.example/simple/demo/x"),
        ("./x", "https://index.example/simple/demo/x"),
        ("/x", "https://index.example/x"),
        ("//other.example/x", "https://other.example/x"),
        ("?file=x", "https://index.example/simple/demo/?file=x"),
        ("x?a=1&b=%20", "https://index.example/simple/demo/x?a=1&b=%20"),
        ("x#sha256=ab", "https://index.example/simple/demo/x"),
        ("/a/../b/./x", "https://index.example/b/x"),
        ("/a/%2E%2e/x", "https://index.example/x"),
        ("/x+y%2Bz", "https://index.example/x+y%2Bz"),
        ("/a b/ü", "https://index.example/a%20b/%C3%BC"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
    ],
)
def test_urls_are_relative_to_the_page(url: str, expected: str) -> None:
    """P1, P2"""
    assert _one(url=url).url == expected


@pytest.mark.parametrize(
    "url",
    [
        "ftp://files.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)//demo-1.0.zip",
        "data:text/plain,demo-1.0.zip",
        "https://[::1/x",
        "https://host:99999/x",
        "https://host:port/x",
        "https://user:secret@files.example/x",
        "https://files.example\\@other.example/x",
        "https://files.example/\x00",
        "https://a b/x",
        "/" + "x" * 9000,
    ],
)
def test_urls_that_lead_nowhere(url: str) -> None:
    """S2: the file is dropped."""
    found = read(page("demo", ["1.0"], [{**listed(WHEEL), "url": url}]))
    assert (found.files, found.dropped) == ((), 1)


def test_a_provenance_that_leads_nowhere_is_none() -> None:
    assert _one(provenance="javascript:alert(1)").provenance is None
    assert _one(provenance="p/x").provenance == "https://index.example/simple/demo/p/x"
