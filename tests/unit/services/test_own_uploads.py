"""B5: users who may write can yank what they have uploaded, if the repository allows it."""

import pytest

from pypi_repo import ANONYMOUS, EVERY_AREA, OPERATOR, Access, Actor, ActorKind, Grants, Registry
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    InvalidSetting,
    PermissionDenied,
    UnknownProject,
    UnknownRelease,
)
from pypi_repo.domain.names import normalize
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.uploads import page, upload

WHEEL, SDIST, OTHER = wheel(), sdist(), wheel(version="2.0")
OWNER = Actor("owner@example.com", grants=Grants(Access.WRITE))
COLLEAGUE = Actor("colleague@example.com", grants=Grants(Access.WRITE))
DEMO = normalize("demo")


@pytest.fixture
def demo(both: Registry) -> Registry:
    """Release 1.0 has a file of each of the two, and all of 2.0 is the colleague's."""
    upload(both, WHEEL, actor=OWNER)
    upload(both, SDIST, actor=COLLEAGUE)
    upload(both, OTHER, actor=COLLEAGUE)
    both.acting_as(OPERATOR).repositories.change("main", users_may_yank=True)
    return both


def _yank(
    registry: Registry, actor: Actor, version: str = "1.0", reason: str | None = "broken"
) -> list[str]:
    return registry.repository("main").own_uploads.yank(actor, DEMO, version, reason)


def _yanked(registry: Registry) -> dict[str, str | None]:
    return {file.filename: file.yanked for file in page(registry).files}


@pytest.mark.parametrize("reason", ["broken", "", "Größe <&>"])
def test_own_files_are_yanked_and_come_back(demo: Registry, reason: str) -> None:
    before = page(demo).serial
    assert _yank(demo, OWNER, "v1.0.0", reason) == [WHEEL.filename]
    assert _yanked(demo) == {WHEEL.filename: reason, SDIST.filename: None, OTHER.filename: None}
    entry = journal_of(demo, "main")[-1]
    assert (entry.actor, entry.action, entry.filename) == (
        OWNER.name,
        "yank file",
        WHEEL.filename,
    )
    assert page(demo).serial > before
    assert _yank(demo, OWNER, "1.0", None) == [WHEEL.filename]
    assert set(_yanked(demo).values()) == {None}
    assert journal_of(demo, "main")[-1].action == "unyank file"


def test_what_is_so_already_changes_nothing(demo: Registry) -> None:
    _yank(demo, OWNER)
    before = page(demo).serial
    assert _yank(demo, OWNER) == []
    assert page(demo).serial == before


@pytest.mark.parametrize("reason", ["broken", None])
def test_files_of_others_stay_as_they_are(demo: Registry, reason: str | None) -> None:
    with pytest.raises(PermissionDenied, match=r"No file of demo 2\.0 was uploaded by"):
        _yank(demo, OWNER, "2.0", reason)
    assert set(_yanked(demo).values()) == {None}


def test_a_repository_that_does_not_allow_it(demo: Registry) -> None:
    """The default."""
    demo.acting_as(OPERATOR).repositories.change("main", users_may_yank=False)
    with pytest.raises(PermissionDenied, match="Users may not yank in repository 'main'"):
        _yank(demo, OWNER)
    own = demo.repository("main").own_uploads
    record = demo.repository("main").uploads.repository()
    assert not own.may_yank(OWNER, record, DEMO)


@pytest.mark.parametrize(
    "uploader",
    [OPERATOR, Actor("root", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)],
    ids=["operator", "administrator"],
)
def test_a_user_is_not_who_has_the_same_name(demo: Registry, uploader: Actor) -> None:
    """An operator or an administrator may have uploaded a file under the name of a user."""
    theirs = wheel(version="3.0")
    upload(demo, theirs, actor=uploader)
    user = Actor(uploader.name, grants=Grants(Access.WRITE))
    with pytest.raises(PermissionDenied, match=r"No file of demo 3\.0 was uploaded by"):
        _yank(demo, user, "3.0")
    own = demo.repository("main").own_uploads
    assert own.among(user, page(demo).files) == []
    assert set(_yanked(demo).values()) == {None}


def test_a_user_does_not_inherit_from_one_that_was_deleted(demo: Registry) -> None:
    accounts = demo.acting_as(OPERATOR).accounts
    accounts.create_user("ada", None)
    user = Actor("ada", grants=Grants(Access.WRITE))
    before, after = wheel(version="3.0"), sdist(version="3.0")
    upload(demo, before, actor=user)
    accounts.delete_user("ada")
    accounts.create_user("ada", None)
    with pytest.raises(PermissionDenied, match=r"No file of demo 3\.0 was uploaded by"):
        _yank(demo, user, "3.0")
    upload(demo, after, actor=user)
    own = demo.repository("main").own_uploads.among(user, page(demo).files)
    assert [file.filename for file in own] == [after.filename]
    assert _yank(demo, user, "3.0") == [after.filename]


@pytest.mark.parametrize(
    ("actor", "error"),
    [
        (ANONYMOUS, AuthenticationRequired),
        (Actor(OWNER.name, grants=Grants(Access.READ)), PermissionDenied),
        (Actor(OWNER.name), PermissionDenied),
        (Actor(OWNER.name, grants=Grants(named={"other": Access.WRITE})), PermissionDenied),
        (
            Actor(OWNER.name, kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA),
            PermissionDenied,
        ),
    ],
    ids=["anonymous", "reader", "nobody", "elsewhere", "administrator of the same name"],
)
def test_who_may_not_upload_may_not_yank(
    demo: Registry, actor: Actor, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _yank(demo, actor)
    record = demo.repository("main").uploads.repository()
    assert not demo.repository("main").own_uploads.may_yank(actor, record, DEMO)
    assert set(_yanked(demo).values()) == {None}


def test_rights_on_names_count(demo: Registry) -> None:
    """G2"""
    for pattern, allowed in (("dem*", True), ("acme-*", False)):
        actor = Actor(OWNER.name, grants=Grants(patterns={("main", pattern): Access.WRITE}))
        record = demo.repository("main").uploads.repository()
        assert demo.repository("main").own_uploads.may_yank(actor, record, DEMO) is allowed
        if allowed:
            assert _yank(demo, actor) == [WHEEL.filename]
        else:
            with pytest.raises(PermissionDenied):
                _yank(demo, actor, reason=None)


def test_what_cannot_be_is_told(demo: Registry) -> None:
    own = demo.repository("main").own_uploads
    with pytest.raises(UnknownProject):
        own.yank(OWNER, normalize("none"), "1.0", "")
    for version in ("9", "no version", ""):
        with pytest.raises(UnknownRelease):
            own.yank(OWNER, DEMO, version, "")
    with pytest.raises(InvalidSetting):
        own.yank(OWNER, DEMO, "1.0", "\x00")
