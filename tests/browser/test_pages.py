"""Each page of the portal in a browser: readable for everybody, harmless whatever is shown."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.storage.identity.providers import ProviderRows
from pypi_repo.storage.identity.publishers import PublisherRows
from pypi_repo.storage.upstreams import Upstreams
from tests.browser.conftest import OpenPortal, Portal
from tests.support import showcase
from tests.support.api import KNOWN, open_stage
from tests.support.distributions import Distribution, wheel
from tests.support.readable import flaws, screens, too_wide
from tests.support.uploads import upload

LONG = "whatever-all-our-teams-and-services-together-have-put-in-a-name"
FAILING = f"failing-{LONG[:51]}"
PAGES = (
    "",
    "repositories",
    "new-repository",
    "repositories/main",
    "repositories/main?q=nothing-like-it",
    "repositories/main/connect",
    "repositories/main/connect?tool=pip&user=deploy",
    "repositories/main/connect?tool=github&user=nobody",
    "repositories/main/upload",
    "repositories/main/settings",
    "repositories/main/sources",
    "repositories/main/rules",
    "repositories/main/retention",
    "repositories/main/retention/preview",
    "repositories/main/stages",
    f"repositories/main/stages/{KNOWN['stage']}",
    "repositories/main/trash",
    "repositories/everything",
    "repositories/everything/sources",
    "repositories/everything/rules",
    "repositories/everything/audit",
    "repositories/everything/audit?days=x&cooldown=y",
    "repositories/everything/look-up?name=!",
    "repositories/everything/projects/ledger-client",
    "repositories/everything/projects/ledger-client/releases",
    "repositories/everything/projects/ledger-client/files",
    "repositories/everything/projects/ledger-client/origin",
    "repositories/everything/projects/ledger-nothing",
    "upstreams",
    "new-upstream",
    "upstreams/models",
    "upstreams/models/delete",
    f"upstreams/{FAILING}",
    f"upstreams/{FAILING}/delete",
    "webhooks",
    "new-webhook",
    f"webhooks/{FAILING}",
    f"repositories/{LONG}/sources",
    f"repositories/{LONG}/rules",
    f"repositories/{LONG}/trash",
    "repositories/main/projects/ledger-client",
    "repositories/main/projects/ledger-client/downloads?days=365",
    "repositories/main/projects/ledger-client/releases",
    "repositories/main/projects/ledger-client/files",
    "repositories/main/projects/ledger-client/manage",
    "repositories/main/projects/ledger-client/promote?version=2.0.0",
    "repositories/main/projects/ledger-client/promote",
    "users",
    "new-user",
    "users/build-server",
    "users/build-server?why=main&project=ledger-client",
    "groups",
    "groups?q=nothing-like-it",
    "new-group",
    "groups/platform",
    "users/build-server/delete",
    "administrators",
    "new-administrator",
    "administrators/noor@example.com",
    "administrators/noor@example.com/delete",
    "identity-providers",
    "new-identity-provider",
    f"identity-providers/{LONG}",
    "publishers",
    "new-publisher",
    "new-publisher?kind=oidc",
    f"publishers/{LONG}",
    f"publishers/{LONG}?take={LONG}",
    f"publishers/{FAILING}",
    "chores",
    "activity",
    "account",
    f"repositories/{LONG}",
    f"repositories/main/projects/{LONG}",
    f"repositories/main/projects/{LONG}/releases",
    f"repositories/main/projects/{LONG}/files",
    f"repositories/main/projects/{LONG}/manage",
    f"repositories/main/projects/{LONG}/promote",
    f"users/{LONG}",
    "no/such/page",
    "../",
    "../api/v1/",
    "../repositories/open/",
    "../repositories/open/+connect",
    "../repositories/open/project/acme-colours/",
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    showcase.fill(folder, projects=12).close()
    return folder


@pytest.fixture
def registry(shown: Path, tmp_path: Path) -> Iterator[Registry]:
    shutil.copytree(shown, tmp_path, dirs_exist_ok=True)
    settings = Settings(database=f"sqlite:///{tmp_path}/registry.db", password_cost=4)
    with Registry(settings) as registry:
        yield registry


def test_nothing_on_any_page_is_in_the_way_of_anybody(
    open_portal: OpenPortal, registry: Registry
) -> None:
    """On each screen: what is clicked is clicked on the last one, a small one."""
    registry.acting_as(OPERATOR).repositories.create(LONG, description=f"Of {LONG}")
    upload(registry, wheel(LONG, f"2026.1.2rc3+{'0123456789abcdef' * 5}", description=LONG * 3))
    registry.acting_as(OPERATOR).accounts.create_user(LONG, showcase.PASSWORD)
    open_stage(registry)
    _take_from_a_long_name(registry)
    _sign_in_with_a_long_name(registry)
    _publish_from_a_long_name(registry)
    portal = open_portal(reduced_motion="reduce")  # or colours would be looked at half-way
    portal.open("sign-in")
    found = {("sign-in", screen): flaws(portal.page) for screen in screens(portal.page)}
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    for path in PAGES:
        portal.open(path)
        found |= {(path, screen): flaws(portal.page) for screen in screens(portal.page)}
    # Where no script may run, axe cannot either.
    portal.open(f"repositories/main/projects/{LONG}/readme")
    found |= {("readme", screen): too_wide(portal.page) for screen in screens(portal.page)}
    for name, show in ANSWERS.items():
        show(portal)
        found |= {(name, screen): flaws(portal.page) for screen in screens(portal.page)}
    assert {where: them for where, them in found.items() if them} == {}


def _sign_in_with_a_long_name(registry: Registry) -> None:
    providers = registry.acting_as(OPERATOR).identity_providers
    provider = providers.create(
        LONG,
        title=LONG,
        issuer=f"https://{LONG}.example/realms/{LONG}",
        client_id=LONG * 3,
        accounts="administrators",
        groups_claim=LONG,
        mapping={LONG * 2: ("users",)},
        conditions={LONG: LONG * 2},
    )
    providers.link(LONG, showcase.ADMINISTRATOR, LONG * 4)
    with registry._database.begin() as connection:
        ProviderRows(connection).note_refusal(provider, datetime.now(UTC), LONG * 5)


def _publish_from_a_long_name(registry: Registry) -> None:
    publishers = registry.acting_as(OPERATOR).publishers
    created = publishers.create(
        LONG,
        kind="github",
        claims={"repository_owner_id": "1", "repository_owner": LONG, LONG: LONG * 3},
        repository=LONG,
        projects=[f"{LONG}-*"],
    )
    claims = {"repository_owner_id": "1", "repository_owner": LONG * 2, LONG: LONG * 4}
    with registry._database.begin() as connection:
        PublisherRows(connection).note_received(
            created, json.dumps({**claims, LONG * 2: LONG}), datetime.now(UTC), LONG * 5
        )
    issuer = f"https://{LONG}.example/{LONG}/{LONG}"
    publishers.create(FAILING, issuer=issuer, claims={"sub": LONG * 3}, repository=LONG)


def _take_from_a_long_name(registry: Registry) -> None:
    operator = registry.acting_as(OPERATOR)
    long_pattern = f"{LONG}-{LONG}-*"
    upload(registry, wheel(f"{LONG}-gone"), repository=LONG)
    operator.projects.delete(LONG, f"{LONG}-gone")
    for name in (LONG, FAILING):
        operator.upstreams.create(name, url=f"https://{LONG}.example/{LONG}/{LONG}/simple/")
    failing = operator.upstreams.get(FAILING)
    with registry._database.begin() as connection:
        Upstreams(connection).note_failure(failing.id, datetime.now(UTC), LONG * 5)
    path = "/".join([LONG] * 5)
    operator.webhooks.create(FAILING, LONG, url=f"https://127.0.0.1/{path}", secret=LONG)
    operator.webhooks.test(FAILING)
    operator.sources.configure(
        LONG,
        sources=[f"upstream:{failing.name}", "repository:main"],
        reserved=[long_pattern],
        merged=[long_pattern],
    )
    operator.sources.add_rule(LONG, "deny", f"{long_pattern}<1", reason=LONG * 3)


def _ask_before_deleting(portal: Portal) -> None:
    portal.open("repositories/main/projects/ledger-client/releases")
    portal.page.get_by_label("Choose release 2.1.1").check()
    portal.page.get_by_label("With the chosen ones").select_option("delete")
    portal.press("Continue")
    expect(portal.page.locator("h1")).to_have_text("Delete?")


def _show_a_password(portal: Portal) -> None:
    portal.open("users/mika@example.com")
    portal.press("Set the password")
    expect(portal.page.get_by_text("shown this once")).to_be_visible()


def _ask_before_revoking(portal: Portal) -> None:
    portal.open("users/build-server")
    portal.page.locator("summary", has_text="Revoke").first.click()
    expect(portal.page.get_by_text("refused at once.").first).to_be_visible()


def _show_a_refusal(portal: Portal) -> None:
    portal.open("new-repository")
    portal.page.get_by_label("Name", exact=True).fill("main")
    portal.press("Create the repository")
    expect(portal.page.get_by_role("alert")).to_contain_text("already")


def _show_results(portal: Portal) -> None:
    portal.open("repositories/main/upload")
    good, refused = wheel("fresh", "1.0"), wheel("acme-billing-api", "1.0")
    portal.upload(good, Distribution(**{**vars(refused), "content": b"broken"}))
    assert "Uploaded" in portal.result_of(good)
    assert "Refused" in portal.result_of(refused)
    portal.upload(good)
    assert "Already there" in portal.result_of(good)
    link = portal.page.get_by_role("link", name="See the project").first
    expect(link).to_have_attribute("href", "../../repositories/main/projects/fresh")


ANSWERS: dict[str, Callable[[Portal], None]] = {
    "a question": _ask_before_deleting,
    "a secret": _show_a_password,
    "a small question": _ask_before_revoking,
    "a refusal": _show_a_refusal,
    "results": _show_results,
}


@pytest.mark.parametrize("width", [1280, 375])
def test_nothing_is_in_the_way_where_there_is_nothing_yet(
    width: int, open_portal: OpenPortal, registry: Registry
) -> None:
    for repository in registry.acting_as(OPERATOR).repositories.all():
        registry.acting_as(OPERATOR).repositories.delete(repository.name)
    for user in registry.acting_as(OPERATOR).accounts.users():
        registry.acting_as(OPERATOR).accounts.delete_user(user.name)
    portal = open_portal(viewport={"width": width, "height": 800})
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    for path in ("", "repositories", "users", "activity?actor=nobody"):
        portal.open(path)
        assert flaws(portal.page) == [], path


def test_what_somebody_looks_for_first_needs_no_scrolling(
    open_portal: OpenPortal, registry: Registry
) -> None:
    """However long the description is, and without a script."""
    upload(
        registry,
        wheel(
            "talkative",
            "2.0",
            extra_metadata="Classifier: Typing :: Typed\nDescription-Content-Type: text/markdown\n",
            description="\n\n".join(["A paragraph."] * 3000),
        ),
    )
    upload(registry, wheel("talkative", "1.0"))
    for width, has_script in ((1280, True), (375, False)):
        portal = open_portal(viewport={"width": width, "height": 800}, has_script=has_script)
        portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
        portal.open("repositories/main/projects/talkative")
        newest = portal.page.get_by_role("navigation", name="Newest releases")
        expect(newest.get_by_role("link", name="2.0")).to_be_in_viewport()
        expect(newest.get_by_text(f"{datetime.now(UTC):%Y}").first).to_be_in_viewport()
        for name in ("Releases", "Files", "Manage"):
            tab = portal.page.get_by_role("navigation", name="Project").get_by_text(name)
            expect(tab).to_be_in_viewport()
        expect(portal.page.get_by_text("Typing :: Typed")).to_be_hidden()
        portal.page.locator("summary", has_text="Classifiers").click()
        expect(portal.page.get_by_text("Typing :: Typed")).to_be_visible()
        height = portal.page.evaluate("document.documentElement.scrollHeight")
        assert height < 3 * 800
        portal.page.get_by_role("link", name="1.0").first.click()
        expect(portal.page.locator("h1")).to_contain_text("1.0")
        portal.follow("Files")
        expect(portal.page.locator(".filename")).to_have_text("talkative-1.0-py3-none-any.whl")


def test_search_as_you_type(portal: Portal) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main")
    rows = portal.page.locator("#results tbody tr")
    expect(rows).to_have_count(12)
    portal.page.get_by_label("Search projects").press_sequentially("ledger", delay=20)
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("ledger-client")
    assert portal.page.url.endswith("?q=ledger")
    portal.page.get_by_label("Search projects").fill("nothing-like-it")
    expect(portal.page.locator("#results")).to_contain_text("has “nothing-like-it” in it")


def test_a_chart_is_read_by_pointing_and_by_the_arrow_keys(portal: Portal) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main/projects/ledger-client/downloads")
    reading, days = portal.page.locator(".reading"), portal.page.locator(".day")
    titles = days.locator("title").all_text_contents()
    assert titles[-1].endswith(" downloads")
    days.nth(3).hover()
    expect(reading).to_have_text(titles[3])
    portal.page.locator("[data-plot]").focus()
    for key, place in (
        ("ArrowLeft", 2),
        ("ArrowRight", 3),
        ("End", 29),
        ("ArrowRight", 29),
        ("Home", 0),
    ):
        portal.page.keyboard.press(key)
        expect(reading).to_have_text(titles[place])


def test_a_slash_begins_the_search(portal: Portal) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    for path in ("repositories/main", "repositories", "users"):
        portal.open(path)
        field = portal.page.get_by_role("searchbox")
        expect(field).not_to_be_focused()
        portal.page.keyboard.press("/")
        expect(field).to_be_focused()
        portal.page.keyboard.type("a/b")
        expect(field).to_have_value("a/b")


def test_a_list_is_searched_sorted_and_paged_on(portal: Portal) -> None:
    """The order stays while somebody types, and what is shown is prepared as at first."""
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main")
    rows = portal.page.locator("#results tbody tr")
    portal.follow("Size")
    expect(rows.first).to_contain_text("ledger-client")
    expect(portal.page.locator("th[aria-sort=descending]")).to_contain_text("Size")
    portal.page.get_by_label("Search projects").press_sequentially("acme", delay=20)
    expect(rows).to_have_count(11)
    expect(portal.page.locator("th[aria-sort=descending]")).to_contain_text("Size")
    portal.follow("Size")
    expect(portal.page.locator("th[aria-sort=ascending]")).to_contain_text("Size")
    expect(rows).to_have_count(11)


def test_on_a_phone_a_list_is_sorted_too(open_portal: OpenPortal) -> None:
    portal = open_portal(viewport={"width": 375, "height": 800})
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("users")
    portal.follow("Last used")
    expect(portal.page.locator("th[aria-sort=descending]")).to_be_visible()
    assert portal.page.url.endswith("?sort=-used")


def test_one_tick_chooses_every_row(portal: Portal) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main")
    portal.page.get_by_label("Choose all of this page").check()
    portal.page.get_by_label("With the chosen ones").select_option("delete")
    portal.press("Continue")
    expect(portal.page.locator("main ul").first.locator("li")).to_have_count(12)
    expect(portal.page.locator("main ul.long li")).to_have_count(21)


def test_a_deletion_is_undone_by_one_click(portal: Portal) -> None:
    """R2"""
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    _ask_before_deleting(portal)
    portal.press("Delete")
    expect(portal.page.get_by_label("Choose release 2.1.1")).to_have_count(0)
    portal.press("Undo")
    expect(portal.page.get_by_role("status")).to_contain_text("Restored ledger-client 2.1.1")
    portal.open("repositories/main/projects/ledger-client/releases")
    expect(portal.page.get_by_label("Choose release 2.1.1")).to_be_visible()


def test_an_overwrite_is_undone_where_its_result_is_shown(
    portal: Portal, registry: Registry
) -> None:
    """R2"""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main/upload")
    first, second = wheel("fresh", "1.0"), wheel("fresh", "1.0", padding=10)
    for each in (first, second):
        portal.upload(each)
        assert "Uploaded" in portal.result_of(each)
        (portal.folder / each.filename).unlink()
    assert flaws(portal.page) == []
    portal.page.get_by_role("button", name="Undo the overwrite").click()
    expect(portal.page.get_by_role("status")).to_contain_text("Restored fresh-1.0")
    _project, files = registry.acting_as(OPERATOR).projects.get("main", "fresh")
    assert [file.digests.sha256 for file in files] == [first.sha256]


@pytest.mark.parametrize("path", ["repositories/main", "repositories/main/projects/ledger-client"])
def test_on_a_phone_every_tab_is_in_view(path: str, open_portal: OpenPortal) -> None:
    portal = open_portal(viewport={"width": 320, "height": 800})
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open(path)
    tabs = portal.page.locator(".tabs a")
    assert tabs.count() >= 5
    for tab in tabs.all():
        expect(tab).to_be_in_viewport(ratio=1)


def test_on_a_phone_rows_are_blocks_that_name_their_cells(open_portal: OpenPortal) -> None:
    portal = open_portal(viewport={"width": 375, "height": 800})
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories")
    row = portal.page.get_by_role("row").filter(has_text="nightly")
    box = row.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < box["x"] + box["width"] <= 375
    files = row.locator("td[data-label=Files]")
    label = files.evaluate("(cell) => getComputedStyle(cell, '::before').content")
    assert "Files" in label
    expect(files).to_be_in_viewport()


def test_each_upload_shows_its_progress(portal: Portal) -> None:
    """Over a slow line, which the browser plays."""
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main/upload")
    session = portal.page.context.new_cdp_session(portal.page)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000},
    )
    sent = [wheel(name, "1.0", padding=300_000) for name in ("slow-one", "slow-two")]
    portal.upload(*sent)
    for distribution in sent:
        bar = portal.page.get_by_label(f"Progress of {distribution.filename}")
        bar.wait_for()
        portal.page.wait_for_function(
            "(bar) => bar.value > 0 && bar.value < 1", arg=bar.element_handle()
        )
    for distribution in sent:
        assert "Uploaded" in portal.result_of(distribution)
    expect(portal.page.locator("progress")).to_have_count(0)


def test_with_the_keyboard_alone(portal: Portal) -> None:
    portal.open("sign-in")
    expect(portal.page.get_by_label("Name")).to_be_focused()
    keyboard = portal.page.keyboard
    keyboard.type(showcase.ADMINISTRATOR)
    keyboard.press("Tab")
    keyboard.type(showcase.PASSWORD)
    keyboard.press("Enter")
    expect(portal.page.locator("h1")).to_have_text("Overview")
    keyboard.press("Tab")
    expect(portal.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keyboard.press("Enter")
    expect(portal.page.locator("main")).to_be_focused()


def test_times_are_in_the_readers_zone(open_portal: OpenPortal) -> None:
    portal = open_portal(timezone_id="Pacific/Auckland", locale="en-NZ")
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("administrators")
    time = portal.page.locator("time").first
    shown, utc = time.inner_text(), time.get_attribute("title") or ""
    assert utc.endswith(" UTC")
    assert utc not in shown
    # But beside filters by days of UTC.
    portal.open("activity")
    assert portal.page.locator("time").first.inner_text().endswith(" UTC")


def test_a_digest_is_short_and_copied_whole(portal: Portal, registry: Registry) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    _project, files = registry.acting_as(OPERATOR).projects.get("main", "ledger-client")
    newest = files[-1]
    portal.open("activity?project=ledger-client&repository=main&action=upload+file")
    digest = portal.page.locator(".digest", has_text=newest.digests.sha256[:12]).first
    whole = digest.get_by_text(newest.digests.sha256, exact=True)
    expect(whole).to_be_hidden()
    digest.locator("summary").press("Enter")
    expect(whole).to_be_visible()
    digest.get_by_role("button").click()
    digest.get_by_text("Copied").wait_for()
    assert portal.page.evaluate("navigator.clipboard.readText()") == newest.digests.sha256


def test_a_session_that_ended_meanwhile_is_told_to_the_uploader(
    portal: Portal, registry: Registry
) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main/upload")
    registry.acting_as(OPERATOR).administrators.set_password(
        showcase.ADMINISTRATOR, "another horse"
    )
    distribution = wheel("late", "1.0")
    portal.upload(distribution)
    assert "sign in" in portal.result_of(distribution)


HOSTILE = """\
<script>window.harmed = 'script'</script>
<img src=x onerror="window.harmed = 'onerror'">
<a href="javascript:window.harmed = 'link'">click</a>
<iframe srcdoc="<script>parent.harmed = 'frame'</script>"></iframe>
<form action="/elsewhere"><button>Sign in again</button></form>
<style>body { display: none }</style>
[markdown](javascript:window.harmed='markdown')
<svg><script>window.harmed = 'svg'</script></svg>
"""
_FIELDS = """\
Summary: <script>window.harmed = 'summary'</script>
Keywords: "><script>window.harmed = 'keywords'</script>
License: <img src=x onerror="window.harmed = 'license'">
Author: <script>window.harmed = 'author'</script>
Home-page: javascript:window.harmed='home'
Project-URL: <b>Bold</b>, javascript:window.harmed='project-url'
Project-URL: Data, data:text/html,<script>alert(1)</script>
Classifier: Private :: <script>window.harmed = 'classifier'</script>
Description-Content-Type: {content_type}
"""


@pytest.mark.parametrize(
    "content_type",
    ["text/markdown", "text/markdown; variant=CommonMark", "text/x-rst", "text/plain"],
)
def test_a_hostile_package_does_no_harm(
    content_type: str, portal: Portal, registry: Registry
) -> None:
    """X54."""
    registry.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    raw = "\n.. raw:: html\n\n   <script>window.harmed = 'rst'</script>\n"
    upload(
        registry,
        wheel(
            "hostile",
            extra_metadata=_FIELDS.format(content_type=content_type),
            description=HOSTILE + (raw if "rst" in content_type else ""),
        ),
    )
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    dialogs: list[str] = []
    portal.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    portal.open("repositories/main/projects/hostile")
    page = portal.page
    readme = page.frame_locator(".readme-frame").locator("body")
    expect(readme).to_contain_text("click")
    assert page.evaluate("window.harmed") is None
    assert dialogs == []
    assert page.locator("main").is_visible()
    within = ":is(script, iframe:not(.readme-frame), form[action*=elsewhere], object, [onerror])"
    assert page.locator(f"main {within}").count() == 0
    assert readme.locator(f":is({within}, style, form, [src])").count() == 0
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map((link) => link.protocol)")
    links += readme.locator("a[href]").evaluate_all("links => links.map((link) => link.protocol)")
    assert set(links) <= {"http:", "https:", "mailto:"}


TAKES_OVER = """\
<script>top.harmed = parent.harmed = 'script'</script>
<img src=x onerror="top.harmed = 'onerror'">
<img src="https://elsewhere.example/who-looks.png">
<link rel=stylesheet href="https://elsewhere.example/style.css">
<style>body { background: url(https://elsewhere.example/background.png) }</style>
<iframe src="../../../account"></iframe>
<iframe srcdoc="<script>top.harmed = 'frame'</script>"></iframe>
<object data="../../../account"></object>
<meta http-equiv="refresh" content="0; url=https://elsewhere.example/">
<base href="https://elsewhere.example/">
<form action="{portal}new-administrator" method=post>
<input name=name value=evil><input name=password value="a password"><button>Go on</button></form>
<a href="javascript:top.harmed = 'link'" target="_self">Click me</a>
<a href="https://elsewhere.example/" target="_top">Read on</a>
"""


def test_what_a_faulty_sanitiser_leaves_reaches_nothing_of_the_portal(
    portal: Portal, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nh3 before 0.3.7 could be talked into leaving scripts; this one leaves everything."""
    folder = tmp_path / "faulty"
    folder.mkdir()
    (folder / "nh3.py").write_text("def clean(html, **options):\n    return html\n")
    monkeypatch.syspath_prepend(folder)
    upload(
        registry,
        wheel(
            "taken-over",
            extra_metadata="Description-Content-Type: text/markdown; variant=CommonMark\n",
            description=TAKES_OVER.replace("{portal}", portal.url),
        ),
    )
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    page = portal.page
    left: list[str] = []
    page.context.route(
        "**elsewhere.example/**", lambda route: (left.append(route.request.url), route.abort())
    )
    portal.open("repositories/main/projects/taken-over")
    framed = page.frame_locator(".readme-frame").locator("body")
    _press_everything(framed)
    framed.get_by_text("Read on").click()
    assert page.evaluate("window.harmed") is None
    portal.open("repositories/main/projects/taken-over/readme")
    alone = page.locator("body")
    _press_everything(alone)
    assert page.evaluate("[window.origin, window.harmed ?? null]") == ["null", None]
    assert left == []
    names = [
        administrator.name for administrator in registry.acting_as(OPERATOR).administrators.all()
    ]
    assert "evil" not in names


def _press_everything(document: Locator) -> None:
    document.get_by_role("button", name="Go on").click()
    document.get_by_text("Click me").click()
    for inner in document.locator("iframe").element_handles():
        frame = inner.content_frame()
        assert frame is None or "ines@" not in frame.content()


def test_a_hostile_filename_does_no_harm(portal: Portal) -> None:
    portal.sign_in(showcase.ADMINISTRATOR, showcase.PASSWORD)
    portal.open("repositories/main/upload")
    name = "<img src=x onerror='window.harmed = 1'>-1.0-py3-none-any.whl"
    hostile = Distribution(**{**vars(wheel("demo", "1.0")), "filename": name})
    portal.upload(hostile)
    assert "Refused" in portal.result_of(hostile)
    assert portal.page.evaluate("window.harmed") is None
    assert portal.page.locator("main img").count() == 0
