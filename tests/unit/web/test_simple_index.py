"""The simple repository API over HTTP: URLs, negotiation, both forms, and caching."""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, DownloadApp, Registry, SimpleIndexApp, mount
from pypi_repo.web.packages.page_cache import PageCache
from tests.support.distributions import sdist, wheel
from tests.support.http import HTML_V1, JSON, Page, Site, basic, resolve

USER, PASSWORD = "user@example.com", "correct horse"

PIP = f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {HTML_V1};q=0.2, text/html;q=0.01"
POETRY = f"{JSON}, */*;q=0.1"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
HTML = "text/html; charset=utf-8"


def follow(site: Site, url: str, **headers: str) -> tuple[str, TestResponse]:
    """As requests and urllib do it: Location against the URL that was asked for."""
    for _ in range(5):
        response = site.get(url, **headers)
        if response.status_code not in (301, 302, 307, 308):
            return url, response
        location = response.headers["Location"]
        assert not urlsplit(location).netloc
        url = resolve(url, location)
    raise AssertionError(f"redirected for ever: {url}")


# URLs and redirects (section 1)


def test_x01_the_root_lists_projects_and_a_project_lists_files(mounted: Site) -> None:
    mounted.upload(wheel("Foo.Bar"))
    mounted.upload(sdist("demo"))
    root = mounted.get(mounted.index_url)
    assert root.status_code == 200
    links = [anchor.href for anchor in Page(root.text).anchors]
    assert links == ["demo/", "foo-bar/"]
    for link in links:
        page = mounted.get(resolve(mounted.index_url, link))
        assert page.status_code == 200
        (anchor,) = Page(page.text).anchors
        assert (
            mounted.get(resolve(resolve(mounted.index_url, link), anchor.href)).status_code == 200
        )


SPELLINGS = {
    "demo": "demo/",
    "Demo": "demo/",
    "DEMO/": "demo/",
    "Foo._.Bar": "foo-bar/",
    "Foo._.Bar/": "foo-bar/",
    "foo_bar/": "foo-bar/",
    "%66oo.bar": "foo-bar/",
    "foo%2Ebar/": "foo-bar/",
    "Nothing_Here": "nothing-here/",
}


@pytest.mark.parametrize("query", ["", "?format=text/html", "?a=b&format=text%2Fhtml&c=%20"])
def test_x01_x02_x03_other_spellings_redirect_and_keep_the_query(mounted: Site, query: str) -> None:
    mounted.upload(wheel())
    mounted.upload(wheel("Foo.Bar"))
    for asked, canonical in SPELLINGS.items():
        response = mounted.get(f"{mounted.index_url}{asked}{query}")
        assert response.status_code == 301, asked
        location = response.headers["Location"]
        assert "://" not in location
        assert not location.startswith("/")
        target = resolve(f"{mounted.index_url}{asked}{query}", location)
        assert target == f"{mounted.index_url}{canonical}{query}"
        expected = 404 if "nothing" in canonical else 200
        assert mounted.get(target).status_code == expected


def test_x01_x06_the_root_page_without_its_slash_redirects(mounted: Site) -> None:
    bare = mounted.index_url.rstrip("/")
    for query in ("", "?format=text/html"):
        target, response = follow(mounted, bare + query)
        assert target == mounted.index_url + query
        assert response.status_code == 200


def test_x02_a_name_with_an_encoded_slash_or_nul_is_not_found(mounted: Site) -> None:
    mounted.upload(wheel())
    for name in (
        "demo%2Fx/",
        "de%00mo/",
        "..%2Fdemo/",
        "%2e%2e/demo/x/",
        "d%ff/",
        "d%c3%a9/",
        "-/",
    ):
        assert mounted.get(f"{mounted.index_url}{name}").status_code == 404


@pytest.mark.parametrize("name", ["demo/demo-1.0-py3-none-any.whl", "demo/x/", "a b/", "_/", "+/"])
def test_x02_what_can_be_no_project_is_not_found(mounted: Site, name: str) -> None:
    mounted.upload(wheel())
    assert mounted.get(f"{mounted.index_url}{name}").status_code == 404


def test_x02_a_very_long_name_is_not_found(mounted: Site) -> None:
    for name in ("a" * 100_000, "-" * 100_000, "A." * 50_000, "%2e" * 50_000):
        assert mounted.get(f"{mounted.index_url}{name}/").status_code in (301, 404)


@pytest.mark.parametrize("spelling", ["demo", "Demo", "DE.MO", "demo/"])
def test_an_index_url_without_simple_redirects_to_it(site: Site, spelling: str) -> None:
    site.upload(wheel("de-mo") if "." in spelling else wheel())
    project = "de-mo" if "." in spelling else "demo"
    url, response = follow(site, f"/repositories/main/{spelling}?format=text/html")
    assert url == f"/repositories/main/simple/{project}/?format=text/html"
    assert response.status_code == 200
    file = resolve(url.partition("?")[0], Page(response.text).anchors[0].href)
    assert site.get(file).status_code == 200


@pytest.mark.parametrize("plus", ["+", "%2B", "%2b"])
def test_u91_hatch_finds_the_page_without_a_redirect(site: Site, plus: str) -> None:
    site.upload(wheel())
    response = site.get(f"/repositories/main/{plus}simple/demo/", Accept="*/*")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == HTML
    (anchor,) = Page(response.text).anchors
    assert anchor.text == wheel().filename
    assert site.get(resolve("/repositories/main/+simple/demo/", anchor.href)).status_code == 200


def test_x04_head_has_the_headers_of_get(mounted: Site) -> None:
    mounted.upload(wheel())
    root = mounted.index_url
    for accept in ("*/*", JSON, HTML_V1, "text/plain"):
        for url in (root, f"{root}demo/", f"{root}demo", f"{root}nothing/", root.rstrip("/")):
            get = mounted.get(url, Accept=accept)
            head = mounted.get(url, method="HEAD", Accept=accept)
            assert head.status == get.status
            assert list(head.headers) == list(get.headers)
            assert head.data == b""
            assert int(head.headers["Content-Length"]) == len(get.data)


def test_x05_a_project_without_files_is_an_empty_page(registry: Registry, mounted: Site) -> None:
    mounted.upload(wheel())
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel().filename)
    assert mounted.page("demo")["files"] == []
    page = mounted.get(f"{mounted.index_url}demo/")
    assert page.status_code == 200
    assert Page(page.text).anchors == []


def test_x05_a_deleted_or_unknown_project_is_404(registry: Registry, mounted: Site) -> None:
    mounted.upload(wheel())
    registry.acting_as(OPERATOR).projects.delete("main", "demo")
    assert mounted.get(f"{mounted.index_url}demo/").status_code == 404
    assert mounted.get(f"{mounted.index_url}never/").status_code == 404
    assert mounted.project_names() == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"])
def test_x77_an_index_is_only_read(mounted: Site, method: str) -> None:
    for url in (mounted.index_url, f"{mounted.index_url}demo/", f"{mounted.index_url}demo"):
        response = mounted.get(url, method=method)
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, HEAD"


# Content negotiation (section 2)

NEGOTIATION = [
    (None, HTML),
    ("", HTML),
    ("*/*", HTML),
    (PIP, JSON),
    (UV, JSON),
    (POETRY, JSON),
    (BROWSER, HTML),
    (JSON, JSON),
    (HTML_V1, HTML_V1),
    ("text/html", HTML),
    ("TEXT/HTML", HTML),
    (JSON.upper(), JSON),
    ("text/*", HTML),
    ("application/*", JSON),
    (f"{JSON}, {HTML_V1}, text/html", JSON),
    (f"text/html, {HTML_V1}, {JSON}", JSON),
    (f"text/html, {HTML_V1}", HTML_V1),
    (f"text/html, {JSON};q=0.999", HTML),
    (f"text/html;q=0.1, {JSON};q=0.101", JSON),
    (f"{JSON};q=0, */*", HTML),
    ("text/html;q=0, */*", JSON),
    (f"text/html;q=0, {JSON};q=0, */*", HTML_V1),
    (f"{JSON};q=0.2, application/*;q=0.9, text/*;q=0.5", HTML_V1),
    (f"{JSON} ; q = 0.5 , text/html ; q=0.4", JSON),
    (f"text/html;level=1;q=0.3,{JSON};q=0.2", HTML),
    (f"{JSON}; charset=utf-8", JSON),
    (f"application/json, {JSON};q=0.1", JSON),
    ("application/vnd.pypi.simple.latest+json", JSON),
    ("application/vnd.pypi.simple.latest+html", HTML_V1),
    (f"application/vnd.pypi.simple.v2+json, {HTML_V1};q=0.3", HTML_V1),
    (f", ,{JSON},,", JSON),
    (f"{JSON};q=abc, text/html", HTML),
    ("application/json", None),
    ("application/vnd.pypi.simple.v2+json", None),
    ("text/plain", None),
    ("*/*;q=0", None),
    (f"{JSON};q=0", None),
    (f"text/html;q=0.0, {HTML_V1};q=0.000, {JSON};q=0", None),
    ("image/*, application/json", None),
]


def test_x10_to_x15_negotiation(site: Site) -> None:
    site.upload(wheel())
    for accept, media_type in NEGOTIATION:
        headers = {} if accept is None else {"Accept": accept}
        for url in (site.index_url, f"{site.index_url}demo/"):
            response = site.get(url, **headers)
            assert "Accept" in response.headers["Vary"]
            if media_type is None:
                assert response.status_code == 406, accept
                for offered in (JSON, HTML_V1, "text/html"):
                    assert offered in response.text
                continue
            assert response.status_code == 200, accept
            assert response.headers["Content-Type"] == media_type, accept
            if media_type == JSON:
                assert response.get_json(force=True)["meta"]["api-version"] == "1.4"
            else:
                assert Page(response.text).meta["pypi:repository-version"] == "1.4"


FORMATS = {
    "application/vnd.pypi.simple.v1+json": JSON,
    "application/vnd.pypi.simple.v1%2Bjson": JSON,
    "application%2Fvnd.pypi.simple.v1%2bhtml": HTML_V1,
    "application/vnd.pypi.simple.latest+json": JSON,
    "text/html": HTML,
    "application/json": None,
    "application/vnd.pypi.simple.v2+json": None,
    "*/*": None,
    "text/*": None,
    "json": None,
    "": None,
    "%00": None,
    "%ff%fe": None,
}


@pytest.mark.parametrize("accept", ["text/html", PIP, "text/plain"])
def test_x16_the_format_parameter_beats_accept(site: Site, accept: str) -> None:
    for value, media_type in FORMATS.items():
        response = site.get(f"{site.index_url}?format={value}", Accept=accept)
        assert response.status_code == (406 if media_type is None else 200), value
        if media_type is not None:
            assert response.headers["Content-Type"] == media_type


# HTML (section 3)


def test_x20_html_is_valid_and_says_its_version(mounted: Site) -> None:
    mounted.upload(wheel())
    for url in (mounted.index_url, f"{mounted.index_url}demo/"):
        for accept in ("text/html", HTML_V1):
            page = Page(mounted.get(url, Accept=accept).text)
            assert page.declarations == ["DOCTYPE html"]
            assert page.meta["pypi:repository-version"] == "1.4"
            assert page.tags[:2] == ["html", "head"]
            assert "title" in page.tags
            assert len(page.anchors) == 1
            assert "script" not in page.tags


def test_x20_x21_one_anchor_per_file_named_like_it(mounted: Site) -> None:
    dists = [wheel(), sdist(), wheel(version="2.0+local.1"), wheel(version="1!3.0")]
    for dist in dists:
        mounted.upload(dist)
    url = f"{mounted.index_url}demo/"
    anchors = Page(mounted.get(url).text).anchors
    assert [anchor.text for anchor in anchors] == [dist.filename for dist in dists]
    for anchor, dist in zip(anchors, dists, strict=True):
        parts = urlsplit(anchor.href)
        assert unquote(parts.path.rpartition("/")[2]) == dist.filename
        assert parts.query == ""
        assert parts.fragment == f"sha256={dist.sha256}"
        assert mounted.get(resolve(url, anchor.href)).data == dist.content


def test_x55_a_plus_in_a_link_is_encoded(mounted: Site) -> None:
    dist = wheel(version="1.0+cu.12")
    mounted.upload(dist)
    (anchor,) = Page(mounted.get(f"{mounted.index_url}demo/").text).anchors
    document = mounted.get(f"{mounted.index_url}demo/", Accept=JSON).get_json(force=True)
    assert "+" in dist.filename
    for link in (anchor.href, document["files"][0]["url"]):
        assert "+" not in link
        assert "%2Bcu.12" in link


def test_x22_attributes_say_what_the_installer_must_know(mounted: Site) -> None:
    dist = wheel(requires_python='>=3.8,<4,!=3.9.*,>"3"'.replace('>"3"', ">3"))
    mounted.upload(dist)
    text = mounted.get(f"{mounted.index_url}demo/").text
    (anchor,) = Page(text).anchors
    assert anchor.attributes["data-requires-python"] == ">=3.8,<4,!=3.9.*,>3"
    assert 'data-requires-python="&gt;=3.8,&lt;4' in text
    digest = mounted.page("demo")["files"][0]["core-metadata"]["sha256"]
    assert anchor.attributes["data-core-metadata"] == f"sha256={digest}"
    assert anchor.attributes["data-dist-info-metadata"] == f"sha256={digest}"
    assert "data-yanked" not in anchor.attributes
    assert anchor.attributes["data-gpg-sig"] == "false"


def test_x22_an_sdist_without_any_of_these_has_none(site: Site) -> None:
    site.upload(sdist())
    (anchor,) = Page(site.get(f"{site.index_url}demo/").text).anchors
    assert set(anchor.attributes) == {"href", "data-gpg-sig", "data-size", "data-upload-time"}


REASONS = ["broken", "<b>\"quoted\" & 'more'</b>", "naïve", "x" * 500, "-->", "a\nb"]


@pytest.mark.parametrize("why", REASONS)
def test_x22_x33_a_yanked_file_gives_its_reason(
    registry: Registry, mounted: Site, why: str
) -> None:
    mounted.upload(wheel())
    registry.acting_as(OPERATOR).projects.yank_file("main", wheel().filename, why)
    (anchor,) = Page(mounted.get(f"{mounted.index_url}demo/").text).anchors
    assert anchor.attributes["data-yanked"] == why
    assert mounted.page("demo")["files"][0]["yanked"] == why
    assert mounted.get(mounted.file_url(wheel())).status_code == 200  # X45


def test_x22_x33_yanked_without_a_reason(registry: Registry, mounted: Site) -> None:
    mounted.upload(wheel())
    registry.acting_as(OPERATOR).projects.yank_file("main", wheel().filename, "")
    text = mounted.get(f"{mounted.index_url}demo/").text
    assert 'data-yanked=""' in text
    assert Page(text).anchors[0].attributes["data-yanked"] == ""
    assert mounted.page("demo")["files"][0]["yanked"] is True


def test_x45_a_yank_can_be_taken_back(registry: Registry, mounted: Site) -> None:
    mounted.upload(wheel())
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "oops")
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", None)
    assert mounted.page("demo")["files"][0]["yanked"] is False
    assert "data-yanked" not in mounted.get(f"{mounted.index_url}demo/").text


@pytest.mark.parametrize("status", ["active", "archived", "deprecated", "quarantined"])
@pytest.mark.parametrize("why", ["", 'moved to "<other>" & closed'])
def test_x23_x32_x46_project_status(
    registry: Registry, mounted: Site, status: str, why: str
) -> None:
    mounted.upload(wheel())
    file_url = mounted.file_url(wheel())
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", status, why)  # type: ignore[arg-type]
    page = Page(mounted.get(f"{mounted.index_url}demo/").text)
    assert page.meta["pypi:project-status"] == status
    assert page.meta.get("pypi:project-status-reason", "") == why
    document = mounted.page("demo")
    assert document["project-status"] == ({"status": status} | ({"reason": why} if why else {}))
    assert "project-status" not in document["meta"]
    offered = 0 if status == "quarantined" else 1
    assert len(document["files"]) == len(page.anchors) == offered
    assert mounted.project_names() == ["demo"][:offered]
    assert len(Page(mounted.get(mounted.index_url).text).anchors) == offered
    for url in (file_url, f"{file_url}.metadata"):
        assert mounted.get(url).status_code == (200 if offered else 403)
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    assert mounted.get(file_url).status_code == 200


def test_x24_size_and_upload_time_are_in_html_too(mounted: Site) -> None:
    mounted.upload(wheel())
    (anchor,) = Page(mounted.get(f"{mounted.index_url}demo/").text).anchors
    (file,) = mounted.page("demo")["files"]
    assert anchor.attributes["data-size"] == str(file["size"]) == str(len(wheel().content))
    assert anchor.attributes["data-upload-time"] == file["upload-time"]


# JSON (section 4)


def test_x30_x31_the_list_in_json(mounted: Site) -> None:
    mounted.upload(wheel("Foo.Bar"))
    mounted.upload(wheel("demo"))
    document = mounted.get(mounted.index_url, Accept=JSON).get_json(force=True)
    assert document["meta"]["api-version"] == "1.4"
    assert isinstance(document["meta"]["api-version"], str)
    assert "tracks" not in document["meta"]
    assert "namespaces" not in document
    assert [project["name"] for project in document["projects"]] == ["demo", "Foo.Bar"]
    assert {key for project in document["projects"] for key in project} == {"name", "_last-serial"}


def test_x32_to_x37_a_project_in_json(mounted: Site) -> None:
    first, second = wheel("Foo.Bar", "1.0.0", requires_python=">=3.8"), sdist("Foo.Bar", "2.0rc1")
    mounted.upload(first)
    mounted.upload(second)
    document = mounted.page("foo-bar")
    assert set(document) == {"meta", "name", "project-status", "versions", "files"}
    assert document["meta"]["api-version"] == "1.4"
    assert document["name"] == "foo-bar"
    assert document["project-status"] == {"status": "active"}
    assert document["versions"] == ["1.0.0", "2.0rc1"]
    for file, dist in zip(document["files"], [first, second], strict=True):
        assert file["filename"] == dist.filename
        assert file["hashes"] == {"sha256": dist.sha256}
        assert file["size"] == len(dist.content)
        assert type(file["size"]) is int
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", file["upload-time"])
        assert datetime.fromisoformat(file["upload-time"]).year > 2000
        assert file["yanked"] is False
    assert document["files"][0]["requires-python"] == ">=3.8"
    assert "dist-info-metadata" not in document["files"][0]  # pip 22.3 to 23.1 crash on it
    assert "requires-python" not in document["files"][1]


def test_x34_versions_are_unique_and_cover_every_file(registry: Registry, site: Site) -> None:
    for dist in (wheel(), sdist(), wheel(version="2.0"), wheel(version="1.0.0", build="1")):
        site.upload(dist)
    assert site.page("demo")["versions"] == ["1.0", "2.0"]
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel(version="2.0").filename)
    assert set(site.page("demo")["versions"]) >= {"1.0"}


def test_x35_links_are_relative(mounted: Site) -> None:
    mounted.upload(wheel())
    document = mounted.get(f"{mounted.index_url}demo/", Accept=JSON).get_json(force=True)
    url = document["files"][0]["url"]
    assert url.startswith("../")
    assert urljoin("https://proxy.example/outer" + mounted.index_url + "demo/", url).startswith(
        "https://proxy.example/outer" + mounted.files_url
    )


@pytest.mark.parametrize(
    ("files_url", "expected"),
    [
        ("https://cdn.example.org/x", "https://cdn.example.org/x/"),
        ("https://cdn.example.org/x/", "https://cdn.example.org/x/"),
        ("//cdn.example.org/x", "//cdn.example.org/x/"),
        ("/elsewhere/files/", "/elsewhere/files/"),
        ("../files", "../../files/"),
        ("files/", "../files/"),
    ],
)
def test_x35_files_may_be_elsewhere(registry: Registry, files_url: str, expected: str) -> None:
    Site(
        Client(registry.wsgi_app()), "/repositories/main/", "", "", headers=basic(USER, PASSWORD)
    ).upload(wheel())
    app = SimpleIndexApp(registry.repository("main"), files_url=files_url)
    page = Client(app).get("/demo/", headers=basic(USER, PASSWORD))
    (anchor,) = Page(page.text).anchors
    assert anchor.href.startswith(expected)
    assert anchor.href == f"{expected}{wheel().path}#sha256={wheel().sha256}"


# Core metadata (section 5)


def test_x40_x41_x42_metadata_is_advertised_exactly_where_it_is_served(mounted: Site) -> None:
    mounted.upload(wheel())
    mounted.upload(sdist(metadata_version="2.2"))
    advertised = {}
    for file in mounted.page("demo")["files"]:
        response = mounted.get(f"{file['url']}.metadata")
        advertised[file["filename"]] = "core-metadata" in file
        assert response.status_code == (200 if "core-metadata" in file else 404)
    assert advertised == {wheel().filename: True, sdist().filename: False}


def test_x43_metadata_goes_with_its_file(registry: Registry, mounted: Site) -> None:
    mounted.upload(wheel())
    url = mounted.file_url(wheel())
    registry.acting_as(OPERATOR).projects.yank_file("main", wheel().filename, "")
    assert mounted.get(f"{url}.metadata").status_code == 200
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel().filename)
    assert mounted.get(f"{url}.metadata").status_code == 404
    assert mounted.get(url).status_code == 404


# Caching (section 7)


def test_x17_x50_x52_headers_of_200_and_304(registry: Registry, mounted: Site) -> None:
    mounted.upload(wheel())
    for public in (False, True):
        registry.acting_as(OPERATOR).repositories.change("main", public=public)
        for url in (mounted.index_url, f"{mounted.index_url}demo/"):
            full = mounted.get(url, Accept=JSON)
            again = mounted.get(url, Accept=JSON, If_None_Match=full.headers["ETag"])
            assert again.status_code == 304
            assert again.data == b""
            for response in (full, again):
                assert re.fullmatch(r'"[0-9a-f]{32,}"', response.headers["ETag"])
                vary = {name.strip() for name in response.headers["Vary"].split(",")}
                assert "Accept" in vary
                cache = {item.strip() for item in response.headers["Cache-Control"].split(",")}
                assert {"max-age=0", "must-revalidate"} <= cache
                assert ("private" in cache) is (not public)
                assert ("public" in cache) is public
                assert ("Authorization" in vary) is (not public)
                assert "Last-Modified" not in response.headers  # X51: too coarse
            for name in ("ETag", "Vary", "Cache-Control"):
                assert again.headers[name] == full.headers[name]
            assert "Content-Type" not in again.headers
            assert "Content-Length" not in again.headers


def test_x50_the_etag_tells_representations_apart(mounted: Site) -> None:
    mounted.upload(wheel())
    for url in (mounted.index_url, f"{mounted.index_url}demo/"):
        tags = {
            accept: mounted.get(url, Accept=accept).headers["ETag"]
            for accept in (JSON, HTML_V1, "text/html")
        }
        assert len(set(tags.values())) == 3
        for accept, tag in tags.items():
            for other in (JSON, HTML_V1, "text/html"):
                status = mounted.get(url, Accept=other, If_None_Match=tag).status_code
                assert status == (304 if other == accept else 200)


def test_x50_the_etag_is_stable(mounted: Site) -> None:
    mounted.upload(wheel())
    url = f"{mounted.index_url}demo/"
    assert len({mounted.get(url, Accept=JSON).headers["ETag"] for _ in range(3)}) == 1


def test_x50_the_etag_does_not_depend_on_the_process(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    for path in ("", "demo/"):
        ours = site.get(site.index_url + path).headers["ETag"]
        another = Client(registry.wsgi_app()).get(site.index_url + path, headers=site.headers)
        assert another.headers["ETag"] == ours


CONDITIONS = [
    ("{tag}", 304),
    ("W/{tag}", 304),
    ('"other", {tag}', 304),
    ('W/"other" , W/{tag},"x"', 304),
    ("*", 304),
    ('"other"', 200),
    ('W/"other"', 200),
    ("", 200),
    ("nonsense", 200),
    ('"unbalanced', 200),
    (",,,", 200),
]


def test_x51_if_none_match(mounted: Site) -> None:
    mounted.upload(wheel())
    for url in (mounted.index_url, f"{mounted.index_url}demo/"):
        tag = mounted.get(url).headers["ETag"]
        for condition, status in CONDITIONS:
            for method in ("GET", "HEAD"):
                given = condition.format(tag=tag)
                response = mounted.get(url, method=method, If_None_Match=given)
                assert response.status_code == status, condition


def test_x51_dates_are_not_believed(mounted: Site) -> None:
    mounted.upload(wheel())
    future = "Fri, 01 Jan 2100 00:00:00 GMT"
    assert mounted.get(mounted.index_url, If_Modified_Since=future).status_code == 200


def test_x17_x52_redirects_vary_and_are_not_kept(mounted: Site) -> None:
    for path in ("Demo/", "demo"):
        response = mounted.get(f"{mounted.index_url}{path}")
        assert response.status_code == 301
        assert "Accept" in response.headers["Vary"]
        assert response.headers["Cache-Control"] == "no-cache"


CHANGES: dict[str, Callable[[Registry, Site], object]] = {
    "upload": lambda _registry, site: site.upload(wheel(version="2.0")),
    "yank": lambda registry, _site: registry.acting_as(OPERATOR).projects.yank_release(
        "main", "demo", "1.0", "x"
    ),
    "status": lambda registry, _site: registry.acting_as(OPERATOR).projects.set_status(
        "main", "demo", "archived"
    ),
    "delete": lambda registry, _site: registry.acting_as(OPERATOR).projects.delete_file(
        "main", wheel().filename
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_u95_x50_a_page_is_fresh_after_any_change(
    registry: Registry, mounted: Site, change: str, accept: str
) -> None:
    mounted.upload(wheel())
    url = f"{mounted.index_url}demo/"
    before = mounted.get(url, Accept=accept)
    CHANGES[change](registry, mounted)
    after = mounted.get(url, Accept=accept, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]
    assert after.data != before.data
    assert int(after.headers["X-PyPI-Last-Serial"]) > int(before.headers["X-PyPI-Last-Serial"])


def test_x50_the_root_page_is_fresh_after_a_new_project(mounted: Site) -> None:
    mounted.upload(wheel())
    before = mounted.get(mounted.index_url)
    mounted.upload(wheel("other"))
    after = mounted.get(mounted.index_url, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert len(Page(after.text).anchors) == 2


def test_a_repository_made_again_shows_nothing_of_its_predecessor(
    registry: Registry, site: Site
) -> None:
    site.upload(wheel(requires_python=">=3.9"))
    assert "&gt;=3.9" in site.get(f"{site.index_url}demo/").text
    registry.acting_as(OPERATOR).repositories.delete("main")
    registry.acting_as(OPERATOR).repositories.create("main")
    assert site.get(f"{site.index_url}demo/").status_code == 404
    site.upload(wheel())
    assert "&gt;=3.9" not in site.get(f"{site.index_url}demo/").text
    assert site.get(f"{site.index_url}demo/").headers["X-PyPI-Last-Serial"] == "1"


def test_pages_of_repositories_do_not_mix(registry: Registry, site: Site) -> None:
    registry.acting_as(OPERATOR).repositories.create("other")
    site.upload(wheel(requires_python=">=3.9"))
    site.upload(wheel(requires_python=">=3.10"), url="/repositories/other/")
    for _ in range(2):
        assert "&gt;=3.9" in site.get("/repositories/main/simple/demo/").text
        assert "&gt;=3.10" in site.get("/repositories/other/simple/demo/").text


def test_a_page_larger_than_the_cache_is_served_all_the_same(registry: Registry) -> None:
    main = registry.repository("main")
    index = SimpleIndexApp(main, cache=PageCache(10))
    site = Site(
        Client(mount({"/simple": index, "/files": DownloadApp(main)}, registry.wsgi_app())),
        "/repositories/main/",
        "/simple/",
        "/files/",
        headers=basic(USER, PASSWORD),
    )
    site.upload(wheel())
    for _ in range(2):
        assert site.get(site.file_url(wheel())).data == wheel().content


def test_two_registries_in_one_process_share_nothing(new_site: Callable[..., Site]) -> None:
    first, second = new_site(), new_site()
    dist = wheel(requires_python=">=3.9")
    first.upload(dist)
    assert second.project_names() == []
    assert second.get(first.file_url(dist)).status_code == 404
    second.upload(wheel())
    assert "&gt;=3.9" not in second.get(f"{second.index_url}demo/").text
    assert "&gt;=3.9" in first.get(f"{first.index_url}demo/").text
