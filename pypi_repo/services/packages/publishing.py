"""Stores checked files and publishes them, in the one transaction that all uploads use."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import Unavailable
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.candidates import Candidate, Publishable
from pypi_repo.services.packages.discarding import discard, discard_files
from pypi_repo.services.packages.placing import Accepted, place
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database

_CHUNK = 1024 * 1024


class Publishing:
    """Publishes files in one repository.

    placing: the function that places a file: `place`, with its options.
    """

    def __init__(
        self,
        repository: str,
        database: Database,
        blobs: BlobStore,
        gate: Gate,
        placing: Callable[[Gate, Catalog, Actor, str, Publishable], Accepted] = place,
    ) -> None:
        self._repository = repository
        self._database = database
        self._blobs = blobs
        self._gate = gate
        self._placing = placing

    def publish(self, actor: Actor, candidates: Sequence[Candidate]) -> list[Accepted]:
        """Stores and publishes candidates, either all of them or none.

        Each candidate is checked as if those before it were published already.

        Raises a RegistryError if one of them may not be published; nothing is left of any of them
        then. If the database or the file store cannot be used, what was stored stays until a sweep
        deletes it.
        """
        try:
            for candidate in candidates:
                self._blobs.put(candidate.path, candidate.staged, candidate.beside)
            accepted = self._database.together(
                self._repository,
                lambda connection: self._place(Catalog(connection), actor, candidates),
            )
        except Unavailable:
            raise  # whoever waited for one of the two does not wait for it a second time
        except BaseException:
            self._discard(candidates)
            raise
        unchanged = [
            candidate
            for candidate, outcome in zip(candidates, accepted, strict=True)
            if outcome.is_unchanged
        ]  # somebody was first, perhaps with another signature
        self._discard(unchanged)
        replaced = [each.replaced for each in accepted if each.replaced is not None]
        discard_files(self._database, self._blobs, replaced)
        return accepted

    def _place(
        self, catalog: Catalog, actor: Actor, candidates: Sequence[Candidate]
    ) -> list[Accepted]:
        """Repeats all checks under a lock, as everything may have changed, and adds the rows."""
        catalog.lock(self._repository)
        return [self._place_one(catalog, actor, candidate) for candidate in candidates]

    def _place_one(self, catalog: Catalog, actor: Actor, candidate: Candidate) -> Accepted:
        accepted = self._placing(
            self._gate, catalog, actor, self._repository, candidate.publishable
        )
        if not accepted.is_unchanged:
            self._put_what_is_gone(candidate)
        return accepted

    def _put_what_is_gone(self, candidate: Candidate) -> None:
        """Stores a candidate again if its stored file was deleted.

        Nothing referred to the file before its row was added, so a sweep may have deleted it, or
        the refusal of another upload of the same content. While the repository is locked, neither
        can happen.
        """
        if all(map(self._blobs.exists, candidate.blobs)):
            return
        with self._blobs.stage() as again:
            content = candidate.staged.content()
            content.seek(0)
            while chunk := content.read(_CHUNK):
                again.write(chunk, candidate.staged.size)
            self._blobs.put(candidate.path, again, candidate.beside)

    def _discard(self, candidates: Sequence[Candidate]) -> None:
        """Deletes what was stored of candidates, unless other files need the same content."""
        stored: dict[str, set[str]] = defaultdict(set)
        for candidate in candidates:
            stored[candidate.publishable.file.digests.sha256] |= set(candidate.blobs)
        discard(self._database, self._blobs, stored)
