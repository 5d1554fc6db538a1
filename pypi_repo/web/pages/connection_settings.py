"""The settings that connect package clients to a repository, ready to paste."""

import shlex
from dataclasses import dataclass, replace

from pypi_repo.web.pages.connecting import automation, tools
from pypi_repo.web.pages.connecting.connection import Connection, Snippet, pip_install


@dataclass(frozen=True, slots=True)
class Section:
    """What one tool needs to use a repository.

    anchor: the fragment of the URL that leads to it.
    """

    anchor: str
    title: str
    snippets: tuple[Snippet, ...]


def connection_settings(
    name: str, url: str, user: str, *, index: str = "", publishes: bool = True
) -> list[Section]:
    """Returns the settings of all tools for a repository.

    name: the name of the repository.
    url: where it is published to; absolute, with its last slash.
    user: the repository user; the password is left to be filled in.
    index: the URL of its index, absolute; by default, `simple/` below `url`.
    publishes: whether to show how to publish; tools that do nothing else are left out otherwise.
    """
    there = Connection(name, url, user, index or f"{url}simple/", publishes)
    sections = [
        Section("twine", "twine", tools.twine(there)),
        Section("pip", "pip", tools.pip(there)),
        Section("uv", "uv", tools.uv(there)),
        Section("poetry", "Poetry", tools.poetry(there)),
        Section("pdm", "PDM", tools.pdm(there)),
        Section("hatch", "Hatch", tools.hatch(there)),
        Section("flit", "Flit", tools.flit(there)),
        Section("pipenv", "Pipenv", tools.pipenv(there)),
        Section("github", "GitHub Actions", automation.github(there)),
        Section("gitlab", "GitLab CI", automation.gitlab(there)),
        Section("docker", "Docker", automation.docker(there)),
    ]
    if publishes:
        return sections
    reading = (
        replace(each, snippets=tuple(one for one in each.snippets if not one.publishes))
        for each in sections
    )
    return [each for each in reading if each.snippets]


def pip_command(index: str, requirement: str) -> str:
    """Returns the command that installs with pip, which asks for a password where one is needed.

    index: the URL of the index, absolute.
    requirement: what is to be installed.
    """
    return f"{pip_install(index)} {shlex.quote(requirement)}"


def uv_command(index: str, requirement: str, user: str = "") -> str:
    """Returns the command that installs with uv, which never asks for a password.

    index: the URL of the index, absolute.
    requirement: what is to be installed.
    user: who logs in, with a password to fill in; empty where nobody has to.
    """
    there = Connection("", "", user, index, publishes=False)
    return f"uv pip install --index-url {there.with_login() if user else index} " + shlex.quote(
        requirement
    )
