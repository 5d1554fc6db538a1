"""URLs that name nothing there could be, on both databases: an answer, and never a 500."""

from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, Settings
from tests.support.distributions import wheel
from tests.support.journal import journal_of
from tests.support.uploads import page as page_of
from tests.support.uploads import publish

_FILE = f"{'a' * 2}/{'b' * 2}/{'c' * 60}"


@pytest.fixture
def public(database_url: str) -> Iterator[Registry]:
    registry = Registry(Settings(database=database_url, blobs="memory://", password_cost=4))
    registry.upgrade()
    registry.acting_as(OPERATOR).repositories.create("main", public=True)
    yield registry
    registry.close()


@pytest.mark.parametrize(
    "path",
    [
        "/repositories/main/simple/a%00/",
        "/repositories/ma%00in/simple/",
        "/repositories/ma%00in/",
        f"/repositories/main/files/{_FILE}/a%00b",
        "/repositories/main/integrity/demo/1.0/a%00b/provenance",
        "/repositories/main/pypi/demo/1.0%00/json",
        "/repositories/main/%00",
        "/%00",
        "/repositories/%ff/simple/",
        f"/repositories/main/files/{_FILE}/%ff",
        "/repositories/main/integrity/demo/1.0/%ed%a0%80/provenance",
        f"/repositories/main/integrity/demo/1.0/{'x' * 9000}/provenance",
    ],
)
def test_names_that_no_database_knows(public: Registry, path: str) -> None:
    """X02: NUL, what is not UTF-8, and what is too long."""
    assert Client(public.wsgi_app()).get(path).status_code in (401, 404)


def test_a_journal_holds_whatever_a_wheel_is_warned_about(public: Registry) -> None:
    """U68: names in RECORD are anybody's."""
    record = b'demo-1.0.dist-info/RECORD,,\n"a\0b",,\n"\xef\xbf\xbf",,\n'
    accepted = publish(public, wheel(files={"demo-1.0.dist-info/RECORD": record}))
    assert "\0" in "".join(accepted.warnings)
    assert page_of(public).files == (accepted.file,)
    (entry,) = [e for e in journal_of(public, "main") if e.action == "upload file"]
    assert entry.detail is not None
    assert entry.detail["warnings"] == " ".join(accepted.warnings)
