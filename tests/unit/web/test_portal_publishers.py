"""Publishers in the portal (T3, T8)."""

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.domain.identity.errors import UnknownJob
from pypi_repo.domain.identity.publisher import Publisher
from pypi_repo.storage.identity.publishers import PublisherRows
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.ci_issuer import GITHUB, CiIssuer
from tests.support.identity_provider import ScriptedProvider
from tests.support.portal import PortalClient, refusal_of, refused_fields, text_of, warnings_of

CLAIMS = {
    "repository_owner": "acme",
    "repository_owner_id": "90000001",
    "repository": "acme/demo",
    "job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/*",
    "environment": "release",
}


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    client = PortalClient(registry)
    client.sign_in(ADMINISTRATOR, PASSWORD)
    return client


def form(**changed: Any) -> dict[str, Any]:
    given = {
        "name": "demo",
        "kind": "github",
        "issuer": "https://token.actions.githubusercontent.com",
        "owner": "acme",
        "owner_id": "90000001",
        "source": "demo",
        "workflow": "release.yml",
        "environment": "release",
        "more": "ref_type = tag\r\n\r\n",
        "may": "upload",
        "repository": "main",
        "projects": "demo Acme_*",
        "minutes": "30",
    }
    return {name: value for name, value in {**given, **changed}.items() if value is not None}


def publisher(registry: Registry, **given: Any) -> Publisher:
    settings = {"kind": "github", "claims": CLAIMS, "repository": "main", **given}
    return registry.acting_as(OPERATOR).publishers.create("demo", **settings)


def receive(registry: Registry, found: Publisher, **changed: Any) -> None:
    """Lets a job come; its claims are those of a job that gets in, but for what is changed."""
    claims = {**GITHUB, **changed}
    with registry._database.begin() as connection:
        PublisherRows(connection).note_received(
            found, json.dumps(claims), datetime.now(UTC), found.why_not(claims)
        )


def test_t3_a_publisher_from_creation_to_deletion(portal: PortalClient, registry: Registry) -> None:
    assert "No publisher yet" in text_of(portal.get("publishers"))
    page = portal.send("new-publisher", **form())
    assert "Created the publisher demo." in text_of(page)
    assert "No job has come yet" in text_of(page)
    assert "--publish-url http://localhost/repositories/main/" in page.text
    management = registry.acting_as(OPERATOR).publishers
    found = management.get("demo")
    assert found.claims == {**CLAIMS, "ref_type": "tag"}
    assert (found.kind, found.may, found.minutes) == ("github", "upload", 30)
    assert (found.repository, found.projects) == ("main", ("acme-*", "demo"))
    changed = form(source="", workflow="", more="", may="read", projects="", minutes="15")
    page = portal.send("publishers/demo", **changed)
    assert "Saved the publisher demo." in text_of(page)
    found = management.get("demo")
    assert found.claims.keys() == {"repository_owner", "repository_owner_id", "environment"}
    assert (found.may, found.projects) == ("read", ())
    assert "may read all projects in main" in text_of(page)
    listed = text_of(portal.get("publishers"))
    assert "demo GitHub Actions read all projects in main never None yet" in listed
    assert "Deleted the publisher demo." in text_of(portal.send("publishers/demo/delete"))
    assert management.all() == []


def test_t3_a_publisher_of_the_command_line_can_be_saved(
    portal: PortalClient, registry: Registry
) -> None:
    """Its conditions say the owner only with the repository."""
    claims = {name: value for name, value in CLAIMS.items() if name != "repository_owner"}
    publisher(registry, claims=claims)
    shown = portal.get("publishers/demo").text
    for name, value in (("owner", "acme"), ("source", "demo"), ("workflow", "release.yml")):
        assert f'id="{name}" name="{name}" value="{value}"' in shown
    page = portal.send("publishers/demo", **form(more="", minutes="45"))
    assert "Saved the publisher demo." in text_of(page)
    assert registry.acting_as(OPERATOR).publishers.get("demo").claims == CLAIMS


def test_t3_a_claim_that_is_probably_mistyped_is_told(
    portal: PortalClient, registry: Registry
) -> None:
    publisher(registry)
    page = portal.send("publishers/demo", **form(more="repositry_id = 4712"))
    assert [warning.endswith("did you mean repository_id?") for warning in warnings_of(page)] == [
        True
    ]


def test_t3_fields_are_required_only_if_no_condition_keeps_strangers_out(
    portal: PortalClient, registry: Registry
) -> None:
    required = re.compile('id="(owner|owner_id)"[^>]* required')
    assert len(required.findall(portal.get("new-publisher").text)) == 2
    publisher(registry, claims={"repository_id": "4712"})
    assert not required.findall(portal.get("publishers/demo").text)
    empty = dict.fromkeys(("owner", "owner_id", "source", "workflow", "environment"), "")
    portal.send("publishers/demo", **form(**empty, more="repository_id = 4712", minutes="45"))
    found = registry.acting_as(OPERATOR).publishers.get("demo")
    assert (found.claims, found.minutes) == ({"repository_id": "4712"}, 45)


@pytest.mark.parametrize(
    ("kind", "given", "claims"),
    [
        (
            "gitlab",
            {"issuer": "https://gitlab.example.com", "namespace": "acme", "source": "demo"},
            {"namespace_path": "acme", "project_path": "acme/demo"},
        ),
        ("google", {"subject": "1075"}, {"sub": "1075"}),
        (
            "buildkite",
            {"organization": "acme", "pipeline": "demo"},
            {"organization_slug": "acme", "pipeline_slug": "demo"},
        ),
        ("circleci", {"organization": "1-2"}, {"oidc.circleci.com/org-id": "1-2"}),
        (
            "oidc",
            {"issuer": "https://jenkins.example.com/oidc", "more": "sub = a=b\nref = v*"},
            {"sub": "a=b", "ref": "v*"},
        ),
    ],
)
def test_t3_there_is_a_form_for_each_provider(
    kind: str,
    given: dict[str, str],
    claims: dict[str, str],
    portal: PortalClient,
    registry: Registry,
) -> None:
    offered = portal.get(f"new-publisher?kind={kind}").text
    for name in given:
        assert f'id="{name}"' in offered
    fields = {"name": "demo", "kind": kind, "may": "read", "repository": "main", "minutes": "15"}
    page = portal.send("new-publisher", **fields, **given)
    found = registry.acting_as(OPERATOR).publishers.get("demo")
    assert (found.kind, found.claims) == (kind, claims)
    assert found.issuer
    assert "__token__" in page.text
    shown = {name: value for name, value in given.items() if name != "more"}
    for value in shown.values():
        assert f'value="{value}"' in page.text


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"name": "a/b"}, {"name"}),
        ({"name": "taken"}, {"name"}),
        ({"owner": "", "owner_id": ""}, {"owner", "owner_id"}),
        ({"more": "tag"}, {"more"}),
        ({"more": "environment = x"}, {"more"}),
        ({"projects": "a/b"}, {"projects"}),
        ({"minutes": "many"}, {"minutes"}),
        ({"repository": "nothing"}, {"repository"}),
    ],
)
def test_a_form_that_is_refused_says_so_at_each_field(
    changed: dict[str, Any], fields: set[str], portal: PortalClient, registry: Registry
) -> None:
    registry.acting_as(OPERATOR).publishers.create(
        "taken", kind="github", claims=CLAIMS, repository="main"
    )
    response = portal.post("new-publisher", **form(**changed))
    assert response.status_code in (400, 409)
    assert refused_fields(response).keys() == fields
    for name, value in form(**changed).items():
        assert value.strip() in response.text, name
    assert len(registry.acting_as(OPERATOR).publishers.all()) == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"kind": "other"}, "Choose a provider"),
        ({"issuer": "http://ci.example.com"}, "not encrypted"),
        ({"owner_id": "9*"}, "exact value"),
        ({"minutes": "5"}, "15 to 360"),
        ({"may": "delete"}, "upload or read"),
    ],
)
def test_a_form_that_is_refused(
    changed: dict[str, Any], sentence: str, portal: PortalClient, registry: Registry
) -> None:
    response = portal.post("new-publisher", **form(**changed))
    assert response.status_code == 400
    assert sentence in refusal_of(response)
    assert registry.acting_as(OPERATOR).publishers.all() == []


def test_a_refused_change_is_shown_again(portal: PortalClient, registry: Registry) -> None:
    publisher(registry)
    response = portal.post("publishers/demo", **form(owner="<i>", minutes="x"))
    assert refused_fields(response).keys() == {"minutes"}
    assert 'value="&lt;i&gt;"' in response.text
    assert registry.acting_as(OPERATOR).publishers.get("demo").claims == CLAIMS


def test_t8_the_page_says_which_claim_differs(portal: PortalClient, registry: Registry) -> None:
    found = publisher(registry)
    receive(registry, found, environment="staging", runner="<script>alert(1)</script>")
    page = portal.get("publishers/demo")
    assert "Environment must be release , and was staging ." in text_of(page)
    assert "Environment environment release staging Differs Use this value" in text_of(page)
    assert "Repository repository acme/demo acme/demo Matches" in text_of(page)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert "Does not match" in text_of(portal.get("publishers"))


def test_t8_no_claim_turns_round_the_page(portal: PortalClient, registry: Registry) -> None:
    """Strangers write claims, too."""
    found = publisher(registry)
    receive(registry, found, environment="a\u202eb", **{"c\u202ed": "e\u2066f"})
    page = portal.get("publishers/demo").text
    assert not {"\u202e", "\u2066"} & set(page)
    assert {r"a\u202eb", r"c\u202ed", r"e\u2066f"} <= set(
        text_of(portal.get("publishers/demo")).split()
    )


def test_t8_a_value_is_taken_without_being_saved(portal: PortalClient, registry: Registry) -> None:
    found = publisher(registry)
    receive(registry, found, environment="staging", repository_owner_id="4711")
    page = portal.get("publishers/demo")
    assert page.text.count("Use this value") == 2 * 2
    first = portal.get("publishers/demo?take=environment")
    assert 'name="environment" value="staging"' in first.text
    assert 'name="owner_id" value="90000001"' in first.text
    assert "They are not saved yet." in text_of(first)
    assert "?take=environment+repository_owner_id#settings" in first.text
    both = portal.get("publishers/demo?take=repository_owner_id+environment+sub+nothing")
    assert 'name="owner_id" value="4711"' in both.text
    assert 'name="environment" value="staging"' in both.text
    assert registry.acting_as(OPERATOR).publishers.get("demo").claims == CLAIMS
    saved = portal.send("publishers/demo", **form(environment="staging", owner_id="4711", more=""))
    assert "Run it again." in text_of(saved)


def test_t8_once_a_job_got_in_the_number_of_a_stranger_is_not_offered(
    portal: PortalClient, registry: Registry
) -> None:
    found = publisher(registry)
    receive(registry, found)
    assert "everything matches." in text_of(portal.get("publishers/demo"))
    assert "Works" in text_of(portal.get("publishers"))
    receive(registry, found, repository_owner_id="4711")
    page = portal.get("publishers/demo?take=repository_owner_id")
    assert "Id of the owner must be 90000001 , and was 4711 ." in text_of(page)
    assert "Use this value" not in page.text
    assert 'name="owner_id" value="90000001"' in page.text


def test_t8_a_job_that_got_in_would_not_any_more(portal: PortalClient, registry: Registry) -> None:
    found = publisher(registry)
    receive(registry, found)
    portal.send("publishers/demo", **form(environment="other", more=""))
    page = text_of(portal.get("publishers/demo"))
    assert "It got in, but would not with the settings of now" in page
    assert "Environment must be other" in page


def test_t8_from_a_wrong_number_to_a_job_that_gets_in(
    portal: PortalClient, registry: Registry, ci_issuer: CiIssuer
) -> None:
    """Nobody has to look for the number of an owner: the first job says it."""
    publisher(
        registry,
        issuer=ci_issuer.url,
        claims={**CLAIMS, "repository_owner_id": "1"},
        allow_http=True,
        allow_private_network=True,
    )
    mint = registry.trusted_publishing.mint
    with pytest.raises(UnknownJob):
        mint(ci_issuer.token(GITHUB), "192.0.2.7")
    page = portal.get("publishers/demo")
    assert "Id of the owner must be 1 , and was 90000001 ." in text_of(page)
    assert 'take=repository_owner_id#settings"' in page.text
    page = portal.get("publishers/demo?take=repository_owner_id")
    names = ("issuer", "owner", "owner_id", "source", "workflow", "environment", "minutes")
    shown = {
        name: unescape(re.findall(rf'name="{name}" value="([^"]*)"', page.text)[0])
        for name in names
    }
    fields = {"may": "upload", "repository": "main", "allow_http": "yes"}
    portal.send("publishers/demo", **shown, **fields)
    mint(ci_issuer.token(GITHUB), "192.0.2.7")
    assert "Works" in text_of(portal.get("publishers"))
    assert "One got in last" in text_of(portal.get("publishers/demo"))


def test_the_issuer_is_asked(portal: PortalClient, registry: Registry) -> None:
    provider = ScriptedProvider()
    try:
        publisher(
            registry,
            kind="oidc",
            issuer=provider.url,
            claims={"sub": "x"},
            allow_http=True,
            allow_private_network=True,
        )
        page = portal.send("publishers/demo/check")
        assert "The issuer answers as it should, and has 1 key" in text_of(page)
        provider.changed_discovery = {"issuer": "https://evil.example"}
        refused = portal.post("publishers/demo/check")
        assert refused.status_code == 502
        assert "calls itself by another URL" in refusal_of(refused)
        fields = form(issuer="http://127.0.0.1:1", allow_http="yes", more="sub = x")
        assert portal.post("publishers/demo", **fields).status_code == 403
    finally:
        provider.close()


def test_who_may_not_manage_users_sees_none(registry: Registry) -> None:
    publisher(registry)
    administrators = registry.acting_as(OPERATOR).administrators
    administrators.create("small@example.com", PASSWORD, areas=[Area.REPOSITORIES])
    portal = PortalClient(registry)
    portal.sign_in("small@example.com", PASSWORD)
    for path in ("publishers", "new-publisher", "publishers/demo"):
        assert portal.get(path).status_code == 403
    assert portal.post("publishers/demo/delete").status_code == 403
    assert "Publishers" not in text_of(portal.get(""))


def test_a_publisher_that_does_not_exist(portal: PortalClient) -> None:
    assert portal.get("publishers/none").status_code == 404
    assert portal.post("publishers/none", **form()).status_code == 404
