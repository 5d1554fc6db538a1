"""Patterns for project names, such as `acme-*`."""

import re
from collections.abc import Iterable
from functools import lru_cache

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName

# A normalized name neither begins nor ends with a hyphen, so no pattern could match one that does.
_PATTERN = re.compile(r"(?!-)[a-z0-9*-]{1,200}(?<!-)", re.ASCII)


def name_pattern(text: str) -> str:
    """Returns a pattern in the form in which it is stored and compared.

    `*` stands for any characters. The rest is normalized as project names are (PEP 503), so
    `Acme_*` and `acme-*` are one pattern.

    Raises InvalidSetting.
    """
    pattern = re.sub(r"\*+", "*", re.sub(r"[-_.]+", "-", text.strip().lower()))
    if not text.isascii() or _PATTERN.fullmatch(pattern) is None:
        raise InvalidSetting(
            f"{text[:80]!r} matches no project; write a name, or a pattern such as acme-*."
        )
    return pattern


def matches(pattern: str, project: NormalizedName) -> bool:
    """Returns whether a pattern, in the form of `name_pattern`, matches a project."""
    if "*" not in pattern:
        return pattern == project
    return _compiled(pattern).match(project) is not None


def matches_any(patterns: Iterable[str], project: NormalizedName) -> bool:
    """Returns whether at least one of the patterns matches a project."""
    return any(matches(pattern, project) for pattern in patterns)


@lru_cache(4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    first, *others = pattern.split("*")
    *middle, last = others
    # Each part is looked for once (`(?>`), or what does not match takes exponential time.
    parts = "".join(f"(?>.*?{re.escape(part)})" for part in middle)
    return re.compile(f"{re.escape(first)}{parts}.*{re.escape(last)}\\Z")
