"""Pages in the form in which they are kept, and whatever else a stranger may send as a page."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.filenames import ListedKind, has_safe_characters, projects_of
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.simple_pages import Links, project_html, project_json
from pypi_repo.domain.records import PROJECT_STATUSES, ProjectPage
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage, decode, encode
from pypi_repo.domain.values.urls import parse_url
from tests.support.upstream_pages import (
    PROJECTS,
    Document,
    as_html,
    listed,
    many_wheels,
    page,
    read,
)

DEMO = NormalizedName("demo")
WHEEL = "demo-1.0-py3-none-any.whl"

_texts = st.text(st.characters(codec="utf-8"), max_size=8)
_moments = st.none() | st.datetimes(timezones=st.just(UTC))
_kinds = [kind for choice in get_args(ListedKind) for kind in (get_args(choice) or (choice,))]
_files = st.builds(
    UpstreamFile,
    filename=_texts,
    project=_texts.map(NormalizedName),
    version=_texts,
    kind=st.sampled_from(_kinds),
    python_tag=_texts,
    url=_texts,
    size=st.none() | st.integers(0, 2**63 - 1),
    hashes=st.dictionaries(_texts, _texts, max_size=2),
    requires_python=st.none() | _texts,
    yanked=st.none() | _texts,
    metadata_hashes=st.none() | st.dictionaries(_texts, _texts, max_size=2),
    is_signed=st.booleans(),
    provenance=st.none() | _texts,
    uploaded_at=_moments,
    first_seen=_moments,
)
_pages = st.builds(
    UpstreamPage,
    name=_texts,
    status=st.sampled_from(PROJECT_STATUSES),
    status_reason=_texts,
    versions=st.lists(_texts, max_size=3).map(tuple),
    files=st.lists(_files, max_size=3).map(tuple),
    dropped=st.integers(0, 2**40),
)


@given(_pages)
def test_a_page_comes_back_as_it_was_kept(kept: UpstreamPage) -> None:
    """P4"""
    assert decode(encode(kept)) == kept


@pytest.mark.parametrize("project", PROJECTS)
def test_pages_of_all_shapes_come_back(project: str) -> None:
    """P4"""
    kept = read(PROJECTS[project](), project)
    assert decode(encode(kept)) == kept
    assert isinstance(decode(encode(kept)).files, tuple)


def test_a_page_is_kept_in_far_less_than_it_came_in() -> None:
    document = many_wheels(500)
    assert len(encode(read(document, "numpy"))) < len(json.dumps(document)) / 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        encode(UpstreamPage(name="demo"))[:-3],
        zlib.compress(b""),
        zlib.compress(msgspec.msgpack.encode([])),
        zlib.compress(msgspec.msgpack.encode({"name": 1})),
        zlib.compress(msgspec.msgpack.encode({"name": "demo", "status": "of another version"})),
        zlib.compress(msgspec.msgpack.encode({"name": "demo", "files": [{"filename": "x"}]})),
        zlib.compress(b"\x91" * 100_000),
    ],
)
def test_what_was_not_kept_as_a_page(content: bytes) -> None:
    with pytest.raises(UnreadablePage, match="has to be asked for again"):
        decode(content)


@pytest.mark.parametrize("form", [json.dumps, as_html])
def test_what_a_large_page_costs(form: Callable[[Document], str]) -> None:
    """P4, S3: little more than itself and what is made of it."""
    number = 2000
    body = form(many_wheels(number)).encode()
    tracemalloc.start()
    try:
        found = read(body, "numpy")
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.files) == number
    assert held < number * 1500
    assert peak < held + 4 * len(body)


def test_a_file_keeps_nothing_that_is_not_known() -> None:
    """Most pages have thousands of files, of which most fields are empty."""
    bare = UpstreamFile(
        filename=WHEEL, project=DEMO, version="1.0", kind="bdist_wheel", python_tag="py3", url="x"
    )
    assert set(msgspec.msgpack.decode(msgspec.msgpack.encode(bare))) == {
        "filename", "project", "version", "kind", "python_tag", "url",
    }  # fmt: skip


def _require_proper(found: UpstreamPage) -> None:
    """Checks all that others rely on, and that our own pages can be made of it."""
    names = [file.filename for file in found.files]
    assert len(names) == len(set(names))
    assert len(found.versions) == len(set(found.versions))
    for file in found.files:
        assert has_safe_characters(file.filename)
        assert file.project == DEMO
        assert DEMO in projects_of(file.filename)
        assert file.version in found.versions
        assert str(parse_url(file.url)) == file.url
        assert file.provenance is None or str(parse_url(file.provenance)) == file.provenance
        assert file.size is None or file.size >= 0
        assert file.uploaded_at is None or file.uploaded_at.tzinfo is UTC
        assert file.location.endswith(f"/{file.filename}")
    assert decode(encode(found)) == found
    ours = ProjectPage(
        name=DEMO,
        status=found.status,
        status_reason=found.status_reason,
        serial=0,
        versions=found.versions,
        files=found.files,
    )
    project_json(ours, Links("../../files/"))
    again = read(project_html(ours, Links("../../files/")))
    assert [file.filename for file in again.files] == names


def _read_safely(body: bytes, content_type: str = "") -> None:
    try:
        found = read(body, content_type=content_type)
    except UnreadablePage:
        return
    _require_proper(found)


@given(st.binary(), st.text(max_size=40))
@example(b"\xef\xbb\xbf{", "text/html; charset=utf-16")
@example(b'{"files":[{"filename":"demo-1.zip","url":"\xff"}]}', "")
@example(b'{"\xff":1,"files":[]}', "")
@example(b'{"files":[{"filename":"demo-1.zip","url":"/","yanked":"\\udc00"}]}', "")
def test_any_bytes_are_a_page_or_refused(body: bytes, content_type: str) -> None:
    """P2"""
    _read_safely(body, content_type)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_filenames = st.sampled_from(
    [WHEEL, "demo-1.0.tar.gz", "Demo-v1.zip", "demo-x.zip", "demo-2004d.zip", "../demo-1.zip", "x"]
)
_urls = st.sampled_from(
    ["x", "/x", "https://a.example/%2e%2e/x", "//", "..", "javascript:x", "[", ""]
)
_entries = st.fixed_dictionaries(
    {},
    optional={
        "filename": _filenames | _json,
        "url": _urls | st.text(max_size=9) | _json,
        **{
            name: st.sampled_from([listed(WHEEL)[name], True, "2024-05-01"]) | _json
            for name in ("hashes", "size", "upload-time", "yanked", "core-metadata", "provenance")
        },
        "requires-python": st.text(max_size=9) | _json,
        "gpg-sig": _json,
    },
)


@given(
    st.fixed_dictionaries(
        {"files": st.lists(_entries | _json, max_size=4)},
        optional={
            "name": _json,
            "meta": _json | st.just({"api-version": "1.1"}),
            "versions": st.lists(st.sampled_from(["1", "1.0", "v1", "x"]) | _json) | _json,
            "project-status": _json | st.just({"status": "archived", "reason": "x"}),
        },
    )
)
def test_any_json_is_a_page_or_refused(document: dict[str, Any]) -> None:
    """P1"""
    _read_safely(json.dumps(document).encode())


_pieces = st.sampled_from(
    [
        *('<a href="', "<a ", "<A HREF=", "<base href=", '<meta name="', "</a>", "<!--", "-->"),
        *("<![CDATA[", "]]>", "<![if", "<!", "<?", "<script>", "</script>", "<title>", "</title>"),
        *(
            WHEEL,
            "demo-1.zip",
            "other-1.zip",
            "../",
            "https://a.example/",
            "#sha256=",
            "?",
            "&#x3c;",
        ),
        *('"', "'", ">", "/>", " ", "=", "\n", "\0", "&", "&#", ";", "é", "data-yanked", "<"),
        *("data-size=", "1", "data-core-metadata=", "data-provenance=", "//", "pypi:"),
    ]
)


@given(st.lists(_pieces | st.text(max_size=3), max_size=30).map("".join))
@example(f'<a href="{WHEEL}" data-provenance="//[">x</a>')
@example(f'<base href="//["><a href="{WHEEL}">x</a>')
def test_any_html_is_a_page_or_refused(html: str) -> None:
    """P2"""
    _read_safely(html.encode())


@given(st.sampled_from([name for name in PROJECTS if name != "numpy"]), st.data())
def test_a_page_that_is_cut_or_damaged_is_refused_or_read(
    project: str, data: st.DataObject
) -> None:
    """P2: at any place, by any byte."""
    form = data.draw(st.sampled_from([json.dumps, as_html]))
    body = bytearray(form(PROJECTS[project]()).encode())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place : data.draw(st.sampled_from([place, place + 1, len(body)]))] = data.draw(
        st.binary(max_size=2)
    )
    try:
        found = read(bytes(body), project)
    except UnreadablePage:
        return
    assert decode(encode(found)) == found


def test_a_moment_is_in_utc_again() -> None:
    time = "2024-05-01T14:30:15+02:00"
    kept = read(page("demo", ["1.0"], [listed(WHEEL, upload_time=time)]))
    (file,) = decode(encode(kept)).files
    assert file.uploaded_at == datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)
    assert file.uploaded_at.utcoffset() == datetime.now(UTC).utcoffset()
