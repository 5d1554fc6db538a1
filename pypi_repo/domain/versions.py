"""Versions, as everything that comes from outside may write them (PEP 440)."""

from packaging.version import InvalidVersion, Version

_LONGEST = 200  # characters; longer ones fit no filename


def parse_version(text: str) -> Version:
    """Raises InvalidVersion, which is a ValueError."""
    if len(text) > _LONGEST:
        raise InvalidVersion(f"A version has at most {_LONGEST} characters.")
    return Version(text)


def version_or_none(text: str) -> Version | None:
    """None for what is no version, and so that of no release."""
    try:
        return parse_version(text)
    except InvalidVersion:
        return None
