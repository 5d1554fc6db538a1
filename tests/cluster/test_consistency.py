"""What one process answered, all others know on the next request."""

import itertools
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.services.accounts.accounts import Accounts
from tests.cluster.conftest import Client, at_once, clients_of, meanwhile
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import download_path
from tests.support.addresses import Addresses
from tests.support.cluster import Cluster
from tests.support.distributions import Distribution, wheel
from tests.support.http import JSON
from tests.support.journal import journal_of
from tests.support.nginx import NginxServer
from tests.support.processes import free_port
from tests.support.publisher import Answer, publishing
from tests.support.wsgi_servers import nginx_site

INDEX = "/repositories/main/simple/"


def page(project: str, repository: str = "main") -> str:
    return f"/repositories/{repository}/simple/{project}/"


def upload_at_once(cluster: Cluster, dists: list[Distribution]) -> list[Answer]:
    """Each by a client of its own, which the processes have in turn."""

    def upload(item: tuple[Distribution, int]) -> Answer:
        dist, port = item
        url = f"http://127.0.0.1:{port}"
        with publishing(*Addresses(url, USER, PASSWORD).target()) as publisher:
            return publisher.upload(dist)

    ports = itertools.cycle(server.port for server in cluster.servers)
    return at_once(upload, list(zip(dists, ports, strict=False)))


def test_an_upload_through_each_is_on_the_index_of_all(cluster: Cluster) -> None:
    clients = clients_of(cluster.servers)
    for number, publisher in enumerate(clients):
        dist = wheel("shown", f"1.{number}", padding=20_000)
        assert publisher.upload(dist).status == 200
        pages = [client.get(page("shown")) for client in clients]
        downloads = [client.get(download_path(dist)).body for client in clients]

        assert all(dist.sha256 in answer.text for answer in pages)
        assert len({answer.body for answer in pages}) == 1
        assert downloads == [dist.content] * len(clients)


def test_one_file_sent_to_all_at_once(cluster: Cluster, operator: Registry) -> None:
    answers = upload_at_once(cluster, [wheel("same")] * 10)
    actions = [entry.action for entry in journal_of(operator, "main") if entry.project == "same"]

    assert [answer.status for answer in answers] == [200] * 10
    assert actions.count("upload file") == 1


def test_different_files_of_one_name_sent_to_all_at_once(cluster: Cluster) -> None:
    dists = [wheel("contended", files={"contended/who.txt": b"%d" % n}) for n in range(10)]
    answers = upload_at_once(cluster, dists)
    (winner,) = [d for d, answer in zip(dists, answers, strict=True) if answer.status == 200]
    clients = clients_of(cluster.servers)
    pages = {client.get(page("contended")).text for client in clients}
    downloads = [client.get(download_path(winner)).body for client in clients]

    assert sorted(answer.status for answer in answers) == [200] + [409] * 9
    assert len(pages) == 1
    assert winner.sha256 in pages.pop()
    assert downloads == [winner.content] * len(clients)


def test_first_files_of_a_project_and_of_a_release(cluster: Cluster, operator: Registry) -> None:
    """Sent to all at once, they make one project, and one release of each version."""
    dists = [wheel("fresh", version, tag=f"py3-none-macosx_{release}_0_x86_64")
             for version in ("1.0", "2.0") for release in range(11, 16)]  # fmt: skip
    answers = upload_at_once(cluster, dists)
    actions = [entry.action for entry in journal_of(operator, "main") if entry.project == "fresh"]
    names = [project.name for project in operator.acting_as(OPERATOR).projects.all("main")]
    clients = clients_of(cluster.servers)
    documents = {client.get(page("fresh"), Accept=JSON).text for client in clients}

    assert [answer.status for answer in answers] == [200] * 10, [a.text for a in answers]
    assert names.count("fresh") == 1
    assert actions.count("upload file") == 10
    assert len(documents) == 1
    assert all(dist.filename in next(iter(documents)) for dist in dists)


def revoked(accounts: Accounts, user: str) -> None:
    (token,) = accounts.tokens(user)
    accounts.revoke_token(token.id)


REFUSALS: dict[str, Callable[[Accounts, str], object]] = {
    "revoked token": revoked,
    "changed password": lambda accounts, user: accounts.set_password(user, "another one"),
    "disabled user": lambda accounts, user: accounts.set_disabled(user, True),
    "deleted user": lambda accounts, user: accounts.delete_user(user),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_credentials_end_in_every_process(
    what: str, cluster: Cluster, operator: Registry, user: str
) -> None:
    accounts = operator.acting_as(OPERATOR).accounts
    _token, secret = accounts.create_token(user)
    login = ("__token__", secret) if what == "revoked token" else (user, PASSWORD)
    clients = clients_of(cluster.servers, *login)
    for _ in range(2):  # the second time, the password is remembered
        before = [client.get(INDEX).status for client in clients]
    REFUSALS[what](accounts, user)
    after = [client.get(INDEX).status for client in clients]
    upload = clients[0].upload(wheel("nobody"))

    assert before == [200] * len(clients)
    assert after == [401] * len(clients)
    assert upload.status == 401


def test_a_repository_becomes_public_and_private_again(
    cluster: Cluster, operator: Registry
) -> None:
    operator.acting_as(OPERATOR).repositories.create("turning")
    statuses = []
    for public in (True, False, True):
        operator.acting_as(OPERATOR).repositories.change("turning", public=public)
        strangers = [HTTPConnection("127.0.0.1", server.port) for server in cluster.servers]
        for stranger in strangers:
            stranger.request("GET", "/repositories/turning/simple/")
        statuses.append([stranger.getresponse().status for stranger in strangers])
        for stranger in strangers:
            stranger.close()

    everywhere = len(cluster.servers)
    assert statuses == [[200] * everywhere, [401] * everywhere, [200] * everywhere]


def test_an_administrator_is_signed_in_everywhere(cluster: Cluster, operator: Registry) -> None:
    operator.acting_as(OPERATOR).administrators.create("other@example.com", PASSWORD)
    form = f"name=other%40example.com&password={PASSWORD.replace(' ', '+')}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    clients = clients_of(cluster.servers)
    with publishing(cluster.servers[0].url, "", "") as browser:
        signed_in = browser.request("POST", "/portal/sign-in", kind, form)
    headers = {name.lower(): value for name, value in signed_in.headers.items()}
    cookie = headers["set-cookie"].partition(";")[0]
    inside = [client.get("/portal/", Cookie=cookie).status for client in clients]
    operator.acting_as(OPERATOR).administrators.set_password("other@example.com", "another one")
    outside = [client.get("/portal/", Cookie=cookie).status for client in clients]

    assert inside == [200] * len(clients)
    assert outside == [303] * len(clients)


def test_overwriting_while_others_download(cluster: Cluster, operator: Registry) -> None:
    """Whoever downloads gets one of the contents whole, the one that the address names."""
    operator.acting_as(OPERATOR).repositories.create("loose", allow_overwrite=True)
    dists = [wheel("mutable", files={"mutable/n.txt": b"%d" % n}, padding=300_000 + n)
             for n in range(12)]  # fmt: skip
    contents = {dist.sha256: dist.content for dist in dists}

    def read(client: Client, ending: threading.Event) -> None:
        whole = 0
        while whole == 0 or not ending.is_set():
            document = client.get(page("mutable", "loose"), Accept=JSON).text
            (shown,) = [digest for digest in contents if digest in document]
            path = f"{shown[:2]}/{shown[2:4]}/{shown[4:]}/{dists[0].filename}"
            answer = client.get(f"/repositories/loose/files/{path}")
            assert answer.status == 404 or answer.body == contents[shown]
            whole += answer.status == 200

    clients = clients_of(cluster.servers, repository="loose")
    assert clients[0].upload(dists[0]).status == 200
    with meanwhile(read, clients):
        turns = zip(dists, itertools.cycle(clients), strict=False)
        statuses = [client.upload(dist).status for dist, client in turns]

    assert statuses == [200] * len(dists)


def test_deleting_a_project_while_others_upload_to_it(cluster: Cluster, operator: Registry) -> None:
    """Every upload is answered 200, and what is on the index afterwards can be had, whole."""
    dists = [wheel("fleeting", f"1.{number}", padding=2_000) for number in range(20)]
    deleted, projects = threading.Event(), operator.acting_as(OPERATOR).projects

    def delete_again_and_again(repository: str, ending: threading.Event) -> None:
        while not ending.is_set():
            if "fleeting" in [project.name for project in projects.all(repository)]:
                projects.delete(repository, "fleeting")
                deleted.set()

    with meanwhile(delete_again_and_again, ["main"]):
        answers = upload_at_once(cluster, dists)
        assert deleted.wait(120)
    last = wheel("fleeting", "3.0")
    answers += upload_at_once(cluster, [last])
    clients = clients_of(cluster.servers)
    pages = {client.get(page("fleeting"), Accept=JSON).text for client in clients}
    listed = [d for d in (*dists, last) if d.filename in next(iter(pages))]
    downloads = [clients[0].get(download_path(dist)).body for dist in listed]

    assert {answer.status for answer in answers} == {200}, [a.text for a in answers]
    assert len(pages) == 1
    assert last in listed
    assert downloads == [dist.content for dist in listed]


def test_a_machine_that_is_down_is_passed_over(cluster: Cluster, tmp_path: Path) -> None:
    port = free_port()
    upstreams = [free_port(), *(server.port for server in cluster.servers)]
    dists = [wheel("steady", f"1.{number}") for number in range(12)]
    with NginxServer(tmp_path, port, nginx_site(port, upstreams)) as nginx:
        (client,) = clients_of([nginx])
        statuses = [client.upload(dist).status for dist in dists]
        downloads = [client.get(download_path(dist)).body for dist in dists]

    assert statuses == [200] * len(dists)
    assert downloads == [dist.content for dist in dists]
    assert "Connection refused" in nginx.output
