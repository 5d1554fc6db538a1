"""The settings that connect package clients to a repository, ready to paste."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text` goes into the file `place`, or is run where that is `Terminal`."""

    place: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    anchor: str
    title: str
    snippets: tuple[Snippet, ...]


_TERMINAL = "Terminal"
_PASSWORD = "YOUR-PASSWORD"  # noqa: S105 - stands for one


def connection_settings(name: str, url: str, user: str) -> list[Section]:
    """Everything for one repository.

    name: of the repository.
    url: absolute, with its last slash.
    user: the repository user; the password is left to be filled in.
    """
    index = f"{url}simple/"
    parts = urlsplit(index)
    host = parts.netloc
    login = f"{quote(user, safe='')}:{_PASSWORD}"
    with_login = f"{parts.scheme}://{login}@{host}{parts.path}"
    variable = "".join(c if c.isalnum() else "_" for c in name).upper()
    # Without TLS pip must be told that the host is meant, on the command line and in its file.
    trusted = "" if parts.scheme == "https" else str(parts.hostname)
    with_trust = f"--trusted-host {trusted} " if trusted else ""
    return [
        Section(
            "twine",
            "twine",
            (
                Snippet(
                    "~/.pypirc",
                    f"[distutils]\nindex-servers = {name}\n\n[{name}]\nrepository = {url}\n"
                    f"username = {user}\npassword = {_PASSWORD}",
                ),
                Snippet(_TERMINAL, f"twine upload --repository {name} dist/*"),
            ),
        ),
        Section(
            "pip",
            "pip",
            (
                Snippet(_TERMINAL, f"pip install {with_trust}--index-url {with_login} PROJECT"),
                Snippet(
                    "pip.conf",
                    f"[global]\nindex-url = {with_login}"
                    + (f"\ntrusted-host = {trusted}" if trusted else ""),
                    "~/.config/pip/pip.conf, or pip.ini on Windows.",
                ),
                Snippet(
                    "~/.netrc",
                    f"machine {parts.hostname}\nlogin {user}\npassword {_PASSWORD}",
                    f"Then use {index} without a password in it.",
                ),
                Snippet(
                    _TERMINAL,
                    f"keyring set {host} {user}\n"
                    f"pip install {with_trust}--keyring-provider subprocess --index-url "
                    f"{parts.scheme}://{quote(user, safe='')}@{host}{parts.path} PROJECT",
                    "With the password in the system's keyring.",
                ),
                Snippet(
                    "requirements.txt",
                    f"--index-url {index}\n"
                    + (f"{with_trust.strip()}\n" if trusted else "")
                    + "PROJECT",
                ),
            ),
        ),
        Section(
            "uv",
            "uv",
            (
                Snippet(
                    "pyproject.toml",
                    f'[[tool.uv.index]]\nname = "{name}"\nurl = "{index}"\n'
                    f'publish-url = "{url}"\ndefault = true',
                ),
                Snippet(
                    "Environment",
                    f"UV_INDEX_{variable}_USERNAME={user}\nUV_INDEX_{variable}_PASSWORD={_PASSWORD}",
                ),
                Snippet(
                    _TERMINAL,
                    f"uv publish --publish-url {url} --username {user} --password {_PASSWORD} "
                    f"dist/*\nuv pip install --index-url {with_login} PROJECT",
                ),
            ),
        ),
        Section(
            "poetry",
            "Poetry",
            (
                Snippet(
                    _TERMINAL,
                    f"poetry source add --priority=primary {name} {index}\n"
                    f"poetry config http-basic.{name} {user} {_PASSWORD}",
                ),
                Snippet(
                    _TERMINAL,
                    f"poetry config repositories.{name} {url}\npoetry publish --repository {name}",
                    "To publish.",
                ),
            ),
        ),
        Section(
            "pdm",
            "PDM",
            (
                Snippet(
                    "pyproject.toml",
                    f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{index}"\nverify_ssl = true',
                ),
                Snippet(
                    _TERMINAL,
                    f"pdm config pypi.{name}.username {user}\n"
                    f"pdm config pypi.{name}.password {_PASSWORD}",
                ),
                Snippet(
                    _TERMINAL,
                    f"pdm publish --repository {url} --username {user} --password {_PASSWORD}",
                    "To publish.",
                ),
            ),
        ),
        Section(
            "hatch",
            "Hatch",
            (Snippet(_TERMINAL, f"hatch publish --repo {url} --user {user} --auth {_PASSWORD}"),),
        ),
        Section(
            "github",
            "GitHub Actions",
            (
                Snippet(
                    ".github/workflows/publish.yml",
                    "- run: pipx run twine upload dist/*\n  env:\n"
                    f"    TWINE_REPOSITORY_URL: {url}\n    TWINE_USERNAME: {user}\n"
                    f"    TWINE_PASSWORD: ${{{{ secrets.{variable}_PASSWORD }}}}",
                    f"With the password, or a token, as the secret {variable}_PASSWORD.",
                ),
            ),
        ),
        Section(
            "gitlab",
            "GitLab CI",
            (
                Snippet(
                    ".gitlab-ci.yml",
                    "publish:\n  image: python:3.13\n  script:\n    - pip install twine\n"
                    "    - twine upload dist/*\n  variables:\n"
                    f"    TWINE_REPOSITORY_URL: {url}\n    TWINE_USERNAME: {user}",
                    "With TWINE_PASSWORD as a masked variable of the project.",
                ),
            ),
        ),
        Section(
            "docker",
            "Docker",
            (
                Snippet(
                    "Dockerfile",
                    "RUN --mount=type=secret,id=netrc,target=/root/.netrc \\\n"
                    f"    pip install {with_trust}--index-url {index} PROJECT",
                    "The secret is a netrc file like the one above; it stays out of the image.",
                ),
                Snippet(_TERMINAL, "docker build --secret id=netrc,src=$HOME/.netrc ."),
            ),
        ),
    ]
