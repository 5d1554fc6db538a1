"""The settings of a repository, from which rows, services and faces derive theirs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict, cast

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches_any, name_patterns
from pypi_repo.domain.text import require_text
from pypi_repo.domain.upstreams.upstream import CooldownMode, check_cooldown
from pypi_repo.domain.validation.profiles import PROFILES, RULES, Profile

_TOO_LARGE = 2**62  # bytes: what a database can count


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySettings:
    """The settings of a repository.

    description: a text that the portal and the API show.
    public: whether everybody may read the repository.
    allow_overwrite: whether a file can be replaced by different content with the same filename.
    allow_reuse: whether the filenames of deleted files can be used again. `allow_overwrite` implies
        it.
    max_file_size: the largest file, in bytes; None for the limit of the registry.
    quota: the size of all files together, in bytes; None for no limit.
    quota_counts_trash: whether what is in the trash counts for the quota.
    profile: how strictly uploads are checked.
    accepts_uploads: whether files can be uploaded. Without uploads, a repository only offers what
        its sources have.
    users_may_yank: whether users who may upload can yank what they have uploaded themselves.
    trusted_publishing_only: patterns for the names of projects whose own files, not those of
        sources, must come from CI jobs that need no password (trusted publishing); empty for none.
    attestations_required: patterns for the names of projects whose own files, not those of sources,
        must come with attestations that verify (PEP 740); empty for none.
    public_sources: whether everybody who may read a public repository may also read what comes from
        upstreams.
    cooldown: how old files from upstreams must be, instead of what each upstream says; None for
        what it says.
    cooldown_mode: what happens to files that are too young; None for what each upstream says.
    """

    description: str = ""
    public: bool = False
    allow_overwrite: bool = False
    allow_reuse: bool = False
    max_file_size: int | None = None
    quota: int | None = None
    quota_counts_trash: bool = False
    profile: Profile = "private"
    accepts_uploads: bool = True
    users_may_yank: bool = False
    trusted_publishing_only: tuple[str, ...] = ()
    attestations_required: tuple[str, ...] = ()
    public_sources: bool = False
    cooldown: str | None = None
    cooldown_mode: CooldownMode | None = None

    def check(self) -> None:
        """Checks the values.

        Raises InvalidSetting for an invalid value, and ConfigurationError for a profile whose
        optional packages are not installed.
        """
        for name, kind in SETTINGS.items():
            value = getattr(self, name)
            if kind is str:
                require_text(value)
            elif kind is bool and value not in (True, False):
                raise InvalidSetting(f"The setting {name} is either true or false.")
            elif kind == int | None and value is not None and not _is_size(value):
                raise InvalidSetting(f"The setting {name} must be a number of bytes above 0.")
            elif name in PATTERN_SETTINGS:
                _patterns(value)
        if self.profile not in PROFILES:
            raise InvalidSetting(f"A profile is one of {', '.join(PROFILES)}.")
        check_cooldown(self.cooldown, self.cooldown_mode)
        for check_installation in RULES[self.profile].installation_checks:
            check_installation()

    def settings(self) -> dict[str, Any]:
        """Returns the values by their names, without the other fields of a `Repository`."""
        return {name: getattr(self, name) for name in SETTINGS}

    def demands_trusted_publishing(self, project: NormalizedName | None) -> bool:
        """Tells whether files of a project must come from CI jobs that need no password.

        project: None for any project, whatever its name is.
        """
        return _matches(self.trusted_publishing_only, project)

    def demands_attestations(self, project: NormalizedName | None) -> bool:
        """Tells whether files of a project must come with attestations that verify.

        project: None for any project, whatever its name is.
        """
        return _matches(self.attestations_required, project)


def _matches(patterns: tuple[str, ...], project: NormalizedName | None) -> bool:
    return "*" in patterns if project is None else matches_any(patterns, project)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and 0 < value < _TOO_LARGE


SETTINGS: Mapping[str, Any] = {field.name: field.type for field in fields(RepositorySettings)}
"""The types of the settings, by their names."""

PATTERN_SETTINGS = tuple(name for name, kind in SETTINGS.items() if kind == tuple[str, ...])
"""The settings that are patterns for names of projects."""


class GivenSettings(TypedDict, total=False):
    """Settings of a repository of which each may be left out; RepositorySettings describes them."""

    description: str
    public: bool
    allow_overwrite: bool
    allow_reuse: bool
    max_file_size: int | None
    quota: int | None
    quota_counts_trash: bool
    profile: Profile
    accepts_uploads: bool
    users_may_yank: bool
    trusted_publishing_only: tuple[str, ...]
    attestations_required: tuple[str, ...]
    public_sources: bool
    cooldown: str | None
    cooldown_mode: CooldownMode | None


def normalized_settings(given: GivenSettings) -> GivenSettings:
    """Returns settings with their patterns in the form in which they are stored.

    Raises InvalidSetting for a pattern that could match no project, and for too many.
    """
    values: dict[str, Any] = {**given}
    for name in values.keys() & PATTERN_SETTINGS:
        values[name] = _patterns(values[name])
    return cast("GivenSettings", values)


def _patterns(given: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(given, str):  # whose letters would all be patterns
        raise InvalidSetting("Patterns for names of projects are a list, also if it is only one.")
    return name_patterns(given)
