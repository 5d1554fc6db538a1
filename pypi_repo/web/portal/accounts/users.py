"""Repository users: their access and tokens."""

import re
import secrets

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.errors import MailFailed, UnknownGroup
from pypi_repo.domain.accounts.invitations import invitation_mail
from pypi_repo.domain.errors import InvalidSetting, NameTaken, NotFound
from pypi_repo.domain.names import account_name
from pypi_repo.domain.patterns import name_pattern
from pypi_repo.services.notes import Note
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.listing import Listing
from pypi_repo.web.portal.accounts.access_form import blaming_names, read_grants, repository_names
from pypi_repo.web.portal.page import PortalPage

_SORTS = ("name", "created", "used")


def show_all(page: PortalPage) -> Response:
    listing = Listing(page, ("users",), _SORTS)
    users = page.acting.accounts.page(listing.request)
    return page.render("portal/users.html", listing=listing, users=users)


def show_new(page: PortalPage) -> Response:
    return page.render(
        "portal/user_new.html", repositories=repository_names(page), groups=page.acting.groups.all()
    )


def create(page: PortalPage) -> Response:
    """Creates a user. A generated password or a link is on the next page, and nowhere else."""
    forms.read(page, "name", lambda: account_name(page.sent("name")))
    invites = page.sent("do") == "invite" and page.account_url is not None
    chosen = "" if invites else _chosen_password(page)
    password = None if invites else chosen or secrets.token_urlsafe(18)
    grants = read_grants(page)
    forms.settle(page)
    with (
        forms.blaming(page, "name", NameTaken),
        forms.blaming(page, "groups", UnknownGroup),
        blaming_names(page, "projects"),
    ):
        page.acting.accounts.create_user(
            page.sent("name"),
            password,
            everywhere=grants.everywhere,
            named=grants.named,
            patterns=grants.patterns,
            groups=page.request.form.getlist("groups"),
        )
    name = page.sent("name").lower()
    if password is None:
        note = _invited(page, name)
    elif chosen:
        note = page.done(f"Created the repository user {name}.")
    else:
        note = _made(name, password)
    return page.redirect("users", name, note=note)


def show(page: PortalPage, name: str) -> Response:
    user, repositories = page.acting.accounts.user(name), repository_names(page)
    asked = page.asked("why")  # as in `?why=main&project=demo`
    rights = None
    if asked in repositories:
        rights = page.acting.rights.explain(name, asked, page.asked("project") or None)
    return page.render(
        "portal/user.html",
        user=user,
        tokens=page.acting.accounts.tokens(name),
        groups=page.acting.groups.all(),
        rights=rights,
        repositories=repositories,
        invitation=page.acting.invitations.of(name),
    )


def invite(page: PortalPage, name: str) -> Response:
    """Makes or withdraws a link for whoever is new or has forgotten the password."""
    if page.sent("do") == "withdraw":
        page.acting.invitations.withdraw(name)
        note = page.done(f"Withdrew the invitation of {name}.")
    elif page.account_url is None:
        raise NotFound("Users of a host with its own accounts cannot be invited here.")
    else:
        note = _invited(page, name)
    return page.redirect("users", name, note=note)


def change(page: PortalPage, name: str) -> Response:
    accounts = page.acting.accounts
    match page.sent("do"):
        case "disable" | "enable" as action:
            accounts.set_disabled(name, action == "disable")
            text = f"{action.capitalize()}d {name}."
        case "tokens-only" | "passwords" as wanted:
            accounts.change_user(name, tokens_only=wanted == "tokens-only")
            refused = "is refused now" if wanted == "tokens-only" else "is accepted again"
            text = f"The password of {name} {refused}."
        case _:
            grants = read_grants(page, accounts.user(name).grants)
            forms.settle(page)
            with blaming_names(page, "projects"):
                accounts.change_user(name, grants=grants)
            text = f"Saved the access of {name}. It holds from the next request on."
    return page.redirect("users", name, note=page.done(text))


def set_password(page: PortalPage, name: str) -> Response:
    """Sets a password. A generated one is on the next page, and nowhere else."""
    chosen = _chosen_password(page)
    password = chosen or secrets.token_urlsafe(18)
    forms.settle(page)
    page.acting.accounts.set_password(name, password)
    note = page.done(f"Changed the password of {name}.") if chosen else _made(name, password)
    return page.redirect("users", name, note=note)


def create_token(page: PortalPage, name: str) -> Response:
    """Creates a token, whose secret the next page shows once: it is nowhere else."""
    note = Note(
        text=f"The new token of {name}",
        secret=new_token(page, name, page.sent("repository") or None),
        hint="Use it as the password, with the user name __token__.",
    )
    return page.redirect("users", name, note=note)


def new_token(page: PortalPage, user: str, repository: str | None) -> str:
    """Creates a token as the form asks for it, and returns its secret."""
    token_name = forms.line(page, "token_name")
    projects = forms.read(page, "token_projects", lambda: _patterns(page.sent("token_projects")))
    expires_in = forms.days(page, "expires_in")
    forms.settle(page)
    with forms.blaming(page, "expires_in", InvalidSetting):
        _token, secret = page.acting.accounts.create_token(
            user,
            name=token_name,
            repository=repository,
            projects=projects or (),
            read_only=bool(page.sent("read_only")),
            expires_in=expires_in,
        )
    return secret


def revoke_token(page: PortalPage, name: str, token_id: int) -> Response:
    token = page.acting.accounts.revoke_token(token_id)
    note = page.done(f"Revoked the token “{token.name}”; it is refused from now on.")
    return page.redirect("users", name, note=note)


def show_deletion(page: PortalPage, name: str) -> Response:
    user = page.acting.accounts.user(name)
    tokens = page.acting.accounts.tokens(name)
    return page.render("portal/user_delete.html", user=user, tokens=tokens)


def delete(page: PortalPage, name: str) -> Response:
    page.acting.accounts.delete_user(name)
    note = page.done(f"Deleted the repository user {name}, with its tokens.")
    return page.redirect("users", note=note)


def _invited(page: PortalPage, name: str) -> Note:
    """Mails the link, or else shows it: it is nowhere else."""
    link = page.invitation_url(page.acting.invitations.invite(name))
    hint = "Hand it over: whoever opens it sets the password. It works once, within seven days."
    if page.registry.mailer is not None and "@" in name:
        try:
            page.registry.mailer.send(name, *invitation_mail(name, link))
        except MailFailed as error:
            hint = f"{error.message} {hint}"
        else:
            return page.done(f"Mailed an invitation to {name}. It can be accepted for seven days.")
    return Note(text=f"The link for {name}", secret=link, hint=hint)


def _made(name: str, password: str) -> Note:
    return Note(
        text=f"The password of {name}",
        secret=password,
        hint="It goes into ~/.pypirc, pip.conf or a secret of your CI; the page Connect of a "
        "repository shows where.",
    )


def _chosen_password(page: PortalPage) -> str:
    """Empty where one is to be made up. Notes one that is too weak."""
    return forms.password(page) if page.request.form.get("password") else ""


def _patterns(text: str) -> list[str]:
    return [name_pattern(pattern) for pattern in re.split(r"[\s,;]+", text) if pattern]
