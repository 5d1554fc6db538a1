"""Names of members that are two files in an archive and one where it is unpacked."""

import unicodedata
from collections.abc import Iterable

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.rules import Rules

_NAMED_AT_MOST = 3


def warn_of_alike(names: Iterable[str], important: str, rules: Rules) -> list[str]:
    """Sentences about members of which some file systems, as of macOS and Windows, keep one.

    names: different ones.
    important: what a name begins with that must be alone in every profile, in that case.

    Raises InvalidArchive where the profile takes none of them.
    """
    seen: set[str] = set()
    alike: list[str] = []
    for name in names:
        key = _folded(name).removesuffix("/")
        if key in seen:
            alike.append(name)
        seen.add(key)
    for name in alike:
        if rules.distinct_member_names or _folded(name).startswith(_folded(important)):
            raise InvalidArchive(
                f"{name[:80]!r} differs from another member only by case; rename one of them."
            )
    return [f"Only case tells {list_names(alike)} from other members."] if alike else []


def list_names(names: Iterable[str]) -> str:
    """The first names by the alphabet, and how many more there are; there must be one."""
    first, *more = sorted(names)
    named = [first, *more][:_NAMED_AT_MOST]
    rest = len(more) + 1 - len(named)
    return ", ".join(name[:80] for name in named) + (f" and {rest} more" if rest else "")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
