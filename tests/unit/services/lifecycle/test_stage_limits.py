"""What a stage protects itself and others from."""

import pytest

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry
from pypi_repo.domain.errors import Conflict, PermissionDenied, TooLarge, UnknownRepository
from pypi_repo.domain.lifecycle import stages as stages_module
from pypi_repo.services.lifecycle.stages import Stages
from tests.support.distributions import sdist, wheel
from tests.support.sql import count_statements
from tests.support.together import one_after_the_other
from tests.support.uploads import UPLOADER, damage, filenames, stage, upload

LIMITED = Actor(UPLOADER.name, grants=Grants(Access.WRITE).limited_to(("acme-*",)))


def of(registry: Registry, actor: Actor = UPLOADER) -> Stages:
    return registry.acting_as(actor).stages


def test_a_token_for_some_projects_ends_no_stage_with_files_of_others(both: Registry) -> None:
    """G2."""
    id_ = of(both).open("main").id
    stage(both, id_, wheel("secret", "1.0"))
    stage(both, id_, wheel("acme-tools", "1.0"), actor=LIMITED)
    for forbidden in (of(both, LIMITED).drop, of(both, LIMITED).publish, of(both, LIMITED).stage):
        with pytest.raises(PermissionDenied) as refused:
            forbidden("main", id_)
        assert "secret" not in refused.value.message
    assert of(both, LIMITED).stages("main") == []
    assert [found.id for found in of(both).stages("main")] == [id_]
    of(both).drop("main", id_)


def test_a_token_for_some_projects_has_stages_of_its_own(both: Registry) -> None:
    """G1."""
    for end in (of(both, LIMITED).drop, of(both, LIMITED).publish):
        id_ = of(both, LIMITED).open("main").id
        assert [found.id for found in of(both, LIMITED).stages("main")] == [id_]
        stage(both, id_, wheel("acme-tools", "1.0"), actor=LIMITED)
        end("main", id_)
    assert filenames(both, "acme-tools") == [wheel("acme-tools", "1.0").filename]


def test_a_file_of_another_project_is_not_replaced(both: Registry) -> None:
    """G2: the name of an old sdist can be read as that of two projects."""
    both.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    id_ = of(both).open("main").id
    theirs = sdist("foo-1", "2", filename="foo-1-2.tar.gz")
    other = sdist("foo", "1-2", filename="foo-1-2.tar.gz")
    stage(both, id_, theirs)
    few = Actor("few@example.com", grants=Grants(patterns={("main", "foo"): Access.WRITE}))
    with pytest.raises(PermissionDenied):
        stage(both, id_, other, actor=few)
    (file,) = of(both).stage("main", id_)[1]
    assert (file.project, file.digests.sha256) == ("foo-1", theirs.sha256)


def test_a_stage_takes_no_more_files_than_can_be_published_at_once(
    both: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G2: nobody else can write meanwhile."""
    monkeypatch.setattr(stages_module, "MOST_FILES", 2)
    id_ = of(both).open("main").id
    stage(both, id_, wheel("demo", "1.0"))
    stage(both, id_, wheel("demo", "2.0"))
    with pytest.raises(Conflict):
        stage(both, id_, wheel("demo", "3.0"))
    stage(both, id_, wheel("demo", "2.0", padding=3))  # in place of another one
    assert len(of(both).publish("main", id_)) == 2


def test_what_counts_for_the_quota_is_summed_up_once(both: Registry) -> None:
    """U53: not for each file of a stage, or of a promotion."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.change("main", quota=10**6)
    operator.repositories.create("other", quota=10**6)
    id_ = of(both).open("main").id
    for build in "123":
        stage(both, id_, wheel("demo", "1.0", build=build))
    with count_statements(both._database) as published:
        of(both).publish("main", id_)
    with count_statements(both._database) as promoted:
        operator.promotion.release("main", "demo", "1.0", "other")
    for statements in (published, promoted):
        assert sum("sum(files." in each for each in statements) == 1


def test_what_is_replaced_makes_room(both: Registry) -> None:
    """U53: to the byte, for each file of a stage."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.change("main", allow_overwrite=True)
    id_ = of(both).open("main").id
    for build in "123":
        upload(both, wheel("demo", "1.0", build=build))
        stage(both, id_, wheel("demo", "1.0", build=build, padding=3000))
    size = of(both).stage("main", id_)[0].size
    operator.repositories.change("main", quota=size - 1)
    with pytest.raises(TooLarge):
        of(both).publish("main", id_)
    operator.repositories.change("main", quota=size)
    assert len(of(both).publish("main", id_)) == 3


def test_nothing_is_left_in_the_file_store_of_what_is_replaced_or_dropped(both: Registry) -> None:
    """U53: or the file store would be filled beyond the quota, until a sweep."""

    def stored() -> set[str]:
        return {blob.path for blob in both._blobs.walk()}

    upload(both, wheel("demo", "1.0"))
    before, id_ = stored(), of(both).open("main").id
    both.acting_as(OPERATOR).repositories.create("other")
    upload(both, shared := wheel("shared", "1.0"), "other")
    needed = stored()
    assert needed > before
    stage(both, id_, shared)
    for padding in (3, 4):
        stage(both, id_, wheel("demo", "2.0", padding=padding), signature=b"signature")
        assert len(stored() - needed) == 3
    of(both).drop("main", id_)
    assert stored() == needed
    assert damage(both) == []


def test_nobody_opens_stages_without_end(both: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """G1."""
    monkeypatch.setattr(stages_module, "MOST_STAGES", 2)
    first = of(both).open("main").id
    of(both).open("main")
    with pytest.raises(Conflict):
        of(both).open("main")
    of(both, Actor("other@example.com", grants=Grants(Access.WRITE))).open("main")
    of(both).drop("main", first)
    of(both).open("main")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_stage_is_opened_in_a_repository_that_is_just_deleted(both: Registry) -> None:
    repositories = both.acting_as(OPERATOR).repositories
    repositories.create("old")
    later = one_after_the_other(
        both._database, lambda: repositories.delete("old"), lambda: of(both).open("old")
    )
    with pytest.raises(UnknownRepository):
        later.result()
