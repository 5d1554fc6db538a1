"""One repository, reached in the ways in which hosts put it behind their URLs."""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from pypi_repo import (
    Access,
    DownloadApp,
    Registry,
    Settings,
    SimpleIndexApp,
    UploadApp,
    mount,
)
from tests.support.http import Site, basic

USER, PASSWORD = "user@example.com", "correct horse"
READER = "reader@example.com"


@pytest.fixture
def site(registry: Registry) -> Site:
    """The whole registry, as `serve` runs it."""
    return Site(
        client=Client(registry.wsgi_app()),
        upload_url="/repositories/main/",
        index_url="/repositories/main/simple/",
        files_url="/repositories/main/files/",
        headers=basic(USER, PASSWORD),
    )


@pytest.fixture(params=["the whole registry", "below a prefix", "three apps"])
def mounted(request: pytest.FixtureRequest, registry: Registry) -> Site:
    """At the root, and two levels deep: as a whole and as three apps of one's own choosing."""
    base = {"the whole registry": "", "below a prefix": "/team a/pypi", "three apps": "/x/y"}
    prefix = base[request.param]
    if request.param == "three apps":
        main = registry.repository("main")
        inner = mount(
            {
                "/index": SimpleIndexApp(main, files_url="../blobs/store/"),
                "/blobs/store": DownloadApp(main),
                "/up": UploadApp(main),
            }
        )
        paths = ("/up", "/index/", "/blobs/store/")
    else:
        inner = registry.wsgi_app()
        root = "/repositories/main"
        paths = (f"{root}/", f"{root}/simple/", f"{root}/files/")
    app = mount({prefix: inner}) if prefix else inner
    quoted = prefix.replace(" ", "%20")
    return Site(Client(app), *(quoted + path for path in paths), headers=basic(USER, PASSWORD))


@pytest.fixture
def stored(blob_settings: dict[str, Any]) -> Iterator[Registry]:
    """A registry over each kind of blob store."""
    registry = Registry(Settings(database="sqlite://", password_cost=4, **blob_settings))
    registry.repositories.create("main")
    registry.accounts.create_user(USER, PASSWORD)
    registry.accounts.create_user(READER, PASSWORD, everywhere=Access.READ)
    yield registry
    registry.close()


@pytest.fixture
def stored_site(stored: Registry) -> Site:
    return Site(
        client=Client(stored.wsgi_app()),
        upload_url="/repositories/main/",
        index_url="/repositories/main/simple/",
        files_url="/repositories/main/files/",
        headers=basic(USER, PASSWORD),
    )
