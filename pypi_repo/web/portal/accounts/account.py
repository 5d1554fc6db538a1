"""An administrator's own account: password, sessions, tokens."""

from datetime import timedelta

from werkzeug.wrappers import Response

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.services.notes import Note
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.accounts.sign_in import forget
from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage) -> Response:
    tokens = page.acting.administrators.tokens(page.actor.name)
    return page.render("portal/account.html", tokens=tokens, areas=page.own_areas)


def change_password(page: PortalPage) -> Response:
    """Ends all sessions, this one too: whoever knew the old password is out."""
    address = page.request.environ.get("REMOTE_ADDR", "")
    current = page.request.form.get("current", "")
    sessions = page.registry.sessions
    forms.read(page, "current", lambda: sessions.check_password(page.actor, current, address))
    password = forms.password(page, again="again")
    forms.settle(page)
    page.acting.administrators.set_password(page.actor.name, password)
    return forget(page, page.redirect("sign-in", notice="password"))


def sign_out_everywhere(page: PortalPage) -> Response:
    page.registry.sessions.sign_out_everywhere(page.actor)
    return forget(page, page.redirect("sign-in", notice="signed-out-everywhere"))


def create_token(page: PortalPage) -> Response:
    """Creates a token, whose secret the next page shows once: it is nowhere else."""
    name = forms.line(page, "name")
    expires_in = forms.days(page, "expires_in")
    forms.settle(page)
    areas = forms.areas(page)
    with forms.blaming(page, "expires_in", InvalidSetting):
        _token, secret = page.acting.administrators.create_token(
            page.actor.name,
            name=name,
            areas=areas,
            read_only=bool(page.sent("read_only")),
            expires_in=expires_in or timedelta(days=90),
        )
    note = Note(
        text="The new token",
        secret=secret,
        hint="Send it to the management API as “Authorization: Bearer …”.",
    )
    return page.redirect("account", note=note)


def revoke_token(page: PortalPage, token_id: int) -> Response:
    token = page.acting.administrators.revoke_token(token_id)
    note = page.done(f"Revoked the token “{token.name}”; it is refused from now on.")
    if token.administrator == page.actor.name:
        return page.redirect("account", note=note)
    return page.redirect("administrators", token.administrator, note=note)
