"""The addresses of a registry that some server serves, as clients are told them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Addresses:
    """`url` is where the registry is mounted, without a last slash."""

    url: str
    user: str
    password: str

    def upload(self, repository: str = "main") -> str:
        return f"{self.url}/repositories/{repository}/"

    def index(self, repository: str = "main", *, user: str | None = None) -> str:
        """The simple index with credentials in it; those of `user`, who has the same password."""
        return with_credentials(
            f"{self.url}/repositories/{repository}/simple/", user or self.user, self.password
        )

    def anonymous_index(self, repository: str = "main") -> str:
        return f"{self.url}/repositories/{repository}/simple/"

    def target(self, repository: str = "main", *, user: str | None = None) -> tuple[str, str, str]:
        """URL, user and password: what the publishing clients are told."""
        return self.upload(repository), user or self.user, self.password


def with_credentials(url: str, user: str, password: str) -> str:
    """As pip and uv want them: inside the URL, percent-encoded."""
    parts = urlsplit(url)
    place = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return parts._replace(netloc=place).geturl()
