"""Download counts and last use: cheap, exact, and about what is here."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import PermissionDenied, UnknownRepository
from pypi_repo.domain.usage import DownloadedRelease, RepositoryUsage
from pypi_repo.services.operations import usage as usage_module
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import downloads
from tests.support.distributions import wheel
from tests.support.http import basic
from tests.support.sql import count_statements
from tests.support.uploads import upload
from tests.support.waiting import wait_until

USER, PASSWORD = "user@example.com", "correct horse"


def _file_url(registry: Registry, name: str = "demo", version: str = "1.0") -> str:
    stored = upload(registry, wheel(name, version))
    return f"/repositories/main/files/{stored.path}"


def _downloads(registry: Registry) -> int:
    return registry.acting_as(OPERATOR).usage.days(1)[0].downloads


def test_whole_downloads_are_counted_and_nothing_else(both: Registry) -> None:
    url = _file_url(both)
    client = Client(both.wsgi_app())
    credentials = basic(USER, PASSWORD)
    etag = client.get(url, headers=credentials).headers["ETag"]
    client.get(url, headers={**credentials, "Range": "bytes=0-99"})
    assert _downloads(both) == 2
    client.head(url, headers=credentials)
    client.get(url, headers={**credentials, "Range": "bytes=100-199"})
    client.get(url, headers={**credentials, "If-None-Match": etag})
    client.get(f"{url}.metadata", headers=credentials)
    client.get(url)
    assert _downloads(both) == 2


def test_counts_add_up_and_outlive_the_registry_object(both: Registry) -> None:
    main = both.acting_as(OPERATOR).repositories.get("main")
    release = DownloadedRelease(main.id, "demo", "1.0")
    for _ in range(3):
        both._usage.count_download(release)
    both.close()
    both._usage.count_download(release)
    assert _downloads(both) == 4
    assert both.acting_as(OPERATOR).usage.downloads_of_versions("main", "demo") == {"1.0": 4}
    assert [
        (top.project, top.downloads) for top in both.acting_as(OPERATOR).usage.top_projects()
    ] == [("demo", 4)]


def test_a_download_writes_nothing_at_once(both: Registry) -> None:
    url = _file_url(both)
    client = Client(both.wsgi_app())
    client.get(url, headers=basic(USER, PASSWORD))
    with count_statements(both._database) as statements:
        client.get(url, headers=basic(USER, PASSWORD))
    assert all(statement.lstrip().startswith("SELECT") for statement in statements)


def test_counts_are_written_by_themselves(
    both: Registry, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one transaction for all that was counted meanwhile, and seen by other processes."""
    monkeypatch.setattr(usage_module, "_WRITTEN_AFTER", 0.1)
    main = both.acting_as(OPERATOR).repositories.get("main")
    with count_statements(both._database) as statements:
        for number in range(50):
            both._usage.count_download(DownloadedRelease(main.id, "demo", f"1.{number % 2}"))
        wait_until(lambda: _written(database) > 0)
    assert _written(database) == 50
    assert len(statements) <= 4


def _written(database: Database) -> int:
    with database.snapshot() as connection:
        return sum(connection.scalars(select(downloads.c.count)))


def test_counts_for_a_deleted_repository_go_quietly(both: Registry) -> None:
    main = both.acting_as(OPERATOR).repositories.get("main")
    both._usage.count_download(DownloadedRelease(main.id, "demo", "1.0"))
    both.acting_as(OPERATOR).repositories.delete("main")
    assert _downloads(both) == 0


def test_last_use_of_users_and_tokens(both: Registry) -> None:
    token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    assert {user.last_used_at for user in both.acting_as(OPERATOR).accounts.users()} == {None}
    before = datetime.now(UTC)
    client = Client(both.wsgi_app())
    client.get("/repositories/main/simple/", headers=basic("__token__", secret))
    client.get("/repositories/main/simple/", headers=basic("reader@example.com", "wrong one"))
    both._usage.flush()
    used = {user.name: user.last_used_at for user in both.acting_as(OPERATOR).accounts.users()}
    assert used["reader@example.com"] is None
    assert used[USER] is not None
    assert before <= used[USER] <= datetime.now(UTC)
    (found,) = both.acting_as(OPERATOR).accounts.tokens(USER)
    assert (found.id, found.last_used_at) == (token.id, used[USER])


def test_what_repositories_hold(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("empty")
    stored = [upload(both, wheel("demo", version)) for version in ("1.0", "2.0")]
    usage = both.acting_as(OPERATOR).usage.repositories()
    assert usage["empty"] == RepositoryUsage(projects=0, files=0, size=0, last_upload=None)
    main = usage["main"]
    assert (main.projects, main.files) == (1, 2)
    assert main.size == sum(file.size for file in stored)
    assert main.last_upload == stored[1].uploaded_at


def test_what_one_repository_holds_is_summed_up_alone(both: Registry) -> None:
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("empty")
    upload(both, wheel("demo", "1.0"))
    held = operator.usage.repositories()
    with count_statements(both._database) as statements:
        assert operator.usage.repository("main") == held["main"]
        assert operator.usage.repository("empty") == held["empty"] == RepositoryUsage()
    assert all("WHERE" in statement for statement in statements)
    operator.repositories.delete("empty")
    with pytest.raises(UnknownRepository):
        operator.usage.repository("empty")


def test_the_days_end_today_with_all_that_is_stored(both: Registry) -> None:
    size = upload(both, wheel()).size
    both.acting_as(OPERATOR).repositories.create("other")
    upload(both, wheel(), repository="other")
    days = both.acting_as(OPERATOR).usage.days(7)
    assert [day.day for day in days] == [
        datetime.now(UTC).date() - timedelta(days=ago) for ago in range(6, -1, -1)
    ]
    assert (days[-2].stored, days[-1].stored) == (0, 2 * size)
    assert both.acting_as(OPERATOR).usage.days(7, "other")[-1].stored == size


def test_the_newest_uploads_come_first(both: Registry) -> None:
    for version in ("1.0", "2.0", "3.0"):
        upload(both, wheel("demo", version))
    assert [file.version for file in both.acting_as(OPERATOR).usage.newest_uploads(2)] == [
        "3.0",
        "2.0",
    ]
    assert both.acting_as(OPERATOR).usage.newest_uploads(2)[0].repository == "main"


def test_only_administrators_are_told(both: Registry) -> None:
    user = both.acting_as(Actor(USER))
    for ask in (
        user.usage.repositories,
        lambda: user.usage.repository("main"),
        user.usage.days,
        user.usage.top_projects,
        user.usage.newest_uploads,
    ):
        with pytest.raises(PermissionDenied):
            ask()
    with pytest.raises(UnknownRepository):
        both.acting_as(OPERATOR).usage.days(repository="nowhere")
