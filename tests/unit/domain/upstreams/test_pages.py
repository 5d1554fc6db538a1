"""Pages of other indexes: what they say is what our pages say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, urljoin

import msgspec
import pytest

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.names import normalize
from pypi_repo.domain.pages import project_json, simple_pages
from pypi_repo.domain.pages.simple_pages import Links
from pypi_repo.domain.records import ProjectDetails, ProjectPage
from pypi_repo.domain.upstreams.pages import UpstreamPage, read_page
from pypi_repo.domain.versions import version_order
from tests.support.upstream_pages import PAGE_URL, PROJECTS, Document, as_html, read

LINKS = Links("../../files/", "https://ours.example/integrity/")

_document = cache(lambda project: PROJECTS[project]())


def shown(page: UpstreamPage) -> ProjectPage:
    """The page as a repository offers it."""
    return ProjectPage(
        name=normalize(page.name),
        status=page.status,
        status_reason=page.status_reason,
        serial=0,
        versions=page.versions,
        files=page.files,
        display_name=page.name,
    )


def our_json(page: UpstreamPage) -> Document:
    return dict(json.loads(simple_pages.project_json(shown(page), LINKS)))


def _comparable(file: Mapping[str, Any]) -> Document:
    """A file in JSON with everything but where things are."""
    metadata = file.get("core-metadata", file.get("data-dist-info-metadata", False))
    time = file.get("upload-time")
    return {
        "filename": file["filename"],
        "hashes": file["hashes"],
        "size": file.get("size"),
        "upload-time": time and datetime.fromisoformat(time),
        "requires-python": file.get("requires-python"),
        "yanked": file["yanked"],
        "core-metadata": metadata,
        "has provenance": bool(file.get("provenance")),
        "gpg-sig": file.get("gpg-sig", False),
    }


@pytest.mark.parametrize("project", PROJECTS)
def test_our_json_says_all_that_the_json_of_an_upstream_says(project: str) -> None:
    """P1"""
    theirs = _document(project)
    page = read(theirs, project)
    ours = our_json(page)
    assert page.dropped == 0
    assert page.name == theirs["name"]
    assert ours["project-status"] == theirs.get("project-status", {"status": "active"})
    expected = theirs.get("versions", ["2.8.0+cpu", "2.9.0+cpu", "2.9.0+cu130"])
    assert ours["versions"] == expected
    assert [*map(_comparable, ours["files"])] == [*map(_comparable, theirs["files"])]


@pytest.mark.parametrize("project", PROJECTS)
def test_our_json_says_all_that_the_html_of_an_upstream_says(project: str) -> None:
    """P2: HTML has one digest, no list of versions, no size and no upload time."""
    theirs = _document(project)
    ours = our_json(read(as_html(theirs), project))
    assert ours["project-status"] == theirs.get("project-status", {"status": "active"})
    released = {version_order(version) for version in theirs.get("versions", ours["versions"])}
    assert {*map(version_order, ours["versions"])} <= released
    for mine, other in zip(ours["files"], theirs["files"], strict=True):
        first = dict([*other["hashes"].items()][:1])
        expected = _comparable({**other, "hashes": first}) | {"size": None, "upload-time": None}
        assert _comparable(mine) == expected


@pytest.mark.parametrize("project", PROJECTS)
def test_our_html_says_all_that_the_html_of_an_upstream_says(project: str) -> None:
    """P2: our own page is rebuilt, and is read again as the same."""
    page = read(as_html(_document(project)), project)
    again = read(simple_pages.project_html(shown(page), LINKS), project)
    elsewhere = {"url": "", "provenance": None}
    assert again.status == page.status
    assert again.versions == page.versions
    assert [msgspec.structs.replace(file, **elsewhere) for file in again.files] == [
        msgspec.structs.replace(file, **elsewhere) for file in page.files
    ]


@pytest.mark.parametrize("project", PROJECTS)
def test_files_are_where_the_upstream_says(project: str) -> None:
    """P1, P2: in both forms."""
    theirs = _document(project)
    expected = [urljoin(PAGE_URL.format(project), file["url"]) for file in theirs["files"]]
    for form in (theirs, as_html(theirs)):
        page = read(form, project)
        assert [*map(unquote, (file.url for file in page.files))] == [*map(unquote, expected)]
        assert [file.provenance for file in page.files] == [
            file["provenance"] for file in theirs["files"]
        ]


@pytest.mark.parametrize("project", [each for each in PROJECTS if each != "fabrice"])
def test_the_legacy_json_of_an_upstream_project(project: str) -> None:
    """P6"""
    page = read(_document(project), project)
    releases: dict[str, Any] = {version: [] for version in page.versions}
    for file in page.files:
        releases[file.version].append(file)
    details = ProjectDetails(
        name=page.name,
        serial=0,
        version=page.versions[-1],
        releases={version: tuple(files) for version, files in releases.items()},
        fields={},
    )
    document = json.loads(
        project_json.render(
            details, files_url="https://ours.example/", project_url="https://p.example/", whole=True
        )
    )
    assert document["info"]["name"] == page.name
    assert document["info"]["version"] == page.versions[-1]
    assert [*document["releases"]] == [*page.versions]
    assert document["urls"] == document["releases"][page.versions[-1]]
    theirs = {file["filename"]: file for file in _document(project)["files"]}
    for file in (file for files in document["releases"].values() for file in files):
        other = theirs[file["filename"]]
        assert file["digests"] == other["hashes"]
        assert file["md5_digest"] == other["hashes"].get("md5")
        assert file["size"] == other.get("size")
        assert (file["upload_time"] is None) == ("upload-time" not in other)
        assert file["yanked"] == bool(other["yanked"])
        assert file["url"].startswith("https://ours.example/")


def test_the_query_of_a_signed_url_is_in_no_error() -> None:
    """S1."""
    with pytest.raises(UnreadablePage) as refused:
        read_page(
            b"{", "application/json", "https://a.example/demo/?Signature=x", normalize("demo")
        )
    assert refused.value.detail == "https://a.example/demo/"
