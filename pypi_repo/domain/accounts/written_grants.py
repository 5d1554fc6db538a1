"""Grants as people write them: `main=read`, or `main/acme-*=write` for some projects."""

from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import InvalidSetting

WrittenGrant = tuple[str, str | None, Access]
"""The name of a repository, a pattern for projects in it or None, and what is given there."""


def parse_grant(text: str) -> WrittenGrant:
    """Returns what is written.

    Raises InvalidSetting.
    """
    place, _equals, level = text.strip().rpartition("=")
    repository, slash, pattern = place.partition("/")
    if not repository or (slash and not pattern) or level not in ("read", "write", "none"):
        raise InvalidSetting(
            f"{text[:80]!r} should look like main=read or main=write, or like main/acme-*=write "
            "for some projects only."
        )
    return repository, pattern or None, Access[level.upper()]


def written_patterns(grants: Grants) -> dict[str, str]:
    """Returns what is given on projects, by the place as it is written, such as `main/acme-*`."""
    return {
        f"{name}/{pattern}": access.name.lower()
        for (name, pattern), access in sorted(grants.patterns.items())
    }
