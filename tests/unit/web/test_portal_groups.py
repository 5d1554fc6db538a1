"""Groups and rights on projects in the portal (G1 to G3)."""

from __future__ import annotations

import re

import pytest

from pypi_repo import OPERATOR, Access, Area, Grants, Registry
from pypi_repo.services.acting import Acting
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER
from tests.support.portal import PortalClient, refused_fields, text_of

ACME = {("main", "acme-*"): Access.WRITE}


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


@pytest.fixture
def operator(registry: Registry) -> Acting:
    return registry.acting_as(OPERATOR)


def test_a_group_is_created_changed_and_deleted(operator: Acting, portal: PortalClient) -> None:
    """G1."""
    assert "No group yet" in text_of(portal.get("groups"))
    made = portal.send(
        "new-group",
        name="platform",
        description="Builds it",
        everywhere="none",
        projects="main/Acme_*=write\r\n\r\n",
        **{"access-main": "read"},
    )
    assert "Created the group platform" in text_of(made)
    found = operator.groups.get("platform")
    assert found.grants == Grants(named={"main": Access.READ}, patterns=ACME)
    assert found.description == "Builds it"
    assert "main/acme-*=write" in made.text

    portal.send("groups/platform", description="", everywhere="read", projects="")
    assert operator.groups.get("platform").grants == Grants(Access.READ)
    listed = text_of(portal.get("groups?q=plat"))
    assert "platform" in listed
    assert "reads all repositories" in listed
    assert "has “absent” in it" in text_of(portal.get("groups?q=absent"))
    assert "still users" in text_of(portal.send("groups/platform/delete"))
    assert operator.groups.all() == []


def test_members_are_added_and_removed(operator: Acting, portal: PortalClient) -> None:
    """G1."""
    operator.groups.create("platform")
    added = portal.send("groups/platform/members", users=f"{USER}, {READER.upper()}")
    assert "The group platform has 2 members" in text_of(added)
    assert operator.groups.get("platform").members == tuple(sorted((USER, READER)))
    portal.send(f"groups/platform/members/{USER}/remove")
    assert operator.groups.get("platform").members == (READER,)
    unknown = portal.post("groups/platform/members", users=f"{USER} nobody")
    assert unknown.status_code == 400
    assert "'nobody'" in refused_fields(unknown)["users"]
    assert operator.groups.get("platform").members == (READER,)


def test_a_new_user_is_put_into_groups_at_once(operator: Acting, portal: PortalClient) -> None:
    """G1."""
    assert 'name="groups"' not in portal.get("new-user").text
    operator.groups.create("docs")
    operator.groups.create("platform")
    assert portal.get("new-user").text.count('name="groups"') == 2
    portal.send("new-user", name="new@example.com", everywhere="none", groups=["docs", "platform"])
    assert operator.accounts.user("new@example.com").groups == ("docs", "platform")

    refused = portal.post("new-user", name="late@example.com", everywhere="none", groups="gone")
    assert "'gone'" in refused_fields(refused)["groups"]
    assert "late@example.com" not in {user.name for user in operator.accounts.users()}


def test_what_is_wrong_is_said_at_its_field(operator: Acting, portal: PortalClient) -> None:
    operator.groups.create("platform")
    wrong = portal.post("new-group", name="A b", everywhere="all", projects="main=read")
    assert wrong.status_code == 400
    assert refused_fields(wrong).keys() == {"name", "everywhere", "projects"}
    for projects, said in (
        ("acme-*", "main/acme-*=write"),
        ("main/acme-*=none", "can only add"),
        ("main/a b=read", "matches no project"),
        ("absent/acme-*=read", "'absent'"),
    ):
        for path in ("groups/platform", f"users/{USER}"):
            answer = portal.post(path, everywhere="none", projects=projects)
            assert said in refused_fields(answer)["projects"], (path, projects)
            assert projects in answer.text
    taken = portal.post("new-group", name="platform", everywhere="none")
    assert (taken.status_code, [*refused_fields(taken)]) == (409, ["name"])
    assert operator.groups.get("platform").grants == Grants()


def test_the_page_of_a_user_has_its_groups_and_rights(
    operator: Acting, portal: PortalClient
) -> None:
    """G1."""
    for name in ("one", "two"):
        operator.groups.create(name, patterns=ACME)
    portal.send(f"users/{READER}/groups", groups=["one", "two"])
    assert operator.accounts.user(READER).groups == ("one", "two")
    portal.send(f"users/{READER}/groups", before=["one", "two"])
    portal.send(f"users/{READER}/groups", groups=["two"])
    portal.send(f"users/{READER}", everywhere="read", projects="main/demo=write")
    found = operator.accounts.user(READER)
    assert found.groups == ("two",)
    assert found.grants == Grants(Access.READ, patterns={("main", "demo"): Access.WRITE})
    assert "main/demo: read and write; in two" in text_of(portal.get("users"))
    assert portal.post(f"users/{READER}/groups", groups=["absent"]).status_code == 404


def test_an_older_form_takes_nothing_that_came_since(
    operator: Acting, portal: PortalClient
) -> None:
    """G1: another administrator, or a sign-in elsewhere, changes groups, too."""
    for name in ("gone", "kept", "later", "new"):
        operator.groups.create(name)
    operator.accounts.change_user(READER, groups=["gone", "kept"])
    shown = portal.get(f"users/{READER}").text
    before = re.findall(r'name="before" value="([a-z]+)"', shown)
    assert before == ["gone", "kept"]
    operator.accounts.change_user(READER, groups=["gone", "kept", "later"])
    portal.send(f"users/{READER}/groups", groups=["kept", "new"], before=before)
    assert operator.accounts.user(READER).groups == ("kept", "later", "new")


def test_the_page_of_a_user_explains_rights(operator: Acting, portal: PortalClient) -> None:
    operator.groups.create("platform", patterns=ACME)
    operator.groups.add_members("platform", [READER])
    told = text_of(portal.get(f"users/{READER}?why=main&project=Acme.App"))
    for sentence in operator.rights.explain(READER, "main", "acme-app").sentences():
        assert sentence in told
    assert "Group platform has read and write access to projects acme-* of repository main." in told
    assert portal.get(f"users/{READER}?why=absent&project=x").status_code == 200


def test_a_token_for_projects(operator: Acting, portal: PortalClient) -> None:
    """G3."""
    portal.send(f"users/{USER}/tokens", token_name="ci", token_projects="Acme_*, demo")
    (token,) = operator.accounts.tokens(USER)
    assert token.projects == ("acme-*", "demo")
    assert "projects acme-*, demo" in text_of(portal.get(f"users/{USER}"))
    wrong = portal.post(f"users/{USER}/tokens", token_projects="a!b", expires_in="soon")
    assert refused_fields(wrong).keys() == {"token_projects", "expires_in"}


def test_only_who_manages_users_sees_groups(operator: Acting, registry: Registry) -> None:
    operator.groups.create("platform")
    areas = [Area.REPOSITORIES, Area.SETTINGS]
    operator.administrators.create("boss@example.com", PASSWORD, areas=areas)
    portal = PortalClient(registry)
    portal.sign_in("boss@example.com", PASSWORD)
    assert 'href="groups"' not in portal.get("").text
    for path in ("groups", "groups/platform", "new-group"):
        assert portal.get(path).status_code == 403 or path == "new-group"
    assert portal.post("new-group", name="new", everywhere="none").status_code == 403
    assert portal.post("groups/platform/delete").status_code == 403
    assert [group.name for group in operator.groups.all()] == ["platform"]
