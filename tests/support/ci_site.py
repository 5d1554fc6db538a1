"""A registry behind TLS, as CI jobs find it, with publishers that trust the issuer of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.identity.publisher import Publisher
from pypi_repo.domain.records import DistributionFile
from tests.support.addresses import Addresses
from tests.support.ci_issuer import CiIssuer
from tests.support.deployment import write_certificate
from tests.support.live import ServeProcess

OF_DEMO = {
    "repository": "acme/demo",
    "repository_owner_id": "90000001",
    "job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/*",
    "environment": "release",
}
"""The claims that GitHub's job for the releases of demo has, and no other one."""


@dataclass
class CiSite:
    """A server, the issuer of its jobs, and the registry that both are about.

    url: where clients find the registry, if not at the root of the server.
    """

    server: ServeProcess
    issuer: CiIssuer
    certificate: Path
    registry: Registry
    url: str = field(default="")

    def __post_init__(self) -> None:
        self.url = self.url or f"https://127.0.0.1:{self.server.port}"

    @property
    def place(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    @property
    def trust(self) -> dict[str, str]:
        """The variables that have clients trust the certificate."""
        names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        return dict.fromkeys(names, str(self.certificate))

    def addresses(self, password: str = "") -> Addresses:
        """What clients are told, with the token of a job as password."""
        return Addresses(self.url, "__token__", password)

    def create(self, repository: str, **settings: Any) -> Publisher:
        """A new repository, and a publisher of this name for GitHub's job, unless it is another."""
        operator = self.registry.acting_as(OPERATOR)
        operator.repositories.create(repository)
        given = {
            "kind": "github",
            "issuer": self.issuer.url,
            "claims": OF_DEMO,
            "repository": repository,
            "allow_http": True,
            "allow_private_network": True,
        }
        return operator.publishers.create(repository, **{**given, **settings})

    def delete_publishers(self) -> None:
        publishers = self.registry.acting_as(OPERATOR).publishers
        for each in publishers.all():
            publishers.delete(each.name)

    def shown(self, name: str) -> Publisher:
        """A publisher as administrators see it."""
        return self.registry.acting_as(OPERATOR).publishers.get(name)

    def files(self, repository: str, project: str = "demo") -> list[DistributionFile]:
        """What was uploaded of a project."""
        projects = self.registry.acting_as(OPERATOR).projects
        if project not in [each.name for each in projects.all(repository)]:
            return []
        _project, files = projects.get(repository, project)
        return list(files)


@contextmanager
def serving_ci(folder: Path, issuer: CiIssuer) -> Iterator[CiSite]:
    """`serve` with TLS over a new registry in a folder."""
    certificate, key = write_certificate(folder)
    data = folder / "data"
    settings = Settings(
        database=f"sqlite:///{data}/registry.db", blobs=f"file://{data}/blobs", password_cost=4
    )
    with Registry(settings) as registry:
        registry.upgrade()
        registry.acting_as(OPERATOR).repositories.create("main")
        registry.acting_as(OPERATOR).accounts.create_user("dev@example.com", "correct horse")
        registry.acting_as(OPERATOR).administrators.create("admin@example.com", "correct horse")
        tls = ("--tls-certificate", certificate, "--tls-key", key)
        proxy = ("--trusted-proxy", "127.0.0.1")
        with ServeProcess("--data", data, *tls, *proxy) as server:
            yield CiSite(server, issuer, certificate, registry)
