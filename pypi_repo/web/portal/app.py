"""PortalApp: the administration portal, a thin face of the services."""

from typing import TYPE_CHECKING, ClassVar

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.web import problems
from pypi_repo.web.app import path_info
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.pages.app import PagesApp, Route
from pypi_repo.web.pages.page import NO_PAGE
from pypi_repo.web.portal import activity, chores, overview, webhooks
from pypi_repo.web.portal.accounts import (
    account,
    administrators,
    groups,
    identity_providers,
    publishers,
    sign_in,
    users,
)
from pypi_repo.web.portal.lifecycle import promotion, retention, stages, trash
from pypi_repo.web.portal.packages import (
    browse,
    changes,
    connect,
    downloads,
    project,
    repositories,
    uploads,
)
from pypi_repo.web.portal.page import PortalPage
from pypi_repo.web.portal.upstreams import origin, rules, sources, upstreams

if TYPE_CHECKING:
    from pypi_repo.registry import Registry

ROUTES = (
    Route("/", overview.show),
    Route("/sign-in", sign_in.show, sign_in.sign_in, public=True),
    Route("/sign-in/<provider>", sign_in.begin_elsewhere, public=True),
    Route("/sign-in/<provider>/callback", sign_in.finish_elsewhere, public=True),
    Route("/sign-out", None, sign_in.sign_out),
    Route("/account", account.show, account.change_password),
    Route("/sign-out-everywhere", None, account.sign_out_everywhere),
    Route("/account/tokens", account.show, account.create_token),
    Route("/account/tokens/<int:token_id>/revoke", None, account.revoke_token),
    Route("/repositories", repositories.show_all),
    Route("/new-repository", repositories.show_new, repositories.create),
    Route("/repositories/<repository>", browse.show_projects, changes.change_projects),
    Route("/repositories/<repository>/connect", connect.show),
    Route("/repositories/<repository>/connect/token", connect.show, connect.create_token),
    Route("/repositories/<repository>/settings", repositories.show_settings, repositories.change),
    Route("/repositories/<repository>/delete", repositories.show_settings, repositories.delete),
    Route("/repositories/<repository>/look-up", browse.look_up),
    Route("/repositories/<repository>/sources", sources.show, sources.change),
    Route("/repositories/<repository>/rules", rules.show, rules.add),
    Route("/repositories/<repository>/audit", origin.show_audit),
    Route("/repositories/<repository>/rules/<int:rule_id>/delete", None, rules.delete),
    Route("/repositories/<repository>/retention", retention.show, retention.add),
    Route(
        "/repositories/<repository>/retention/preview", retention.show_preview, retention.preview
    ),
    Route("/repositories/<repository>/retention/run", None, retention.run),
    Route("/repositories/<repository>/retention/<int:rule_id>/delete", None, retention.delete),
    Route("/repositories/<repository>/trash", trash.show, trash.change),
    Route("/repositories/<repository>/stages", stages.show_all, stages.open_),
    Route("/repositories/<repository>/stages/<stage>", stages.show),
    Route("/repositories/<repository>/stages/<stage>/publish", stages.show, stages.publish),
    Route("/repositories/<repository>/stages/<stage>/drop", stages.show, stages.drop),
    Route("/repositories/<repository>/upload", uploads.show, uploads.upload, streams=True),
    Route("/repositories/<repository>/projects/<project>", project.show),
    Route("/repositories/<repository>/projects/<project>/readme", project.show_readme),
    Route(
        "/repositories/<repository>/projects/<project>/releases",
        project.show_releases,
        changes.change_files,
    ),
    Route(
        "/repositories/<repository>/projects/<project>/files",
        project.show_files,
        changes.change_files,
    ),
    Route(
        "/repositories/<repository>/projects/<project>/manage",
        project.show_management,
        changes.set_status,
    ),
    Route(
        "/repositories/<repository>/projects/<project>/delete",
        project.show_management,
        changes.delete_project,
    ),
    Route(
        "/repositories/<repository>/projects/<project>/promote", promotion.show, promotion.promote
    ),
    Route("/repositories/<repository>/projects/<project>/origin", origin.show),
    Route("/repositories/<repository>/projects/<project>/downloads", downloads.show),
    Route("/repositories/<repository>/files/<path:path>", browse.download),
    Route("/upstreams", upstreams.show_all),
    Route("/new-upstream", upstreams.show_new, upstreams.create),
    Route("/upstreams/<upstream>", upstreams.show, upstreams.change),
    Route("/upstreams/<upstream>/check", upstreams.show, upstreams.check),
    Route("/upstreams/<upstream>/delete", upstreams.show_deletion, upstreams.delete),
    Route("/webhooks", webhooks.show_all),
    Route("/new-webhook", webhooks.show_new, webhooks.create),
    Route("/webhooks/<webhook>", webhooks.show, webhooks.change),
    Route("/webhooks/<webhook>/test", webhooks.show, webhooks.test),
    Route("/webhooks/<webhook>/delete", None, webhooks.delete),
    Route("/webhooks/<webhook>/deliveries/<int:delivery_id>/redeliver", None, webhooks.redeliver),
    Route("/users", users.show_all),
    Route("/new-user", users.show_new, users.create),
    Route("/users/<name>", users.show, users.change),
    Route("/users/<name>/password", users.show, users.set_password),
    Route("/users/<name>/invitation", users.show, users.invite),
    Route("/users/<name>/tokens", users.show, users.create_token),
    Route("/users/<name>/tokens/<int:token_id>/revoke", None, users.revoke_token),
    Route("/users/<name>/delete", users.show_deletion, users.delete),
    Route("/users/<name>/groups", users.show, groups.set_groups),
    Route("/groups", groups.show_all),
    Route("/new-group", groups.show_new, groups.create),
    Route("/groups/<name>", groups.show, groups.change),
    Route("/groups/<name>/members", groups.show, groups.add_members),
    Route("/groups/<name>/members/<user>/remove", None, groups.remove_member),
    Route("/groups/<name>/delete", None, groups.delete),
    Route("/administrators", administrators.show_all),
    Route("/new-administrator", administrators.show_new, administrators.create),
    Route("/administrators/<name>", administrators.show, administrators.change),
    Route("/administrators/<name>/password", administrators.show, administrators.set_password),
    Route("/administrators/<name>/delete", administrators.show_deletion, administrators.delete),
    Route("/identity-providers", identity_providers.show_all),
    Route("/new-identity-provider", identity_providers.show_new, identity_providers.create),
    Route("/identity-providers/<provider>", identity_providers.show, identity_providers.change),
    Route(
        "/identity-providers/<provider>/check", identity_providers.show, identity_providers.check
    ),
    Route("/identity-providers/<provider>/link", identity_providers.show, identity_providers.link),
    Route("/identity-providers/<provider>/unlink", None, identity_providers.unlink),
    Route("/identity-providers/<provider>/delete", None, identity_providers.delete),
    Route("/publishers", publishers.show_all),
    Route("/new-publisher", publishers.show_new, publishers.create),
    Route("/publishers/<publisher>", publishers.show, publishers.change),
    Route("/publishers/<publisher>/check", publishers.show, publishers.check),
    Route("/publishers/<publisher>/delete", None, publishers.delete),
    Route("/chores", chores.show),
    Route("/activity", activity.show),
    Route("/activity.csv", activity.export),
)


class PortalApp(PagesApp[PortalPage]):
    """Serves the portal, the web pages on which administrators manage a registry.

    registry: the registry to manage.
    repositories_url: the URL of the repositories, relative to the mount point of this app.
    account_url: the URL of the `AccountApp`, relative to the mount point of this app. Without it,
        nobody is invited, because an invitation leads there.
    authenticate: a function that returns the actor of a request, for a host that signs
        administrators in itself. For an administrator it returns
        `Actor("name", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)`. By default, the
        administrators of the registry sign in on a page of the portal.
    """

    _ROUTES: ClassVar = ROUTES

    def __init__(
        self,
        registry: "Registry",
        *,
        repositories_url: str = "../repositories/",
        account_url: str | None = None,
        authenticate: Authenticate | None = None,
    ) -> None:
        # By default, administrators sign in on a page, and no header would help.
        super().__init__(authenticate, challenge=problems.BASIC if authenticate else None)
        self._registry = registry
        self._repositories_url = repositories_url
        self._account_url = account_url
        self._own_sessions = authenticate is None

    def _page(self, request: Request, actor: Actor) -> PortalPage:
        return PortalPage(
            request=request,
            actor=actor,
            notes=self._registry.notes,
            registry=self._registry,
            repositories_url=self._repositories_url,
            account_url=self._account_url,
        )

    def _session(self, request: Request) -> Session | None:
        secret = request.cookies.get(sign_in.COOKIE, "")
        return self._registry.sessions.find(secret) if self._own_sessions and secret else None

    def _instead(self, page: PortalPage, route: Route) -> Response | None:
        if route.public and not self._own_sessions:
            raise NotFound(NO_PAGE)  # the host has its own way to sign in
        if page.is_signed_in or route.public:
            return None
        if self._own_sessions:
            return _to_sign_in(page)
        raise PermissionDenied("Only administrators may use the portal.")


def _to_sign_in(page: PortalPage) -> Response:
    wanted = path_info(page.request).strip("/")
    return page.redirect("sign-in", next=wanted if page.request.method == "GET" else None)
