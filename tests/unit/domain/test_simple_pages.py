"""Pages of the simple API, in JSON and HTML, read back by parsers that are not ours."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.simple_pages import (
    Links,
    list_html,
    list_json,
    project_html,
    project_json,
)
from pypi_repo.domain.records import (
    DistributionFile,
    ListedProject,
    ProjectList,
    ProjectPage,
    ProjectStatus,
)

SHA256 = "ab" * 32
METADATA_SHA256 = "cd" * 32
DEMO = NormalizedName("demo")
FILES_URL = "../../files/"
INDEX_URL = "https://host.example/pypi/simple/demo/"


def _file(**changes: Any) -> DistributionFile:
    file = DistributionFile(
        filename="demo-1.0-py3-none-any.whl",
        project=DEMO,
        version="1.0",
        kind="bdist_wheel",
        python_tag="py3",
        size=1234,
        digests=Digests(SHA256, "ef" * 32, "01" * 16),
        requires_python=">=3.8",
        metadata_sha256=METADATA_SHA256,
        yanked=None,
        uploaded_at=datetime(2026, 11, 5, 12, 30, 15, 42, tzinfo=UTC),
        uploaded_by="user@example.com",
    )
    return replace(file, **changes)


def _page(
    *files: DistributionFile, status: ProjectStatus = "active", reason: str = ""
) -> ProjectPage:
    return ProjectPage(
        name=DEMO,
        status=status,
        status_reason=reason,
        serial=7,
        versions=("1.0", "2.0"),
        files=files,
    )


class _Document(HTMLParser):
    """What a strict reader finds: metas, and anchors with their attributes and text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.metas: dict[str, str] = {}
        self.anchors: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.open_tags: list[str] = []
        self.declaration = ""
        self.comments: list[str] = []
        self.metas_in_head = True
        self.feed(content.decode("utf-8"))
        self.close()

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), "an attribute twice"
        if tag == "a":
            self.anchors.append(attributes)
            self.texts.append("")
        if tag == "meta":
            self.metas_in_head &= "head" in self.open_tags
            self.metas[attributes.get("name") or ""] = attributes.get("content") or ""
        if tag not in ("meta", "br"):
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if "a" in self.open_tags:
            self.texts[-1] += data


def _html(page: ProjectPage, files_url: str = FILES_URL) -> _Document:
    document = _Document(project_html(page, Links(files_url)))
    assert document.open_tags == []
    return document


def _json(page: ProjectPage, files_url: str = FILES_URL) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(project_json(page, Links(files_url)))
    return document


def _json_file(file: DistributionFile) -> dict[str, Any]:
    (document,) = _json(_page(file))["files"]
    assert isinstance(document, dict)
    return document


def _anchor(file: DistributionFile) -> dict[str, str | None]:
    (anchor,) = _html(_page(file)).anchors
    return anchor


def test_the_html_of_a_project() -> None:
    """X20, X25"""
    document = _html(_page(_file(), _file(filename="demo-1.0.tar.gz", kind="sdist")))
    assert document.declaration == "DOCTYPE html"
    assert document.metas["pypi:repository-version"] == "1.4"
    assert document.metas_in_head
    assert document.texts == ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert document.comments == ["SERIAL 7"]


def test_an_anchor_leads_to_the_file() -> None:
    """X20, X21, X35: relative, the last segment is the filename, one hash in the fragment."""
    anchor = _anchor(_file())
    url = urlsplit(urljoin(INDEX_URL, anchor["href"] or ""))
    assert url.path == f"/pypi/files/ab/ab/{'ab' * 30}/demo-1.0-py3-none-any.whl"
    assert url.query == ""
    assert url.fragment == f"sha256={SHA256}"


def test_there_are_no_other_anchors() -> None:
    """X20: installers take every one for a file."""
    assert _html(_page()).anchors == []
    assert project_html(_page(_file()), Links(FILES_URL)).count(b"<a ") == 1


def test_a_local_version_is_encoded_in_urls_and_not_in_texts() -> None:
    """U32, X21, X55"""
    file = _file(filename="demo-1.0+corp.1-py3-none-any.whl", version="1.0+corp.1")
    document = _html(_page(file))
    href = document.anchors[0]["href"] or ""
    assert href.partition("#")[0].endswith("/demo-1.0%2Bcorp.1-py3-none-any.whl")
    assert document.texts == [file.filename]
    assert _json_file(file)["url"].endswith("/demo-1.0%2Bcorp.1-py3-none-any.whl")
    assert unquote(_json_file(file)["url"]).endswith("/" + file.filename)


def test_requirements_on_python_are_escaped_in_html() -> None:
    """X22"""
    assert b'data-requires-python="&gt;=3.8"' in project_html(_page(_file()), Links(FILES_URL))
    assert _anchor(_file(requires_python='>=3.8,<"4"'))["data-requires-python"] == '>=3.8,<"4"'
    assert "data-requires-python" not in _anchor(_file(requires_python=None))


@pytest.mark.parametrize("reason", ["broken", 'a "quoted" <reason> & more', "Größe", ""])
def test_yanked_in_html_always_has_a_value(reason: str) -> None:
    """X22: a bare attribute means "not yanked" to pip."""
    assert _anchor(_file(yanked=reason))["data-yanked"] == reason
    content = project_html(_page(_file(yanked="")), Links(FILES_URL))
    assert b'data-yanked=""' in content


def test_not_yanked_in_html_is_no_attribute() -> None:
    """X22, X45"""
    assert "data-yanked" not in _anchor(_file())


def test_core_metadata_in_html_under_both_names() -> None:
    """X22"""
    anchor = _anchor(_file())
    assert anchor["data-core-metadata"] == f"sha256={METADATA_SHA256}"
    assert anchor["data-dist-info-metadata"] == f"sha256={METADATA_SHA256}"
    without = _anchor(_file(metadata_sha256=None))
    assert not {"data-core-metadata", "data-dist-info-metadata"} & without.keys()


def test_signatures_are_stated_on_all_links_or_none() -> None:
    """X22"""
    files = [_file(), _file(filename="demo-1.0.tar.gz", metadata_sha256=None)]
    stated = {"data-gpg-sig" in anchor for anchor in _html(_page(*files)).anchors}
    assert len(stated) == 1


def test_size_and_time_are_there_for_those_who_read_them() -> None:
    """X24"""
    anchor = _anchor(_file())
    assert anchor["data-size"] == "1234"
    assert anchor["data-upload-time"] == "2026-11-05T12:30:15.000042Z"


@pytest.mark.parametrize("status", ["active", "archived", "quarantined", "deprecated"])
def test_the_status_in_html(status: ProjectStatus) -> None:
    """X23"""
    document = _html(_page(status=status))
    assert document.metas["pypi:project-status"] == status
    assert "pypi:project-status-reason" not in document.metas
    assert document.metas_in_head


def test_the_reason_for_a_status() -> None:
    """X23, X32"""
    page = _page(status="archived", reason='use <"other"> & co')
    assert _html(page).metas["pypi:project-status-reason"] == 'use <"other"> & co'
    assert _json(page)["project-status"] == {"status": "archived", "reason": 'use <"other"> & co'}


def test_the_json_of_a_project() -> None:
    """X30, X32, X34"""
    document = _json(_page(_file()))
    assert document["meta"] == {"api-version": "1.4", "_last-serial": 7}
    assert document["name"] == "demo"
    assert document["versions"] == ["1.0", "2.0"]
    assert document["project-status"] == {"status": "active"}
    assert "project-status" not in document["meta"]
    assert "namespaces" not in document
    assert "tracks" not in document["meta"]


def test_a_project_without_files_still_has_all_keys() -> None:
    """X05, X32, X34"""
    document = _json(_page())
    assert document["files"] == []
    assert document.keys() >= {"meta", "name", "versions", "files", "project-status"}


def test_the_json_of_a_file() -> None:
    """X33, X37: sha256 only; blake2_256 has no name in hashlib."""
    assert _json_file(_file()) == {
        "filename": "demo-1.0-py3-none-any.whl",
        "url": f"../../files/ab/ab/{'ab' * 30}/demo-1.0-py3-none-any.whl",
        "hashes": {"sha256": SHA256},
        "size": 1234,
        "upload-time": "2026-11-05T12:30:15.000042Z",
        "requires-python": ">=3.8",
        "yanked": False,
        "core-metadata": {"sha256": METADATA_SHA256},
        "gpg-sig": False,
    }


def test_the_json_of_a_file_that_has_little_to_say() -> None:
    """X33"""
    document = _json_file(_file(requires_python=None, metadata_sha256=None))
    assert not {"requires-python", "core-metadata", "dist-info-metadata"} & document.keys()
    assert document["hashes"] == {"sha256": SHA256}


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_upload_times_have_a_t_and_a_z(microsecond: int) -> None:
    """X33: anything else breaks uv's page and pip's comparison."""
    time = datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)
    text = _json_file(_file(uploaded_at=time))["upload-time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", text)
    assert datetime.fromisoformat(text) == time


@pytest.mark.parametrize(("yanked", "expected"), [(None, False), ("", True), ("why", "why")])
def test_yanked_in_json_is_never_an_empty_text(yanked: str | None, expected: bool | str) -> None:
    """X33: "" means "not yanked" to pip and "yanked" to uv."""
    assert _json_file(_file(yanked=yanked))["yanked"] == expected
    assert type(_json_file(_file(yanked=yanked))["yanked"]) is type(expected)


def test_urls_may_be_absolute() -> None:
    """X35: for files behind a CDN, whose URL may hold what HTML escapes."""
    cdn = "https://cdn.example/files?key=a&path=/"
    path = f"ab/ab/{'ab' * 30}/demo-1.0-py3-none-any.whl"
    assert _json(_page(_file()), cdn)["files"][0]["url"] == cdn + path
    assert _html(_page(_file()), cdn).anchors[0]["href"] == f"{cdn}{path}#sha256={SHA256}"


@given(reason=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
def test_texts_of_people_survive_in_both_forms(reason: str) -> None:
    """X22, X33"""
    file = _file(yanked=reason)
    assert _anchor(file)["data-yanked"] == reason
    assert _json_file(file)["yanked"] == reason


def _list(*names: str) -> ProjectList:
    return ProjectList(
        serial=9,
        projects=tuple(
            ListedProject(
                name=name, normalized_name=NormalizedName(name.lower().replace(".", "-")), serial=3
            )
            for name in names
        ),
    )


def test_the_html_of_the_list() -> None:
    """X01, X20, X25: normalized links, names as their owners spell them."""
    document = _Document(list_html(_list("Demo.App", "other")))
    assert document.open_tags == []
    assert [anchor["href"] for anchor in document.anchors] == ["demo-app/", "other/"]
    assert document.texts == ["Demo.App", "other"]
    assert document.metas["pypi:repository-version"] == "1.4"
    assert document.comments == ["SERIAL 9"]


def test_the_json_of_the_list() -> None:
    """X30, X31"""
    document = json.loads(list_json(_list("Demo.App", "other")))
    assert document["meta"] == {"api-version": "1.4", "_last-serial": 9}
    assert [project["name"] for project in document["projects"]] == ["Demo.App", "other"]
    assert all(
        key == "name" or key.startswith("_") for item in document["projects"] for key in item
    )


def test_an_empty_list() -> None:
    """X31"""
    assert json.loads(list_json(_list()))["projects"] == []
    assert _Document(list_html(_list())).anchors == []
