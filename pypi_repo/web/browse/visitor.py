"""What the pages for readers know of who looks at them."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from pypi_repo.web import problems
from pypi_repo.web.browsers import is_navigation, sign_in_url, to_sign_in
from pypi_repo.web.pages.page import HtmlPage
from pypi_repo.web.problems import Refusal


@dataclass(kw_only=True)
class VisitorPage(HtmlPage):
    """One request of a visitor, who may be signed in or not.

    account: the URL at which users of the registry sign in, relative to the root of the app; None
        if they do not.
    """

    LAYOUT: ClassVar[str] = "browse/frame.html"
    STATIC: ClassVar[str] = "+static"

    account: str | None

    @property
    def title(self) -> str:
        """What all pages of the app are about."""
        return "Packages"

    @property
    def account_url(self) -> str | None:
        """The link to the own account of whoever is signed in."""
        return self.account and self.outer(self.account)

    @property
    def registry_url(self) -> str | None:
        """The link to the first page of the registry, beside whose apps the account is."""
        return self.account_url and f"{self.account_url}../"

    @property
    def sign_in_url(self) -> str | None:
        """The link to the sign-in form, which leads back to this page."""
        return self.account and sign_in_url(self.request, self.account)

    def outer(self, url: str) -> str:
        """Returns the link to another app, by its URL, which may be relative to the root."""
        parts = urlsplit(url)
        is_absolute = parts.scheme or parts.netloc or parts.path.startswith("/")
        return url if is_absolute else self.link() + url

    def refuse(self, refusal: Refusal) -> Response:
        """Returns a page for people, and for others what package clients understand."""
        asks_in_vain = refusal.status == 401 and is_navigation(self.request.environ)
        if asks_in_vain and self.account is not None:
            return to_sign_in(self.request, self.account)
        if "text/html" not in self.request.headers.get("Accept", ""):
            return problems.for_client(refusal, self.request)
        return super().refuse(refusal)
