"""Where to look next on the command line, by what went wrong.

The sentences of errors name no commands and no options: the portal and programs show them too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pypi_repo.domain import errors
from pypi_repo.domain.accounts.errors import UnknownAccount, UnknownGroup, UnknownToken
from pypi_repo.domain.identity.errors import (
    UnknownIdentity,
    UnknownIdentityProvider,
    UnknownPublisher,
)
from pypi_repo.domain.lifecycle.errors import UnknownStage
from pypi_repo.domain.upstreams.errors import UnknownRule, UnknownUpstream

_LISTS: dict[type[errors.RegistryError], str] = {
    errors.UnknownRepository: "repository list",
    errors.UnknownProject: "project list REPOSITORY",
    errors.UnknownRelease: "project show REPOSITORY PROJECT",
    UnknownAccount: "user list",
    UnknownGroup: "group list",
    UnknownToken: "token list USER",
    UnknownStage: "stage list REPOSITORY",
    UnknownUpstream: "upstream list",
    UnknownIdentityProvider: "identity-provider list",
    UnknownIdentity: "identity-provider show NAME",
    UnknownPublisher: "publisher list",
    UnknownRule: "rule list REPOSITORY",
    errors.InvalidBackup: "backup show DIR",
}
_OPTIONS_OF_IMPORT = {
    "allow_http": "with --allow-http",
    "allow_private_network": "with --allow-private-network",
    "credentials": "with --username and --password-stdin",
    "file_hosts": "with --file-host",
}
_OPTIONS_OF_UPSTREAMS = {
    "allow_http": "--allow-http",
    "allow_private_network": "--allow-private-network",
}
_OF_GROUPS: dict[str, dict[type[errors.RegistryError], str]] = {
    "admin": {
        UnknownAccount: "admin list",
        UnknownToken: "admin token list ADMINISTRATOR",
    },
    "exception": {UnknownRule: "exception list REPOSITORY"},
}


@contextmanager
def about_options(*names: str) -> Iterator[None]:
    """Names the options in a ConfigurationError that their values lead to."""
    try:
        yield
    except errors.ConfigurationError as error:
        sentence = error.message.removesuffix(".")
        raise errors.ConfigurationError(f"{sentence} (see {' and '.join(names)}).") from error


def with_hint(sentence: str, error: errors.RegistryError, command: str) -> str:
    """Returns the sentence about an error, and what helps whoever gave the command.

    command: with the program before it, as in "pypi-repo admin delete".
    """
    hint = _hint(error, command.split()[1:])
    return f"{sentence.removesuffix('.')} ({hint})." if hint else sentence


def what_allows_it(upstream: str, setting: str | None) -> str:
    """Returns which command allows to ask an upstream; empty if none does.

    upstream: its name.
    setting: the setting that could allow it; None if none could.
    """
    option = _OPTIONS_OF_UPSTREAMS.get(setting or "")
    return f"`pypi-repo upstream set {upstream} {option}` allows it" if option else ""


def _hint(error: errors.RegistryError, command: list[str]) -> str:
    if isinstance(error, errors.InvalidBackup) and error.lost:
        return "with --skip-lost"
    if isinstance(error, errors.UpstreamRefused) and command == ["import"]:
        return _OPTIONS_OF_IMPORT.get(error.setting or "", "")
    if isinstance(error, errors.UpstreamRefused) and command == ["upstream", "check"]:
        return what_allows_it("NAME", error.setting)
    if isinstance(error, errors.InvalidSetting) and error.setting == "allow_http":
        return "with --allow-http"
    if isinstance(error, errors.NameTaken) and command[1:] == ["create"]:
        return f"`pypi-repo {command[0]} set` changes it"
    if isinstance(error, errors.NoRegistry):
        return "`pypi-repo serve` and `pypi-repo db upgrade` do"
    lists = _LISTS | _OF_GROUPS.get(command[0] if command else "", {})
    found = lists.get(type(error), "")
    return f"see `pypi-repo {found}`" if found and found.split()[:2] != command else ""
