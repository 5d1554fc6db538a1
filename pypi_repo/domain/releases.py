"""Which of a project's releases people mean when they name none."""

from collections.abc import Mapping

from packaging.version import Version


def preferred_version(installable: Mapping[str, bool]) -> str | None:
    """The newest version that is neither yanked nor a pre-release, if there is any such.

    installable: whether a version has files that are not yanked; versions without it are only
        preferred where there is nothing else.
    """

    def rank(version: str) -> tuple[bool, bool, Version]:
        parsed = Version(version)
        return installable[version], not parsed.is_prerelease, parsed

    return max(installable, key=rank, default=None)
