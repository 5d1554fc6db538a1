"""Selects the files of a project that are wanted."""

from collections.abc import Iterable
from typing import TypeVar

from packaging.version import Version

from pypi_repo.domain.prefetching.environments import Environments
from pypi_repo.domain.prefetching.wanted import Wanted
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.versions import version_or_none

Key = TypeVar("Key")


def selected(
    wanted: Wanted, files: Iterable[UpstreamFile], environments: Environments
) -> list[UpstreamFile]:
    """Returns the files that are wanted of a project.

    They are those that are named, or else all of the newest version that is possible and has a file
    for one of the environments. As installers do, it prefers releases to pre-releases, and leaves
    out yanked files unless exactly this version is wanted. An sdist is only wanted if there is no
    wheel, unless files for all environments are.
    """
    if wanted.filenames:
        return _for(environments, [file for file in files if file.filename in wanted.filenames])
    possible = [file for file in files if _is_possible(wanted, file)]
    by_version: dict[Version, list[UpstreamFile]] = {}
    for file in possible:
        version = version_or_none(file.version)
        if version is not None:
            by_version.setdefault(version, []).append(file)
    usable = {version: _for(environments, each) for version, each in by_version.items()}
    versions = wanted.specifier.filter(version for version, each in usable.items() if each)
    newest = max(versions, default=None)
    return [] if newest is None else usable[newest]


def _is_possible(wanted: Wanted, file: UpstreamFile) -> bool:
    digests = {f"{kind}:{digest}" for kind, digest in file.hashes.items()}
    if wanted.hashes and not wanted.hashes & digests:
        return False
    is_pinned = any(each.operator in ("==", "===") for each in wanted.specifier)
    return file.yanked is None or is_pinned


def _for(environments: Environments, files: list[UpstreamFile]) -> list[UpstreamFile]:
    if environments.are_all:
        return files
    admitted = [file for file in files if environments.admit(file)]
    wheels = [file for file in admitted if file.kind == "bdist_wheel"]
    return wheels or admitted
