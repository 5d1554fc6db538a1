"""Promotions and chores in the management API."""

import pytest

from pypi_repo import OPERATOR, Area, Registry
from tests.conftest import ADMINISTRATOR
from tests.support.api import ApiClient
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.uploads import filenames, upload

WHEEL, SDIST, NEWER = wheel(), sdist(), wheel(version="2.0")
_PROJECT = "repositories/main/projects/demo"
_RELEASE = f"{_PROJECT}/releases/1.0"


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    registry.acting_as(OPERATOR).repositories.create("releases")
    for dist in (WHEEL, SDIST, NEWER):
        upload(registry, dist)
    return ApiClient(registry, ADMINISTRATOR)


def test_a_release(api: ApiClient, registry: Registry) -> None:
    """M2"""
    answer = api.post(f"{_RELEASE}/promote", {"to": "releases"})
    assert answer.status_code == 200
    promoted = answer.get_json()
    files = promoted.pop("files")
    assert promoted == {
        "project": "demo",
        "source": "main",
        "target": "releases",
        "moved": False,
        "unchanged": False,
    }
    assert files == api.get(_RELEASE).get_json()["files"]
    assert filenames(registry, repository="releases") == [WHEEL.filename, SDIST.filename]
    entries = [entry for entry in journal_of(registry) if entry.action.endswith(" release")]
    assert {entry.actor for entry in entries} == {ADMINISTRATOR}
    again = api.post(f"{_RELEASE}/promote", {"to": "releases", "move": True}).get_json()
    assert (again["moved"], again["unchanged"]) == (True, True)
    assert filenames(registry) == [NEWER.filename]


def test_a_project(api: ApiClient, registry: Registry) -> None:
    """M1"""
    answer = api.post(f"{_PROJECT}/promote", {"to": "releases", "move": True})
    assert [file["filename"] for file in answer.get_json()["files"]] == [
        WHEEL.filename,
        SDIST.filename,
        NEWER.filename,
    ]
    assert api.get(_PROJECT).status_code == 404


@pytest.mark.parametrize(
    ("document", "status", "error"),
    [
        ({"to": "nowhere"}, 404, "unknown-repository"),
        ({"to": "main"}, 400, "invalid-setting"),
        ({}, 422, "unprocessable-entity"),
        ({"to": "small"}, 413, "too-large"),
        ({"to": "other"}, 409, "file-already-exists"),
        ({"to": "closed"}, 403, "project-closed"),
    ],
)
def test_refusals(
    api: ApiClient, registry: Registry, document: dict[str, str], status: int, error: str
) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("small", quota=len(WHEEL.content))
    for name in ("other", "closed"):
        operator.repositories.create(name)
        upload(registry, sdist(description="other content"), name)
    operator.projects.set_status("closed", "demo", "archived")
    before = journal_of(registry)
    answer = api.post(f"{_RELEASE}/promote", {**document, "move": True})
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)
    assert journal_of(registry) == before


def test_who_may_only_read_promotes_nothing(api: ApiClient, registry: Registry) -> None:
    for other in (
        ApiClient(registry, ADMINISTRATOR, read_only=True),
        ApiClient(registry, ADMINISTRATOR, frozenset({Area.USERS})),
    ):
        assert other.post(f"{_RELEASE}/promote", {"to": "releases"}).status_code == 403


def test_chores(api: ApiClient, registry: Registry) -> None:
    before = api.all("chores", limit=2)
    assert {chore["ended_at"] for chore in before} == {None}
    registry.chores.run_due()
    found = {chore["name"]: chore for chore in api.all("chores", limit=2)}
    assert found.keys() == {report.name for report in registry.chores.reports()}
    assert list(found) == sorted(found)
    (expire,) = (report for report in registry.chores.reports() if report.name == "expire")
    assert found["expire"]["every"] == 3600
    assert found["expire"]["failure"] is None
    assert found["expire"]["running"] is False
    assert expire.took is not None
    assert found["expire"]["took"] == expire.took.total_seconds()
    refused = ApiClient(registry, ADMINISTRATOR, frozenset({Area.USERS})).get("chores")
    assert refused.status_code == 403
