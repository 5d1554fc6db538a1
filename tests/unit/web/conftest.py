"""One repository, reached in the ways in which hosts put it behind their URLs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from werkzeug.test import Client

from pypi_repo import (
    OPERATOR,
    Access,
    AccessPolicy,
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
PATHS = ("/repositories/main/", "/repositories/main/simple/", "/repositories/main/files/")


@pytest.fixture
def site(registry: Registry) -> Site:
    """The whole registry, as `serve` runs it."""
    return Site(Client(registry.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))


@pytest.fixture
def new_registry() -> Iterator[Callable[..., Registry]]:
    """Makes registries in memory, with repository `main` and the user, and closes them."""
    with ExitStack() as stack:

        def make(policy: AccessPolicy | None = None, **settings: Any) -> Registry:
            in_memory = {"database": "sqlite://", "blobs": "memory://", "password_cost": 4}
            registry = Registry(Settings(**(in_memory | settings)), policy=policy)
            stack.callback(registry.close)
            registry.acting_as(OPERATOR).repositories.create("main")
            registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
            return registry

        yield make


@pytest.fixture
def new_site(new_registry: Callable[..., Registry]) -> Callable[..., Site]:
    """Makes a registry of its own and gives its site; takes the fields of Settings."""

    def make(**settings: Any) -> Site:
        app = new_registry(**settings).wsgi_app()
        return Site(Client(app), *PATHS, headers=basic(USER, PASSWORD))

    return make


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
        paths = PATHS
    app = mount({prefix: inner}) if prefix else inner
    quoted = prefix.replace(" ", "%20")
    return Site(Client(app), *(quoted + path for path in paths), headers=basic(USER, PASSWORD))


@pytest.fixture
def stored(blob_settings: dict[str, Any]) -> Iterator[Registry]:
    """A registry over each kind of blob store."""
    registry = Registry(Settings(database="sqlite://", password_cost=4, **blob_settings))
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    registry.acting_as(OPERATOR).accounts.create_user(READER, PASSWORD, everywhere=Access.READ)
    yield registry
    registry.close()


@pytest.fixture
def stored_site(stored: Registry) -> Site:
    return Site(Client(stored.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))
