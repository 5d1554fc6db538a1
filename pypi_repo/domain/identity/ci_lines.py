"""The lines for the CI with which the jobs of a publisher upload or read, ready to paste."""

import json
import shlex
from urllib.parse import quote

from pypi_repo.domain.identity.publisher import USUAL_ISSUERS, PublisherSettings

_GITHUB = """\
permissions:
  contents: read
  id-token: write
"""


def ci_lines(publisher: PublisherSettings, url: str, audience: str) -> str:
    """Returns lines for the file that describes a job, or for its script.

    No token is in the arguments of a command, which all processes of a machine can see.

    url: where the repository is, absolute, with its last slash.
    audience: for whom the provider must make the token.
    """
    if publisher.may == "read":
        return _reading(publisher, url, audience)
    exchanging = f"uv publish --trusted-publishing always --publish-url {url}\n"
    match publisher.kind:
        case "github":
            return f"{_GITHUB}steps:\n  - run: uv build\n  - run: {exchanging}"
        case "gitlab":
            return f"{_gitlab(audience)}script:\n  - uv build\n  - {exchanging}"
        case "buildkite" | "circleci" if publisher.issuer == USUAL_ISSUERS[publisher.kind]:
            return f"uv build\n{exchanging}"
    token = f'{_token(publisher, audience)}export UV_PUBLISH_TOKEN="$ID_TOKEN"\n'
    return f"{token}uv publish --publish-url {url}\n"


def _reading(publisher: PublisherSettings, url: str, audience: str) -> str:
    scheme, _slashes, rest = url.partition("://")
    index = f"{scheme}://__token__:$ID_TOKEN@{rest}simple/"
    index_url, install = f'export PIP_INDEX_URL="{index}"\n', "pip install PROJECT\n"
    match publisher.kind:
        case "github":
            script = _token(publisher, audience) + index_url + install
            return f"{_GITHUB}steps:\n  - run: |\n{_indented(script)}"
        case "gitlab":
            own = index_url.replace("$ID_TOKEN", f"${_gitlab_variable(audience)}")
            return f"{_gitlab(audience)}script:\n  - {own}  - {install}"
    return f"{_token(publisher, audience)}{index_url}{install}"


def _token(publisher: PublisherSettings, audience: str) -> str:
    """Lines that put a token of the job into `ID_TOKEN`."""
    word = shlex.quote(audience)
    match publisher.kind:
        case "github":
            return (
                'ID_TOKEN=$(curl -sf -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" '
                f'"$ACTIONS_ID_TOKEN_REQUEST_URL&audience={quote(audience)}" | jq -r .value)\n'
            )
        case "google":
            return f"ID_TOKEN=$(gcloud auth print-identity-token --audiences={word})\n"
        case "buildkite":
            return f"ID_TOKEN=$(buildkite-agent oidc request-token --audience {word})\n"
        case "circleci":
            root = "--root-issuer " if publisher.issuer == USUAL_ISSUERS["circleci"] else ""
            claims = shlex.quote(json.dumps({"aud": audience}))
            return f"ID_TOKEN=$(circleci run oidc get {root}--claims {claims})\n"
    return f"# ID_TOKEN: the token of the job, made for the audience {audience}\n"


def _gitlab(audience: str) -> str:
    return f"id_tokens:\n  {_gitlab_variable(audience)}:\n    aud: {json.dumps(audience)}\n"


def _gitlab_variable(audience: str) -> str:
    """The name under which uv and pdm look for the token."""
    return "".join(each.upper() if each.isalnum() else "_" for each in audience) + "_ID_TOKEN"


def _indented(lines: str) -> str:
    return "".join(f"      {line}" for line in lines.splitlines(keepends=True))
