"""A registry as it is installed, and a look at what it stored that does not trust the registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import s3fs
from packaging.utils import canonicalize_name
from werkzeug.test import Client

from pypi_repo import Registry, Settings
from tests.support.distributions import Distribution
from tests.support.http import Site, basic
from tests.support.live import ServeProcess
from tests.support.s3 import REGION, S3Server

PATHS = "/repositories/main/", "/repositories/main/simple/", "/repositories/main/files/"


class Stored(Protocol):
    """What lies in a file store."""

    def digests(self) -> dict[str, str]:
        """The SHA-256 of everything there, by path."""


@dataclass(frozen=True)
class StoredInFolder:
    root: Path

    def digests(self) -> dict[str, str]:
        return {
            path.relative_to(self.root).as_posix(): _sha256(path.read_bytes())
            for path in self.root.rglob("*")
            if path.is_file()
        }


@dataclass(frozen=True)
class StoredInBucket:
    """root: bucket and folder. Asked through s3fs, as anybody could."""

    root: str
    options: dict[str, Any]

    def digests(self) -> dict[str, str]:
        bucket = s3fs.S3FileSystem(
            skip_instance_cache=True, use_listings_cache=False, **self.options
        )
        contents = bucket.cat(bucket.find(self.root)) if bucket.exists(self.root) else {}
        return {
            path.removeprefix(f"{self.root}/"): _sha256(content)
            for path, content in contents.items()
        }


@dataclass(frozen=True)
class Installation:
    """Repository `main` and a user, over some database and some file store.

    environment: what a process of its own must be told beside the URLs.
    """

    settings: Settings
    stored: Stored
    user: str
    password: str
    environment: dict[str, str] = field(default_factory=dict)

    def registry(self) -> Registry:
        return Registry(self.settings)

    def site(self, registry: Registry) -> Site:
        return Site(Client(registry.wsgi_app()), *PATHS, headers=basic(self.user, self.password))

    def start(self, *options: str) -> ServeProcess:
        """`python -m pypi_repo.serve` over it."""
        places = ["--database", self.settings.database, "--blobs", str(self.settings.blobs)]
        warm = "LD_PRELOAD" not in self.environment  # which is for a program from its beginning on
        return ServeProcess(*places, *options, env=self.environment, warm=warm)

    def over(self, *, database: str | None = None, s3_url: str | None = None) -> Installation:
        """The same, with the database or the object store reached at another address."""
        settings, environment = self.settings, self.environment
        if database is not None:
            settings = replace(settings, database=database)
        if s3_url is not None:
            client = {"region_name": REGION, "endpoint_url": s3_url}
            options = {**settings.blob_options, "client_kwargs": client}
            settings = replace(settings, blob_options=options)
            environment = {**environment, "AWS_ENDPOINT_URL": s3_url}
        return replace(self, settings=settings, environment=environment)

    def impatient(self, **config: Any) -> Installation:
        """The same, with other timeouts for the object store."""
        settings = replace(
            self.settings, blob_options={**self.settings.blob_options, "config_kwargs": config}
        )
        said = {"FSSPEC_S3": json.dumps({"config_kwargs": config})}
        return replace(self, settings=settings, environment={**self.environment, **said})


def s3_environment(server: S3Server) -> dict[str, str]:
    """What `storage_options` say, for a process of its own."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
    }


def assert_all_is_well(
    installation: Installation,
    answered: Collection[Distribution],
    in_flight: Iterable[Distribution] = (),
) -> None:
    """What must be true whatever has happened.

    answered: uploads that were told 200; in_flight: those that were told nothing, or 503.
    """
    known = {dist.filename: dist for dist in (*answered, *in_flight)}
    with installation.registry() as registry:
        site = installation.site(registry)
        shown = shown_files(site)
        lost = {dist.filename for dist in answered} - set(shown)
        assert lost == set(), "answered, and not on the index"
        assert set(shown) <= set(known), "on the index, and nobody sent it"
        stored = installation.stored.digests()
        for filename, path in shown.items():
            dist = known[filename]
            assert stored.get(path) == dist.sha256, f"a row without its file: {filename}"
            assert stored.get(f"{path}.metadata") == _sha256(dist.metadata), filename
            download = site.get(site.files_url + path)
            assert (download.status_code, download.data) == (200, dist.content), filename
        _assert_only_needed_files(installation, registry, [known[name] for name in shown])
        for dist in known.values():
            assert site.upload(dist).status_code == 200, f"sent again: {dist.filename}"
        assert set(shown_files(site)) == set(known)
        _assert_only_needed_files(installation, registry, known.values())


def _assert_only_needed_files(
    installation: Installation, registry: Registry, shown: Iterable[Distribution]
) -> None:
    """After a sweep without grace, the file store holds what the index shows and nothing else."""
    registry.upkeep.sweep(grace=timedelta(0))
    paths = [stored_path(dist) for dist in shown]
    wanted = {path + suffix for path in paths for suffix in ("", ".metadata")}
    assert set(installation.stored.digests()) == wanted


def shown_files(site: Site) -> dict[str, str]:
    """The path of each file that the index shows, by its name."""
    return {
        file["filename"]: file["url"].removeprefix(site.files_url)
        for project in site.project_names()
        for file in site.page(canonicalize_name(project))["files"]
    }


def stored_path(dist: Distribution) -> str:
    return f"{dist.sha256[:2]}/{dist.sha256[2:4]}/{dist.sha256[4:]}/{dist.filename}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
