"""What a devpi may say that leads elsewhere."""

from __future__ import annotations

import json

import pytest

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.names import normalize
from pypi_repo.domain.values.target import BasicCredentials
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.importing.sources.devpi import split_url
from pypi_repo.services.importing.sources.opening import SourceAccess, open_source
from tests.support.distributions import wheel
from tests.support.scripted_server import Asked, ScriptedServer, reply

FILE = wheel()
DIGEST = {"hashes": {"sha256": FILE.sha256}}
PLACE = f"team/stage/+f/{FILE.sha256[:3]}/{FILE.filename}"


def answered(result: object, kind: str) -> bytes:
    body = json.dumps({"type": kind, "result": result}).encode()
    return reply(body, content_type="application/json")


def script(asked: Asked) -> bytes:
    path = asked.target.partition("?")[0]
    if path == "/devpi/team/stage":
        config = {"type": "stage", "bases": ["team/base"], "projects": ["Demo"]}
        return answered(config, "indexconfig")
    if path == "/devpi/team/stage/Demo":
        hrefs = [
            f"https://packages.example.com/{PLACE}#sha256={FILE.sha256}",
            "https://packages.example.com/team/other/+f/1/demo-2.0-py3-none-any.whl",
            "no URL at all",
        ]
        links = [{"rel": "releasefile", "href": href, **DIGEST} for href in hrefs]
        return answered({"1.0": {"+links": links}}, "projectconfig")
    if path == f"/devpi/{PLACE}":
        return reply(FILE.content)
    return reply(b"", status="404 Not Found")


def test_files_come_from_the_server_that_was_named() -> None:
    """devpi may believe in another URL of its own, and say what is on indexes that nobody asked."""
    access = SourceAccess(
        username="team", password="secret", allow_http=True, allow_private_network=True
    )
    client = OutboundClient()
    with ScriptedServer(script) as server:
        source = open_source(f"devpi+{server.url}/devpi/team/stage/", access, client)
        names = source.projects()
        project = source.project(normalize("demo"))
        assert project is not None
        (file,) = project.files
        content = b"".join(source.read(file))
        client.close()
    assert names == ["demo"]
    assert content == FILE.content
    assert file.hashes == {"sha256": FILE.sha256}
    assert {asked.headers.get("authorization") for asked in server.asked} == {
        BasicCredentials("team", "secret").header
    }
    assert "secret" not in f"{source} {source!r}"


def test_another_server_is_not_understood() -> None:
    client = OutboundClient()
    access = SourceAccess(allow_http=True, allow_private_network=True)
    with ScriptedServer(lambda _asked: reply(b"<html>")) as server:
        source = open_source(f"devpi+{server.url}/team/stage", access, client)
        with pytest.raises(UnreadablePage):
            source.projects()
        client.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/team/stage", ("https://h/", "team/stage")),
        ("https://h:8443/devpi/team/stage/+simple/", ("https://h:8443/devpi/", "team/stage")),
        ("https://h/a%40b/stage/+api", ("https://h/", "a@b/stage")),
        ("https://h/a%20b/team/stage", ("https://h/a%20b/", "team/stage")),
        ("https://h/team", ("https://h/", "team")),
        ("https://h", ("https://h/", "")),
    ],
)
def test_urls_of_indexes(url: str, expected: tuple[str, str]) -> None:
    assert split_url(url) == expected
