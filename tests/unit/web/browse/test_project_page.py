"""B1: the pages of a project, as good to read as those of the public index."""

import json
import re
from collections.abc import Iterator
from html import unescape

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Filtered, ListedFile, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.services.sources.readers import withheld_from
from tests.conftest import PASSWORD, USER
from tests.support.attestations import attestation
from tests.support.distributions import sdist, wheel
from tests.support.http import Site, basic
from tests.support.portal import text_of
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream
from tests.unit.web.browse.conftest import HTML, Get


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


DETAILS = """\
Summary: Bookings of the ledger service
Author-Email: Platform team <platform@example.com>
License-Expression: MIT
Keywords: ledger,bookkeeping
Classifier: Typing :: Typed
Project-URL: Handbook, https://handbook.example.com/ledger
Description-Content-Type: text/markdown
"""


def _with_details(registry: Registry) -> None:
    details = {
        "extra_metadata": DETAILS,
        "description": "# Told *well*",
        "requires_python": ">=3.10",
        "requires_dist": ["httpx>=0.27"],
        "metadata_version": "2.4",
    }
    for version in ("1.0", "2.0", "2.1b1"):
        upload(registry, sdist("Ledger.Client", version, **details))
        upload(registry, wheel("Ledger.Client", version, **details))


def test_a_project_says_all_that_is_known_of_it(registry: Registry, get: Get) -> None:
    _with_details(registry)
    page = get("project/ledger-client/")
    shown = text_of(page)
    for words in (
        "Ledger.Client 2.0",
        "Bookings of the ledger service",
        "Platform team <platform@example.com>",
        "Licence MIT",
        "Python >=3.10",
        "ledger, bookkeeping",
        "Typing :: Typed",
        "httpx>=0.27",
        "All releases (3)",
        "pip install --index-url http://localhost/repositories/main/simple/ Ledger.Client==2.0",
    ):
        assert words in shown, words
    assert 'href="https://handbook.example.com/ledger" rel="noopener noreferrer nofollow"' in (
        page.text
    )
    (frame,) = re.findall(r'<iframe[^>]* src="([^"]*)" sandbox="([^"]*)"', page.text)
    assert "allow-scripts" not in frame[1]
    assert "allow-same-origin" not in frame[1]
    assert frame[0] == "../../project/ledger-client/readme?version=2.0"
    assert "Told <em>well</em>" in get("project/ledger-client/readme").text


def test_each_version_has_its_page_in_any_spelling(registry: Registry, get: Get) -> None:
    _with_details(registry)
    for spelling in ("2.1b1", "v2.1.0-beta.1"):
        assert "Ledger.Client 2.1b1" in text_of(get(f"project/ledger-client/?version={spelling}"))
    for version in ("9", "none", "<b>"):
        assert get("project/ledger-client/").status_code == 200
        assert get(f"project/ledger-client/?version={version}").status_code == 404


def test_releases_that_are_withheld_are_told(
    registry: Registry, get: Get, upstream: LiveUpstream
) -> None:
    """B7: with the sentence with which a file of them is refused."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("inner")
    for distribution in (wheel("demo", "1.0"), sdist("demo", "2.0"), wheel("demo", "2.0")):
        upstream.add(distribution)
    upstream.create_on(registry)
    operator.sources.set_sources("inner", ["upstream:public"])
    operator.sources.set_sources("main", ["repository:inner"])
    assert "withheld" not in text_of(get("project/demo/"))

    operator.sources.add_rule("inner", "deny", "demo>=2", reason="it eats data")
    operator.sources.add_rule("main", "deny", "demo", kind="sdist", reason="not of a release")
    shown = text_of(get("project/demo/"))
    asked = get("project/demo/?version=2.0.0")
    reason = operator.sources.explain("main", "demo").withheld[0].reason
    assert f"1 release is withheld. {reason}" in shown
    assert "it eats data" in reason
    assert "not of a release" not in shown
    assert asked.status_code == 403
    assert reason in text_of(asked)
    assert get("project/demo/?version=3.0").status_code == 404

    operator.sources.add_rule("main", "deny", "demo", reason="none at all")
    shown = text_of(get("project/demo/"))
    assert "2 releases are withheld." in shown
    assert shown.index("it eats data") < shown.index("none at all"), "the newest first"


def test_what_is_withheld_is_not_told_to_whoever_gets_none_of_it(
    registry: Registry, get: Get, upstream: LiveUpstream
) -> None:
    upstream.add(wheel("demo", "1.0"))
    upstream.create_on(registry)
    operator = registry.acting_as(OPERATOR)
    operator.repositories.change("main", public=True)
    operator.sources.set_sources("main", ["upstream:public"])
    operator.sources.add_rule("main", "deny", "demo", reason="it eats data")
    assert "it eats data" in get("project/demo/").text
    client = Client(registry.wsgi_app())
    for path in ("project/demo/", "project/demo/?version=1.0"):
        answer = client.get(f"/repositories/main/{path}", headers=HTML)
        assert answer.status_code in (401, 404)
        assert "it eats data" not in answer.text
    hidden = Hiding(registry.repository("main").source)
    assert withheld_from(OPERATOR, hidden, normalize("demo")) == ()


class Hiding(Filtered):
    """A wrapper of a host."""


@pytest.mark.parametrize("spelling", ["Ledger.Client", "ledger_client", "LEDGER--CLIENT"])
def test_a_project_has_one_url(spelling: str, registry: Registry, get: Get) -> None:
    _with_details(registry)
    answer = get(f"project/{spelling}/?version=1.0")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "../../project/ledger-client/?version=1.0"


def test_releases_are_listed_with_yanks_and_their_reasons(registry: Registry, get: Get) -> None:
    _with_details(registry)
    projects = registry.acting_as(OPERATOR).projects
    projects.yank_release("main", "ledger-client", "2.0", "books twice")
    page = get("project/ledger-client/releases")
    assert re.findall(r'class="version" href="[^"]*">([^<]*)<', page.text) == [
        "2.1b1",
        "2.0",
        "1.0",
    ]
    assert "2.0 yanked books twice" in text_of(page)
    assert "Ledger.Client 1.0" in text_of(get("project/ledger-client/"))
    yanked = text_of(get("project/ledger-client/?version=2.0"))
    assert "This release is yanked" in yanked
    assert "books twice" in yanked


def test_many_releases_have_several_pages(registry: Registry, get: Get) -> None:
    for number in range(102):
        upload(registry, wheel("demo", f"1.{number}"))
    first, second = get("project/demo/releases"), get("project/demo/releases?page=2")
    assert "1 to 100 of 102 releases" in text_of(first)
    assert re.findall(r'class="version" href="[^"]*">([^<]*)<', second.text) == ["1.1", "1.0"]


def test_files_have_digests_and_can_be_downloaded(registry: Registry, get: Get) -> None:
    _with_details(registry)
    page = get("project/ledger-client/files")
    made = wheel(
        "Ledger.Client", "2.0", extra_metadata=DETAILS, description="# Told *well*",
        requires_python=">=3.10", requires_dist=["httpx>=0.27"], metadata_version="2.4",
    )  # fmt: skip
    assert made.sha256 in page.text
    assert "Wheel py3" in text_of(page)
    found = re.findall(r'class="filename" href="\.\./\.\./(files/[^"]*\.whl)" download', page.text)
    (path,) = map(unescape, found)
    answer = get(path)
    assert answer.data == made.content
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_what_is_attested_of_a_file_is_linked(registry: Registry, get: Get) -> None:
    dist = wheel("demo", "1.0")
    base = "/repositories/main/"
    site = Site(
        Client(registry.wsgi_app()),
        base,
        f"{base}simple/",
        f"{base}files/",
        basic(USER, PASSWORD),
    )
    site.upload(dist, attestations=json.dumps([attestation(dist)]))
    page = get("project/demo/files")
    (path,) = re.findall(r'href="\.\./\.\./([^"]*)">Provenance<', page.text)
    assert get(path, Accept="*/*").get_json(force=True)["version"] == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("archived", "This project is archived: use other-thing"),
        ("deprecated", "This project is deprecated: use other-thing"),
        ("quarantined", "None of its files is offered"),
    ],
)
def test_the_status_is_told_with_its_reason(
    status: str, words: str, registry: Registry, get: Get
) -> None:
    upload(registry, wheel("demo", "1.0"))
    projects = registry.acting_as(OPERATOR).projects
    projects.set_status("main", "demo", status, "use other-thing")  # type: ignore[arg-type]
    for path in ("", "releases", "files"):
        page = get(f"project/demo/{path}")
        assert page.status_code == 200
        assert words in text_of(page)
        assert "use other-thing" in text_of(page)
        offers = ".whl" in page.text
        assert offers == (path == "files" and status != "quarantined")


def test_files_that_a_wrapper_hides_are_nowhere(registry: Registry) -> None:
    class OnlyWheels(Filtered):
        def shows_file(self, file: ListedFile) -> bool:
            return file.kind == "bdist_wheel"

    upload(registry, wheel("demo", "1.0", extra_metadata="Summary: Old\n"))
    upload(registry, sdist("demo", "2.0", extra_metadata="Summary: Secret\n"))
    app = registry.wsgi_app(source=lambda _name, source: OnlyWheels(source))
    client = Client(app)
    for path in ("", "project/demo/", "project/demo/releases", "project/demo/files"):
        page = client.get(
            f"/repositories/main/{path}", headers={**HTML, **basic(USER, PASSWORD)}
        ).text
        assert "2.0" not in page
        assert "Secret" not in page


def test_a_package_may_be_called_project_or_json(registry: Registry, get: Get) -> None:
    """Their documents and their index pages stay where programs look for them."""
    for name in ("project", "json"):
        upload(registry, wheel(name, "1.0"))
        assert get(f"project/{name}/").status_code == 200
        assert f'href="project/{name}/"' in get().text
        assert get(f"{name}/json").get_json()["info"]["name"] == name
        assert get(f"{name}/1.0/json").get_json()["info"]["version"] == "1.0"
        assert get(f"{name}/").headers["Location"] == f"../simple/{name}/"
        assert get(name).headers["Location"] == f"simple/{name}/"
    assert "json 1.0" in text_of(get("project/json/files"))


@pytest.mark.parametrize("path", ["project/demo/none", "+none", "+static/none.css", "project/-/"])
def test_there_is_nothing_else(path: str, get: Get) -> None:
    assert get(path).status_code == 404


@pytest.mark.parametrize("path", ["+connect", "project/demo/", "project/demo/readme"])
def test_pages_are_only_read(path: str, registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    client = Client(registry.wsgi_app())
    answer = client.post(f"/repositories/main/{path}", headers=basic(USER, PASSWORD))
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"
