"""Clients log in with the accounts of the site instead of the registry's repository users."""

from collections.abc import Callable
from wsgiref.types import WSGIApplication, WSGIEnvironment

from pypi_repo import ANONYMOUS, Access, Actor, Grants, InvalidCredentials, Registry, Settings

Check = Callable[[str], tuple[str, bool] | None]  # Authorization header -> name, may publish


def make_application(folder: str, check: Check) -> WSGIApplication:
    def authenticate(environ: WSGIEnvironment) -> Actor:
        if "HTTP_AUTHORIZATION" not in environ:
            return ANONYMOUS
        account = check(environ["HTTP_AUTHORIZATION"])
        if account is None:
            raise InvalidCredentials("Wrong user name or password.")
        name, may_publish = account
        return Actor(name, grants=Grants(Access.WRITE if may_publish else Access.READ))

    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    return registry.wsgi_app(authenticate=authenticate)
