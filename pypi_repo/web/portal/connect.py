"""How to connect package clients to a repository: the lines to paste, tool by tool."""

from werkzeug.wrappers import Response

from pypi_repo.domain.access import Access
from pypi_repo.domain.accounts import User
from pypi_repo.domain.names import TOKEN_USERNAME, account_name
from pypi_repo.web.portal.connecting import connection_settings
from pypi_repo.web.portal.page import Page


def show(page: Page, repository: str) -> Response:
    """For every administrator: a help desk that manages users tells them how to connect."""
    found = page.registry.repositories.look_up(repository, actor=page.actor)
    user = _client_user(page.asked("user"))
    url = page.repository_url(repository)
    settings = connection_settings(repository, url, user or "YOUR-USER")
    tools = {tool.anchor: tool for tool in settings}
    users = _users_of(page, repository)
    return page.render(
        "repository_connect.html",
        repository=found,
        tools=list(tools.values()),
        tool=tools.get(page.asked("tool"), next(iter(tools.values()))),
        user=user,
        users=users,
        access=users.get(user),
    )


def _users_of(page: Page, repository: str) -> dict[str, Access]:
    """What each repository user may do here; empty where who asks does not manage users."""
    if not page.may("users"):
        return {}
    users = page.registry.accounts.users(actor=page.actor)
    return {user.name: _access(user, repository) for user in users}


def _access(user: User, repository: str) -> Access:
    return Access.NONE if user.disabled else user.grants.on(repository)


def _client_user(asked: str) -> str:
    """Who goes into lines to paste: no text that somebody hid in a link.

    Raises InvalidName.
    """
    return asked if asked in ("", TOKEN_USERNAME) else account_name(asked)
