"""Many clients that keep their connections: the loop works for them, and not for itself."""

import selectors
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from tests.serve.conftest import clean_environment, download_path
from tests.support.distributions import wheel
from tests.support.http import Connection
from tests.support.processes import ServerProcess, free_port
from tests.support.uploads import publish

DEMO = wheel("demo", padding=20_000)
PAGE = "/repositories/open/simple/demo/"
FILE = download_path(DEMO).replace("/main/", "/open/")


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that counts the turns of its loop, with a public repository."""
    data = tmp_path_factory.mktemp("registry")
    with Registry(Settings(database=f"sqlite:///{data}/registry.db")) as registry:
        registry.acting_as(OPERATOR).repositories.create("open", public=True)
        publish(registry, DEMO, "open")
    port = free_port()
    command = [sys.executable, "-m", "tests.support.counting_server", str(data), str(port)]
    with ServerProcess(command, port, env=clean_environment()) as server:
        yield server


def ask(port: int, path: str, clients: int, answers: int) -> None:
    """Each client asks again as soon as it was answered, until all have had that many together."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    missing = dict[socket.socket, int]()
    with ExitStack() as stack, selectors.DefaultSelector() as ready:
        for _ in range(clients):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            ready.register(client, selectors.EVENT_READ)
            client.sendall(request)
        while answers > 0:
            for key, _events in ready.select():
                client = key.fileobj
                assert isinstance(client, socket.socket)
                received = client.recv(1 << 16)
                assert received, "the server ended a connection"
                if client not in missing:
                    head, _blank, received = received.partition(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 200 "), head
                    missing[client] = length_in(head)
                missing[client] -= len(received)
                if missing[client] == 0:
                    del missing[client]
                    answers -= 1
                    client.sendall(request)


def length_in(head: bytes) -> int:
    return int(head.lower().partition(b"\ncontent-length: ")[2].split()[0])


def turns(server: ServerProcess) -> int:
    with Connection(server.port) as connection:
        connection.send(b"GET /turns HTTP/1.1\r\nHost: x\r\n\r\n")
        _status, headers = connection.read_head()
        return int(connection.read(int(headers["content-length"])))


@pytest.mark.parametrize("clients", [32, 256])
@pytest.mark.parametrize("path", [PAGE, FILE], ids=["page", "file"])
def test_the_loop_does_not_turn_in_vain(path: str, clients: int, counting: ServerProcess) -> None:
    """Each answer costs a turn to receive its request, and at most one to go on after it."""
    ask(counting.port, path, clients=8, answers=200)
    before = turns(counting)
    ask(counting.port, path, clients=clients, answers=640)
    turned = turns(counting) - before

    assert turned < 3 * 640
