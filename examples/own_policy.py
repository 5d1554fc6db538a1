"""Rules of the site: who is logged in may read, and each team publishes the names that are its own.

Somebody in the team `data` publishes data-loader and data-frames, and nothing else. The built-in
rules stay for all others: administrators, and whoever is not logged in.
"""

from collections.abc import Mapping
from dataclasses import replace
from wsgiref.types import WSGIApplication, WSGIEnvironment

from pypi_repo import Actor, ActorKind, GrantPolicy, Permission, Registry, Repository, Settings
from pypi_repo import remote_user as who


class Teams(GrantPolicy):
    def allows(
        self, actor: Actor, permission: Permission, repo: Repository, project: str | None = None
    ) -> bool:
        if actor.kind is not ActorKind.USER:
            return super().allows(actor, permission, repo, project)
        if permission is Permission.UPLOAD:  # `project` is None for "anything at all?"
            return any(project is None or project.startswith(f"{t}-") for t in actor.groups)
        return permission is Permission.READ


def make_application(folder: str, teams: Mapping[str, frozenset[str]]) -> WSGIApplication:
    def authenticate(environ: WSGIEnvironment) -> Actor:
        actor = who(environ)
        return replace(actor, groups=teams.get(actor.name, frozenset()))

    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"), policy=Teams())
    return registry.wsgi_app(authenticate=authenticate)
