"""What every view works with: the request, who asks, and how to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor, ActorKind
from pypi_repo.domain.errors import PermissionDenied, RegistryError
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.notes import Note, Notes
from pypi_repo.web.app import path_info
from pypi_repo.web.pages.environment import environment
from pypi_repo.web.pages.static_files import static_version
from pypi_repo.web.problems import Refusal

if TYPE_CHECKING:
    from jinja2 import Environment

# What a page may say where no note can be left, as to whoever is signed out; never taken from the
# URL, which anybody can write.
NOTICES = {
    "invitation": "Your password is set. Sign in with it.",
    "password": "The password was changed. Sign in again.",
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "You are signed out everywhere. Sign in again.",
    "unyanked": "The yank was taken back: installers may choose the release again.",
    "yanked": "The release was yanked: installers leave it out unless it is asked for.",
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


@dataclass(kw_only=True)
class HtmlPage:
    """One request to an app with pages. Each app has its own kind, which knows more.

    session: None for a host's own authentication, and before anybody signed in.
    notes: where notes for the page after this one are left; None for an app that leaves none.
    error: why the form that was sent is shown again.
    refused: what is wrong with its fields, by their names.
    """

    LAYOUT: ClassVar[str] = "base.html"
    """The template that the pages of the app extend, with its navigation."""

    HOME: ClassVar[str] = "Go to the first page"
    """The title of the link to the root of the app."""

    STATIC: ClassVar[str] = "static"
    """The folder of the static files, below the root of the app."""

    request: Request
    actor: Actor
    session: Session | None = None
    notes: Notes | None = None
    error: str | None = None
    refused: dict[str, RegistryError] = field(default_factory=dict)

    @property
    def templates(self) -> "Environment":
        """The templates of all pages."""
        return environment()

    @property
    def is_signed_in(self) -> bool:
        """Whether the app knows who asks."""
        return self.actor.kind is not ActorKind.ANONYMOUS

    def check_form_token(self, given: str) -> None:
        """Raises PermissionDenied for a form that another site made up."""
        if self.session is not None and not self.session.has_form_token(given):
            raise PermissionDenied("This form is too old or not from here; open the page again.")

    def link(self, *segments: str, **query: Any) -> str:
        """Returns a relative URL of the app, which is right behind every mount and proxy."""
        path = self.path(*segments, **query)
        up = "../" * (path_info(self.request).count("/") - 1)
        return up + path if segments else (up or "./") + path

    def path(self, *segments: str, **query: Any) -> str:
        """Returns a URL relative to the root of the app, for a page that is not known yet."""
        path = "/".join(quote(segment, safe="+") for segment in segments)
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return path + (f"?{urlencode(given)}" if given else "")

    def static(self, name: str) -> str:
        """Returns the link to a static file, with its version."""
        return self.link(self.STATIC, name, v=static_version(name))

    def done(self, text: str, *segments: str, link: str = "", **query: Any) -> Note:
        """Makes a note that says what was done, with a link to a page of the app."""
        return Note(text=text, link=link, path=self.path(*segments, **query) if link else "")

    def sent(self, name: str) -> str:
        """Returns a field of the form, without the spaces that pasting brings along."""
        return self.request.form.get(name, "").strip()

    def asked(self, name: str) -> str:
        """Returns a parameter of the URL; an empty text if it is not there."""
        return self.request.args.get(name, "").strip()

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """Returns a page made from a template.

        template: the path of the template in the folder of templates.
        values: what the template shows, besides the page itself.
        """
        notice = NOTICES.get(self.asked("notice"))
        document = self.templates.get_template(template).render(
            page=self, link=self.link, notice=notice, note=self._note(), status=status, **values
        )
        return self.answer(Response(document, status, content_type="text/html; charset=utf-8"))

    def refuse(self, refusal: Refusal) -> Response:
        """Returns the page that says why a request is refused."""
        response = self.render("error.html", refusal.status, message=refusal.message)
        return refusal.sent_with(response)

    def redirect(self, *segments: str, note: Note | None = None, **query: Any) -> Response:
        """Returns a redirect to be followed with GET, so that reloading sends nothing twice.

        note: what the page it leads to shows once.
        """
        if note is not None and self.notes is not None:
            query["note"] = self.notes.leave(self._holder, note)
        response = Response(status=303)
        response.autocorrect_location_header = False
        response.headers["Location"] = self.link(*segments, **query)
        return self.answer(response)

    def answer(self, response: Response, headers: Mapping[str, str] = _SECURITY) -> Response:
        """Adds headers to a response, if it does not have them, and returns it.

        headers: by default, those that keep pages from caches, frames and foreign scripts.
        """
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    def _note(self) -> Note | None:
        key = self.asked("note")
        if self.notes is None or not key or self.request.method != "GET" or not self.is_signed_in:
            return None
        return self.notes.take(self._holder, key)

    @property
    def _holder(self) -> str:
        """Who may read a note: this session, or whom the host has signed in."""
        return self.session.form_token if self.session else self.actor.name
