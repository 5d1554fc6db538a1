"""The JSON documents of projects that mirrors, bots and auditors read."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from werkzeug.test import Client, create_environ, run_wsgi_app

from pypi_repo import OPERATOR, JsonApiApp, Registry, mount
from pypi_repo.domain.metadata import headers, raw_metadata
from tests.support.distributions import sdist, wheel
from tests.support.http import Site, basic, resolve
from tests.support.uploads import upload

BASE = "/repositories/main/pypi"
READER, PASSWORD = "reader@example.com", "correct horse"
_INFO = """
name version summary description description_content_type keywords license license_expression
license_files classifiers author author_email maintainer maintainer_email requires_python
platform downloads package_url project_url project_urls release_url requires_dist provides_extra
docs_url bugtrack_url home_page download_url yanked yanked_reason dynamic
"""
_FILE = """
filename packagetype python_version has_sig comment_text md5_digest digests core-metadata size
downloads upload_time upload_time_iso_8601 url requires_python yanked yanked_reason
"""
_RICH = """\
Summary: a demonstration
Keywords: one,two
Home-page: https://example.org
Download-URL: https://example.org/download
Author: Ada
Author-email: ada@example.org
Maintainer: Bob
Maintainer-email: bob@example.org
Classifier: Typing :: Typed
Platform: any
Project-URL: Code, https://example.org/code
Provides-Extra: more
Dynamic: Summary
Description-Content-Type: text/markdown
"""


def _get(site: Site, path: str = "demo/json") -> dict[str, Any]:
    response = site.get(f"{BASE}/{path}")
    assert response.status_code == 200, response.status
    assert response.content_type == "application/json"
    return dict(response.get_json(force=True))


def _upload(site: Site, *versions: str) -> None:
    for version in versions:
        assert site.upload(wheel(version=version)).status_code == 200


def test_the_document_has_every_key(site: Site) -> None:
    """X63"""
    _upload(site, "1.0")
    document = _get(site)
    assert set(document) == {
        *("info", "last_serial", "releases", "urls", "vulnerabilities", "ownership")
    }
    assert set(document["info"]) == set(_INFO.split())
    assert [set(file) for file in document["urls"]] == [set(_FILE.split())]
    assert document["vulnerabilities"] == []
    assert document["ownership"] == {"roles": [], "organization": None}


def test_a_release_has_a_document_too(site: Site) -> None:
    """X62, X63: without the other releases."""
    _upload(site, "1.0", "2.0")
    document = _get(site, "demo/1.0/json")
    assert "releases" not in document
    assert document["info"]["version"] == "1.0"
    assert [file["filename"] for file in document["urls"]] == ["demo-1.0-py3-none-any.whl"]


def test_info_is_what_the_artifact_says(site: Site) -> None:
    """X63, U31"""
    rich = wheel(
        metadata_version="2.4",
        requires_python=">=3.8",
        requires_dist=["other >=1"],
        extra_metadata=f"{_RICH}License-Expression: MIT\nLicense-File: LICENSE",
        description="# Title\n",
        files={"demo-1.0.dist-info/licenses/LICENSE": b"MIT"},
    )
    assert site.upload(rich, summary="another", requires_dist=None).status_code == 200
    info = _get(site)["info"]
    expected = {
        "name": "demo",
        "summary": "a demonstration",
        "description": "# Title\n",
        "description_content_type": "text/markdown",
        "keywords": "one,two",
        "license": None,
        "license_expression": "MIT",
        "license_files": ["LICENSE"],
        "classifiers": ["Typing :: Typed"],
        "author": "Ada",
        "author_email": "ada@example.org",
        "maintainer": "Bob",
        "maintainer_email": "bob@example.org",
        "requires_python": ">=3.8",
        "platform": "any",
        "downloads": {"last_day": -1, "last_week": -1, "last_month": -1},
        "project_urls": {"Code": "https://example.org/code"},
        "requires_dist": ["other >=1"],
        "provides_extra": ["more"],
        "docs_url": None,
        "bugtrack_url": None,
        "home_page": "https://example.org",
        "download_url": "https://example.org/download",
        "yanked": False,
        "yanked_reason": None,
        "dynamic": ["Summary"],
    }
    assert {key: info[key] for key in expected} == expected


def test_files_are_described_in_full(site: Site) -> None:
    """X63"""
    dist, source = wheel(requires_python=">=3.8"), sdist()
    site.upload(dist)
    site.upload(source)
    document = _get(site)
    first, second = document["urls"]
    assert document["releases"] == {"1.0": [first, second]}
    assert (first["packagetype"], first["python_version"]) == ("bdist_wheel", "py3")
    assert (second["packagetype"], second["python_version"]) == ("sdist", "source")
    assert first["digests"] == {
        "md5": dist.md5,
        "sha256": dist.sha256,
        "blake2b_256": dist.blake2_256,
    }
    assert first["md5_digest"] == dist.md5
    assert (first["size"], first["downloads"]) == (len(dist.content), -1)
    assert (first["requires_python"], second["requires_python"]) == (">=3.8", None)
    assert set(first["core-metadata"]) == {"sha256"}
    assert second["core-metadata"] is False
    assert (first["has_sig"], first["comment_text"]) == (False, "")


def test_times_come_in_two_spellings(site: Site) -> None:
    """X63: one without and one with its Z."""
    _upload(site, "1.0")
    (file,) = _get(site)["urls"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", file["upload_time"])
    exact = datetime.fromisoformat(file["upload_time_iso_8601"])
    assert file["upload_time_iso_8601"].endswith("Z")
    assert exact.strftime("%Y-%m-%dT%H:%M:%S") == file["upload_time"]


@pytest.mark.parametrize("path", ["demo/json", "demo/1.0/json"])
def test_urls_are_absolute_and_work(site: Site, path: str) -> None:
    """X63: read out of their context."""
    _upload(site, "1.0")
    document = _get(site, path)
    (file,) = document["urls"]
    assert file["url"].startswith("http://localhost/repositories/main/files/")
    assert site.get(resolve("/", file["url"])).data == wheel().content
    for key in ("package_url", "project_url", "release_url"):
        url = document["info"][key]
        assert url == "http://localhost/repositories/main/simple/demo/"
        assert site.get(resolve("/", url)).status_code == 200


def test_urls_follow_the_mount_and_the_host(registry: Registry, site: Site) -> None:
    """X03, X99"""
    _upload(site, "1.0+local")
    client = Client(mount({"/team/index": registry.wsgi_app()}))
    response = client.get(
        f"/team/index{BASE}/demo/json", base_url="https://[::1]:8443", headers=site.headers
    )
    (file,) = response.get_json(force=True)["urls"]
    assert file["url"].startswith("https://[::1]:8443/team/index/repositories/main/files/")
    assert file["url"].endswith("/demo-1.0%2Blocal-py3-none-any.whl")
    (here,) = _get(site)["urls"]
    assert here["url"].startswith("http://localhost/repositories/")


@pytest.mark.parametrize("host", ["xn--bcher-kva.example", "xn--a", "xn--" + "a" * 60])
def test_a_host_is_spelled_as_the_client_spells_it(
    registry: Registry, site: Site, host: str
) -> None:
    """Also where it is not the encoding of anything (RFC 3492)."""
    _upload(site, "1.0")
    environ = create_environ(f"{BASE}/demo/json", headers={**site.headers, "Host": host})
    body, status, _headers = run_wsgi_app(registry.wsgi_app(), environ)  # a Client would decode it
    assert status.startswith("200 ")
    (file,) = json.loads(b"".join(body))["urls"]
    assert file["url"].startswith(f"http://{host}/repositories/main/files/")


@pytest.mark.parametrize("path", ["demo/json", "demo/json/", "demo/1.0/json", "demo/1.0/json/"])
def test_the_last_slash_is_optional(site: Site, path: str) -> None:
    """X62"""
    _upload(site, "1.0")
    assert _get(site, path)["info"]["version"] == "1.0"


@pytest.mark.parametrize("name", ["Demo.Pkg", "demo_pkg", "DEMO--PKG", "demo%2Epkg"])
@pytest.mark.parametrize("rest", ["json", "json/", "1.0/json", "1.0/json/", "1.0%2Blocal/json"])
def test_other_spellings_of_a_name_are_redirected(site: Site, name: str, rest: str) -> None:
    """X62, X03: relative, so that it survives every mount."""
    for version in ("1.0", "1.0+local"):
        assert site.upload(wheel("demo-pkg", version)).status_code == 200
    url = f"{BASE}/{name}/{rest}"
    response = site.get(f"{url}?x=1")
    assert response.status_code == 301
    location = response.headers["Location"]
    assert not location.startswith(("/", "http"))
    target = resolve(url, location)
    assert target == f"{BASE}/demo-pkg/{rest.rstrip('/')}?x=1"
    assert site.get(target).status_code == 200


@pytest.mark.parametrize("version", ["%0d%0aSet-Cookie:x", "%0a", "%e2%82%ac", "%3fx", "%23", " "])
def test_a_redirect_holds_nothing_but_its_target(site: Site, version: str) -> None:
    """X02, X03"""
    url = f"{BASE}/Demo/{version}/json"
    response = site.get(url)
    assert response.status_code == 301
    assert "Set-Cookie" not in response.headers
    assert resolve(url, response.headers["Location"]).startswith(f"{BASE}/demo/%")
    assert site.get(resolve(url, response.headers["Location"])).status_code == 404


@pytest.mark.parametrize("version", ["1", "1.0.0", "v1.0", "01.0", "%201.0", "1.0.0.0.0"])
@pytest.mark.parametrize("rest", ["json", "json/?x=1", "json?x=%2B&y="])
def test_other_spellings_of_a_version_are_redirected(site: Site, version: str, rest: str) -> None:
    """X62, X03, U85, U113: or its document would be made anew for each spelling."""
    _upload(site, "1.0", "2.0")
    url = f"{BASE}/demo/{version}/{rest}"
    response = site.get(url)
    assert response.status_code == 301
    assert not response.headers["Location"].startswith(("/", "http"))
    target = resolve(url, response.headers["Location"])
    assert target == f"{BASE}/demo/1.0/{rest.replace('json/', 'json')}"
    assert site.get(target).get_json(force=True)["info"]["version"] == "1.0"


@pytest.mark.parametrize(
    ("version", "spelled"),
    [
        ("1.0%2Blocal", "1.0%2Blocal"),
        ("1.0+local", "1.0%2Blocal"),
        ("1.0+LOCAL", "1.0%2Blocal"),
        ("1!2", "1%212.0"),
        ("1!2.0", "1%212.0"),
        ("1.0-RC.1", "1.0rc1"),
    ],
)
def test_unusual_versions_are_found(site: Site, version: str, spelled: str) -> None:
    """X62"""
    _upload(site, "1.0+local", "1!2.0", "1.0rc1")
    response = site.get(f"{BASE}/demo/{version}/json")
    if response.status_code == 301:
        assert response.headers["Location"] == f"../../demo/{spelled}/json"
    assert _get(site, f"demo/{spelled}/json")["urls"]


@pytest.mark.parametrize("version", ["3.0", "1.0rc1", "x", "1" * 5000, "1." * 200 + "0", "%00"])
def test_a_version_without_a_release_is_unknown(site: Site, version: str) -> None:
    """X62, U113"""
    _upload(site, "1.0")
    assert site.get(f"{BASE}/demo/{version}/json").status_code == 404


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The documents that have been taken apart since, in their order."""
    seen: list[bytes] = []
    split = raw_metadata.split_headers

    def counted(document: bytes) -> Any:
        seen.append(document)
        return split(document)

    monkeypatch.setattr(raw_metadata, "split_headers", counted)
    return seen


def test_metadata_are_parsed_once_however_they_are_asked_for(
    site: Site, parsed: list[bytes]
) -> None:
    """U113: readers of a public repository could make a server parse them without end."""
    _upload(site, "1.0", "2.0")
    parsed.clear()
    for host in ("a.example.org", "b.example.org", "c.example.org"):
        for path in ("demo/json", "demo/2.0/json", "demo/2/json", "demo/v2.0.0/json"):
            response = site.get(f"{BASE}/{path}", Host=host)
            assert response.status_code in (200, 301)
    assert len(parsed) == 1
    _upload(site, "3.0")  # a new state of the project, and the same metadata of 2.0
    parsed.clear()
    assert _get(site, "demo/2.0/json")["info"]["version"] == "2.0"
    assert parsed == []
    assert _get(site)["info"]["version"] == "3.0"
    assert len(parsed) == 1


def test_stored_metadata_that_are_too_much_today_are_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U113: an older version may have taken them."""
    dist = wheel(extra_metadata=_RICH)
    assert site.upload(dist).status_code == 200
    monkeypatch.setattr(headers, "_MOST_HEADERS", 5)
    document = _get(site)
    assert (document["info"]["version"], document["info"]["summary"]) == ("1.0", None)
    assert [file["filename"] for file in document["urls"]] == [dist.filename]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "json",
        "demo",
        "demo/",
        "demo/1.0",
        "demo/3.0/json",
        "demo/one/json",
        f"demo/{'1' * 5000}/json",
        "demo/1.0/2.0/json",
        "other/json",
        "other/1.0/json",
        "demo%00/json",
        "demo/1.0%00/json",
        "-demo/json",
        "demo/1.0/html",
    ],
)
def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    """X62"""
    _upload(site, "1.0")
    response = site.get(f"{BASE}/{path}", Accept="application/json")
    assert response.status_code == 404
    assert response.get_json(force=True)["status"] == 404


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["1.0", "2.0", "1.5"], "2.0"),
        (["1.9", "1.10"], "1.10"),
        (["1.0", "2.0rc1", "2.0.dev3"], "1.0"),
        (["1.0a1", "1.0b1"], "1.0b1"),
        (["1.0", "1.0.post1"], "1.0.post1"),
        (["1.0", "1.0+local"], "1.0+local"),
        (["1!0.1", "2.0"], "1!0.1"),
    ],
)
def test_the_latest_release_comes_first(site: Site, versions: list[str], latest: str) -> None:
    """X62: a pre-release only where there is nothing else."""
    _upload(site, *versions)
    document = _get(site)
    assert document["info"]["version"] == latest
    assert set(document["releases"]) == set(versions)
    assert document["urls"] == document["releases"][latest]


def test_yanked_releases_come_last(registry: Registry, site: Site) -> None:
    """X62, X63: even after pre-releases."""
    _upload(site, "1.0", "2.0", "3.0rc1")
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "2.0", "broken")
    assert _get(site)["info"]["version"] == "1.0"
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "")
    assert _get(site)["info"]["version"] == "3.0rc1"
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "3.0rc1", "")
    info = _get(site)["info"]
    assert (info["version"], info["yanked"], info["yanked_reason"]) == ("2.0", True, "broken")
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", None)
    assert _get(site)["info"]["version"] == "1.0"


def test_a_release_is_yanked_when_all_its_files_are(registry: Registry, site: Site) -> None:
    """X63, X45"""
    site.upload(wheel())
    site.upload(sdist())
    registry.acting_as(OPERATOR).projects.yank_file("main", wheel().filename, "wrong tag")
    document = _get(site, "demo/1.0/json")
    assert [file["yanked"] for file in document["urls"]] == [True, False]
    assert [file["yanked_reason"] for file in document["urls"]] == ["wrong tag", None]
    assert (document["info"]["yanked"], document["info"]["yanked_reason"]) == (False, None)
    registry.acting_as(OPERATOR).projects.yank_file("main", sdist().filename, "")
    info = _get(site, "demo/1.0/json")["info"]
    assert (info["yanked"], info["yanked_reason"]) == (True, "wrong tag")


def test_releases_without_files_are_never_the_latest(registry: Registry, site: Site) -> None:
    """X62"""
    _upload(site, "1.0", "2.0")
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel(version="2.0").filename)
    document = _get(site)
    assert document["info"]["version"] == "1.0"
    assert document["releases"].get("2.0", []) == []


def test_a_project_without_releases_is_not_found(registry: Registry, site: Site) -> None:
    """X62"""
    _upload(site, "1.0")
    registry.acting_as(OPERATOR).projects.delete_release("main", "demo", "1.0")
    assert site.get(f"{BASE}/demo/json").status_code == 404


def test_the_metadata_are_those_of_the_newest_wheel(site: Site) -> None:
    """U86, X63"""
    site.upload(wheel(extra_metadata="Summary: wheel"))
    site.upload(sdist(extra_metadata="Summary: sdist"))
    assert _get(site)["info"]["summary"] == "wheel"
    site.upload(sdist(version="2.0", extra_metadata="Summary: newer sdist"))
    assert _get(site)["info"]["summary"] == "newer sdist"


def test_the_serial_is_in_the_document_and_its_header(registry: Registry, site: Site) -> None:
    """X62, X95: that of the project's last change."""
    _upload(site, "1.0")
    first = site.get(f"{BASE}/demo/json")
    assert first.headers["X-PyPI-Last-Serial"] == str(first.get_json(force=True)["last_serial"])
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "")
    second = site.get(f"{BASE}/demo/1.0/json")
    assert int(second.headers["X-PyPI-Last-Serial"]) > int(first.headers["X-PyPI-Last-Serial"])
    assert site.upload(wheel("other")).status_code == 200
    third = site.get(f"{BASE}/demo/json")
    assert third.headers["X-PyPI-Last-Serial"] == second.headers["X-PyPI-Last-Serial"]


def test_pages_of_other_sites_may_read_public_repositories_only(
    registry: Registry, site: Site
) -> None:
    """X62, X96"""
    _upload(site, "1.0")
    urls = [f"{BASE}/demo/json", f"{BASE}/demo/1.0/json", "/repositories/main/simple/demo/"]
    for url in urls:
        assert "Access-Control-Allow-Origin" not in site.get(url).headers
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    for url in urls:
        headers = site.client.get(url).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Access-Control-Allow-Methods"] == "GET"
        assert "X-PyPI-Last-Serial" in headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("path", ["demo/json", "Demo/json", "other/json", "demo/9/json", "x", ""])
def test_private_repositories_tell_nobody_anything(site: Site, path: str) -> None:
    """X71: whether it is there or not."""
    _upload(site, "1.0")
    assert site.client.get(f"{BASE}/{path}").status_code == 401
    url = f"/repositories/nowhere/pypi/{path}"
    assert site.client.get(url).status_code == 401


def test_readers_may_read(site: Site) -> None:
    """X62"""
    _upload(site, "1.0")
    assert site.client.get(f"{BASE}/demo/json", headers=basic(READER, PASSWORD)).status_code == 200


def test_documents_are_revalidated(site: Site) -> None:
    """X50, X52"""
    _upload(site, "1.0")
    first = site.get(f"{BASE}/demo/json")
    assert first.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    etag = first.headers["ETag"]
    assert site.get(f"{BASE}/demo/json", If_None_Match=etag).status_code == 304
    _upload(site, "2.0")
    assert site.get(f"{BASE}/demo/json", If_None_Match=etag).status_code == 200


def test_a_quarantined_project_is_not_found(registry: Registry, site: Site) -> None:
    """X46"""
    _upload(site, "1.0")
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    assert site.get(f"{BASE}/demo/json").status_code == 404
    for status in ("archived", "deprecated", "active"):
        registry.acting_as(OPERATOR).projects.set_status("main", "demo", status)
        assert _get(site)["info"]["name"] == "demo"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_documents_can_only_be_read(site: Site, method: str) -> None:
    """X77"""
    response = site.get(f"{BASE}/demo/json", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


def test_documents_are_not_indexed(site: Site) -> None:
    """X98, X54"""
    _upload(site, "1.0")
    headers = site.get(f"{BASE}/demo/json").headers
    assert headers["X-Robots-Tag"] == "noindex"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_display_name_is_as_uploaded_last(site: Site) -> None:
    """U82"""
    site.upload(wheel("Demo.Pkg"), name="Demo.Pkg")
    assert _get(site, "demo-pkg/json")["info"]["name"] == "Demo.Pkg"
    site.upload(wheel("demo_pkg", "2.0"), name="Demo.Pkg")
    assert _get(site, "demo-pkg/json")["info"]["name"] == "demo_pkg"


# Beside the index


@pytest.mark.parametrize("prefix", ["", "/team/pypi"])
def test_it_is_also_where_tools_look_who_know_the_index_alone(
    prefix: str, registry: Registry
) -> None:
    """pip-compile and Renovate take `simple/` off its URL."""
    base = f"{prefix}/repositories/main/"
    app = mount({prefix: registry.wsgi_app()}) if prefix else registry.wsgi_app()
    site = Site(Client(app), base, f"{base}simple/", f"{base}files/", basic(READER, PASSWORD))
    for version in ("1.0", "2.0"):
        upload(registry, wheel(version=version))
    for path in ("demo/json", "demo/1.0/json", "DEMO/1.0/json", "demo/1.0.0/json"):
        there, here = _followed(site, f"{base}pypi/{path}"), _followed(site, base + path)
        assert here == there
        assert here["urls"][0]["url"].startswith(f"http://localhost{base}files/")


def _followed(site: Site, url: str) -> dict[str, Any]:
    """The document at the end of all redirects."""
    response = site.get(url)
    while response.status_code == 301:
        url = resolve(url, response.headers["Location"])
        response = site.get(url)
    assert response.status_code == 200, response.status
    return dict(response.get_json())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("unknown/json", 404),
        ("demo/9/json", 404),
        ("demo/1.0/x/json", 404),
        ("demo/1.0/json/x", 404),
        ("demo/json2", 404),
    ],
)
def test_nothing_else_is_there(path: str, status: int, site: Site) -> None:
    _upload(site, "1.0")
    assert site.get(f"{site.upload_url}{path}").status_code == status
    assert site.client.get(f"{site.upload_url}{path}").status_code == 401


def test_a_project_may_be_named_json(site: Site) -> None:
    assert site.upload(wheel("json", "1.0")).status_code == 200
    assert site.get(f"{site.upload_url}json").headers["Location"] == "simple/json/"
    assert site.get(f"{site.upload_url}json/").headers["Location"] == "../simple/json/"
    document = site.get(f"{site.upload_url}json/json").get_json()
    assert document["info"]["name"] == "json"


def test_nobody_gets_the_document_of_another_host(registry: Registry, site: Site) -> None:
    """Also where the files have one URL for all hosts: whoever asks chooses the host."""
    _upload(site, "1.0")
    app = JsonApiApp(registry.repository("main"), files_url="https://cdn.example.com/files/")
    client = Client(app)
    for host in ("first.example", "second.example"):
        response = client.get(
            "/demo/json", base_url=f"https://{host}/pypi/", headers=basic(READER, PASSWORD)
        )
        project_url = response.get_json(force=True)["info"]["project_url"]
        assert project_url == f"https://{host}/simple/demo/"
