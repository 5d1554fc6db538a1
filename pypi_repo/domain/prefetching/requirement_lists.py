"""Reads requirements.txt."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.prefetching.environments import Environments
from pypi_repo.domain.prefetching.wanted import Requirements, Wanted

_COMMENT = re.compile(r"(^|\s)#.*$")
_HASH = re.compile(r"--hash[= ]\s*(\w+:[0-9a-fA-F]+)")
_OPTIONS_BEHIND = re.compile(r"\s--\w.*$")
_OTHER_FILE = re.compile(r"(-r|--requirement|-c|--constraint)[= ]?\s*(.+)")
_DEEPEST = 20  # lists in lists


def read_list(name: str, read: Callable[[str], str], environments: Environments) -> Requirements:
    """Reads a list of requirements as pip takes it, with the lists and constraints that it names.

    Options, such as the index to use, are ignored.

    name: the name of the list.
    read: a function that returns the text of a list with a name, as the list names it.

    Raises InvalidSetting for lists that contain each other.
    """
    reading = _Reading(read, environments)
    reading.read(name, 0)
    wanted = (
        replace(each, specifier=each.specifier & reading.constraints[each.project])
        if each.project in reading.constraints
        else each
        for each in reading.wanted
    )
    return Requirements(tuple(wanted), tuple(reading.left_out))


@dataclass
class _Reading:
    load: Callable[[str], str]
    environments: Environments
    wanted: list[Wanted] = field(default_factory=list)
    constraints: dict[NormalizedName, SpecifierSet] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def read(self, name: str, depth: int, *, constrains: bool = False) -> None:
        if depth > _DEEPEST:
            raise InvalidSetting(f"{name[:200]} is in itself, or in too many other lists.")
        for line in _lines(self.load(name)):
            other = _OTHER_FILE.fullmatch(line)
            if other is not None:
                is_constraint = constrains or other[1] in ("-c", "--constraint")
                self.read(_beside(name, other[2].strip()), depth + 1, constrains=is_constraint)
            elif line.startswith(("-e", "--editable")):
                self.left_out.append(line)
            elif not line.startswith("-"):
                self._read_requirement(line, constrains)

    def _read_requirement(self, line: str, constrains: bool) -> None:
        try:
            requirement = Requirement(_OPTIONS_BEHIND.sub("", line))
        except InvalidRequirement:
            self.left_out.append(line)  # a path, or a URL without a name
            return
        if requirement.url is not None:
            self.left_out.append(line)
            return
        if not self.environments.may_be(requirement.marker):
            return
        project = normalize(requirement.name)
        if constrains:
            before = self.constraints.get(project, SpecifierSet())
            self.constraints[project] = before & requirement.specifier
            return
        hashes = frozenset(each.lower() for each in _HASH.findall(line))
        self.wanted.append(Wanted(project=project, specifier=requirement.specifier, hashes=hashes))


def _lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if stripped := _COMMENT.sub("", line).strip():
            yield stripped


def _beside(name: str, other: str) -> str:
    """What a list names is beside it."""
    folder, slash, _file = name.rpartition("/")
    return other if other.startswith("/") else f"{folder}{slash}{other}"
