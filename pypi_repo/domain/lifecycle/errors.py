"""The errors about what becomes of files, of the hierarchy in `pypi_repo.domain.errors`."""

from pypi_repo.domain.errors import Conflict, NotFound


class UnknownRetentionRule(NotFound):
    """There is no retention rule with this number."""

    code = "unknown-retention-rule"


class NotPreviewed(Conflict):
    """Nobody has looked at what the retention rules delete since one of them was changed."""

    code = "not-previewed"


class UnknownDeletion(NotFound):
    """The trash has no entry with this number."""

    code = "unknown-deletion"


class UnknownStage(NotFound):
    """There is no stage with this id: it was published or dropped, or it has expired."""

    code = "unknown-stage"


class FileStaged(Conflict):
    """The filename is reserved by a file of a stage, until that is published or dropped."""

    code = "file-staged"
