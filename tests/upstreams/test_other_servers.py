"""What other people's servers say of files is what ours says of them, and the files are the same.

P1, P2, P5, P6, P7, S1 and S2, each with an index server as its users run it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.devpi import DevpiServer
from tests.support.distributions import sdist, wheel
from tests.support.http import JSON, Page, basic
from tests.support.nginx import NginxServer, installed_nginx
from tests.support.other_servers import (
    Programs,
    dumb_pypi,
    pypiserver,
    simple_repository_server,
)
from tests.support.processes import free_port
from tests.support.scripted_server import Asked, ScriptedServer, reply
from tests.support.upstreams import LiveUpstream, Reader
from tests.support.waiting import wait_until

FILES = [
    wheel("demo", "1.0"),
    sdist("demo", "1.0"),
    wheel("demo", "2.0", requires_python=">=3.8", requires_dist=["helper"]),
    wheel("helper", "1.0"),
]
DEMO = [file for file in FILES if file.name == "demo"]


@contextmanager
def own_server(_programs: Programs, _folder: Path) -> Iterator[str]:
    upstream = LiveUpstream()
    for file in FILES:
        upstream.add(file)
    operator = upstream.registry.acting_as(OPERATOR)
    operator.projects.yank_file("public", DEMO[0].filename, "It is <broken>.")
    operator.projects.set_status("public", "demo", "deprecated", "Use another.")
    yield upstream.url
    upstream.close()


@contextmanager
def devpi_server(programs: Programs, folder: Path) -> Iterator[str]:
    with DevpiServer(programs, folder / "devpi") as server:
        server.user("team")
        server.index("team/stage")
        server.upload("team/stage", *FILES)
        yield f"{server.url}/team/stage/+simple/"


@contextmanager
def server_of_folders(programs: Programs, folder: Path) -> Iterator[str]:
    server, url = simple_repository_server(programs, folder, FILES)
    with server:
        yield url


@contextmanager
def static_pages(programs: Programs, folder: Path) -> Iterator[str]:
    if installed_nginx() is None:
        pytest.skip("nginx is a system package, and not installed here")
    dumb_pypi(programs, folder, FILES)
    port = free_port()
    site = f"server {{ listen 127.0.0.1:{port}; root {folder}/static; }}"
    with NginxServer(folder, port, site) as server:
        yield f"{server.url}/simple/"


@pytest.mark.parametrize("serve", [own_server, devpi_server, server_of_folders, static_pages])
def test_pages_and_files_are_those_of_the_upstream(
    serve: Any, programs: Programs, registry: Registry, tmp_path: Path
) -> None:
    with serve(programs, tmp_path) as url:
        add(registry, url)
        reader = Reader(registry)
        said = page_of(url)
        ours = reader.get("/simple/demo/").get_json()
        if said is not None:
            assert facts(ours, said["meta"]["api-version"]) == facts(
                said, said["meta"]["api-version"]
            )
        check_page(ours)
        check_files(reader, ours)
        check_json_api(reader)
        wait_until(lambda: has_digests(reader.get("/simple/demo/").get_json()))  # P7
    assert reader.download("demo", DEMO[0].filename) == DEMO[0].content  # F6: it is down by now


def add(registry: Registry, url: str, **settings: Any) -> None:
    registry.acting_as(OPERATOR).upstreams.create(
        "elsewhere", url=url, allow_http=True, allow_private_network=True, **settings
    )
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:elsewhere"])


def page_of(url: str) -> Any:
    """What an index says of `demo`; None if it does not speak JSON."""
    request = urllib.request.Request(f"{url}demo/", headers={"Accept": JSON})
    with urllib.request.urlopen(request) as answer:
        is_json = answer.headers["Content-Type"].startswith(JSON)
        return json.load(answer) if is_json else None


def facts(page: dict[str, Any], api_version: str) -> Any:
    """What a page says, in one form of all that mean the same."""
    files = {}
    for file in page["files"]:
        metadata = file.get("core-metadata", file.get("data-dist-info-metadata", False))
        files[file["filename"]] = {
            "hashes": file["hashes"],
            "size": file.get("size"),
            "requires-python": file.get("requires-python") or None,
            "yanked": file.get("yanked", False),
            "metadata": True if metadata == {} else metadata,
            "provenance": file.get("provenance") is not None,
            "uploaded": file.get("upload-time") and datetime.fromisoformat(file["upload-time"]),
        }
    versions = sorted(page["versions"]) if api_version != "1.0" else None
    return page["name"], files, versions, page.get("project-status", {"status": "active"})


def check_page(page: dict[str, Any]) -> None:
    files = {file["filename"]: file for file in page["files"]}
    assert set(files) == {file.filename for file in DEMO}
    assert set(page["versions"]) == {"1.0", "2.0"}
    for file in DEMO:
        assert files[file.filename]["hashes"].get("sha256") in (None, file.sha256)


def has_digests(page: dict[str, Any]) -> bool:
    return [file["hashes"].get("sha256") for file in page["files"]].count(None) == 0


def check_files(reader: Reader, page: dict[str, Any]) -> None:
    for file in DEMO:
        assert reader.download("demo", file.filename) == file.content
    for listed in page["files"]:
        (file,) = (each for each in DEMO if each.filename == listed["filename"])
        response = reader.get_file("demo", f"{file.filename}.metadata")
        if listed.get("core-metadata"):
            assert response.data == file.metadata
        else:
            assert response.data in (file.metadata, b"") or response.status_code == 404
    document = reader.get("/simple/demo/", accept="text/html").text
    assert {anchor.text for anchor in Page(document).anchors} == {file.filename for file in DEMO}


def check_json_api(reader: Reader) -> None:
    document = reader.get("/pypi/demo/json").get_json()
    assert document["info"]["version"] == "2.0"
    assert [file["filename"] for file in document["urls"]] == [DEMO[2].filename]
    assert {
        version: {file["filename"] for file in files}
        for version, files in document["releases"].items()
    } == {"1.0": {DEMO[0].filename, DEMO[1].filename}, "2.0": {DEMO[2].filename}}


def test_an_upstream_that_wants_credentials(
    programs: Programs, registry: Registry, tmp_path: Path
) -> None:
    """pypiserver speaks HTML only, and wants a password for everything."""
    server, url = pypiserver(programs, tmp_path, FILES)
    with server:
        add(registry, url)
        reader = Reader(registry)
        refused = reader.get("/simple/demo/")
        assert refused.status_code == 502
        assert "refuses the credentials" in refused.text
        operator = registry.acting_as(OPERATOR)
        operator.upstreams.create(
            "known",
            url=url,
            username="team",
            secret="secret",
            allow_http=True,
            allow_private_network=True,
        )
        operator.sources.set_sources("main", ["upstream:known"])
        check_page(page := reader.get("/simple/demo/").get_json())
        assert has_digests(page)
        check_files(reader, page)
        check_json_api(reader)
        assert "secret" not in reader.get("/simple/demo/").text


TORCH = wheel("torch", "2.9.0+cpu", tag="cp312-cp312-manylinux_2_28_x86_64")


def test_pages_without_simple_that_link_to_another_host(registry: Registry, tmp_path: Path) -> None:
    """S1, S2: the shape of the index of PyTorch. Only its own host gets the credentials."""
    path = f"/whl/cpu/{TORCH.filename.replace('+', '%2B')}"

    def files(asked: Asked) -> bytes:
        if asked.target == path:
            return reply(TORCH.content)
        return reply(TORCH.metadata if asked.target == f"{path}.metadata" else b"", "200 OK")

    with ScriptedServer(files) as host:
        link = (
            f'<a href="{host.url}{path}#sha256={TORCH.sha256}" data-dist-info-metadata="true" '
            f'data-core-metadata="true">{TORCH.filename}</a><br/>'
        )
        page = (
            f"<!DOCTYPE html>\n<html>\n  <body>\n    <h1>Links for torch</h1>\n{link}</body></html>"
        )

        def pages(asked: Asked) -> bytes:
            if asked.headers.get("authorization") != basic("team", "secret")["Authorization"]:
                return reply(status="401 Unauthorized")
            if asked.target == "/whl/cpu/torch/":
                return reply(page.encode(), Content_Type="text/html")
            return reply(status="404 Not Found")

        with ScriptedServer(pages) as index:
            add(registry, f"{index.url}/whl/cpu", username="team", secret="secret")
            reader = Reader(registry)
            (file,) = reader.get("/simple/torch/").get_json()["files"]
            assert file["filename"] == TORCH.filename
            assert "upload-time" not in file
            assert reader.get("/simple/torch/").get_json()["versions"] == ["2.9.0+cpu"]
            refused = reader.get_file("torch", TORCH.filename)
            assert refused.status_code == 502
            assert "file hosts" in refused.text
            assert host.asked == []
            found = registry.acting_as(OPERATOR).upstreams.find_file_hosts("elsewhere")
            assert found.file_hosts == (f"127.0.0.1:{host.port}",)
            assert reader.download("torch", TORCH.filename) == TORCH.content
            assert reader.get_file("torch", f"{TORCH.filename}.metadata").data == TORCH.metadata
            assert host.asked != []
            assert all("authorization" not in asked.headers for asked in host.asked)
            assert list(reader.get("/pypi/torch/json").get_json()["releases"]) == ["2.9.0+cpu"]
