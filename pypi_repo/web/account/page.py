"""What every view of the account's pages works with."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl, quote, urlencode, urljoin

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import ActorKind
from pypi_repo.services.people.own_account import OwnAccount
from pypi_repo.web.app import root_url
from pypi_repo.web.pages.page import HtmlPage

if TYPE_CHECKING:
    from pypi_repo.registry import Registry


@dataclass(kw_only=True)
class AccountPage(HtmlPage):
    """One request to the pages of a repository user's own account.

    repositories_url: where the repositories are, relative to the app's root.
    """

    LAYOUT: ClassVar[str] = "account/base.html"
    HOME: ClassVar[str] = "Go to your account"

    registry: "Registry"
    repositories_url: str

    @property
    def is_signed_in(self) -> bool:
        return self.session is not None and self.actor.kind is ActorKind.USER

    @cached_property
    def own(self) -> OwnAccount:
        """The account of whoever is signed in."""
        assert self.session is not None  # noqa: S101 - or the page would not be shown
        return self.registry.own_account(self.session)

    @property
    def address(self) -> str:
        """Where the request comes from."""
        address: str = self.request.environ.get("REMOTE_ADDR", "")
        return address

    @property
    def browser(self) -> str:
        """What the browser says of itself."""
        return self.request.headers.get("User-Agent", "")

    def repository_link(self, name: str) -> str:
        """Returns the relative link to a repository."""
        return f"{self.link()}{self.repositories_url}{quote(name)}/"

    def repository_url(self, name: str) -> str:
        """Returns the absolute URL of a repository, as the browser reached this deployment."""
        return urljoin(root_url(self.request), f"{self.repositories_url}{name}/")

    def to_wanted(self) -> Response:
        """Leads to the page of the registry that was asked for before, or to the account."""
        response = self.redirect()
        wanted = _inside(self.asked("next"))
        if wanted:
            response.headers["Location"] = f"{self.link()}../{wanted}"
        return response


def _inside(wanted: str) -> str:
    """Returns a path below the root of the registry; empty for what leads elsewhere.

    Every part is quoted again and follows `../`, so that neither a scheme nor a host nor a way up
    can be smuggled in.
    """
    path, _question, query = wanted.partition("?")
    segments = path.split("/")
    if not all(segments[:-1]) or {".", ".."} & set(segments) or not wanted.isprintable():
        return ""
    quoted = "/".join(quote(segment, safe="") for segment in segments)
    return quoted + (f"?{urlencode(parse_qsl(query))}" if query else "")
