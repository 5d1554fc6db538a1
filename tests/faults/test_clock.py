"""A clock that is set back and forth while the server runs."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pypi_repo import OPERATOR
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.serve.conftest import publisher_of
from tests.support.distributions import wheel
from tests.support.installation import PATHS, Installation, assert_all_is_well
from tests.support.journal import journal_of
from tests.support.live import ServeProcess
from tests.support.publisher import publishing

_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
PAGE = f"{PATHS[1]}demo/"
TOO_MANY = 429


@dataclass(frozen=True)
class Clock:
    """Tells processes of this environment another time; timers are left alone, as by ntpd."""

    file: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset: str) -> None:
        """Such as `-2d`, from the true time."""
        other = self.file.with_suffix(".new")
        other.write_text(f"{offset}\n")
        os.replace(other, self.file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    if _LIBRARY is None:
        pytest.skip("another time needs libfaketime, in Debian's package faketime")
    clock = Clock(tmp_path / "time")
    clock.set("+0")
    return clock


@pytest.fixture
def installed(installation: Installation, clock: Clock) -> Installation:
    """Where `clock` tells the time."""
    environment = {**installation.environment, **clock.environment}
    return replace(installation, environment=environment)


def test_set_back_two_days(installed: Installation, clock: Clock) -> None:
    """Serials and not moments say what is newest, so nothing old is shown for new."""
    dists = [wheel("demo", f"1.{number}") for number in range(3)]
    with installed.start() as server, publisher_of(server) as publisher:
        assert publisher.upload(dists[0]).status == 200
        before = publisher.get(PAGE)
        clock.set("-2d")
        unchanged = publisher.get(PAGE, **{"If-None-Match": before.headers["ETag"]})
        assert publisher.upload(dists[1]).status == 200
        after = publisher.get(PAGE, **{"If-None-Match": before.headers["ETag"]})
        clock.set("-4d")
        assert publisher.upload(dists[2]).status == 200
        last = publisher.get(PAGE, **{"If-None-Match": after.headers["ETag"]})
    with installed.registry() as registry:
        uploads = [
            (entry.filename, entry.serial)
            for entry in journal_of(registry, "main")
            if entry.action == "upload file"
        ]
    told = parsedate_to_datetime(after.headers["Date"])
    assert timedelta(days=1) < datetime.now(UTC) - told < timedelta(days=3)
    assert unchanged.status == 304
    assert (after.status, last.status) == (200, 200)
    assert all(dist.filename in last.text for dist in dists)
    assert [filename for filename, _serial in uploads] == [dist.filename for dist in dists]
    serials = [serial for _filename, serial in uploads]
    assert serials == sorted(serials)
    assert_all_is_well(installed, dists)


def test_logins_and_tokens(installed: Installation, clock: Clock) -> None:
    """Set back, nobody is let in who was not before, and nobody is locked out for days."""
    with installed.registry() as registry:
        _token, secret = registry.acting_as(OPERATOR).accounts.create_token(
            USER, expires_in=timedelta(hours=1)
        )
    with installed.start() as server:
        cookie = signed_in(server)
        target = f"{server.url}/repositories/main/"
        with (
            publishing(target, "__token__", secret) as by_token,
            publishing(target, USER, "wrong") as guessing,
            publisher_of(server) as publisher,
        ):
            assert (by_token.get(PATHS[1]).status, portal(server, cookie)) == (200, 200)
            assert publisher.get(PATHS[1]).status == 200
            while (refused := guessing.get(PATHS[1])).status != TOO_MANY:
                pass
            clock.set("-2d")
            assert (by_token.get(PATHS[1]).status, portal(server, cookie)) == (200, 200)
            still_refused = guessing.get(PATHS[1])
            assert publisher.get(PATHS[1]).status == 200
            clock.set("+13h")
            assert by_token.get(PATHS[1]).status == 401
            assert portal(server, cookie) == 303  # to the sign-in page
            assert publisher.get(PATHS[1]).status == 200
    assert still_refused.status == TOO_MANY
    assert 0 < int(still_refused.headers["Retry-After"]) <= int(refused.headers["Retry-After"])


@pytest.mark.parametrize("offset", ["-2d", "+2d"])
def test_swept_by_a_clock_that_is_wrong(offset: str, installed: Installation, clock: Clock) -> None:
    """What is on the index is never swept, however old or unborn it seems."""
    dist = wheel("demo")
    with installed.registry() as registry:
        assert installed.site(registry).upload(dist).status_code == 200
    clock.set(offset)
    options = ["--database", installed.settings.database, "--blobs", str(installed.settings.blobs)]
    subprocess.run(
        [sys.executable, "-m", "pypi_repo", "upkeep", "sweep", *options],
        env={**os.environ, **installed.environment},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert_all_is_well(installed, [dist])


def signed_in(server: ServeProcess) -> str:
    """The cookie of an administrator's browser."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    form = urlencode({"name": ADMINISTRATOR, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/portal/sign-in", form, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 303
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def portal(server: ServeProcess, cookie: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", "/portal/", headers={"Cookie": cookie})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status
