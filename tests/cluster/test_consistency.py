"""What one process answered, all others know on the next request."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from pypi_repo import Registry
from tests.cluster.conftest import at_once, clients_of
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import download_path
from tests.support.addresses import Addresses
from tests.support.cluster import Cluster
from tests.support.distributions import Distribution, wheel
from tests.support.http import JSON
from tests.support.journal import journal_of
from tests.support.publisher import Answer, publishing

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
    with clients_of(cluster.servers) as clients:
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
    with clients_of(cluster.servers) as clients:
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
    names = [project.name for project in operator.projects.all("main")]
    with clients_of(cluster.servers) as clients:
        documents = {client.get(page("fresh"), Accept=JSON).text for client in clients}

    assert [answer.status for answer in answers] == [200] * 10, [a.text for a in answers]
    assert names.count("fresh") == 1
    assert actions.count("upload file") == 10
    assert len(documents) == 1
    assert all(dist.filename in next(iter(documents)) for dist in dists)


def revoked(operator: Registry, user: str) -> None:
    (token,) = operator.accounts.tokens(user)
    operator.accounts.revoke_token(token.id)


REFUSALS: dict[str, Callable[[Registry, str], object]] = {
    "revoked token": revoked,
    "changed password": lambda operator, user: operator.accounts.set_password(user, "another one"),
    "disabled user": lambda operator, user: operator.accounts.set_disabled(user, True),
    "deleted user": lambda operator, user: operator.accounts.delete_user(user),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_credentials_end_in_every_process(
    what: str, cluster: Cluster, operator: Registry, user: str
) -> None:
    _token, secret = operator.accounts.create_token(user)
    login = ("__token__", secret) if what == "revoked token" else (user, PASSWORD)
    with clients_of(cluster.servers, *login) as clients:
        for _ in range(2):  # the second time, the password is remembered
            before = [client.get(INDEX).status for client in clients]
        REFUSALS[what](operator, user)
        after = [client.get(INDEX).status for client in clients]
    with clients_of(cluster.servers, *login) as clients:
        uploads = [client.upload(wheel("nobody")).status for client in clients]

    assert before == [200] * len(clients)
    assert after == uploads == [401] * len(clients)


def test_a_repository_becomes_public_and_private_again(
    cluster: Cluster, operator: Registry
) -> None:
    operator.repositories.create("turning")
    statuses = []
    for public in (True, False, True):
        operator.repositories.change("turning", public=public)
        strangers = [HTTPConnection("127.0.0.1", server.port) for server in cluster.servers]
        for stranger in strangers:
            stranger.request("GET", "/repositories/turning/simple/")
        statuses.append([stranger.getresponse().status for stranger in strangers])
        for stranger in strangers:
            stranger.close()

    everywhere = len(cluster.servers)
    assert statuses == [[200] * everywhere, [401] * everywhere, [200] * everywhere]


def test_an_administrator_is_signed_in_everywhere(cluster: Cluster, operator: Registry) -> None:
    operator.administrators.create("other@example.com", PASSWORD)
    form = f"name=other%40example.com&password={PASSWORD.replace(' ', '+')}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with clients_of(cluster.servers) as clients:
        signed_in = clients[0].request("POST", "/portal/sign-in", kind, form)
        headers = {name.lower(): value for name, value in signed_in.headers.items()}
        cookie = headers["set-cookie"].partition(";")[0]
        inside = [client.get("/portal/", Cookie=cookie).status for client in clients]
        operator.administrators.set_password("other@example.com", "another one")
        outside = [client.get("/portal/", Cookie=cookie).status for client in clients]

    assert inside == [200] * len(clients)
    assert outside == [303] * len(clients)


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_overwriting_while_others_download(
    cluster: Cluster, operator: Registry, stopping: threading.Event
) -> None:
    """Whoever downloads gets one of the contents whole, the one that the address names."""
    operator.repositories.create("loose", allow_overwrite=True)
    dists = [wheel("mutable", files={"mutable/n.txt": b"%d" % n}, padding=300_000 + n)
             for n in range(12)]  # fmt: skip
    contents = {dist.sha256: dist.content for dist in dists}

    def read(port: int) -> int:
        whole = 0
        target = Addresses(f"http://127.0.0.1:{port}", USER, PASSWORD).target("loose")
        with publishing(*target) as reader:
            while not stopping.is_set():
                document = reader.get(page("mutable", "loose"), Accept=JSON)
                (shown,) = [digest for digest in contents if digest in document.text]
                path = f"{shown[:2]}/{shown[2:4]}/{shown[4:]}/{dists[0].filename}"
                answer = reader.get(f"/repositories/loose/files/{path}")
                assert answer.status == 404 or answer.body == contents[shown]
                whole += answer.status == 200
        return whole

    with clients_of(cluster.servers, repository="loose") as writers:
        assert writers[0].upload(dists[0]).status == 200
        with ThreadPoolExecutor(len(writers)) as threads:
            readers = [threads.submit(read, server.port) for server in cluster.servers]
            turns = zip(dists, itertools.cycle(writers), strict=False)
            statuses = [writer.upload(dist).status for dist, writer in turns]
            stopping.set()
            assert all(reader.result() > 0 for reader in readers)

    assert statuses == [200] * len(dists)


def test_deleting_a_project_while_others_upload_to_it(
    cluster: Cluster, operator: Registry, stopping: threading.Event
) -> None:
    """Every upload is answered 200, and what is on the index afterwards can be had, whole."""
    dists = [wheel("fleeting", f"1.{number}", padding=2_000) for number in range(20)]

    def delete_again_and_again() -> int:
        deleted = 0
        while not stopping.is_set():
            found = [project.name for project in operator.projects.all("main")]
            if "fleeting" in found:
                operator.projects.delete("main", "fleeting")
                deleted += 1
        return deleted

    with ThreadPoolExecutor(1) as threads:
        deleting = threads.submit(delete_again_and_again)
        answers = upload_at_once(cluster, dists)
        answers.append(upload_at_once(cluster, [wheel("fleeting", "2.0")])[0])
        stopping.set()
        assert deleting.result() > 0
    last = wheel("fleeting", "3.0")
    answers += upload_at_once(cluster, [last])
    with clients_of(cluster.servers) as clients:
        pages = {client.get(page("fleeting"), Accept=JSON).text for client in clients}
        listed = [d for d in (*dists, last) if d.filename in next(iter(pages))]
        downloads = [clients[0].get(download_path(dist)).body for dist in listed]

    assert {answer.status for answer in answers} == {200}, [a.text for a in answers]
    assert len(pages) == 1
    assert last in listed
    assert downloads == [dist.content for dist in listed]
