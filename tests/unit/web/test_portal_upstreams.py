"""The portal's pages about upstreams, without a browser."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pypi_repo import OPERATOR, Area, Registry, Settings
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheUse
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.upstreams import Upstreams
from tests.conftest import ADMINISTRATOR, PASSWORD, populate
from tests.support.distributions import wheel
from tests.support.forward_proxy import ForwardProxy
from tests.support.portal import PortalClient, refusal_of, refused_fields, text_of, warnings_of
from tests.support.scripted_server import ScriptedServer, reply
from tests.support.upstreams import LiveUpstream

URL = "https://index.example/simple/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def make(registry: Registry, name: str = "public", **given: Any) -> None:
    registry.acting_as(OPERATOR).upstreams.create(name, **{"url": URL, **given})


def form(**given: str) -> dict[str, str]:
    """The fields that a page sends if nothing else is filled in."""
    return {"url": URL, "credentials": "none", "cooldown_mode": "off", "fresh_for": "10m", **given}


def use(registry: Registry, name: str, *, hits: int, misses: int, sizes: Sequence[int]) -> None:
    """As if files of an upstream had been downloaded today."""
    upstream = registry.acting_as(OPERATOR).upstreams.get(name)
    now = datetime.now(UTC)
    use = CacheUse(downloads=hits + misses, fetches=misses, fetched=sum(sizes))
    with registry._database.begin() as connection:
        CachedFiles(connection).add_use({(upstream.id, now.date()): use})
        CachedFiles(connection).add(
            CachedFile(
                upstream_id=upstream.id,
                filename=f"demo-{number}.tar.gz",
                sha256=f"{number:064x}",
                project=normalize("demo"),
                size=size - 10,
                size_beside=10,
                metadata_sha256=None,
                identity=None,
                cached_at=now,
                used_at=now,
            )
            for number, size in enumerate(sizes)
        )


def note_failure(registry: Registry, name: str, sentence: str) -> None:
    upstream = registry.acting_as(OPERATOR).upstreams.get(name)
    with registry._database.begin() as connection:
        Upstreams(connection).note_failure(upstream.id, datetime(2026, 3, 4, tzinfo=UTC), sentence)


# The list


def test_an_empty_list_says_what_an_upstream_is_good_for(portal: PortalClient) -> None:
    page = text_of(portal.get("upstreams"))
    assert "No upstream yet" in page
    assert "a single URL for your packages and the public ones" in page


def test_the_list_says_how_each_upstream_is(registry: Registry, portal: PortalClient) -> None:
    make(registry, "answering")
    make(registry, "failing")
    make(registry, "resting", offline=True)
    make(registry, "unasked")
    operator = registry.acting_as(OPERATOR)
    operator.sources.set_sources("main", ["upstream:answering", "upstream:failing"])
    answered = operator.upstreams.get("answering")
    with registry._database.begin() as connection:
        Upstreams(connection).note_answer(answered.id, datetime(2026, 2, 3, 4, 5, tzinfo=UTC))
    note_failure(registry, "failing", HOSTILE)
    use(registry, "answering", hits=97, misses=3, sizes=[2**20, 2**20])

    answer = portal.get("upstreams")
    assert HOSTILE not in answer.text
    page = text_of(answer).replace(" index.example", "").replace("<script>", "(").replace("</", "(")
    assert "answering Answers last answer 2026-02-03 04:05 UTC main 97 % 2 MiB 2 files" in page
    assert "failing Failing since 2026-03-04 00:00 UTC : " in page
    assert "resting Offline nothing is asked of it no repository none yet 0 bytes 0 files" in page
    assert "unasked Not asked yet no repository none yet 0 bytes 0 files" in page


def test_what_an_upstream_said_of_its_failure_is_shown_as_text(
    registry: Registry, portal: PortalClient
) -> None:
    make(registry, "failing")
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:failing"])
    note_failure(registry, "failing", HOSTILE)
    for path in (
        "upstreams",
        "upstreams/failing",
        "repositories/main",
        "repositories/main/sources",
    ):
        text = portal.get(path).text
        assert HOSTILE not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_only_the_use_of_the_last_days_counts(registry: Registry, portal: PortalClient) -> None:
    make(registry)
    upstream = registry.acting_as(OPERATOR).upstreams.get("public")
    with registry._database.begin() as connection:
        use = {(upstream.id, date(2020, 1, 1)): CacheUse(downloads=2, fetches=1, fetched=5000)}
        CachedFiles(connection).add_use(use)
    assert "Hit rate, 30 days none yet Fetched, 30 days 0 bytes" in text_of(
        portal.get("upstreams/public")
    )


@pytest.mark.parametrize(
    ("hits", "misses", "shown"),
    [(0, 0, "none yet"), (0, 5, "0 %"), (5, 0, "100 %"), (9999, 1, "99 %"), (1, 9999, "1 %")],
)
def test_a_rate_is_whole_only_if_it_is(
    hits: int, misses: int, shown: str, registry: Registry, portal: PortalClient
) -> None:
    make(registry)
    use(registry, "public", hits=hits, misses=misses, sizes=[])
    assert f"Hit rate, 30 days {shown}" in text_of(portal.get("upstreams/public"))


# Creating and changing


def test_an_upstream_from_its_creation_to_its_end(registry: Registry, portal: PortalClient) -> None:
    page = portal.send(
        "new-upstream",
        name="team-b",
        **form(
            url="http://index.example/team-b/simple",
            credentials="password",
            username="reader",
            secret=" open sesame ",
            file_hosts="files.example, cdn.example:8443",
            fresh_for="1h",
            stale_for="7d",
            cache_size="50GiB",
            cooldown="3d",
            cooldown_mode="enforce",
            first_seen="yes",
            offline="yes",
            allow_http="yes",
        ),
    )
    assert "Created the upstream team-b." in text_of(page)
    upstreams = registry.acting_as(OPERATOR).upstreams
    made = upstreams.get("team-b")
    assert made.settings() == {
        "url": "http://index.example/team-b/simple/",
        "username": "reader",
        "secret": " open sesame ",
        "secret_variable": None,
        "file_hosts": ("files.example", "cdn.example:8443"),
        "fresh_for": 3600,
        "stale_for": 7 * 86400,
        "cache_size": 50 * 2**30,
        "cooldown": "3d",
        "cooldown_mode": "enforce",
        "first_seen": True,
        "offline": True,
        "allow_http": True,
        "allow_private_network": False,
        "ca_file": None,
    }
    for shown in ('value="1h"', 'value="1w"', 'value="50GiB"', 'value="files.example cdn.example'):
        assert shown in page.text

    page = portal.send("upstreams/team-b", **form())
    assert "Saved the upstream team-b." in text_of(page)
    changed = upstreams.get("team-b")
    assert (changed.url, changed.secret) == (URL, None)
    assert (changed.fresh_for, changed.stale_for, changed.cooldown) == (600, None, None)
    assert not any((changed.offline, changed.allow_http, changed.first_seen))

    assert "0 cached files, 0 bytes" in text_of(portal.get("upstreams/team-b/delete"))
    assert "Deleted the upstream team-b." in text_of(portal.send("upstreams/team-b/delete"))
    assert upstreams.all() == []


@pytest.mark.parametrize(
    ("credentials", "stored"),
    [
        ({"credentials": "password", "username": "reader"}, {"username": "reader"}),
        ({"credentials": "token"}, {}),
    ],
)
def test_a_secret_is_shown_nowhere_and_kept_unless_another_is_given(
    credentials: dict[str, str],
    stored: dict[str, str],
    registry: Registry,
    portal: PortalClient,
) -> None:
    make(registry, secret="open-sesame", **stored)
    upstreams = registry.acting_as(OPERATOR).upstreams
    page = portal.get("upstreams/public")
    assert "Leave this empty to keep it." in text_of(page)
    assert "open-sesame" not in page.text
    page = portal.send("upstreams/public", **form(**credentials, offline="yes"))
    assert "open-sesame" not in page.text
    assert upstreams.get("public").secret == "open-sesame"
    refused = portal.post(
        "upstreams/public", **form(**credentials, secret="another-one", fresh_for="soon")
    )
    assert refused.status_code == 400
    assert "another-one" not in refused.text
    portal.send("upstreams/public", **form(**credentials, secret="another-one"))
    assert upstreams.get("public").secret == "another-one"
    assert "another-one" not in portal.get("activity").text
    portal.send("upstreams/public", **form())
    assert not upstreams.get("public").has_credentials
    assert "Leave this empty to keep it." not in text_of(portal.get("upstreams/public"))


def test_another_kind_of_credentials_needs_a_secret_of_its_own(
    registry: Registry, portal: PortalClient
) -> None:
    make(registry, secret="open-sesame", username="reader")
    refused = portal.post("upstreams/public", **form(credentials="token"))
    assert refused_fields(refused) == {
        "secret": "Give the password or the token, or choose other credentials."
    }
    another = form(credentials="password", username="other")
    assert list(refused_fields(portal.post("upstreams/public", **another))) == ["secret"]
    variable = "PYPI_REPO_UPSTREAM_X"
    portal.send("upstreams/public", **form(credentials="variable", secret_variable=variable))
    changed = registry.acting_as(OPERATOR).upstreams.get("public")
    assert (changed.username, changed.secret, changed.secret_variable) == (None, None, variable)


def test_a_stored_secret_follows_no_new_url(registry: Registry, portal: PortalClient) -> None:
    """Whoever may change the URL, and may not know the secret, would be sent it."""
    make(registry, secret="open-sesame")
    elsewhere = form(url="https://elsewhere.example/simple/", credentials="token")
    refused = portal.post("upstreams/public", **elsewhere)
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == ["secret"]
    upstreams = registry.acting_as(OPERATOR).upstreams
    assert upstreams.get("public").url == URL
    below = form(url=f"{URL}team/", credentials="token")
    assert portal.post("upstreams/public", **below).status_code == 303
    portal.send("upstreams/public", **elsewhere, secret="open-sesame")
    assert upstreams.get("public").host == "elsewhere.example"


def test_everything_that_is_wrong_is_said_at_once_beside_its_field(
    registry: Registry, portal: PortalClient
) -> None:
    refused = portal.post(
        "new-upstream",
        name="No Name",
        **form(
            url="http://index.example/",
            credentials="password",
            file_hosts="files.example a@b",
            fresh_for="soon",
            stale_for="-1d",
            cache_size="large",
            cooldown="young",
            cooldown_mode="never",
        ),
    )
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == [
        "name",
        "url",
        "username",
        "secret",
        "file_hosts",
        "fresh_for",
        "stale_for",
        "cache_size",
        "cooldown",
        "cooldown_mode",
    ]
    assert 'value="files.example a@b"' in refused.text
    assert registry.acting_as(OPERATOR).upstreams.all() == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "https://user:secret@index.example/simple/"}, "url"),
        ({"credentials": ""}, "credentials"),
        ({"credentials": "token"}, "secret"),
        ({"credentials": "token", "secret": "a b"}, "secret"),
        ({"credentials": "password", "username": "reader", "secret": "\n"}, "secret"),
        ({"credentials": "variable"}, "secret_variable"),
        ({"credentials": "variable", "secret_variable": "a-b"}, "secret_variable"),
        ({"credentials": "variable", "secret_variable": "HOME"}, "credentials"),
        ({"credentials": "password", "username": "a:b", "secret": "x"}, "username"),
    ],
)
def test_a_refusal_is_beside_the_field_that_it_is_about(
    given: dict[str, str], field: str, portal: PortalClient
) -> None:
    refused = portal.post("new-upstream", name="public", **form(**given))
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == [field]


def test_a_name_that_is_taken(registry: Registry, portal: PortalClient) -> None:
    make(registry)
    refused = portal.post("new-upstream", name="public", **form())
    assert refused.status_code == 409
    assert list(refused_fields(refused)) == ["name"]


def test_an_upstream_that_is_used_is_not_deleted(registry: Registry, portal: PortalClient) -> None:
    make(registry)
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    page = portal.get("upstreams/public/delete")
    assert "It is a source of these repositories." in text_of(page)
    assert ">Delete the upstream</button>" not in page.text
    assert '<a href="../../repositories/main/sources">main</a>' in page.text
    refused = portal.post("upstreams/public/delete")
    assert refused.status_code == 409
    assert "source of main" in refusal_of(refused)
    assert registry.acting_as(OPERATOR).upstreams.get("public").name == "public"


def test_what_only_the_operator_changes_is_shown(registry: Registry, portal: PortalClient) -> None:
    make(registry, allow_private_network=True, ca_file="/etc/ssl/company.pem")
    page = portal.get("upstreams/public")
    assert "Private network: allowed . Certificates: /etc/ssl/company.pem ." in text_of(page)
    assert page.text.count(" readonly") == 2
    forged = form(offline="yes", allow_private_network="", ca_file="/etc/passwd")
    portal.send("upstreams/public", **forged)
    upstreams = registry.acting_as(OPERATOR).upstreams
    changed = upstreams.get("public")
    assert (changed.allow_private_network, changed.ca_file, changed.offline) == (
        True,
        "/etc/ssl/company.pem",
        True,
    )
    moved = portal.post("upstreams/public", **form(url="https://10.0.0.9/simple/"))
    assert moved.status_code == 403
    assert upstreams.get("public") == changed


# Asking it


@pytest.fixture
def live() -> Iterator[LiveUpstream]:
    live = LiveUpstream()
    yield live
    live.close()


def test_it_is_asked_what_it_speaks(
    live: LiveUpstream, registry: Registry, portal: PortalClient
) -> None:
    live.add(wheel("pip", "1.0"))
    live.create_on(registry)
    assert portal.get("upstreams/public/check").status_code == 200
    assert live.asked == []
    shown = text_of(portal.send("upstreams/public/check"))
    assert "It speaks JSON; pip has 1 file there." in shown
    assert "There are digests and upload times" in shown
    live.broken = "500 Broken"
    failed = portal.post("upstreams/public/check")
    assert failed.status_code == 502
    assert "answers with status 500" in refusal_of(failed)
    assert f'value="{live.url}"' in failed.text  # the settings are shown as they are


def test_a_new_upstream_is_asked_for_the_hosts_of_its_files() -> None:
    """A proxy leads to it, because administrators open no private networks."""
    url = "https://files.example/pip-1.0.tar.gz"
    files = [{"filename": "pip-1.0.tar.gz", "url": url, "hashes": {}}]
    page = json.dumps({"meta": {"api-version": "1.0"}, "name": "pip", "files": files}).encode()
    with (
        ScriptedServer(lambda _asked: reply(page)) as server,
        ForwardProxy(hosts={"index.invalid": "127.0.0.1"}) as proxy,
    ):
        proxies = {"http": proxy.url}
        registry = Registry(
            Settings(database="sqlite://", blobs="memory://", password_cost=4, proxies=proxies)
        )
        populate(registry)
        upstreams = registry.acting_as(OPERATOR).upstreams
        portal = PortalClient(registry)
        portal.sign_in(ADMINISTRATOR, PASSWORD)
        local = form(url=f"http://index.invalid:{server.port}/simple/", allow_http="yes")
        shown = text_of(portal.send("new-upstream", name="one", **local))
        assert "Its files come from files.example." in shown
        assert upstreams.get("one").file_hosts == ("files.example",)
        portal.send("new-upstream", name="two", **local, file_hosts="other.example")
        portal.send("new-upstream", name="three", **local, offline="yes")
        assert upstreams.get("two").file_hosts == ("other.example",)
        assert len(server.asked) == 1
        shown = text_of(portal.send("upstreams/three", **local))
        assert "Its files come from files.example." in shown
        assert upstreams.get("three").file_hosts == ("files.example",)
        moved = local | {"url": f"{local['url']}team/", "file_hosts": "other.example"}
        shown = text_of(portal.send("upstreams/two", **moved))
        assert "Some of its files are at files.example, from where none are fetched; add" in shown
        assert upstreams.get("two").file_hosts == ("other.example",)
        portal.send("upstreams/two", **moved, cooldown="3d")
        registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:two"])
        registry.acting_as(OPERATOR).sources.explain("main", "pip")  # so that its page is kept
        assert len(server.asked) == 4
        enforced = moved | {"cooldown": "3d", "cooldown_mode": "enforce"}
        shown = text_of(portal.send("upstreams/two", **enforced))
        assert "No file that is known of the upstream two has an upload time" in shown
        shown = text_of(portal.send("repositories/main/settings"))
        assert "No file that is known of the upstream two has an upload time" in shown
        shown = text_of(portal.send("upstreams/two", **enforced, first_seen="yes"))
        assert "has an upload time" not in shown
        assert len(server.asked) == 4
        registry.close()


def test_an_upstream_that_does_not_answer_is_created_all_the_same(
    registry: Registry, portal: PortalClient
) -> None:
    page = portal.send("new-upstream", name="public", **form(url="https://127.0.0.1:9/"))
    (warning,) = warnings_of(page)
    assert "Created the upstream public." in text_of(page)
    assert warning.startswith("It gives no page yet:")
    assert "Failing since" in text_of(page)
    assert registry.acting_as(OPERATOR).upstreams.get("public").file_hosts == ()


def test_what_is_wrong_with_an_upstream_is_said_whenever_it_is_shown(portal: PortalClient) -> None:
    """C1."""
    asked = form(url="https://one.example/simple/", offline="yes", cooldown="3m")
    created = portal.send("new-upstream", name="public", **asked)
    off, minutes = warnings_of(portal.get("upstreams/public"))[::-1]
    assert minutes.startswith("A cooldown of 3 minutes is shorter than an hour")
    assert off.endswith("the mode enforce turns it on.")
    assert warnings_of(created) == [minutes, off]
    enforced = portal.send("upstreams/public", **{**asked, "cooldown_mode": "enforce"})
    assert warnings_of(enforced) == [minutes]


# Who may


@pytest.mark.parametrize(
    "path", ["upstreams", "new-upstream", "upstreams/public", "upstreams/public/delete"]
)
def test_the_pages_are_for_who_manages_repositories(path: str, registry: Registry) -> None:
    make(registry)
    registry.acting_as(OPERATOR).administrators.create("desk", PASSWORD, areas=[Area.USERS])
    portal = PortalClient(registry)
    portal.sign_in("desk", PASSWORD)
    assert portal.get(path).status_code == 403
    assert ">Upstreams</a>" not in portal.get("").text
    if path != "upstreams":
        assert portal.post(path, name="other", **form(offline="yes")).status_code == 403
    assert [found.name for found in registry.acting_as(OPERATOR).upstreams.all()] == ["public"]
    assert not registry.acting_as(OPERATOR).upstreams.get("public").offline


@pytest.mark.parametrize("path", ["upstreams/none", "upstreams/none/delete"])
def test_an_upstream_that_does_not_exist(path: str, portal: PortalClient) -> None:
    assert portal.get(path).status_code == 404
    assert portal.post(path, **form()).status_code == 404


def test_forms_need_their_token(registry: Registry, portal: PortalClient) -> None:
    make(registry)
    portal.form_token = "0" * 64
    for path in ("new-upstream", "upstreams/public", "upstreams/public/delete"):
        assert portal.post(path, name="other", **form(offline="yes")).status_code == 403
    assert [found.offline for found in registry.acting_as(OPERATOR).upstreams.all()] == [False]
