"""B4: whatever a publisher writes, it can do no harm on the pages of a repository."""

import re

import pytest
from markupsafe import escape
from werkzeug.test import Client

from pypi_repo import (
    OPERATOR,
    BrowseApp,
    ExternalFile,
    ListedFile,
    ProjectPage,
    Registry,
    SourceWrapper,
    Versioned,
)
from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import NormalizedName, normalize
from tests.conftest import PASSWORD, USER
from tests.support.distributions import wheel
from tests.support.http import Page, basic
from tests.support.uploads import upload
from tests.unit.web.browse.conftest import HTML, Get

PATHS = [
    "",
    "?q=demo",
    "+connect",
    "project/demo/",
    "project/demo/?version=1.0",
    "project/demo/releases",
    "project/demo/files",
    "project/none/",
]
EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea></title><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt; \u202e\u2066",
]
EVIL_URLS = [
    "javascript:alert(1)",
    "JaVaScRiPt://https://x.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "//evil.example",
    " javascript:alert(1)",
    "file:///etc/passwd",
    "https:javascript:alert(1)",
]


def _tags(page: str) -> list[str]:
    return Page(page).tags


@pytest.mark.parametrize("path", PATHS)
def test_no_page_can_be_framed_or_run_strange_scripts(
    path: str, registry: Registry, get: Get
) -> None:
    upload(registry, wheel("demo", "1.0"))
    page = get(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "style=" not in page.text
    assert not re.search(r"\son\w+=", page.text)


@pytest.mark.parametrize("evil", EVIL)
def test_stored_text_is_only_text(evil: str, registry: Registry, get: Get) -> None:
    """X54, for what is shown without a renderer."""
    pages = {}
    for text in ("harmless", evil):
        operator = registry.acting_as(OPERATOR)
        told = text.translate(dict.fromkeys(map(ord, "\u202e\u2066")))  # which is refused there
        operator.repositories.change("main", description=told)
        metadata = (
            f"Summary: {text}\nKeywords: {text}\nAuthor: {text}\nLicense: {text}\n"
            f"Classifier: {text}\nRequires-External: {text}\n"
        )
        version = "1.0" if text == "harmless" else "1.1"
        upload(registry, wheel("demo", version, extra_metadata=metadata))
        operator.projects.yank_release("main", "demo", version, told)
        operator.projects.set_status("main", "demo", "deprecated", told)
        for path in PATHS:
            pages[path, text] = get(path.replace("1.0", version))
        operator.projects.delete_release("main", "demo", version)
    for path in PATHS:
        found, usual = pages[path, evil], pages[path, "harmless"]
        assert found.status_code == usual.status_code
        assert _tags(found.text) == _tags(usual.text), path
        if evil != "javascript:alert(1)":
            assert evil not in found.text.replace(str(escape(evil)), "")
    assert str(escape(evil)) in pages["project/demo/", evil].text


@pytest.mark.parametrize("evil", EVIL)
def test_what_a_link_brings_is_only_text(evil: str, registry: Registry, get: Get) -> None:
    upload(registry, wheel("demo", "1.0"))
    for path in ("?q={}", "?page={}", "?sort={}", "+connect?tool={}", "?notice={}", "?note={}"):
        found = get(path.format(evil.replace("&", "%26").replace("#", "%23").replace("%", "%25")))
        assert found.status_code in (200, 400)
        assert "<script>alert" not in found.text
        assert "onerror=alert" not in found.text.replace("&gt;", "").replace("&lt;", "") or (
            "<img src=x" not in found.text
        )
    for path in ("project/{}/", "project/demo/?version={}", "project/demo/files?version={}"):
        assert "<script>alert" not in get(path.format(evil)).text


@pytest.mark.parametrize("url", EVIL_URLS)
def test_only_links_that_are_harmless_can_be_followed(
    url: str, registry: Registry, get: Get
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    metadata = f"Home-page: {url}\nProject-URL: Docs, {url}\nDownload-URL: {url}\n"
    upload(registry, wheel("demo", "1.0", extra_metadata=metadata))
    for path in PATHS:
        for anchor in Page(get(path).text).anchors:
            assert (
                not anchor.href.strip()
                .lower()
                .startswith(("javascript:", "data:", "vbscript:", "file:", "//"))
            )
            assert "javascript:" not in anchor.href.lower()


class _Elsewhere(SourceWrapper):
    """Says that the files of a project are at another URL."""

    def __init__(self, registry: Registry, url: str) -> None:
        super().__init__(registry.repository("main").source)
        self.url = url

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        file: ListedFile = ExternalFile(
            filename="demo-1.0-py3-none-any.whl",
            project=normalize("demo"),
            version="1.0",
            kind="bdist_wheel",
            python_tag="py3",
            location=self.url,
        )
        page = ProjectPage(
            name=project, status="active", status_reason="", serial=1, versions=("1.0",),
            files=(file,),
        )  # fmt: skip
        return Versioned(key=self.url, serial=1, public=False, load=lambda: page)


@pytest.mark.parametrize("url", ["javascript://x/%0aalert(1)", "data://text/html,x", "file://x/y"])
def test_no_file_is_at_a_url_that_does_harm(url: str, registry: Registry) -> None:
    bound = registry.repository("main", source=_Elsewhere(registry, url))
    client = Client(BrowseApp(bound))
    page = client.get("/project/demo/files", headers={**HTML, **basic(USER, PASSWORD)})
    assert page.status_code == 200
    assert url not in [anchor.href for anchor in Page(page.text).anchors]
    good = registry.repository("main", source=_Elsewhere(registry, "https://x.example/demo.whl"))
    page = Client(BrowseApp(good)).get(
        "/project/demo/files", headers={**HTML, **basic(USER, PASSWORD)}
    )
    assert "https://x.example/demo.whl" in [anchor.href for anchor in Page(page.text).anchors]


README = """\
# <script>alert(1)</script>

<img src=x onerror=alert(1)><iframe src="https://evil.example"></iframe>
<form action="https://evil.example"><input name=password></form>
<a href="javascript:alert(1)">one</a> [two](javascript:alert(1)) [three](data:text/html,x)
<style>body { display: none }</style><meta http-equiv=refresh content="0;url=https://evil.example">
<base href="https://evil.example/"><object data=x></object><svg onload=alert(1)></svg>
![pixel](https://evil.example/pixel.png)
"""


@pytest.mark.parametrize("content_type", ["text/markdown", "text/x-rst", "text/plain"])
def test_a_description_has_no_power(content_type: str, registry: Registry, get: Get) -> None:
    """X54"""
    registry.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    metadata = f"Description-Content-Type: {content_type}\n"
    upload(registry, wheel("demo", "1.0", extra_metadata=metadata, description=README))
    page = get("project/demo/")
    assert "evil.example" not in page.text
    (sandbox,) = re.findall(r'<iframe[^>]* sandbox="([^"]*)"', page.text)
    assert set(sandbox.split()) == {"allow-popups", "allow-popups-to-escape-sandbox"}
    alone = get("project/demo/readme")
    policy = alone.headers["Content-Security-Policy"]
    assert f"sandbox {sandbox}; default-src 'none'" in policy
    assert "script-src" not in policy
    assert "form-action 'none'" in policy
    assert alone.headers["Referrer-Policy"] == "no-referrer"
    assert alone.headers["Cache-Control"] == "no-store"
    body = alone.text.partition("<body")[2]
    assert not re.search(
        r"<(script|iframe|form|style|meta|base|object|svg)\b|\son\w+=[^&]*alert\(1\)>", body
    )
    assert not re.search(r'href="(javascript|data):', body)


def test_scripts_of_other_sites_read_no_page(registry: Registry) -> None:
    """Of a public repository they may read the index, and nothing that shows who is signed in."""
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    client = Client(registry.wsgi_app())
    headers = {**HTML, "Origin": "https://evil.example"}
    index = client.get("/repositories/main/simple/", headers=headers)
    assert index.headers["Access-Control-Allow-Origin"] == "*"
    for path in ("", "+connect"):
        page = client.get(f"/repositories/main/{path}", headers=headers)
        assert page.status_code == 200
        assert "Access-Control-Allow-Origin" not in page.headers
