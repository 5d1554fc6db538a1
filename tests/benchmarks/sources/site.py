"""What all benchmarks of sources need: an upstream, and a repository that has it as its source."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.benchmarks.installation import Installation
from tests.benchmarks.load import read
from tests.benchmarks.sources.mirrors import MIRRORS, Mirror
from tests.benchmarks.sources.static_index import StaticIndex

REPOSITORY = "front"  # its own files first, and then those of the upstream
_SECONDS = 20  # in which one client gets a large file, as from an index far away


class Site:
    """An upstream, a registry with a repository in front of it, and other mirrors of it.

    folder: does not exist yet.
    large: bytes of the files that the upstream sends slowly.
    """

    def __init__(self, folder: Path, large: int) -> None:
        self._folder = folder
        self._stack = ExitStack()
        try:
            self.index = self._stack.enter_context(
                StaticIndex(folder / "upstream", large // _SECONDS)
            )
            self.installation = self._stack.enter_context(Installation(folder / "registry"))
            near = ["--allow-http", "--allow-private-network"]
            self.installation.command("upstream", "create", "public", self.index.index_url, *near)
            self.installation.command(
                "repository", "create", REPOSITORY, "--source", "upstream:public"
            )
        except BaseException:
            self.close()
            raise

    def warm_up(self) -> None:
        """Lets each process of the server verify the password, which takes longer than the rest."""
        page = self.installation.page("", repository=REPOSITORY)
        read(self.installation.server, page, 64, 0.5)

    @cached_property
    def mirrors(self) -> dict[str, Mirror]:
        """Other programs, by their names."""
        found = {}
        for name, start in MIRRORS.items():
            found[name] = start(self._folder, self.index.index_url)
            self._stack.enter_context(found[name].server)
        return found

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
