"""The errors about upstreams and sources, of the hierarchy in `pypi_repo.domain.errors`."""

from pypi_repo.domain.errors import Conflict, NotFound, PermissionDenied, UnknownProject


class NameWithheld(UnknownProject):
    """The repository keeps this name, and offers nothing under it.

    Unlike for other unknown projects, no other source may supply the name.
    """


class UpstreamOffline(NameWithheld):
    """Nothing is known of the project, because the upstream is offline."""


class UnknownUpstream(NotFound):
    """There is no upstream with this name."""

    code = "unknown-upstream"


class UnknownRule(NotFound):
    """There is no rule or exception with this number."""

    code = "unknown-rule"


class NameSupplied(Conflict):
    """One of the sources supplies a project with this name, which an upload would shadow."""

    code = "name-supplied"


class FileWithheld(PermissionDenied):
    """A rule or the cooldown of the repository withholds the file."""

    code = "file-withheld"


def name_kept(project: str, repository: str) -> NameWithheld:
    """Returns the error for a name that belongs to a repository without such a project."""
    return NameWithheld(
        f"Repository {repository!r} keeps the name {project!r} for itself and has no such project; "
        "check the name."
    )
