"""A registry for the tests of other projects, as a fixture of pytest, and a source in memory.

Name it in the topmost conftest.py: `pytest_plugins = ["pypi_repo.testing"]`. pytest is not among
the dependencies of pypi_repo: whoever imports this has it.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import partial

import pytest

from pypi_repo.domain.accounts.access import OPERATOR, Actor
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.registry import Registry
from pypi_repo.server.background import BackgroundServer
from pypi_repo.services.packages.placing import Accepted
from pypi_repo.services.sources.loose_files import LooseFile, LooseFiles
from pypi_repo.settings import Settings


@dataclass(frozen=True)
class LiveRegistry:
    """A registry on a free port of the loopback interface, with a repository and a user for tests.

    registry: the registry itself, for everything else that a test needs.
    url: the URL of the whole registry, with a slash at its end.
    repository: the name of the repository.
    username: the name of the user, who may read and write the repository.
    password: the password of the user.
    """

    registry: Registry
    url: str
    repository: str = "main"
    username: str = "user"
    password: str = "only-in-tests"  # noqa: S105

    @property
    def upload_url(self) -> str:
        """The upload URL, for `repository` in `~/.pypirc` and `--publish-url` of uv."""
        return f"{self.url}repositories/{self.repository}/"

    @property
    def index_url(self) -> str:
        """The index URL with user name and password, for `--index-url` of pip and uv."""
        place = self.url.removeprefix("http://")
        return (
            f"http://{self.username}:{self.password}@{place}repositories/{self.repository}/simple/"
        )

    def upload(self, path: str | os.PathLike[str]) -> Accepted:
        """Adds a wheel or sdist as the user, with the same checks as an upload over HTTP.

        Raises a RegistryError that says what is wrong with the file.
        """
        user = Actor(self.username, grants=Grants(Access.WRITE))
        return self.registry.acting_as(user).add_file(self.repository, path)


class FakeSource(LooseFiles):
    """A source of files in memory, for tests of sources that wrap others.

    contents: the contents of wheels and sdists by their filenames, which may be changed at any
        time.
    """

    def __init__(
        self,
        contents: MutableMapping[str, bytes] | None = None,
        *,
        may_read: Callable[[Actor], bool] = lambda _actor: True,
    ) -> None:
        super().__init__(may_read=may_read)
        self.contents = {} if contents is None else contents

    def files(self) -> Iterator[LooseFile]:
        for filename, content in self.contents.items():
            state = hashlib.sha256(content).hexdigest()
            yield LooseFile(filename, state, partial(io.BytesIO, content))


@pytest.fixture
def live_registry() -> Iterator[LiveRegistry]:
    """A registry of its own for each test, in memory, with the private repository `main`."""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings) as registry, BackgroundServer(registry.wsgi_app()) as server:
        live = LiveRegistry(registry, f"{server.url}/")
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create(live.repository)
        operator.accounts.create_user(live.username, live.password)
        yield live
