"""For which interpreters and platforms files are wanted."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import chain, product

from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import compatible_tags, cpython_tags, parse_tag

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.records import ListedFile

_USUAL_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 16))
_SYSTEMS = (
    ("win", {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"}),
    ("macosx", {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"}),
    ("linux", {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}),
)
_MACHINES = ("x86_64", "AMD64", "aarch64", "arm64", "ARM64")
_ANY_PATCH = "999"  # of which there is one that is allowed, if any is


@dataclass(frozen=True)
class Environments:
    """The environments into which files will be installed.

    pythons: versions of CPython, such as `3.12`; none for all.
    platforms: patterns for platform tags, such as `manylinux*_x86_64` or `win_amd64`; none for all.

    Raises InvalidSetting for what is no version.
    """

    pythons: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for python in self.pythons:
            if not re.fullmatch(r"3\.[0-9]{1,3}", python, re.ASCII):
                raise InvalidSetting(
                    f"{python[:40]!r} is no version of Python; write it like 3.12."
                )

    @property
    def are_all(self) -> bool:
        """Whether there is no restriction."""
        return not self.pythons and not self.platforms

    def admit(self, file: ListedFile) -> bool:
        """Returns whether a file can be installed in one of the environments."""
        if not self._admits_requirement(file.requires_python):
            return False
        if file.kind != "bdist_wheel":
            return True
        tags = "-".join(file.filename.removesuffix(".whl").split("-")[-3:])
        return any(
            self._admits_interpreter(tag.interpreter, tag.abi)
            and self._admits_platform(tag.platform)
            for tag in parse_tag(tags)
        )

    def may_be(self, marker: Marker | None) -> bool:
        """Returns whether an environment marker (PEP 508) may be true in one of them."""
        if marker is None:
            return True
        systems = [
            values
            for beginning, values in _SYSTEMS
            if not self.platforms or any(_is_for(pattern, beginning) for pattern in self.platforms)
        ] or [values for _beginning, values in _SYSTEMS]
        return any(
            marker.evaluate(
                {
                    **system,
                    "python_version": python,
                    "python_full_version": f"{python}.0",
                    "implementation_version": f"{python}.0",
                    "platform_machine": machine,
                }
            )
            for python, system, machine in product(
                self.pythons or _USUAL_PYTHONS, systems, _MACHINES
            )
        )

    def _admits_requirement(self, requires_python: str | None) -> bool:
        if not self.pythons or not requires_python:
            return True
        try:
            specifier = SpecifierSet(requires_python)
        except InvalidSpecifier:
            return True
        return any(
            specifier.contains(f"{python}.{patch}")
            for python, patch in product(self.pythons, ("0", _ANY_PATCH))
        )

    def _admits_interpreter(self, interpreter: str, abi: str) -> bool:
        return not self.pythons or (interpreter, abi) in self._interpreters

    def _admits_platform(self, platform: str) -> bool:
        return (
            not self.platforms
            or platform == "any"
            or any(fnmatchcase(platform, pattern) for pattern in self.platforms)
        )

    @cached_property
    def _interpreters(self) -> frozenset[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for python in self.pythons:
            major, minor = map(int, python.split("."))
            name = f"cp{major}{minor}"
            tags = chain(
                cpython_tags((major, minor), abis=[name], platforms=["any"]),
                compatible_tags((major, minor), interpreter=name, platforms=["any"]),
            )
            found |= {(tag.interpreter, tag.abi) for tag in tags}
        return frozenset(found)


ALL_ENVIRONMENTS = Environments()


def _is_for(pattern: str, system: str) -> bool:
    """Returns whether a pattern may be about a system: `*` is about all, `manylinux*` is not."""
    if system == "linux":
        return "linux" in pattern or pattern.startswith("*")
    return pattern.startswith((system, "*"))
