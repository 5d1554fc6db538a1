"""Validation profiles: how strict a repository is about what is uploaded to it."""

from dataclasses import dataclass
from typing import Literal, get_args

Profile = Literal["private", "pypi", "lenient"]

PROFILES: tuple[Profile, ...] = get_args(Profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a profile asks of a distribution, beyond what is always asked.

    Always asked: digests, an archive that is safe and says one thing, core metadata that name
    the same project and version as filename and form.
    """

    normalized_filenames: bool = True
    """Names and versions spelled in their one normal form (PEP 427, PEP 625)."""

    valid_metadata: bool = True
    """Every field of the core metadata as its specification asks."""

    complete_wheels: bool = True
    """RECORD is there, and licence files are where the metadata say."""

    verified_record: bool = True
    """RECORD's hashes and sizes are those of the files, and WHEEL agrees with the filename."""

    public_commons: bool = False
    """The rules of a public index: no local versions, only portable platform tags, only known
    classifiers, no direct references, no names that could be mistaken for others, no late files."""


RULES: dict[Profile, Rules] = {
    "private": Rules(),
    "pypi": Rules(verified_record=False, public_commons=True),
    "lenient": Rules(
        normalized_filenames=False,
        valid_metadata=False,
        complete_wheels=False,
        verified_record=False,
    ),
}
