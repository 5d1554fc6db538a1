"""Access rules of the site: logged-in users may read, and each team publishes its own projects.

Members of the team `data` can publish data-loader and data-frames, but no other projects. The
built-in rules apply to administrators and to clients that are not logged in.
"""

from collections.abc import Mapping
from wsgiref.types import WSGIApplication, WSGIEnvironment

from pypi_repo import ANONYMOUS, Actor, ActorKind, GrantPolicy, Permission, Registry, Settings
from pypi_repo import Repository as Repo


class Teams(GrantPolicy):
    def allows(
        self, actor: Actor, permission: Permission, repo: Repo, project: str | None = None
    ) -> bool:
        if actor.kind is not ActorKind.USER:
            return super().allows(actor, permission, repo, project)
        if permission is Permission.UPLOAD:  # `project` is None for "anything at all?"
            return any(project is None or project.startswith(f"{t}-") for t in actor.groups)
        return permission is Permission.READ


def make_application(folder: str, teams: Mapping[str, frozenset[str]]) -> WSGIApplication:
    def authenticate(environ: WSGIEnvironment) -> Actor:
        name = environ.get("REMOTE_USER")
        return Actor(name, groups=teams.get(name, frozenset())) if name else ANONYMOUS

    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"), policy=Teams())
    return registry.wsgi_app(authenticate=authenticate)
