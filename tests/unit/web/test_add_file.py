"""A file from Python: the same checks, the same place, no HTTP."""

import io
from pathlib import Path

import pytest
from werkzeug.test import Client

from pypi_repo import (
    OPERATOR,
    Access,
    Actor,
    GrantPolicy,
    Grants,
    Permission,
    Registry,
    Repository,
    Settings,
)
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    InvalidArchive,
    InvalidFilename,
    PermissionDenied,
    TooLarge,
    UnknownRepository,
)
from tests.conftest import PASSWORD, USER
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.http import basic
from tests.support.journal import journal_of

DEMO = wheel("demo")


class _Endless(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return len(buffer)


def shown(client: Client, project: str) -> str:
    url = f"/repositories/main/simple/{project}/"
    return client.get(url, headers=basic(USER, PASSWORD)).text


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("dist", [DEMO, sdist("demo")], ids=["wheel", "sdist"])
def test_by_its_path(
    dist: Distribution, as_text: bool, registry: Registry, client: Client, tmp_path: Path
) -> None:
    path = dist.save(tmp_path)
    added = registry.acting_as(OPERATOR).add_file("main", str(path) if as_text else path)

    assert added.file.filename == dist.filename
    assert added.file.digests.sha256 == dist.sha256
    assert added.file.uploaded_by == "operator"
    assert dist.sha256 in shown(client, "demo")


def test_by_a_stream(registry: Registry, client: Client) -> None:
    ada = registry.acting_as(Actor("ada", grants=Grants(Access.WRITE)))
    ada.add_file("main", io.BytesIO(DEMO.content), filename=DEMO.filename)

    assert DEMO.sha256 in shown(client, "demo")
    with pytest.raises(ValueError, match="filename="):
        ada.add_file("main", io.BytesIO(DEMO.content))


def test_twice_is_harmless_and_noted_once(registry: Registry, tmp_path: Path) -> None:
    path = DEMO.save(tmp_path)
    operator = registry.acting_as(OPERATOR)
    first, again = (operator.add_file("main", path) for _ in range(2))

    assert first.file == again.file
    actions = [entry.action for entry in journal_of(registry)]
    assert actions.count("upload file") == 1


def test_the_checks_of_an_upload(registry: Registry, tmp_path: Path) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.add_file("main", DEMO.save(tmp_path))
    other = wheel("demo", files={"demo/other.py": b""}).content
    for error, content, filename in (
        (FileAlreadyExists, other, DEMO.filename),
        (InvalidArchive, b"no archive", "new-1.0-py3-none-any.whl"),
        (InvalidFilename, DEMO.content, "demo.zip"),
    ):
        with pytest.raises(error):
            operator.add_file("main", io.BytesIO(content), filename=filename)
    with pytest.raises(PermissionDenied):
        registry.acting_as(Actor("x")).add_file("main", tmp_path / DEMO.filename)
    with pytest.raises(UnknownRepository):
        operator.add_file("absent", tmp_path / DEMO.filename)
    with pytest.raises(FileNotFoundError):
        operator.add_file("main", tmp_path / "absent.whl")
    assert len(registry.acting_as(OPERATOR).projects.get("main", "demo")[1]) == 1


def test_no_more_is_read_than_may_be_stored(registry: Registry) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", max_file_size=1_000_000)
    with pytest.raises(TooLarge):
        registry.acting_as(OPERATOR).add_file(
            "main", io.BufferedReader(_Endless()), filename=DEMO.filename
        )


def test_old_sdists_are_moved_to_a_lenient_repository(registry: Registry, tmp_path: Path) -> None:
    """Post-releases with a hyphen, as setuptools wrote them until 2024: nobody gives the name."""
    registry.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    content = sdist("old-tool", "1.0.post9").content
    added = registry.acting_as(OPERATOR).add_file(
        "main", io.BytesIO(content), filename="old-tool-1.0-9.tar.gz"
    )
    assert (added.file.project, added.file.version) == ("old-tool", "1.0.post9")


class _NoSecrets(GrantPolicy):
    """The built-in rules, but for one project."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        return project != "secret" and super().allows(actor, permission, repository, project)


def test_a_policy_that_extends_the_built_in_one_hides_names(tmp_path: Path) -> None:
    """The operator, who adds files from code, is bound by no policy."""
    settings = Settings(database="sqlite://", password_cost=4)
    with Registry(settings, policy=_NoSecrets()) as registry:
        registry.acting_as(OPERATOR).repositories.create("main", public=True)
        for name in ("secret", "known"):
            registry.acting_as(OPERATOR).add_file("main", wheel(name).save(tmp_path))
        listing = Client(registry.wsgi_app()).get("/repositories/main/simple/").text

    assert "known" in listing
    assert "secret" not in listing
