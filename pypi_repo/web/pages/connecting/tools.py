"""The settings of tools that publish, install or lock."""

from pypi_repo.web.pages.connecting.connection import (
    IN_URLS,
    PASSWORD,
    PROJECT,
    TERMINAL,
    Connection,
    Snippet,
    pip_install,
)


def twine(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of twine."""
    return (
        Snippet("~/.pypirc", _pypirc(there), publishes=True),
        Snippet(TERMINAL, f"twine upload --repository {there.name} dist/*", publishes=True),
    )


def _pypirc(there: Connection) -> str:
    return (
        f"[distutils]\nindex-servers = {there.name}\n\n[{there.name}]\n"
        f"repository = {there.url}\nusername = {there.user}\npassword = {PASSWORD}"
    )


def pip(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of pip."""
    trusting = there.trusted and f"\ntrusted-host = {there.trusted}"
    requirement = there.trusted and f"--trusted-host {there.trusted}\n"
    by_keyring = pip_install(there.with_user, more="--keyring-provider subprocess ")
    return (
        Snippet(
            TERMINAL,
            f"{pip_install(there.with_login())} {PROJECT}",
            IN_URLS,
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
            TERMINAL,
            f"keyring set {there.netloc} {there.user_in_shell}\n{by_keyring} {PROJECT}",
            "With the password in the system's keyring, for which the first line asks. The program "
            "keyring is installed beside pip's environment, as with `pipx install keyring`.",
        ),
        Snippet(
            "requirements.txt",
            f"--index-url {there.index}\n{requirement}{PROJECT}",
            "With the password in the netrc file or the keyring.",
        ),
    )


def uv(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of uv."""
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
            TERMINAL,
            f"uv publish --publish-url {there.url} --username {there.user_in_shell} "
            f"--password {PASSWORD} dist/*",
            "To publish.",
            publishes=True,
        ),
        Snippet(TERMINAL, f"uv pip install --index-url {there.with_login()} {PROJECT}", IN_URLS),
    )


def poetry(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of Poetry."""
    return (
        Snippet(
            TERMINAL,
            f"poetry source add --priority=primary {there.name} {there.index}\n"
            f"poetry config http-basic.{there.name} {there.user_in_shell} {PASSWORD}",
        ),
        Snippet(
            TERMINAL,
            f"poetry config repositories.{there.name} {there.url}\n"
            f"poetry publish --repository {there.name}",
            "To publish.",
            publishes=True,
        ),
    )


def pdm(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of PDM."""
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
            TERMINAL,
            f"pdm publish --repository {there.url} --username {there.user_in_shell} "
            f"--password {PASSWORD}",
            "To publish.",
            publishes=True,
        ),
    )


def hatch(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of Hatch."""
    return (
        Snippet(
            TERMINAL,
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


def flit(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of flit."""
    return (
        Snippet("~/.pypirc", _pypirc(there), publishes=True),
        Snippet(TERMINAL, f"flit publish --repository {there.name}", publishes=True),
        Snippet(
            "Environment",
            f"FLIT_INDEX_URL={there.url}\nFLIT_USERNAME={there.user_in_shell}\n"
            f"FLIT_PASSWORD={PASSWORD}",
            "The same without a file, for `flit publish` alone. To install, use pip or uv.",
            publishes=True,
        ),
    )


def pipenv(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of pipenv.

    It escapes what it puts into the URL itself, so both parts come from the environment.
    """
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
        Snippet(TERMINAL, f"pipenv install {PROJECT}"),
    )
