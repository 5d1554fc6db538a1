"""How to connect package clients to a repository: the lines to paste, tool by tool."""

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.names import TOKEN_USERNAME, account_name
from pypi_repo.services.notes import Note
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.connecting.connection import PASSWORD
from pypi_repo.web.pages.connection_settings import connection_settings
from pypi_repo.web.portal.accounts.users import new_token
from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage, repository: str) -> Response:
    """Shows every administrator how to connect, as a help desk tells users how to."""
    found = page.acting.repositories.get(repository, Permission.AUDIT)
    asked = page.sent("user") or page.asked("user")
    user = forms.read(page, "user", lambda: _client_user(asked)) or ""
    url = page.repository_url(repository)
    settings = connection_settings(repository, url, user or "YOUR-USER")
    tools = {tool.anchor: tool for tool in settings}
    users = page.acting.rights.in_repository(found.name) if page.may("users") else {}
    return page.render(
        "portal/repository_connect.html",
        400 if "user" in page.refused else 200,
        repository=found,
        tools=list(tools.values()),
        tool=tools.get(page.sent("tool") or page.asked("tool"), next(iter(tools.values()))),
        user=user,
        users=users,
        access=users.get(user),
        placeholder=PASSWORD,
    )


def create_token(page: PortalPage, repository: str) -> Response:
    """Creates a token for this repository alone, which the next page shows once, to paste."""
    found = page.acting.repositories.get(repository, Permission.AUDIT)
    user = page.sent("user")
    secret = new_token(page, user, found.name)
    note = Note(
        text=f"The new token of {user} for {found.name}",
        secret=secret,
        hint="The lines below have it in the place of the password, with the user name __token__.",
    )
    tool = page.sent("tool")
    here = ("repositories", found.name, "connect")
    return page.redirect(*here, user=TOKEN_USERNAME, tool=tool, note=note)


def _client_user(asked: str) -> str:
    """Who goes into lines to paste: no text that somebody hid in a link.

    Raises InvalidName.
    """
    return asked if asked in ("", TOKEN_USERNAME) else account_name(asked)
