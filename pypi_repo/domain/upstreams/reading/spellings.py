"""How a page spells the versions of a project."""

from collections.abc import Iterable
from functools import cached_property

from packaging.version import Version

from pypi_repo.domain.upstreams.reading.listing import LONGEST_TEXT
from pypi_repo.domain.versions import version_or_none


class Versions:
    """The versions of a page, in its spelling.

    listed: those that the page lists.
    """

    def __init__(self, listed: Iterable[str]) -> None:
        proper = (text for text in listed if len(text) <= LONGEST_TEXT and text.isprintable())
        self._spelled = {text: text for text in proper if text}
        self._added: dict[Version | str, str] = {}

    def spelled(self, text: str) -> str:
        """Returns a version as the page spells it, or in its normal form if it does not list it."""
        found = self._spelled.get(text)
        if found is None:
            version = version_or_none(text)
            key = text if version is None else version
            found = self._listed.get(key) or self._added.setdefault(key, str(key))
            self._spelled[text] = found
        return found

    def all(self) -> tuple[str, ...]:
        """Returns those that the page lists, and then those of other files."""
        return tuple(dict.fromkeys(self._spelled.values()))

    @cached_property
    def _listed(self) -> dict[Version | str, str]:
        return {version_or_none(text) or text: text for text in reversed(self._spelled.values())}
