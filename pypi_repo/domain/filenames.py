"""What the name of a distribution file says, and whether it is spelled as the standards ask.

Source distributions: PEP 625. Wheels: the binary distribution format with the amendments of
PEP 427, compared byte for byte, because an index that keeps two spellings of one file has two
truths.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, Self

from packaging.tags import Tag
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_version,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pypi_repo.domain.errors import InvalidFilename
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.versions import version_or_none

FileKind = Literal["sdist", "bdist_wheel"]

# Printable ASCII without separators; a leading dot would hide the file from its own folder.
_SAFE = re.compile(r"(?!\.)[\x21-\x7e]+\Z")
_UNSAFE_CHARACTERS = set("/\\<>:\"|?*#%&'`;")
_HYPHENS_OF_A_WHEEL = (4, 5)  # without and with a build number
_MOST_TAGS = 1000  # a filename has room for 50,000
_LONGEST_FILENAME = 230  # what is kept beside it has longer names, and 255 is the end of most


@dataclass(frozen=True, slots=True)
class DistributionFilename:
    """A checked filename and its parts.

    stem: `{name}-{version}`, as the archive's own folder is called.
    build: of a wheel, or "".
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
        """Takes every spelling that means one thing; see `check_normalized`.

        project: whose file it is if it can be, because the name of an old sdist may be split in
            several ways. Otherwise the first hyphen that a version follows ends the name of the
            project, so `tool-1.0-9` is 1.0.post9 of tool.

        Raises InvalidFilename with a sentence that says what is wrong.
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
        """Raises InvalidFilename, with the right name, unless it has the one normal spelling."""
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
        return self.project == normalize(project)


def split_stem(
    stem: str, project: NormalizedName | None = None
) -> tuple[NormalizedName, Version] | None:
    """Project and version of `{name}-{version}` as it was spelled of old: the name in any way, the
    version even with hyphens. None if it has no version, or is another project's than `project`.
    """
    if len(stem) > _LONGEST_FILENAME:
        return None
    for hyphen in re.finditer("(?<=[^-])-", stem):
        name = normalize(stem[: hyphen.start()])
        if project in (None, name) and (version := version_or_none(stem[hyphen.end() :])):
            return name, version
    return None


def identity_of(filename: str) -> str:
    """What is equal for all spellings of a wheel's name, and what an sdist is called.

    Two wheels that installers take for the same one, because they differ in how their name,
    version, build number or tags are spelled, must not be two files of one repository.
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
    """How many tags the last three parts stand for: `py2.py3-none-any` for two."""
    return math.prod(part.count(".") + 1 for part in text.split("-")[-3:])


def sdist_filename(project: str, version: Version) -> str:
    """The one name that PEP 625 leaves for this sdist."""
    return f"{_escaped(normalize(project))}-{version}.tar.gz"


def check_characters(filename: str) -> None:
    """Raises InvalidFilename for whatever could be a path, a header or markup."""
    if len(filename) > _LONGEST_FILENAME:
        raise InvalidFilename(f"The filename is longer than {_LONGEST_FILENAME} characters.")
    if not _SAFE.match(filename) or set(filename) & _UNSAFE_CHARACTERS:
        raise InvalidFilename(
            "The filename may only hold ASCII letters, digits and '.', '_', '-', '+', '!', "
            "and must not begin with a dot."
        )


def _usual_build(build: str) -> str:
    return re.sub(r"^0+(?=[0-9])", "", build)


def _usual_tags(tags: str) -> str:
    return ".".join(sorted(set(tags.lower().split("."))))


def _in_order(tags: str) -> str:
    return ".".join(sorted(tags.split(".")))


def _escaped(project: NormalizedName) -> str:
    return project.replace("-", "_")
