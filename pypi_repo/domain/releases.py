"""The version of a project that is used if none is given."""

from collections.abc import Mapping
from typing import Any

from pypi_repo.domain.versions import version_or_none, version_order


def preferred_version(installable: Mapping[str, bool]) -> str | None:
    """Returns the newest version that is neither yanked nor a pre-release, if there is one.

    installable: the versions, each with whether it has files that are not yanked. Versions without
        such files are only returned if there are no others.
    """

    def rank(version: str) -> tuple[bool, bool, tuple[bool, Any]]:
        parsed = version_or_none(version)
        is_final = parsed is not None and not parsed.is_prerelease
        return installable[version], is_final, version_order(version)

    return max(installable, key=rank, default=None)
