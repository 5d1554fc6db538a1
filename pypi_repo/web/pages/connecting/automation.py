"""The settings of CI jobs and of container images."""

from pypi_repo.web.pages.connecting.connection import (
    PROJECT,
    TERMINAL,
    Connection,
    Snippet,
    pip_install,
)


def github(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of a workflow of GitHub Actions."""
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
            f"- run: pip install {PROJECT}\n  env:\n{trusting}"
            f"    PIP_INDEX_URL: {there.with_login(secret)}",
            note,
        ),
    )


def gitlab(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of a pipeline of GitLab."""
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
            + f"test:\n  image: python:3.13\n  script:\n    - pip install {PROJECT}\n"
            f"  variables:\n{trusting}    PIP_INDEX_URL: {there.with_login(secret)}",
            f"With {there.variable}_PASSWORD, the password or a token, as a masked variable of the "
            "project.",
        ),
    )


def docker(there: Connection) -> tuple[Snippet, ...]:
    """Returns the settings of a Dockerfile."""
    return (
        Snippet(
            "Dockerfile",
            "RUN --mount=type=secret,id=netrc,target=/root/.netrc \\\n"
            f"    {pip_install(there.index)} {PROJECT}",
            "The secret is a netrc file like the one above; it stays out of the image.",
        ),
        Snippet(TERMINAL, "docker build --secret id=netrc,src=$HOME/.netrc ."),
    )
