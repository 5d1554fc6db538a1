"""The lines that a page of the portal offers for a CI."""

import re
import shlex
from typing import Any

import pytest
import yaml

from pypi_repo.domain.identity.ci_job import PUBLISHER_KINDS, PublisherKind
from pypi_repo.domain.identity.ci_lines import ci_lines
from pypi_repo.domain.identity.publisher import USUAL_ISSUERS, May, PublisherSettings

URL = "https://packages.example.com/pypi/repositories/main/"
ODD = 'it\'s: "ours" & $HOME'


def lines(kind: PublisherKind, may: May, audience: str = "pypi-repo", issuer: str = "") -> str:
    publisher = PublisherSettings(kind=kind, may=may, issuer=issuer or USUAL_ISSUERS.get(kind, ""))
    return ci_lines(publisher, URL, audience)


@pytest.mark.parametrize("kind", PUBLISHER_KINDS)
def test_each_provider_has_lines_with_the_urls_of_the_repository(kind: PublisherKind) -> None:
    assert f"--publish-url {URL}" in lines(kind, "upload")
    reading = lines(kind, "read")
    assert 'export PIP_INDEX_URL="https://__token__:$' in reading
    assert '@packages.example.com/pypi/repositories/main/simple/"\n' in reading
    assert "pip install PROJECT\n" in reading


@pytest.mark.parametrize("may", ["upload", "read"])
@pytest.mark.parametrize("audience", ["pypi-repo", ODD])
def test_what_goes_into_a_file_is_yaml(may: May, audience: str) -> None:
    github: dict[str, Any] = yaml.safe_load(lines("github", may, audience))
    assert github["permissions"] == {"contents": "read", "id-token": "write"}
    assert all(isinstance(step["run"], str) for step in github["steps"])
    gitlab: dict[str, Any] = yaml.safe_load(lines("gitlab", may, audience))
    ((name, token),) = gitlab["id_tokens"].items()
    assert token == {"aud": audience}
    assert name.isidentifier()
    assert all(isinstance(line, str) for line in gitlab["script"])
    if may == "read":
        assert f"${name}@" in gitlab["script"][0]


@pytest.mark.parametrize("kind", ["google", "buildkite", "circleci"])
def test_an_audience_is_one_word_of_a_command(kind: PublisherKind) -> None:
    command = lines(kind, "read", ODD).splitlines()[0].removeprefix("ID_TOKEN=$(").rstrip(")")
    *_before, last = shlex.split(command)
    assert ODD in last or yaml.safe_load(last) == {"aud": ODD}


def test_only_a_token_of_the_root_of_circleci_is_what_uv_asks_for() -> None:
    assert "--trusted-publishing" in lines("circleci", "upload")
    other = lines("circleci", "upload", issuer="https://oidc.circleci.com/org/1-2")
    assert "--root-issuer" not in other
    assert 'export UV_PUBLISH_TOKEN="$ID_TOKEN"' in other


@pytest.mark.parametrize("may", ["upload", "read"])
@pytest.mark.parametrize("kind", PUBLISHER_KINDS)
def test_no_command_has_a_token_in_its_arguments(kind: PublisherKind, may: May) -> None:
    """All processes of a machine see them."""
    commands = re.findall(r"^.*(?:pip install|uv publish) .*$", lines(kind, may), re.MULTILINE)
    assert commands
    assert not [command for command in commands if "TOKEN" in command]
