"""The pages of a repository, as a browser that knows a password asks for them."""

from collections.abc import Callable

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import Registry
from tests.conftest import PASSWORD, USER
from tests.support.http import basic

HTML = {"Accept": "text/html,application/xhtml+xml"}

Get = Callable[..., TestResponse]


@pytest.fixture
def get(registry: Registry) -> Get:
    """Asks for a page of `main`, by its path, as the repository user."""
    client = Client(registry.wsgi_app())

    def get(path: str = "", **headers: str) -> TestResponse:
        return client.get(
            f"/repositories/main/{path}", headers={**HTML, **basic(USER, PASSWORD), **headers}
        )

    return get
