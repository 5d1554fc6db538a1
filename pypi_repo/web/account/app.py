"""AccountApp: the pages on which repository users sign in and manage their own account."""

from typing import TYPE_CHECKING, ClassVar

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.web.account import account, invitation, sign_in
from pypi_repo.web.account.page import AccountPage
from pypi_repo.web.authenticate import session_of
from pypi_repo.web.pages.app import PagesApp, Route

if TYPE_CHECKING:
    from pypi_repo.registry import Registry

ROUTES = (
    Route("/", account.show),
    Route("/sign-in", sign_in.show, sign_in.sign_in, public=True),
    Route("/sign-in/<provider>", sign_in.begin_elsewhere, public=True),
    Route("/sign-in/<provider>/callback", sign_in.finish_elsewhere, public=True),
    Route("/sign-out", None, sign_in.sign_out),
    Route("/sign-out-everywhere", None, sign_in.sign_out_everywhere),
    Route("/password", account.show, account.change_password),
    Route("/tokens", account.show, account.create_token),
    Route("/tokens/<int:token_id>/revoke", None, account.revoke_token),
    Route("/sessions/<int:session_id>/end", None, account.end_session),
    Route("/invitation/<secret>", invitation.show, invitation.accept, public=True),
)


class AccountApp(PagesApp[AccountPage]):
    """Serves the pages on which repository users sign in and manage their own account.

    They show what the user may do, and its tokens and sessions. Only a session that a user began
    here opens them: a password or a token in a header does not, because a token must not create
    other tokens.

    registry: the registry with the accounts.
    repositories_url: the URL of the repositories, relative to the mount point of this app. The
        cookie of a user is for everything beside this app, so it must be mounted beside them.
    """

    _ROUTES: ClassVar = ROUTES

    def __init__(self, registry: "Registry", *, repositories_url: str = "../repositories/") -> None:
        super().__init__(challenge=None)
        self._registry = registry
        self._repositories_url = repositories_url

    def _page(self, request: Request, actor: Actor) -> AccountPage:
        return AccountPage(
            request=request,
            actor=actor,
            notes=self._registry.notes,
            registry=self._registry,
            repositories_url=self._repositories_url,
        )

    def _session(self, request: Request) -> Session | None:
        return session_of(request.environ, self._registry.user_sessions)

    def _instead(self, page: AccountPage, route: Route) -> Response | None:
        if page.is_signed_in or route.public:
            return None
        return page.redirect("sign-in")
