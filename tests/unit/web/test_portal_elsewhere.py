"""How the portal shows projects that come from the sources of a repository."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from io import BytesIO

import pytest

from pypi_repo import OPERATOR, Area, Registry
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.distributions import sdist, wheel
from tests.support.portal import PortalClient, refused_fields, text_of
from tests.support.scripted_server import Asked, ScriptedServer, reply
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream
from tests.support.waiting import wait_until

HERE = "repositories/main/projects"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def portal(registry: Registry, upstream: LiveUpstream) -> PortalClient:
    upstream.create_on(registry)
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def test_a_project_from_elsewhere_is_browsed_like_an_own_one(
    portal: PortalClient, upstream: LiveUpstream
) -> None:
    details = "Summary: Made elsewhere\nDescription-Content-Type: text/markdown\n"
    for version in ("1.0", "2.0"):
        upstream.add(sdist("Demo", version))
        upstream.add(wheel("Demo", version, extra_metadata=details, description="# Told"))
    page = portal.get(f"{HERE}/demo")
    shown = text_of(page)
    for words in (
        "It comes from the upstream public",
        "Made elsewhere",
        "2.0",
        "Offered 2 releases, 4 files",
        "All releases (2)",
    ):
        assert words in shown
    assert "main/simple/ demo==2.0" in shown
    assert '<a href="../../../upstreams/public">public</a>' in page.text
    assert "Manage" not in page.text
    assert ">Told<" in portal.get(f"{HERE}/demo/readme?version=2.0").text

    releases = portal.get(f"{HERE}/demo/releases")
    assert re.findall(r'class="version" href="[^"]*">([^<]*)<', releases.text) == ["2.0", "1.0"]
    files = portal.get(f"{HERE}/demo/files?version=1.0")
    assert "demo-1.0-py3-none-any.whl" in text_of(files)
    for page in (releases, files):
        assert "checkbox" not in page.text
        assert "With the chosen ones" not in text_of(page)


def test_files_from_elsewhere_are_downloaded(portal: PortalClient, upstream: LiveUpstream) -> None:
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    page = portal.get(f"{HERE}/demo/files")
    (target,) = re.findall(r'class="filename" href="../../../../([^"]*)"', page.text)
    assert portal.get(target).data == demo.content


def test_the_figures_of_an_upstream_are_those_of_its_use(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    page = portal.get(f"{HERE}/demo/files")
    (target,) = re.findall(r'class="filename" href="../../../../([^"]*)"', page.text)
    for _time in range(4):
        assert portal.get(target).data == demo.content
    operator = registry.acting_as(OPERATOR)

    def is_counted() -> bool:
        operator.usage.days(1)  # writes what was counted so far; the fetch counts itself at its end
        return operator.upstreams.report("public").fetched > 0

    wait_until(is_counted)
    for path in ("upstreams", "repositories/main", "repositories/main/sources"):
        shown = text_of(portal.get(path))
        assert " Answers last answer " in shown
        assert " 75 % " in shown
        assert " 1 file" in shown
    assert f"Fetched, 30 days {len(demo.content)} bytes" in text_of(portal.get("upstreams/public"))


def test_a_name_is_looked_up_in_the_sources(portal: PortalClient, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    assert "Look up a project in the sources" in text_of(portal.get("repositories/main"))
    answer = portal.get("repositories/main/look-up?name=Demo")
    assert answer.headers["Location"] == "../../repositories/main/projects/demo"
    answer = portal.get("repositories/main/look-up")
    assert answer.headers["Location"] == "../../repositories/main"
    refused = portal.get("repositories/main/look-up?name=!")
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == ["name"]


def test_what_no_list_has_is_looked_up(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).sources.set_sources("main", [])
    upload(registry, wheel("own", "1.0"))
    assert "Look it up" not in text_of(portal.get("repositories/main?q=demo"))
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    page = portal.get("repositories/main?q=demo").text
    assert '<a href="../repositories/main/look-up?name=demo">Look it up in the sources</a>' in page


def test_own_projects_stay_as_they_are(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    """Also if a source has a higher version: it is not asked."""
    upstream.add(wheel("own", "9.0"))
    registry.acting_as(OPERATOR).sources.set_sources("main", [])
    upload(registry, wheel("own", "1.0"))
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    page = portal.get(f"{HERE}/own")
    assert "9.0" not in page.text
    assert "From elsewhere" not in page.text
    assert "Manage" in page.text
    assert upstream.asked == []


def test_of_a_merged_name_only_own_files_are_managed(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    upstream.add(wheel("own", "9.0"))
    operator = registry.acting_as(OPERATOR)
    operator.sources.merge("main", ["own"])
    upload(registry, wheel("own", "1.0"))
    page = portal.get(f"{HERE}/own")
    assert "come from the repository itself, the upstream public together" in text_of(page)
    releases = portal.get(f"{HERE}/own/releases").text
    assert 'value="1.0" aria-label="Choose release 1.0"' in releases
    assert "Choose release 9.0" not in releases
    assert "Choose own-9.0" not in portal.get(f"{HERE}/own/files?version=9.0").text
    assert "Choose own-1.0" in portal.get(f"{HERE}/own/files?version=1.0").text


def test_what_others_say_is_shown_as_text(registry: Registry, portal: PortalClient) -> None:
    """Our own upload checks would have refused most of it."""
    metadata = (
        f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: {HOSTILE}\n"
        f"Keywords: {HOSTILE}\nHome-page: javascript:alert(1)\nAuthor: {HOSTILE}\n"
        f"Classifier: {HOSTILE}\nRequires-Dist: {HOSTILE}\nProject-URL: {HOSTILE}, data:,x\n"
        f"License: {HOSTILE}\nDescription-Content-Type: text/html\n\n{HOSTILE}"
    ).encode()
    file = {
        "filename": "demo-1.0-py3-none-any.whl",
        "url": "demo-1.0-py3-none-any.whl",
        "hashes": {},
        "requires-python": HOSTILE,
        "yanked": HOSTILE,
        "core-metadata": {"sha256": sha256(metadata).hexdigest()},
    }
    document = {
        "meta": {"api-version": "1.4"},
        "name": "demo",
        "versions": ["1.0", HOSTILE],
        "project-status": {"status": "deprecated", "reason": HOSTILE},
        "files": [file],
    }
    page = json.dumps(document).encode()

    def script(asked: Asked) -> bytes:
        return reply(metadata if asked.target.endswith(".metadata") else page)

    operator = registry.acting_as(OPERATOR)
    with ScriptedServer(script) as server:
        url = f"{server.url}/simple/"
        operator.upstreams.create("evil", url=url, allow_http=True, allow_private_network=True)
        operator.sources.set_sources("main", ["upstream:evil"])
        for path in ("", "/releases", "/files?version=1.0"):
            answer = portal.get(f"{HERE}/demo{path}")
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert "&lt;script&gt;" in answer.text
            assert 'href="javascript' not in answer.text
            assert 'href="data' not in answer.text
        assert HOSTILE in unescape(portal.get(f"{HERE}/demo?version=1.0").text)
        assert "<script" not in portal.get(f"{HERE}/demo/readme?version=1.0").text


def test_an_upstream_that_fails(portal: PortalClient, upstream: LiveUpstream) -> None:
    upstream.broken = "500 Broken"
    answer = portal.get(f"{HERE}/demo")
    assert answer.status_code == 502
    for path in ("repositories/main", "repositories/main/sources", "upstreams"):
        assert "Failing since" in text_of(portal.get(path))
        assert "every 30 seconds" not in text_of(portal.get(path))
    for number in range(5):
        portal.get(f"{HERE}/other-{number}")
    for path in ("repositories/main", "repositories/main/sources", "upstreams"):
        assert "so it is asked every 30 seconds only" in text_of(portal.get(path))


def test_a_name_that_nobody_has(portal: PortalClient) -> None:
    for page in ("/releases", "/files", "/readme", "/manage", "/delete"):
        assert portal.get(f"{HERE}/nothing{page}").status_code == 404
    answer = portal.get(f"{HERE}/nothing")
    assert answer.status_code == 404
    assert "Nobody supplies nothing here." in text_of(answer)
    assert "1. the upstream public does not have it" in text_of(answer)


def test_nothing_of_a_project_from_elsewhere_is_managed(
    portal: PortalClient, upstream: LiveUpstream
) -> None:
    upstream.add(wheel("demo", "1.0"))
    assert portal.get(f"{HERE}/demo/manage").status_code == 404
    assert portal.get(f"{HERE}/demo/delete").status_code == 404
    assert portal.post(f"{HERE}/demo/manage", status="archived").status_code == 404
    deletion = {"do": "delete", "release": "1.0", "confirmed": "yes"}
    assert "Nothing was left to do" in text_of(portal.send(f"{HERE}/demo/releases", **deletion))
    assert portal.get(f"{HERE}/demo").status_code == 200


def test_downloads_of_a_project_from_elsewhere(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    page = portal.get(f"{HERE}/demo/files")
    (target,) = re.findall(r'class="filename" href="../../../../([^"]*)"', page.text)
    portal.get(target).close()
    assert "1 download in 30 days" in text_of(portal.get(f"{HERE}/demo/downloads"))
    assert portal.get("repositories/main/projects/%C3%A9/downloads").status_code == 404


def test_an_upload_that_would_hide_a_project_is_refused(
    portal: PortalClient, upstream: LiveUpstream
) -> None:
    """V11."""
    upstream.add(wheel("demo", "1.0"))
    ours = wheel("demo", "2.0")
    content = {"content": (BytesIO(ours.content), ours.filename)}
    refused = portal.client.post(
        "/portal/repositories/main/upload", data={"form_token": portal.form_token, **content}
    )
    assert refused.status_code == 409
    assert "comes from upstream:public" in text_of(refused)


# Where a project comes from, and what is hidden of it (V8, V11, C7)


def test_the_origin_of_a_project(portal: PortalClient, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    assert f'href="../../../{HERE}/demo/origin"' in portal.get(f"{HERE}/demo").text
    page = text_of(portal.get(f"{HERE}/demo/origin"))
    assert "It comes from the upstream public . upstream:public is" in page
    assert "1. the upstream public supplies it" in page
    assert "No file of it is hidden." in page


def test_what_is_hidden_is_said_with_its_reason(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    upstream.add(wheel("demo", "1.0"))
    upstream.add(sdist("demo", "1.0"))
    operator = registry.acting_as(OPERATOR)
    operator.sources.add_rule("main", "deny", "demo", kind="sdist", reason=HOSTILE)
    operator.repositories.change("main", cooldown="3d", cooldown_mode="enforce")
    assert "No file of this project is offered." in text_of(portal.get(f"{HERE}/demo"))
    answer = portal.get(f"{HERE}/demo/origin")
    assert HOSTILE not in answer.text
    page = text_of(answer)
    assert "demo-1.0-py3-none-any.whl too young demo 1.0 was uploaded on" in page
    assert "demo-1.0.tar.gz denied demo 1.0 is denied" in page
    until = datetime.now(UTC) + timedelta(days=1)
    operator.sources.add_rule("main", "exempt", "demo", reason="needed", until=until)
    assert "too young" not in text_of(portal.get(f"{HERE}/demo/origin"))


def test_of_many_hidden_files_the_newest_are_shown(
    registry: Registry, portal: PortalClient
) -> None:
    files = [
        {"filename": f"demo-{number}.0.tar.gz", "url": "x", "hashes": {}} for number in range(203)
    ]
    page = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": files}).encode()
    operator = registry.acting_as(OPERATOR)
    with ScriptedServer(lambda _asked: reply(page)) as server:
        url = f"{server.url}/simple/"
        operator.upstreams.create("large", url=url, allow_http=True, allow_private_network=True)
        operator.sources.set_sources("main", ["upstream:large"])
        operator.sources.add_rule("main", "deny", "demo")
        shown = text_of(portal.get(f"{HERE}/demo/origin"))
    assert shown.count(".tar.gz denied") == 200
    assert "And 3 older files." in shown


def test_names_that_hide_something_are_listed(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    upstream.add(wheel("demo", "9.0"))
    assert "hide something" not in text_of(portal.get("repositories/main/sources"))
    portal.get(f"{HERE}/demo")  # from now on it is known there
    operator = registry.acting_as(OPERATOR)
    operator.sources.reserve("main", ["demo"])
    upload(registry, wheel("demo", "1.0"))
    page = text_of(portal.get("repositories/main/sources"))
    assert "demo hides that of upstream public" in page
    origin = text_of(portal.get(f"{HERE}/demo/origin"))
    assert "There is a project of the same name that nobody gets here" in origin
    assert "the upstream public not asked" in origin


def test_a_name_that_is_kept(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).sources.reserve("main", ["acme-*"])
    answer = portal.get(f"{HERE}/acme-tools")
    assert answer.status_code == 404
    assert "The repository has reserved acme-*" in text_of(answer)


def test_the_origin_says_which_source_fails(portal: PortalClient, upstream: LiveUpstream) -> None:
    upstream.broken = "500 Broken"
    page = text_of(portal.get(f"{HERE}/demo/origin"))
    assert "Nobody supplies demo here." in page
    assert "the upstream public cannot say" in page


def test_what_a_cooldown_would_have_left_out(
    registry: Registry, portal: PortalClient, upstream: LiveUpstream
) -> None:
    audit = "repositories/main/audit"
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    assert "Nothing that was downloaded" in text_of(portal.get(f"{audit}?cooldown=3d"))
    page = portal.get(f"{HERE}/demo/files")
    (target,) = re.findall(r'class="filename" href="../../../../([^"]*)"', page.text)
    portal.get(target).close()
    assert "Nothing that was downloaded" in text_of(portal.get(audit))
    shown = text_of(portal.get(f"{audit}?cooldown=3d"))
    today = datetime.now(UTC).date()
    assert f"demo 1.0 public 1 {today} all: 1 file demo-1.0-py3-none-any.whl" in shown
    registry.acting_as(OPERATOR).upstreams.change("public", cooldown="1w", cooldown_mode="audit")
    assert "demo 1.0 public 1" in text_of(portal.get(audit))
    assert "What would the cooldown have left out" in text_of(portal.get("repositories/main/rules"))


@pytest.mark.parametrize(
    ("asked", "field"),
    [("days=0", "days"), ("days=400", "days"), ("days=x", "days"), ("cooldown=soon", "cooldown")],
)
def test_what_cannot_be_audited(asked: str, field: str, portal: PortalClient) -> None:
    refused = portal.get(f"repositories/main/audit?{asked}")
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == [field]


def test_who_manages_no_repositories_sees_no_origin(registry: Registry) -> None:
    registry.acting_as(OPERATOR).administrators.create("desk", PASSWORD, areas=[Area.USERS])
    portal = PortalClient(registry)
    portal.sign_in("desk", PASSWORD)
    for path in (f"{HERE}/demo", f"{HERE}/demo/origin", "repositories/main/audit"):
        assert portal.get(path).status_code == 403
