"""The names of distribution files, and their normal form.

Source distributions follow PEP 625. Wheels follow the binary distribution format (PEP 427, with its
amendments), and are compared byte for byte, so that a repository cannot have one file under two
spellings.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

from packaging.tags import Tag
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_version,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pypi_repo.domain.errors import InvalidFilename
from pypi_repo.domain.names import NormalizedName, is_normalized, normalize
from pypi_repo.domain.versions import version_or_none

FileKind = Literal["sdist", "bdist_wheel"]
ListedKind = (
    FileKind
    | Literal["bdist_dmg", "bdist_dumb", "bdist_egg", "bdist_msi", "bdist_rpm", "bdist_wininst"]
)
"""The kind of a file on any index. Nobody can upload the others here."""

# Printable ASCII without separators; a leading dot would hide the file from its own folder.
_SAFE = re.compile(r"""(?!\.)[^\x00-\x20\x7f-\U0010ffff/\\<>:"|?*#%&'`;]+""")
_HYPHENS_OF_A_WHEEL = (4, 5)  # without and with a build number
_KINDS: Mapping[str, ListedKind] = {
    "whl": "bdist_wheel",
    "tar.gz": "sdist",
    "zip": "sdist",
    "tgz": "sdist",
    "tar": "sdist",
    "tar.bz2": "sdist",
    "tar.xz": "sdist",
    "tar.Z": "sdist",
    "egg": "bdist_egg",
    "exe": "bdist_wininst",
    "msi": "bdist_msi",
    "rpm": "bdist_rpm",
    "dmg": "bdist_dmg",
}
_ENDING = re.compile(rf"\.({'|'.join(map(re.escape, _KINDS))})\Z")
_BEFORE_A_NUMBER = re.compile("(?<=[^-])-(?=[vV]?[0-9])")
_MOST_TAGS = 1000  # a filename has room for 50,000
_MOST_PROJECTS = 20  # to which a file can belong; three is much
_LONGEST_FILENAME = 230  # what is kept beside it has longer names, and 255 is the end of most


@dataclass(frozen=True, slots=True)
class DistributionFilename:
    """A valid filename and its parts.

    stem: `{name}-{version}`, which is also the name of the top folder of an sdist.
    build: the build number of a wheel, or an empty string.
    """

    filename: str
    kind: FileKind
    project: NormalizedName
    version: Version
    stem: str
    build: str
    python_tag: str
    tags: frozenset[Tag]

    @classmethod
    def parse(cls, filename: str, project: NormalizedName | None = None) -> Self:
        """Parses a filename in any unambiguous spelling. See `check_normalized`.

        project: the project to which the file belongs, if it is known. It decides where the name of
            an old sdist ends. Otherwise, the name ends at the first hyphen that is followed by a
            version, so `tool-1.0-9` is version 1.0.post9 of tool.

        Raises InvalidFilename.
        """
        check_characters(filename)
        if filename.endswith(".whl"):
            return cls._wheel(filename)
        for ending in (".tar.gz", ".zip"):
            if filename.endswith(ending):
                return cls._sdist(filename, filename.removesuffix(ending), project)
        raise InvalidFilename(
            f"{filename!r} is neither a wheel (.whl) nor a source distribution (.tar.gz)."
        )

    @classmethod
    def _wheel(cls, filename: str) -> Self:
        if number_of_tags(filename[:-4]) > _MOST_TAGS:
            raise InvalidFilename(f"{filename!r} stands for more than {_MOST_TAGS} tags.")
        try:
            project, version, _build, tags = parse_wheel_filename(filename)
        except (InvalidWheelFilename, InvalidVersion) as error:
            raise InvalidFilename(f"{filename!r} is not a valid wheel filename.") from error
        name_part, version_part, *build, python_tag, abi, platform = filename[:-4].split("-")
        rest = [*build, *map(_in_order, (python_tag, abi, platform))]
        if rest != (usual := [*map(_usual_build, build), *map(_usual_tags, rest[-3:])]):
            expected = "-".join([_escaped(project), str(version), *usual])
            raise InvalidFilename(
                f"{filename!r} should be named '{expected}.whl': with each tag once and in lower "
                "case, and no zeros before the build number."
            )
        return cls(
            filename,
            "bdist_wheel",
            project,
            version,
            f"{name_part}-{version_part}",
            "".join(build),
            python_tag,
            frozenset(tags),
        )

    @classmethod
    def _sdist(cls, filename: str, stem: str, project: NormalizedName | None) -> Self:
        found = split_stem(stem, project) or split_stem(stem)
        if found is None:
            raise InvalidFilename(f"{filename!r} is not a valid source distribution filename.")
        return cls(filename, "sdist", *found, stem, "", "source", frozenset())

    def check_normalized(self) -> None:
        """Raises InvalidFilename, with the right name, unless this is the normal form."""
        stem = f"{_escaped(self.project)}-{self.version}"
        if self.kind == "sdist":
            is_normal = self.filename == sdist_filename(self.project, self.version)
            expected = f"be named '{stem}.tar.gz' (PEP 625)"
        else:
            is_normal = self.stem == stem
            expected = (
                f"begin with '{stem}-': the name normalized with '_' and the version in its normal "
                "form"
            )
        if not is_normal:
            raise InvalidFilename(
                f"{self.filename!r} should {expected}; only a repository with the profile "
                "'lenient' takes it as it is."
            )

    def belongs_to(self, project: str) -> bool:
        """Returns whether the file belongs to the project with this normalized name."""
        return self.project == normalize(project)


def split_stem(
    stem: str, project: NormalizedName | None = None
) -> tuple[NormalizedName, Version] | None:
    """Splits `{name}-{version}` in old spellings.

    The name may have any spelling, and the version may contain hyphens.

    Returns the project and the version, or None if there is no version or the project is not
    `project`.
    """
    return next(_splits(stem, project), None)


def _splits(
    stem: str, project: NormalizedName | None = None
) -> Iterator[tuple[NormalizedName, Version]]:
    if len(stem) > _LONGEST_FILENAME:
        return
    for hyphen in _BEFORE_A_NUMBER.finditer(stem):
        name = normalize(stem[: hyphen.start()])
        if project in (None, name) and (version := version_or_none(stem[hyphen.end() :])):
            yield name, version


@lru_cache(4096)
def projects_of(filename: str) -> tuple[NormalizedName, ...]:
    """Returns the projects to which a file of this name can belong, here or on another index.

    There are several for `tool-1.0-9.tar.gz`, an old sdist of `tool` or of `tool-1-0`, and none if
    the name says nothing. Where no split leaves a version, the name ends before a number, as in
    `tool-1.0.win32.exe` and `tool-2004d.tar.gz`.
    """
    if not has_safe_characters(filename) or (parts := split_ending(filename)) is None:
        return ()
    stem, kind = parts
    if kind == "bdist_wheel" and stem.count("-") in _HYPHENS_OF_A_WHEEL:
        found = [normalize(stem.partition("-")[0])]
    else:
        names = [normalize(stem[: hyphen.start()]) for hyphen in _BEFORE_A_NUMBER.finditer(stem)]
        if len(names) > _MOST_PROJECTS:
            return ()
        found = [project for project, _version in _splits(stem)] or names
    return tuple(project for project in found if is_normalized(project))


def split_ending(filename: str) -> tuple[str, ListedKind] | None:
    """Returns a filename without its ending, and the kind of file that the ending stands for.

    Returns None for an ending that no distribution file has.
    """
    ending = _ENDING.search(filename)
    return None if ending is None else (filename[: ending.start()], _KINDS[ending[1]])


@lru_cache(4096)
def identity_of(filename: str) -> str:
    """Returns a text that is equal for all spellings of a wheel's name; for an sdist, its name.

    A repository must not have two wheels that installers take for the same one, because their names
    only differ in the spelling of the project, the version, the build number or the tags.
    """
    if not filename.endswith(".whl") or filename.count("-") not in _HYPHENS_OF_A_WHEEL:
        return filename
    project, version, *build, python_tag, abi, platform = filename[:-4].split("-")
    parts = [
        _escaped(normalize(project)),
        canonicalize_version(version),
        *map(_usual_build, build),
        *map(_usual_tags, (python_tag, abi, platform)),
    ]
    return "-".join(parts) + ".whl"


def number_of_tags(text: str) -> int:
    """Returns how many tags the last three parts stand for, such as 2 for `py2.py3-none-any`."""
    return math.prod(part.count(".") + 1 for part in text.split("-")[-3:])


def sdist_filename(project: str, version: Version) -> str:
    """Returns the filename that PEP 625 prescribes for an sdist."""
    return f"{_escaped(normalize(project))}-{version}.tar.gz"


def check_characters(filename: str) -> None:
    """Raises InvalidFilename for characters that could form a path, a header or markup."""
    if len(filename) > _LONGEST_FILENAME:
        raise InvalidFilename(f"The filename is longer than {_LONGEST_FILENAME} characters.")
    if not has_safe_characters(filename):
        raise InvalidFilename(
            "The filename may only hold ASCII letters, digits and '.', '_', '-', '+', '!', "
            "and must not begin with a dot."
        )


def has_safe_characters(filename: str) -> bool:
    """Returns whether `check_characters` would take a filename."""
    return len(filename) <= _LONGEST_FILENAME and _SAFE.fullmatch(filename) is not None


def _usual_build(build: str) -> str:
    return re.sub(r"^0+(?=[0-9])", "", build)


def _usual_tags(tags: str) -> str:
    return ".".join(sorted(set(tags.lower().split("."))))


def _in_order(tags: str) -> str:
    return ".".join(sorted(tags.split(".")))


def _escaped(project: NormalizedName) -> str:
    return project.replace("-", "_")
