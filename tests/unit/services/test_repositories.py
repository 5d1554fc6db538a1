"""Repositories: made, changed, deleted, and made again."""

from dataclasses import replace
from typing import Any

import pytest

from pypi_repo import (
    EVERY_AREA,
    OPERATOR,
    Access,
    Actor,
    ActorKind,
    GrantPolicy,
    Grants,
    Permission,
    Registry,
    Settings,
)
from pypi_repo.domain.errors import (
    InvalidName,
    InvalidSetting,
    NameTaken,
    PermissionDenied,
    UnknownRepository,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from tests.support.distributions import wheel
from tests.support.journal import journal_of
from tests.support.uploads import UPLOADER, page, upload


def test_a_new_repository_is_private_and_protected(both: Registry) -> None:
    created = both.acting_as(OPERATOR).repositories.create("releases")
    assert not created.public
    assert not created.allow_overwrite
    assert created.max_file_size is None
    assert created.serial == 0
    assert both.acting_as(OPERATOR).repositories.get("releases") == created


def test_settings_of_a_new_repository(both: Registry) -> None:
    created = both.acting_as(OPERATOR).repositories.create(
        "releases", description="Ours", public=True, allow_overwrite=True, max_file_size=5 * 2**32
    )
    found = both.acting_as(OPERATOR).repositories.get("releases")
    assert found == created
    assert (found.description, found.public, found.allow_overwrite) == ("Ours", True, True)
    assert found.max_file_size == 5 * 2**32
    assert journal_of(both, "releases")[-1].action == "create repository"


def test_a_name_is_given_once(both: Registry) -> None:
    with pytest.raises(NameTaken, match="choose another name"):
        both.acting_as(OPERATOR).repositories.create("main")
    assert [repository.name for repository in both.acting_as(OPERATOR).repositories.all()] == [
        "main"
    ]


@pytest.mark.parametrize("name", ["", "Main", "a/b", "..", "a\0b"])
def test_an_invalid_name(both: Registry, name: str) -> None:
    with pytest.raises(InvalidName):
        both.acting_as(OPERATOR).repositories.create(name)


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_limit_that_admits_nothing(both: Registry, size: int) -> None:
    with pytest.raises(InvalidSetting):
        both.acting_as(OPERATOR).repositories.create("releases", max_file_size=size)
    with pytest.raises(InvalidSetting):
        both.acting_as(OPERATOR).repositories.change("main", max_file_size=size)
    assert both.acting_as(OPERATOR).repositories.get("main").max_file_size is None


def test_changing_settings(both: Registry) -> None:
    changed = both.acting_as(OPERATOR).repositories.change("main", public=True, max_file_size=10)
    assert (changed.public, changed.max_file_size, changed.allow_overwrite) == (True, 10, False)
    assert (
        both.acting_as(OPERATOR).repositories.change("main", max_file_size=None).max_file_size
        is None
    )
    entry = journal_of(both, "main")[-2]
    assert entry.action == "change repository"
    assert entry.detail == {"public": "True", "max_file_size": "10"}


def test_changing_nothing_is_not_written_down(both: Registry) -> None:
    before = journal_of(both, "main")
    both.acting_as(OPERATOR).repositories.change("main")
    assert journal_of(both, "main") == before


def test_repositories_are_listed_by_name(both: Registry) -> None:
    for name in ("zoo", "alpha"):
        both.acting_as(OPERATOR).repositories.create(name)
    assert [repository.name for repository in both.acting_as(OPERATOR).repositories.all()] == [
        "alpha",
        "main",
        "zoo",
    ]


def test_deleting_takes_everything_with_it(both: Registry) -> None:
    stored = upload(both, wheel())
    both.acting_as(OPERATOR).repositories.delete("main")
    bound = both.repository("main")
    with pytest.raises(UnknownRepository):
        bound.source.check_access(UPLOADER)
    with pytest.raises(UnknownRepository):
        bound.source.file(UPLOADER, stored.path)
    assert both.acting_as(OPERATOR).repositories.all() == []
    assert journal_of(both, "main")[-1].action == "delete repository"


def test_unknown_repositories(both: Registry) -> None:
    for refused in (
        both.acting_as(OPERATOR).repositories.get,
        both.acting_as(OPERATOR).repositories.delete,
        both.acting_as(OPERATOR).repositories.change,
    ):
        with pytest.raises(UnknownRepository):
            refused("nowhere")


def test_a_repository_made_again_begins_empty(both: Registry) -> None:
    upload(both, wheel())
    both.acting_as(OPERATOR).projects.delete_file("main", wheel().filename)
    both.acting_as(OPERATOR).repositories.delete("main")
    both.acting_as(OPERATOR).repositories.create("main")
    assert both.acting_as(OPERATOR).projects.all("main") == []
    upload(both, wheel())
    assert len(page(both).files) == 1


def test_a_repository_made_again_inherits_no_rights(both: Registry) -> None:
    """Grants and tokens spoke of the old one."""
    accounts = both.acting_as(OPERATOR).accounts
    accounts.create_user(
        "guest@example.com",
        "correct horse",
        everywhere=Access.NONE,
        named={"main": Access.WRITE},
    )
    accounts.create_token("user@example.com", repository="main")
    both.acting_as(OPERATOR).repositories.delete("main")
    both.acting_as(OPERATOR).repositories.create("main")
    (guest,) = [user for user in accounts.users() if user.name == "guest@example.com"]
    assert guest.grants == Grants(Access.NONE)
    assert accounts.tokens("user@example.com") == []


def test_pages_of_a_repository_made_again_have_keys_of_their_own(both: Registry) -> None:
    """Else a cache would show what was in the old one."""
    seen = []
    for _ in range(3):
        upload(both, wheel())
        index = both.repository("main").source
        demo = both.acting_as(OPERATOR).projects.all("main")[0].normalized_name
        seen += [index.project_list(UPLOADER).key, index.project_page(UPLOADER, demo).key]
        both.acting_as(OPERATOR).repositories.delete("main")
        both.acting_as(OPERATOR).repositories.create("main")
    assert len(set(seen)) == len(seen)


def test_who_may_only_upload_makes_no_repositories(both: Registry) -> None:
    actor = Actor("user@example.com", grants=Grants(Access.WRITE))
    with pytest.raises(PermissionDenied):
        both.acting_as(actor).repositories.create("mine")
    with pytest.raises(PermissionDenied):
        both.acting_as(actor).repositories.delete("main")
    with pytest.raises(PermissionDenied):
        both.acting_as(actor).repositories.change("main", public=True)
    assert [repository.name for repository in both.acting_as(OPERATOR).repositories.all()] == [
        "main"
    ]


class _OnlyPrivateOnes(GrantPolicy):
    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: NormalizedName | None = None,
    ) -> bool:
        return not repository.public and super().allows(actor, permission, repository, project)


def test_a_policy_sees_the_settings_of_what_is_to_be_made(database_url: str) -> None:
    boss = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
    settings = Settings(database=database_url, blobs="memory://")
    with Registry(settings, policy=_OnlyPrivateOnes()) as registry:
        repositories = registry.acting_as(boss).repositories
        repositories.create("team", description="Ours")
        with pytest.raises(PermissionDenied):
            repositories.create("open", public=True)
        assert [found.name for found in repositories.all()] == ["team"]


def test_a_change_is_returned_also_if_it_takes_the_repository_out_of_sight(
    database_url: str,
) -> None:
    """What was committed succeeded, even if it cannot be read again."""
    boss = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
    settings = Settings(database=database_url, blobs="memory://")
    with Registry(settings, policy=_OnlyPrivateOnes()) as registry:
        repositories = registry.acting_as(boss).repositories
        made = repositories.create("team", description="Ours")
        assert repositories.change("team") == made
        assert repositories.change("team", public=True) == replace(made, public=True)
        with pytest.raises(PermissionDenied):
            repositories.get("team")


def test_the_journal_of_everything(both: Registry) -> None:
    actions = [entry.action for entry in journal_of(both)]
    assert actions == ["create repository", "create user", "create user", "create administrator"]
    times = [entry.at for entry in journal_of(both)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "given",
    [
        {"public": "yes"},
        {"allow_reuse": None},
        {"quota": "5 GB"},
        {"max_file_size": 0.5},
        {"trusted_publishing_only": "abc"},
        {"trusted_publishing_only": ("-",)},
        {"attestations_required": [f"project-{number}" for number in range(101)]},
    ],
)
def test_a_setting_of_another_type(both: Registry, given: Any) -> None:
    repositories = both.acting_as(OPERATOR).repositories
    with pytest.raises(InvalidSetting):
        repositories.create("releases", **given)
    repositories.create("releases")
    with pytest.raises(InvalidSetting):
        repositories.change("releases", **given)


def test_a_size_limit_beyond_what_the_database_can_hold(both: Registry) -> None:
    with pytest.raises(InvalidSetting):
        both.acting_as(OPERATOR).repositories.create("huge", max_file_size=2**70)


@pytest.mark.parametrize("name", ["trusted_publishing_only", "attestations_required"])
def test_patterns_of_projects_are_kept_in_one_form(name: str, both: Registry) -> None:
    repositories = both.acting_as(OPERATOR).repositories
    made = repositories.create("team", **{name: ["tools", "Acme_*", "acme--*"]})  # type: ignore[misc]
    assert getattr(made, name) == ("acme-*", "tools")
    changed = repositories.change("team", **{name: ("*",)})  # type: ignore[misc]
    assert getattr(changed, name) == getattr(repositories.get("team"), name) == ("*",)
    assert getattr(repositories.change("team", **{name: []}), name) == ()  # type: ignore[misc]
    details = [entry.detail or {} for entry in journal_of(both) if entry.repository == "team"]
    assert [detail[name] for detail in details] == ["acme-* tools", "*", ""]
