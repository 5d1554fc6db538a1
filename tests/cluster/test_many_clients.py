"""Real clients and raw ones, all at once, through nginx; then every byte is looked at."""

import io
import itertools
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from pypi_repo import Registry
from tests.cluster.conftest import clients_of
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import download_path
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.cluster import PROCESSES, Cluster
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.publisher import publishing

RAW = 10  # clients, each with as many files
FILES = 5
CONNECTIONS = len(PROCESSES) * (8 * 2 + 1)  # as the page on scaling out reckons


def test_publish_and_install_from_many_clients_at_once(
    cluster: Cluster, operator: Registry, tmp_path: Path
) -> None:
    site = Addresses(cluster.nginx.url, USER, PASSWORD)
    first = wheel("tool", "1.0", padding=200_000)
    with publishing(*site.target()) as publisher:
        assert publisher.upload(first).status == 200

    raw = [[wheel(f"raw-{n % 3}", f"{n}.{m}", padding=40_000 * m) for m in range(FILES)]
           for n in range(RAW)]  # fmt: skip
    published = [[wheel(f"lib-{n}", "1.0", padding=100_000), sdist(f"lib-{n}", "1.0")]
                 for n in range(4)]  # fmt: skip

    def publish_raw(dists: list[Distribution]) -> None:
        with publishing(*site.target()) as publisher:
            assert [publisher.upload(dist).status for dist in dists] == [200] * len(dists)

    def publish_with_a_client(number: int) -> None:
        clients = Clients(tmp_path / f"publisher-{number}")
        publish: Callable[..., object] = (
            clients.publish_with_twine if number % 2 else clients.publish_with_uv
        )
        publish(*site.target(), *(d.save(tmp_path / f"dist-{number}") for d in published[number]))

    def install(number: int) -> bytes:
        return installed(Clients(tmp_path / f"installer-{number}"), number, site, "tool")

    with ThreadPoolExecutor(RAW + 8) as threads:
        work = [threads.submit(publish_raw, dists) for dists in raw]
        work += [threads.submit(publish_with_a_client, number) for number in range(4)]
        installs = [threads.submit(install, number) for number in range(4)]
        for each in work:
            each.result()
        padding = {each.result() for each in installs}

    assert padding == {padding_of(first)}
    for number, (dist, _sdist) in enumerate(published[:2]):
        clients = Clients(tmp_path / f"later-{number}")
        assert installed(clients, number, site, dist.name) == padding_of(dist)
    everything = [first, *itertools.chain(*raw), *itertools.chain(*published)]
    assert_every_byte(cluster, everything)
    assert connections_to(cluster.shared.database) <= CONNECTIONS
    damaged = [problem for each in operator.upkeep.verify() for problem in each.problems]
    assert damaged == []


def installed(clients: Clients, number: int, site: Addresses, project: str) -> bytes:
    """The package's data, as pip (or uv, for odd numbers) put it on the disk."""
    python = clients.venv(clients.home / "venv")
    if number % 2:
        clients.uv("pip", "install", "--python", python, "--index-url", site.index(), project)
    else:
        clients.pip(python, "install", "--index-url", site.index(), project)
    package = project.replace("-", "_")
    (data,) = (clients.home / "venv").rglob(f"{package}/padding.bin")
    return data.read_bytes()


def connections_to(database: str) -> int:
    """Of everybody else, at this moment."""
    engine = create_engine(database, poolclass=NullPool)
    with engine.connect() as connection:
        count = "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
        return int(connection.execute(text(count)).scalar_one())


def padding_of(dist: Distribution) -> bytes:
    with zipfile.ZipFile(io.BytesIO(dist.content)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("padding.bin"))
        return archive.read(name)


def assert_every_byte(cluster: Cluster, dists: list[Distribution]) -> None:
    """Each file is on the page and comes whole, with its metadata, from every process."""
    by_project: dict[str, list[Distribution]] = {}
    for dist in dists:
        by_project.setdefault(dist.name, []).append(dist)
    clients = clients_of([*cluster.servers, cluster.nginx])
    for project, expected in by_project.items():
        pages = [c.get(f"/repositories/main/simple/{project}/").text for c in clients]
        assert len(set(pages)) == 1
        assert pages[0].count("<a ") == len(expected)
        assert all(dist.sha256 in pages[0] for dist in expected)
    for dist, client in zip(dists, itertools.cycle(clients), strict=False):
        path = download_path(dist)
        assert client.get(path).body == dist.content
        assert client.get(path, Range="bytes=-100").body == dist.content[-100:]
        if dist.filetype == "bdist_wheel":
            assert client.get(f"{path}.metadata").body == dist.metadata
