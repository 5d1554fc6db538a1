"""Refuses moves to another repository that would lose something."""

from pypi_repo.domain.errors import Conflict
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.lifecycle.promotion import PromotedFile


class NoLoss:
    """Compares what is moved with what the target has already, and keeps as it is."""

    def __init__(self, catalog: Catalog, source: Repository, target: Repository) -> None:
        self._catalog = catalog
        self._source = source
        self._target = target

    def check(self, moved: PromotedFile, there: DistributionFile) -> None:
        """Raises Conflict if a file has something that the same file in the target does not have.

        there: the file in the target, with the same content.
        """
        file = moved.file
        lost = [
            what
            for what, is_lost in (
                ("yank", file.yanked is not None and there.yanked is None),
                ("signature", file.signature_sha256 not in (None, there.signature_sha256)),
                ("provenance", self._loses_provenance(moved, there)),
                ("trace of a CI job", file.workload not in (None, there.workload)),
                ("verification", file.attested not in (None, there.attested)),
            )
            if is_lost
        ]
        if lost:
            raise Conflict(
                f"Repository {self._target.name!r} has {there.filename} without the "
                f"{' and the '.join(lost)} that it has in {self._source.name!r}, which would be "
                "lost; copy it instead of moving it, or delete it there first."
            )

    def _loses_provenance(self, moved: PromotedFile, there: DistributionFile) -> bool:
        return moved.provenance is not None and moved.provenance != self._catalog.provenance(
            self._target, there.filename
        )

    def check_status(self, moved: Project, there: Project) -> None:
        """Raises Conflict if a project has a status that the one in the target does not have."""
        if moved.status not in ("active", there.status):
            raise Conflict(
                f"Project {moved.name!r} is {moved.status} in {self._source.name!r} and "
                f"{there.status} in {self._target.name!r}, so a move would lose its status; make "
                "it active, move it, and set the status again."
            )
