"""A repository user's own account: rights, tokens, sessions, password."""

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.rights import OwnRights
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import TOKEN_USERNAME
from pypi_repo.services.notes import Note
from pypi_repo.web.account.page import AccountPage
from pypi_repo.web.account.sign_in import forget
from pypi_repo.web.account.user_agents import in_words
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.connecting.connection import PASSWORD
from pypi_repo.web.pages.connection_settings import Section, connection_settings

_TOOLS = ("twine", "pip", "uv")


def show(page: AccountPage) -> Response:
    rights = page.own.rights()
    shown = _shown(page, rights)
    return page.render(
        "account/account.html",
        rights=rights,
        repositories=[each.repository for each in rights],
        tokens=page.own.tokens(),
        sessions=[(each, in_words(each.browser)) for each in page.own.sessions()],
        has_password=page.own.has_password(),
        shown="" if shown is None else shown.repository,
        tools=_tools(page, shown),
        placeholder=PASSWORD,
    )


def create_token(page: AccountPage) -> Response:
    """Creates a token. The next page shows it once, and lines to paste that hold it."""
    name = forms.line(page, "token_name")
    expires_in = forms.days(page, "expires_in")
    forms.settle(page)
    repository = page.sent("repository")
    with forms.blaming(page, "projects", InvalidSetting):
        _token, secret = page.own.create_token(
            name=name,
            repository=repository or None,
            projects=page.sent("projects").replace(",", " ").split(),
            read_only=bool(page.sent("read_only")),
            expires_in=expires_in,
        )
    note = Note(
        text="Your new token",
        secret=secret,
        hint="Use it as the password, with the user name __token__.",
    )
    return page.redirect(repository=repository, note=note)


def revoke_token(page: AccountPage, token_id: int) -> Response:
    token = page.own.revoke_token(token_id)
    note = page.done(f"Revoked the token “{token.name}”; it is refused from now on.")
    return page.redirect(note=note)


def end_session(page: AccountPage, session_id: int) -> Response:
    page.own.end_session(session_id)
    return page.redirect(note=page.done("You are signed out there."))


def change_password(page: AccountPage) -> Response:
    """Ends all sessions, this one too: whoever knew the old password is out."""
    current = page.request.form.get("current", "")
    forms.read(page, "current", lambda: page.own.check_password(current, page.address))
    password = forms.password(page, again="again")
    forms.settle(page)
    page.own.change_password(current, password, page.address)
    return forget(page, page.redirect("sign-in", notice="password"))


def _shown(page: AccountPage, rights: list[OwnRights]) -> OwnRights | None:
    """The repository to which the lines with a new token lead: the token's, or the first one."""
    asked = page.asked("repository")
    return next((each for each in rights if asked in ("", each.repository)), None)


def _tools(page: AccountPage, shown: OwnRights | None) -> list[Section]:
    if shown is None:
        return []
    name = shown.repository
    sections = connection_settings(
        name, page.repository_url(name), TOKEN_USERNAME, publishes=shown.may_upload
    )
    return [section for section in sections if section.anchor in _TOOLS]
