"""Names of archive members that are the same file on some file systems."""

import unicodedata
from collections.abc import Iterable

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.validation.rules import Rules

_NAMED_AT_MOST = 3


def warn_of_alike(names: Iterable[str], important: str, rules: Rules) -> list[str]:
    """Returns warnings about members that some file systems cannot distinguish.

    The file systems of macOS and Windows keep only one of such members.

    names: the names of the members, without duplicates.
    important: a prefix of names that must be unique in every profile.

    Raises InvalidArchive if the profile does not accept such names.
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
    """Returns the first names in alphabetical order, and the number of the others, as text.

    names: at least one name.
    """
    first, *more = sorted(names)
    named = [first, *more][:_NAMED_AT_MOST]
    rest = len(more) + 1 - len(named)
    return ", ".join(name[:80] for name in named) + (f" and {rest} more" if rest else "")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
