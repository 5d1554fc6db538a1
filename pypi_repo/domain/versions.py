"""Parses versions from untrusted input (PEP 440)."""

from typing import Any

from packaging.version import InvalidVersion, Version

_LONGEST = 200  # characters; longer ones fit no filename


def parse_version(text: str) -> Version:
    """Parses a version.

    Raises InvalidVersion, which is a ValueError.
    """
    if len(text) > _LONGEST:
        raise InvalidVersion(f"A version has at most {_LONGEST} characters.")
    return Version(text)


def version_or_none(text: str) -> Version | None:
    """Parses a version, and returns None if the text is not one."""
    try:
        return parse_version(text)
    except InvalidVersion:
        return None


def is_same_version(text: str, other: str) -> bool:
    """Returns whether two texts stand for one version: 1.0, 1.0.0 and v1.0 do."""
    return text == other or version_or_none(text) == version_or_none(other) is not None


def version_order(text: str) -> tuple[bool, Any]:
    """Returns a key to sort versions by. A text that is not one comes before all of them."""
    version = version_or_none(text)
    return version is not None, text if version is None else version
