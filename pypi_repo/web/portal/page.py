"""What every view of the portal works with: the request, who asks, and how to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin

from jinja2 import Environment
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area, Permission
from pypi_repo.domain.errors import PermissionDenied, RegistryError
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.acting import Acting
from pypi_repo.services.notes import Note
from pypi_repo.web.app import path_info, root_url
from pypi_repo.web.problems import Refusal

if TYPE_CHECKING:
    from pypi_repo.registry import Registry

# What a page may say to whoever is signed out, for whom no note can be left; never taken from the
# URL, which anybody can write.
NOTICES = {
    "password": "The password was changed. Sign in again.",
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "You are signed out everywhere. Sign in again.",
}

NO_PAGE = "There is no such page; check the address."

_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass
class Page:
    """One request to the portal.

    session: None for a host's own authentication, and before anybody signed in.
    repositories_url: where the repositories are, relative to the portal's root.
    error: why the form that was sent is shown again.
    refused: what is wrong with its fields, by their names.
    """

    request: Request
    registry: "Registry"
    templates: Environment
    repositories_url: str
    actor: Actor
    session: Session | None = None
    error: str | None = None
    refused: dict[str, RegistryError] = field(default_factory=dict)
    _managed: frozenset[str] | None = None

    @cached_property
    def acting(self) -> Acting:
        """What whoever asks may see and change."""
        return self.registry.acting_as(self.actor)

    def may(self, area: str) -> bool:
        return Area(area) in self.actor.areas

    def manages(self, repository: str) -> bool:
        """Whether who asks may open the pages of this repository, and so whether to link to them.

        Also false for one that is gone.
        """
        if self._managed is None:
            managed = self.acting.repositories.all(Permission.MANAGE)
            self._managed = frozenset(found.name for found in managed)
        return repository in self._managed

    @property
    def own_areas(self) -> list[Area]:
        """What the administrator can give to others."""
        return [area for area in Area if area in self.actor.areas]

    def check_form_token(self, given: str) -> None:
        """Raises PermissionDenied for a form that another site made up."""
        if self.session is not None and not self.session.has_form_token(given):
            raise PermissionDenied("This form is too old or not from here; open the page again.")

    def link(self, *segments: str, **query: Any) -> str:
        """A relative URL of the portal: right behind every mount and proxy."""
        path = self.path(*segments, **query)
        up = "../" * (path_info(self.request).count("/") - 1)
        return up + path if segments else (up or "./") + path

    def path(self, *segments: str, **query: Any) -> str:
        """The same, below the portal's root; for a page that is not known yet."""
        path = "/".join(quote(segment, safe="") for segment in segments)
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return path + (f"?{urlencode(given)}" if given else "")

    def done(self, text: str, *segments: str, link: str = "", **query: Any) -> Note:
        """A sentence that says what was done, with a link to a page of the portal."""
        return Note(text=text, link=link, path=self.path(*segments, **query) if link else "")

    def repository_url(self, name: str) -> str:
        """The absolute URL of a repository, as the browser reached this deployment."""
        return urljoin(root_url(self.request), f"{self.repositories_url}{name}/")

    def sent(self, name: str) -> str:
        """A field of the form, without the spaces that pasting brings along."""
        return self.request.form.get(name, "").strip()

    def asked(self, name: str) -> str:
        """A parameter of the URL."""
        return self.request.args.get(name, "").strip()

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        notice = NOTICES.get(self.asked("notice"))
        document = self.templates.get_template(template).render(
            page=self, link=self.link, notice=notice, note=self._note(), status=status, **values
        )
        return self.answer(Response(document, status, content_type="text/html; charset=utf-8"))

    def refuse(self, refusal: Refusal) -> Response:
        response = self.render("error.html", refusal.status, message=refusal.message)
        return refusal.sent_with(response)

    def redirect(self, *segments: str, note: Note | None = None, **query: Any) -> Response:
        """To be followed with GET, so that reloading sends nothing twice.

        note: shown there, once.
        """
        if note is not None:
            query["note"] = self.registry.notes.leave(self._holder, note)
        response = Response(status=303)
        response.autocorrect_location_header = False
        response.headers["Location"] = self.link(*segments, **query)
        return self.answer(response)

    def answer(self, response: Response, headers: Mapping[str, str] = _SECURITY) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    def _note(self) -> Note | None:
        key = self.asked("note")
        is_read = self.request.method == "GET" and self.actor.kind is ActorKind.ADMINISTRATOR
        return self.registry.notes.take(self._holder, key) if key and is_read else None

    @property
    def _holder(self) -> str:
        """Who may read a note: this session, or whom the host has signed in."""
        return self.session.form_token if self.session else self.actor.name
