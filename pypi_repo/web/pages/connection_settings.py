"""The settings that connect package clients to a repository, ready to paste."""

import json
import shlex
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text` goes into the file `place`, or is run where that is `Terminal`.

    publishes: whether it is of no use to those who only install.
    """

    place: str
    text: str
    note: str = ""
    publishes: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """What one tool needs to use a repository.

    anchor: the fragment of the URL that leads to it.
    """

    anchor: str
    title: str
    snippets: tuple[Snippet, ...]


_TERMINAL = "Terminal"
PASSWORD = "YOUR-PASSWORD"  # noqa: S105 - stands for one
_PROJECT = "PROJECT"
_IN_URLS = "In a URL, write @ of a password as %40, : as %3A and / as %2F."


def connection_settings(
    name: str, url: str, user: str, *, index: str = "", publishes: bool = True
) -> list[Section]:
    """Everything for one repository.

    name: of the repository.
    url: where it is published to; absolute, with its last slash.
    user: the repository user; the password is left to be filled in.
    index: the URL of its index, absolute; by default, `simple/` below `url`.
    publishes: whether to show how to publish; tools that do nothing else are left out otherwise.
    """
    there = _Repository(name, url, user, index or f"{url}simple/", publishes)
    sections = [
        Section("twine", "twine", _twine(there)),
        Section("pip", "pip", _pip(there)),
        Section("uv", "uv", _uv(there)),
        Section("poetry", "Poetry", _poetry(there)),
        Section("pdm", "PDM", _pdm(there)),
        Section("hatch", "Hatch", _hatch(there)),
        Section("flit", "Flit", _flit(there)),
        Section("pipenv", "Pipenv", _pipenv(there)),
        Section("github", "GitHub Actions", _github(there)),
        Section("gitlab", "GitLab CI", _gitlab(there)),
        Section("docker", "Docker", _docker(there)),
    ]
    if publishes:
        return sections
    reading = (
        replace(each, snippets=tuple(one for one in each.snippets if not one.publishes))
        for each in sections
    )
    return [each for each in reading if each.snippets]


def pip_command(index: str, requirement: str) -> str:
    """For pip, which asks for the name and the password where the repository wants them.

    index: the URL of the index, absolute.
    """
    return f"{_pip_install(index)} {shlex.quote(requirement)}"


def uv_command(index: str, requirement: str, user: str = "") -> str:
    """For uv, which asks for nothing.

    user: who logs in, with a password to fill in; empty where nobody has to.
    """
    there = _Repository("", "", user, index, publishes=False)
    return f"uv pip install --index-url {there.with_login() if user else index} " + shlex.quote(
        requirement
    )


def _without_tls(url: str) -> str:
    """The host that pip must be told to trust; empty where there is TLS, and for this machine."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    return "" if parts.scheme == "https" or _is_loopback(host) else host


def _is_loopback(host: str) -> bool:
    """What pip trusts without TLS: nobody listens between a machine and itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _pip_install(index: str, *, more: str = "") -> str:
    trust = _without_tls(index) and f"--trusted-host {_without_tls(index)} "
    return f"pip install {trust}{more}--index-url {index}"


class _Repository:
    """One repository, and the spellings of it and its user that the clients want."""

    def __init__(self, name: str, url: str, user: str, index: str, publishes: bool) -> None:
        parts = urlsplit(index)
        self.name = name
        self.url = url
        self.index = index
        self.user = user
        self.publishes = publishes
        self.user_in_shell = shlex.quote(user)
        self.user_in_yaml = user if user.replace("-", "").isalnum() else json.dumps(user)
        self.netloc = parts.netloc
        self.hostname = str(parts.hostname)
        self.trusted = _without_tls(index)
        self.variable = "".join(c if c.isalnum() else "_" for c in name).upper()
        self._scheme, self._path = parts.scheme, parts.path

    @property
    def with_user(self) -> str:
        return f"{self._scheme}://{quote(self.user, safe='')}@{self.netloc}{self._path}"

    def with_variables(self, user: str, password: str) -> str:
        return f"{self._scheme}://${{{user}}}:${{{password}}}@{self.netloc}{self._path}"

    def with_login(self, password: str = PASSWORD) -> str:
        return f"{self._scheme}://{quote(self.user, safe='')}:{password}@{self.netloc}{self._path}"


def _twine(there: _Repository) -> tuple[Snippet, ...]:
    return (
        Snippet("~/.pypirc", _pypirc(there), publishes=True),
        Snippet(_TERMINAL, f"twine upload --repository {there.name} dist/*", publishes=True),
    )


def _pypirc(there: _Repository) -> str:
    return (
        f"[distutils]\nindex-servers = {there.name}\n\n[{there.name}]\n"
        f"repository = {there.url}\nusername = {there.user}\npassword = {PASSWORD}"
    )


def _pip(there: _Repository) -> tuple[Snippet, ...]:
    trusting = there.trusted and f"\ntrusted-host = {there.trusted}"
    requirement = there.trusted and f"--trusted-host {there.trusted}\n"
    by_keyring = _pip_install(there.with_user, more="--keyring-provider subprocess ")
    return (
        Snippet(
            _TERMINAL,
            f"{_pip_install(there.with_login())} {_PROJECT}",
            _IN_URLS,
        ),
        Snippet(
            "pip.conf",
            f"[global]\nindex-url = {there.with_login()}{trusting}",
            "~/.config/pip/pip.conf, or pip.ini on Windows.",
        ),
        Snippet(
            "~/.netrc",
            f"machine {there.hostname}\nlogin {there.user}\npassword {PASSWORD}",
            f"Then use {there.index} without a password in it.",
        ),
        Snippet(
            _TERMINAL,
            f"keyring set {there.netloc} {there.user_in_shell}\n{by_keyring} {_PROJECT}",
            "With the password in the system's keyring, for which the first line asks. The program "
            "keyring is installed beside pip's environment, as with `pipx install keyring`.",
        ),
        Snippet(
            "requirements.txt",
            f"--index-url {there.index}\n{requirement}{_PROJECT}",
            "With the password in the netrc file or the keyring.",
        ),
    )


def _uv(there: _Repository) -> tuple[Snippet, ...]:
    publishing = f'publish-url = "{there.url}"\n' if there.publishes else ""
    return (
        Snippet(
            "pyproject.toml",
            f'[[tool.uv.index]]\nname = "{there.name}"\nurl = "{there.index}"\n{publishing}'
            "default = true",
        ),
        Snippet(
            "Environment",
            f"UV_INDEX_{there.variable}_USERNAME={there.user_in_shell}\n"
            f"UV_INDEX_{there.variable}_PASSWORD={PASSWORD}",
            "For the index of that name in pyproject.toml.",
        ),
        Snippet(
            _TERMINAL,
            f"uv publish --publish-url {there.url} --username {there.user_in_shell} "
            f"--password {PASSWORD} dist/*",
            "To publish.",
            publishes=True,
        ),
        Snippet(_TERMINAL, f"uv pip install --index-url {there.with_login()} {_PROJECT}", _IN_URLS),
    )


def _poetry(there: _Repository) -> tuple[Snippet, ...]:
    return (
        Snippet(
            _TERMINAL,
            f"poetry source add --priority=primary {there.name} {there.index}\n"
            f"poetry config http-basic.{there.name} {there.user_in_shell} {PASSWORD}",
        ),
        Snippet(
            _TERMINAL,
            f"poetry config repositories.{there.name} {there.url}\n"
            f"poetry publish --repository {there.name}",
            "To publish.",
            publishes=True,
        ),
    )


def _pdm(there: _Repository) -> tuple[Snippet, ...]:
    variable = f"{there.variable}_PASSWORD"
    return (
        Snippet(
            "pyproject.toml",
            f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{there.with_login(f"${{{variable}}}")}"\n'
            "verify_ssl = true",
            "Under the name pypi it stands in for the public index, which is asked too otherwise.",
        ),
        Snippet("Environment", f"{variable}={PASSWORD}"),
        Snippet(
            _TERMINAL,
            f"pdm publish --repository {there.url} --username {there.user_in_shell} "
            f"--password {PASSWORD}",
            "To publish.",
            publishes=True,
        ),
    )


def _hatch(there: _Repository) -> tuple[Snippet, ...]:
    return (
        Snippet(
            _TERMINAL,
            f"hatch publish --repo {there.url} --user {there.user_in_shell} --auth {PASSWORD}",
            "By its URL: main and test are names that hatch has for the public indexes.",
            publishes=True,
        ),
        Snippet(
            "Environment",
            f"HATCH_INDEX_REPO={there.url}\nHATCH_INDEX_USER={there.user_in_shell}\n"
            f"HATCH_INDEX_AUTH={PASSWORD}",
            "The same, for `hatch publish` alone. To install, it uses pip or uv as they are set.",
            publishes=True,
        ),
    )


def _flit(there: _Repository) -> tuple[Snippet, ...]:
    return (
        Snippet("~/.pypirc", _pypirc(there), publishes=True),
        Snippet(_TERMINAL, f"flit publish --repository {there.name}", publishes=True),
        Snippet(
            "Environment",
            f"FLIT_INDEX_URL={there.url}\nFLIT_USERNAME={there.user_in_shell}\n"
            f"FLIT_PASSWORD={PASSWORD}",
            "The same without a file, for `flit publish` alone. To install, use pip or uv.",
            publishes=True,
        ),
    )


def _pipenv(there: _Repository) -> tuple[Snippet, ...]:
    """pipenv escapes what it puts into the URL itself, so both parts come from the environment."""
    user, password = f"{there.variable}_USERNAME", f"{there.variable}_PASSWORD"
    verified = "false" if there.trusted else "true"
    return (
        Snippet(
            "Pipfile",
            f'[[source]]\nname = "{there.name}"\n'
            f'url = "{there.with_variables(user, password)}"\nverify_ssl = {verified}',
            "In the place of the source that pipenv writes by itself, the public index.",
        ),
        Snippet("Environment", f"{user}={there.user_in_shell}\n{password}={PASSWORD}"),
        Snippet(_TERMINAL, f"pipenv install {_PROJECT}"),
    )


def _github(there: _Repository) -> tuple[Snippet, ...]:
    secret = f"${{{{ secrets.{there.variable}_PASSWORD }}}}"
    trusting = there.trusted and f"    PIP_TRUSTED_HOST: {there.trusted}\n"
    note = (
        f"A step of a job; with the password, or a token, as the secret {there.variable}_PASSWORD."
    )
    return (
        Snippet(
            ".github/workflows/publish.yml",
            "- run: pipx run twine upload dist/*\n  env:\n"
            f"    TWINE_REPOSITORY_URL: {there.url}\n"
            f"    TWINE_USERNAME: {there.user_in_yaml}\n    TWINE_PASSWORD: {secret}",
            note,
            publishes=True,
        ),
        Snippet(
            ".github/workflows/test.yml",
            f"- run: pip install {_PROJECT}\n  env:\n{trusting}"
            f"    PIP_INDEX_URL: {there.with_login(secret)}",
            note,
        ),
    )


def _gitlab(there: _Repository) -> tuple[Snippet, ...]:
    secret = f"${{{there.variable}_PASSWORD}}"
    trusting = there.trusted and f"    PIP_TRUSTED_HOST: {there.trusted}\n"
    publishing = (
        "publish:\n  image: python:3.13\n  script:\n    - pip install twine\n"
        "    - twine upload dist/*\n  variables:\n"
        f"    TWINE_REPOSITORY_URL: {there.url}\n"
        f"    TWINE_USERNAME: {there.user_in_yaml}\n    TWINE_PASSWORD: {secret}\n\n"
    )
    return (
        Snippet(
            ".gitlab-ci.yml",
            (publishing if there.publishes else "")
            + f"test:\n  image: python:3.13\n  script:\n    - pip install {_PROJECT}\n"
            f"  variables:\n{trusting}    PIP_INDEX_URL: {there.with_login(secret)}",
            f"With {there.variable}_PASSWORD, the password or a token, as a masked variable of the "
            "project.",
        ),
    )


def _docker(there: _Repository) -> tuple[Snippet, ...]:
    return (
        Snippet(
            "Dockerfile",
            "RUN --mount=type=secret,id=netrc,target=/root/.netrc \\\n"
            f"    {_pip_install(there.index)} {_PROJECT}",
            "The secret is a netrc file like the one above; it stays out of the image.",
        ),
        Snippet(_TERMINAL, "docker build --secret id=netrc,src=$HOME/.netrc ."),
    )
