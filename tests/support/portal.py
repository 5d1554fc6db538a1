"""A browser without a window: keeps the session's cookie, and sends forms as pages hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import urljoin

from werkzeug.test import Client, TestResponse

from pypi_repo import Registry
from tests.support.distributions import Distribution

_FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


class PortalClient:
    """Speaks WSGI to the portal below `/portal/` of a registry."""

    ROOT: ClassVar[str] = "/portal/"

    def __init__(self, registry: Registry) -> None:
        self.client = Client(registry.wsgi_app())
        self.form_token = ""

    def sign_in(self, name: str, password: str) -> TestResponse:
        response = self.post("sign-in", name=name, password=password)
        if response.status_code == 303:
            found = _FORM_TOKEN.search(self.get("").text)
            assert found is not None
            self.form_token = found[1]
        return response

    def get(self, path: str, **how: Any) -> TestResponse:
        return self.client.get(f"{self.ROOT}{path}", **how)

    def post(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> TestResponse:
        """Sends a form with the session's token; `fields` with several values are lists."""
        return self.client.post(
            f"{self.ROOT}{path}", data={"form_token": self.form_token, **fields}, headers=headers
        )

    def upload(self, *files: Distribution, **how: Any) -> TestResponse:
        """Sends files to the repository `main`, as the form for uploads does without a script."""
        content = [(BytesIO(file.content), file.filename) for file in files]
        fields = {"form_token": self.form_token, "content": content}
        return self.client.post(f"{self.ROOT}repositories/main/upload", data=fields, **how)

    def send(self, path: str, **fields: Any) -> TestResponse:
        """Sends a form as `post` does, and gives the page to which that leads."""
        return self.follow(path, self.post(path, **fields))

    def follow(self, path: str, response: TestResponse) -> TestResponse:
        """The page to which the answer to a form at `path` redirects."""
        assert response.status_code == 303, text_of(response)
        return self.client.get(urljoin(f"{self.ROOT}{path}", response.headers["Location"]))


class AccountClient(PortalClient):
    """The same for the pages of repository users, below `/account/`."""

    ROOT = "/account/"


def text_of(response: TestResponse) -> str:
    """The words of a page, as people read them."""
    without_tags = re.sub(r"<[^>]*>", " ", response.text)
    return " ".join(unescape(without_tags).split())


def warnings_of(response: TestResponse) -> list[str]:
    """What a page says of things that are allowed, and probably a mistake."""
    return [
        unescape(each) for each in re.findall(r'<p class="message warm">([^<]*)<', response.text)
    ]


def refusal_of(response: TestResponse) -> str:
    """Why something is not possible: the sentence above a form, and those at its fields."""
    found = re.findall(r'(?:role="alert"|class="refused"[^>]*)>([^<]*)<', response.text)
    assert found, text_of(response)
    return " ".join(unescape(sentence) for sentence in found)


def refused_fields(response: TestResponse) -> dict[str, str]:
    """By field; each is also linked to from above the form."""
    at_fields = re.findall(r'class="refused" id="([^"]*)-refused">([^<]*)<', response.text)
    above = re.findall(r'<li><a href="#([^"]*)">([^<]*)</a></li>', response.text)
    assert at_fields == above
    for name, _sentence in at_fields:
        assert re.search(
            rf'id="{name}"[^>]* aria-invalid="true" aria-describedby="{name}-refused', response.text
        )
    return {name: unescape(sentence) for name, sentence in at_fields}
