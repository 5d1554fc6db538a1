"""The portal's pages about the sources of a repository and their rules, without a browser."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.services.upstreams.configuring.sources import Sources
from pypi_repo.storage.database.tables import repositories
from pypi_repo.storage.database.upstream_tables import source_rules
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.distributions import wheel
from tests.support.portal import PortalClient, refusal_of, refused_fields, text_of
from tests.support.uploads import upload

SOURCES, RULES = "repositories/main/sources", "repositories/main/rules"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    operator = registry.acting_as(OPERATOR)
    for name in ("one", "two"):
        operator.upstreams.create(name, url=f"https://{name}.example/simple/")
    operator.repositories.create("shared")
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def sources(registry: Registry) -> Sources:
    return registry.acting_as(OPERATOR).sources


def references(registry: Registry) -> tuple[str, ...]:
    return sources(registry).of("main").references


# Sources


def test_sources_are_added_moved_and_removed(registry: Registry, portal: PortalClient) -> None:
    assert "There are no sources" in text_of(portal.get(SOURCES))
    for source in ("upstream:one", "repository:shared", "upstream:two"):
        page = portal.send(SOURCES, do="add", source=source)
        assert f"Added the source {source.replace(':', ' ')}." in text_of(page)
    assert references(registry) == ("upstream:one", "repository:shared", "upstream:two")
    assert "The upstream one comes before the repository shared" in text_of(portal.get(SOURCES))
    page = portal.send(SOURCES, do="up", source="upstream:two")
    assert references(registry) == ("upstream:one", "upstream:two", "repository:shared")
    portal.send(SOURCES, do="down", source="upstream:one")
    assert references(registry) == ("upstream:two", "upstream:one", "repository:shared")
    page = portal.send(SOURCES, do="remove", source="upstream:one")
    assert "Removed the source upstream one." in text_of(page)
    assert references(registry) == ("upstream:two", "repository:shared")
    portal.send(SOURCES, do="down", source="upstream:two")
    assert "comes before" not in text_of(portal.get(SOURCES))


@pytest.mark.parametrize(("do", "source"), [("up", "upstream:one"), ("down", "upstream:two")])
def test_the_first_and_the_last_stay_where_they_are(
    do: str, source: str, registry: Registry, portal: PortalClient
) -> None:
    sources(registry).set_sources("main", ["upstream:one", "upstream:two"])
    portal.send(SOURCES, do=do, source=source)
    assert references(registry) == ("upstream:one", "upstream:two")


def test_a_repository_s_page_shows_its_sources_in_their_order(
    registry: Registry, portal: PortalClient
) -> None:
    assert "Sources of main" not in portal.get("repositories/main").text
    sources(registry).set_sources("main", ["repository:shared", "upstream:one"])
    page = portal.get("repositories/main")
    assert "1. shared repository 2. one upstream, one.example Not asked yet" in text_of(page)
    assert '<a href="../repositories/shared">shared</a>' in page.text
    assert '<a href="../upstreams/one">one</a>' in page.text


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("", 400),
        ("somewhere", 400),
        ("upstream:none", 404),
        ("repository:none", 404),
        ("repository:main", 409),
        ("upstream:two", 400),  # twice
    ],
)
def test_what_cannot_be_added(
    source: str, status: int, registry: Registry, portal: PortalClient
) -> None:
    sources(registry).set_sources("main", ["upstream:two"])
    refused = portal.post(SOURCES, do="add", source=source)
    assert refused.status_code == status
    if status != 404:
        assert list(refused_fields(refused)) == ["source"]
    assert references(registry) == ("upstream:two",)


@pytest.mark.parametrize("do", ["up", "down", "remove"])
def test_a_source_that_somebody_else_has_removed(
    do: str, registry: Registry, portal: PortalClient
) -> None:
    sources(registry).set_sources("main", ["upstream:one"])
    refused = portal.post(SOURCES, do=do, source="upstream:two")
    assert refused.status_code == 400
    assert "no source any more" in refusal_of(refused)
    assert references(registry) == ("upstream:one",)


def test_a_change_loses_no_other_that_came_meanwhile(
    registry: Registry, portal: PortalClient
) -> None:
    """The page that was sent shows the sources as they were."""
    portal.get(SOURCES)
    sources(registry).set_sources("main", ["upstream:one"])
    portal.send(SOURCES, do="add", source="upstream:two")
    assert references(registry) == ("upstream:one", "upstream:two")


def test_only_what_is_no_source_yet_is_offered(registry: Registry, portal: PortalClient) -> None:
    sources(registry).set_sources("main", ["upstream:one"])
    page = portal.get(SOURCES).text
    assert 'value="upstream:two"' in page
    assert 'value="repository:shared"' in page
    assert '<option value="upstream:one"' not in page
    assert '<option value="repository:main"' not in page


# Names


@pytest.mark.parametrize(("do", "field"), [("reserve", "reserved"), ("merge", "merged")])
def test_names_are_reserved_and_merged(
    do: str, field: str, registry: Registry, portal: PortalClient
) -> None:
    page = portal.send(SOURCES, do=do, **{field: "Acme_*\r\nledger, acme-*\n"})
    assert f"Saved the {field} names: 2 patterns." in text_of(page)
    assert getattr(sources(registry).of("main"), field) == ("acme-*", "ledger")
    assert ">\nacme-*\nledger</textarea>" in page.text
    refused = portal.post(SOURCES, do=do, **{field: "acme-*\n<b>\n"})
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == [field]
    assert ">\nacme-*\n&lt;b&gt;</textarea>" in refused.text
    assert getattr(sources(registry).of("main"), field) == ("acme-*", "ledger")
    said = text_of(portal.send(SOURCES, do=do, **{field: "ledger"}))
    assert f"Saved the {field} names: 1 pattern. No longer {field}: acme-*." in said
    said = text_of(portal.send(SOURCES, do=do, **{field: ""}))
    assert f"Saved the {field} names: 0 patterns. No longer {field}: ledger." in said
    assert getattr(sources(registry).of("main"), field) == ()


def test_the_name_of_a_deleted_project_is_given_up(
    registry: Registry, portal: PortalClient
) -> None:
    upload(registry, wheel("demo"))
    assert "Kept names" not in text_of(portal.get(SOURCES))
    registry.acting_as(OPERATOR).projects.delete("main", "demo")
    assert "Give up demo" in text_of(portal.get(SOURCES))
    page = portal.send(SOURCES, do="give-up", name="demo")
    assert "Gave up the name demo." in text_of(page)
    assert sources(registry).of("main").kept == frozenset()
    assert portal.post(SOURCES, do="give-up", name="demo").status_code == 409


def test_what_is_no_action(portal: PortalClient) -> None:
    assert portal.post(SOURCES, do="dance").status_code == 400
    assert portal.post(SOURCES).status_code == 400


# Rules and exceptions


def test_a_rule_from_its_addition_to_its_end(registry: Registry, portal: PortalClient) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    page = portal.send(
        RULES,
        action="deny",
        target="Requests<2.32",
        kind="sdist",
        status="archived",
        yanked="yes",
        reason="<b>old</b>",
        until=tomorrow.isoformat(),
    )
    assert "Added the rule 1 for requests<2.32." in text_of(page).replace("&lt;", "<")
    assert "<b>old" not in page.text
    (rule,) = sources(registry).of("main").rules
    assert (rule.action, rule.target, rule.kind) == ("deny", "requests<2.32", "sdist")
    assert (rule.status, rule.yanked, rule.reason) == ("archived", True, "<b>old</b>")
    assert (rule.author, rule.until) == (
        ADMINISTRATOR,
        datetime.combine(tomorrow, datetime.min.time(), UTC),
    )
    shown = text_of(page)
    for words in ("sdists only", "yanked files only", "archived projects only", ADMINISTRATOR):
        assert words in shown
    assert f"{tomorrow} 00:00 UTC" in shown
    page = portal.send(f"{RULES}/1/delete")
    assert "Deleted the rule 1 for" in text_of(page)
    assert sources(registry).of("main").rules == ()
    assert portal.post(f"{RULES}/1/delete").status_code == 404


def test_an_exception_from_its_addition_to_its_end(
    registry: Registry, portal: PortalClient
) -> None:
    page = portal.send(
        RULES,
        action="exempt",
        exception_target="acme-*",
        exception_reason="ours too",
        exception_until="2999-01-01",
    )
    assert "Added the exception 1 for acme-*." in text_of(page)
    (exception,) = sources(registry).of("main").rules
    assert (exception.action, exception.target, exception.reason) == (
        "exempt",
        "acme-*",
        "ours too",
    )
    assert f"acme-* number 1 ours too {ADMINISTRATOR}" in text_of(page)
    assert "Deleted the exception 1" in text_of(portal.send(f"{RULES}/1/delete"))


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"action": "deny", "target": ""}, ["target"]),
        ({"action": "deny", "target": "x<<1", "until": "soon"}, ["target", "until"]),
        ({"action": "deny", "target": "x", "until": "2001-01-01"}, ["until"]),
        ({"action": "allow", "target": "x", "reason": "\0"}, ["reason"]),
        (
            {"action": "exempt", "exception_target": "!"},
            ["exception_target", "exception_reason", "exception_until"],
        ),
        (
            {"action": "exempt", "exception_target": "x", "exception_until": "2999-01-01"},
            ["exception_reason"],
        ),
        (
            {"action": "exempt", "exception_target": "x", "exception_reason": "y"},
            ["exception_until"],
        ),
    ],
)
def test_what_is_no_rule(
    given: dict[str, str], fields: list[str], registry: Registry, portal: PortalClient
) -> None:
    refused = portal.post(RULES, **given)
    assert refused.status_code == 400
    assert sorted(refused_fields(refused)) == sorted(fields)
    assert sources(registry).of("main").rules == ()


@pytest.mark.parametrize(
    "given", [{"action": "think"}, {}, {"action": "deny", "kind": "egg"}, {"status": "late"}]
)
def test_what_no_form_sends(
    given: dict[str, str], registry: Registry, portal: PortalClient
) -> None:
    refused = portal.post(RULES, target="demo", **given)
    assert refused.status_code == 400
    assert len(refusal_of(refused)) > 10
    assert sources(registry).of("main").rules == ()


def test_a_rule_that_has_ended_is_marked(registry: Registry, portal: PortalClient) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    sources(registry).add_rule("main", "deny", "demo", until=soon)
    assert "UTC over" not in text_of(portal.get(RULES))
    with registry._database.begin() as connection:
        connection.execute(update(source_rules).values(until=datetime(2026, 1, 2, tzinfo=UTC)))
        revision = repositories.c.sources_revision + 1
        connection.execute(update(repositories).values(sources_revision=revision))
    page = portal.get(RULES)
    assert "2026-01-02 00:00 UTC over" in text_of(page)
    assert 'data-zone="UTC"><time ' in page.text.replace("\n", ""), "the day is chosen in UTC, too"


def test_a_rule_that_decides_nothing_is_marked(registry: Registry, portal: PortalClient) -> None:
    """C6."""
    sources(registry).add_rule("main", "deny", "acme-*")
    sources(registry).add_rule("main", "allow", "demo")
    assert "decides nothing" not in text_of(portal.get(RULES))
    page = text_of(portal.send(RULES, action="allow", target="acme-core"))
    assert "number 3 decides nothing: rule 1 comes first" in page
    assert "Added the rule 3 for acme-core. It decides nothing, because rule 1 comes" in page


def test_a_rule_that_closes_all_sources_is_warned_of(
    registry: Registry, portal: PortalClient
) -> None:
    sources(registry).set_sources("main", ["upstream:one"])
    portal.send(RULES, action="deny", target="*", kind="sdist")
    assert "denies all names" not in text_of(portal.get(RULES))
    added = text_of(portal.send(RULES, action="deny", target="*"))
    assert "Rule 2 denies all names and no rule before it allows any" in added
    assert "It holds at once." in added
    assert "Rule 2 denies all names" in text_of(portal.get(SOURCES))


def test_rules_without_sources_are_pointed_out(registry: Registry, portal: PortalClient) -> None:
    assert "no sources yet" in text_of(portal.get(RULES))
    sources(registry).set_sources("main", ["upstream:one"])
    assert "no sources yet" not in text_of(portal.get(RULES))


# Settings of a repository


def test_what_is_wrong_with_a_cooldown_is_said_beside_its_field(
    registry: Registry, portal: PortalClient
) -> None:
    settings = {"visibility": "private", "protected": "yes", "profile": "private"}
    path = "repositories/main/settings"
    refused = portal.post(path, **settings, cooldown="young", cooldown_mode="never")
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == ["cooldown", "cooldown_mode"]
    portal.send(path, **settings, cooldown="3d", cooldown_mode="enforce")
    repositories = registry.acting_as(OPERATOR).repositories
    assert repositories.get("main").cooldown == "3d"
    assert repositories.get("main").cooldown_mode == "enforce"
    portal.send(path, **settings, cooldown="", cooldown_mode="")
    assert repositories.get("main").cooldown is None
    assert repositories.get("main").cooldown_mode is None


def test_a_repository_without_uploads_offers_none(registry: Registry, portal: PortalClient) -> None:
    """V10."""
    registry.acting_as(OPERATOR).repositories.change("main", accepts_uploads=False)
    page = portal.get("repositories/main")
    assert "No uploads" in text_of(page)
    assert "No project of its own" in text_of(page)
    assert ">Upload</a>" not in page.text
    assert "twine upload" not in page.text
    shown = portal.get("repositories/main/upload")
    assert "Nothing can be uploaded" in text_of(shown)
    assert 'type="file"' not in shown.text
    assert "Nothing can be published here" in text_of(portal.get("repositories/main/connect"))


def test_publishing_a_repository_says_that_its_upstreams_are_public_too(
    portal: PortalClient,
) -> None:
    settings = {"visibility": "public", "profile": "private"}
    path = "repositories/main/settings"
    assert "comes from its upstreams" not in text_of(portal.post(path, **settings))
    asked = portal.post(path, **settings, public_sources="yes")
    assert "and what comes from its upstreams" in text_of(asked)


# Who may


@pytest.mark.parametrize("path", [SOURCES, RULES])
def test_the_pages_are_for_who_manages_the_repository(path: str, registry: Registry) -> None:
    registry.acting_as(OPERATOR).administrators.create("desk", PASSWORD, areas=[Area.USERS])
    portal = PortalClient(registry)
    portal.sign_in("desk", PASSWORD)
    assert portal.get(path).status_code == 403
    assert portal.post(path, do="reserve", reserved="x").status_code == 403
    assert portal.post(path, action="deny", target="x").status_code == 403
    assert sources(registry).of("main").rules == ()
    assert sources(registry).of("main").reserved == ()


@pytest.mark.parametrize("path", ["repositories/none/sources", "repositories/none/rules"])
def test_a_repository_that_does_not_exist(path: str, portal: PortalClient) -> None:
    assert portal.get(path).status_code == 404
    assert portal.post(path, do="reserve", reserved="x").status_code == 404
    assert portal.post(path, action="deny", target="x").status_code == 404


def test_forms_need_their_token(registry: Registry, portal: PortalClient) -> None:
    sources(registry).add_rule("main", "deny", "demo")
    portal.form_token = "0" * 64
    for path in (SOURCES, RULES, f"{RULES}/1/delete"):
        answer = portal.post(path, do="add", source="upstream:one", action="deny", target="x")
        assert answer.status_code == 403
    assert references(registry) == ()
    assert len(sources(registry).of("main").rules) == 1


def test_what_uploads_must_prove_is_set_in_the_form(
    registry: Registry, portal: PortalClient
) -> None:
    settings = {"visibility": "private", "protected": "yes", "profile": "private"}
    path = "repositories/main/settings"
    refused = portal.post(
        path, **settings, trusted_publishing_only="ok -", attestations_required="é"
    )
    assert refused.status_code == 400
    assert list(refused_fields(refused)) == ["trusted_publishing_only", "attestations_required"]
    assert 'value="ok -"' in refused.text
    portal.send(
        path, **settings, trusted_publishing_only=" Acme_*, tools ", attestations_required="*"
    )
    found = registry.acting_as(OPERATOR).repositories.get("main")
    assert found.trusted_publishing_only == ("acme-*", "tools")
    assert found.attestations_required == ("*",)
    assert 'value="acme-* tools"' in portal.get(path).text
    portal.send(path, **settings)
    found = registry.acting_as(OPERATOR).repositories.get("main")
    assert (found.trusted_publishing_only, found.attestations_required) == ((), ())
