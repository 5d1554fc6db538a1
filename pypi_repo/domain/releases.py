"""The version of a project that is used if none is given."""

from collections.abc import Mapping

from packaging.version import Version


def preferred_version(installable: Mapping[str, bool]) -> str | None:
    """Returns the newest version that is neither yanked nor a pre-release, if there is one.

    installable: the versions, each with whether it has files that are not yanked. Versions without
        such files are only returned if there are no others.
    """

    def rank(version: str) -> tuple[bool, bool, Version]:
        parsed = Version(version)
        return installable[version], not parsed.is_prerelease, parsed

    return max(installable, key=rank, default=None)
