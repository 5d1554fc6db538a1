"""Patterns for project names, such as `acme-*`."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName

# A normalized name neither begins nor ends with a hyphen, so no pattern could match one that does.
_PATTERN = re.compile(r"(?!-)[a-z0-9*-]{1,200}(?<!-)", re.ASCII)

MOST_PATTERNS = 100
"""How many a token may be limited to, and how many a user or a group may be granted."""


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


def name_patterns(texts: Iterable[str]) -> tuple[str, ...]:
    """Returns patterns in the form in which they are stored, each of them once, sorted.

    Raises InvalidSetting, also for more than 100: each name in a list is compared with all of them.
    """
    patterns = sorted({name_pattern(text) for text in texts})
    require_few(patterns)
    return tuple(patterns)


def require_few(patterns: Collection[object]) -> None:
    """Raises InvalidSetting for more patterns than somebody may have."""
    if len(patterns) > MOST_PATTERNS:
        raise InvalidSetting(
            f"These are {len(patterns):,} names and patterns, and at most {MOST_PATTERNS} are "
            "allowed; write patterns that match more, such as acme-*."
        )


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
