"""Administrators, and what each may manage."""

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.names import account_name
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage


def show_all(page: PortalPage) -> Response:
    found = page.acting.administrators.all()
    return page.render("portal/administrators.html", administrators=found, areas=list(Area))


def show_new(page: PortalPage) -> Response:
    return page.render("portal/administrator_new.html", areas=page.own_areas)


def create(page: PortalPage) -> Response:
    forms.read(page, "name", lambda: account_name(page.sent("name")))
    password = forms.password(page, again="again")
    forms.settle(page)
    with forms.blaming(page, "name", NameTaken):
        page.acting.administrators.create(page.sent("name"), password, areas=forms.areas(page))
    name = page.sent("name").lower()
    note = page.done(
        f"Created the administrator {name}.", "administrators", name, link="See the permissions"
    )
    return page.redirect("administrators", note=note)


def show(page: PortalPage, name: str) -> Response:
    administrators = page.acting.administrators
    found = administrators.get(name)
    tokens = administrators.tokens(name)
    return page.render(
        "portal/administrator.html", administrator=found, tokens=tokens, areas=list(Area)
    )


def change(page: PortalPage, name: str) -> Response:
    page.acting.administrators.set_areas(name, forms.areas(page))
    note = page.done(f"Saved the permissions of {name}. They hold from the next request on.")
    return page.redirect("administrators", name, note=note)


def set_password(page: PortalPage, name: str) -> Response:
    password = forms.password(page)
    forms.settle(page)
    page.acting.administrators.set_password(name, password)
    note = page.done(f"Changed the password of {name}, who is signed out everywhere.")
    return page.redirect("administrators", name, note=note)


def show_deletion(page: PortalPage, name: str) -> Response:
    found = page.acting.administrators.get(name)
    return page.render("portal/administrator_delete.html", administrator=found)


def delete(page: PortalPage, name: str) -> Response:
    page.acting.administrators.delete(name)
    note = page.done(f"Deleted the administrator {name}, with all sessions and tokens.")
    return page.redirect("administrators", note=note)
