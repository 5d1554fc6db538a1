"""Groups of repository users: what they give, and who is in them."""

import re

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.errors import UnknownGroup
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.lists import ListPage
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.text import counted
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.listing import Listing
from pypi_repo.web.portal.accounts.access_form import blaming_names, read_grants, repository_names
from pypi_repo.web.portal.page import PortalPage


def show_all(page: PortalPage) -> Response:
    listing = Listing(page, ("groups",), ("name",))
    found = page.acting.groups.all()
    shown = [group for group in found if listing.text.lower() in group.name]
    if listing.request.descending:
        shown.reverse()
    groups = ListPage.of(shown, listing.request)
    return page.render("portal/groups.html", listing=listing, groups=groups)


def show_new(page: PortalPage) -> Response:
    return page.render("portal/group_new.html", repositories=repository_names(page))


def create(page: PortalPage) -> Response:
    name = page.sent("name")
    forms.read(page, "name", lambda: repository_name(name, "group"))
    description = forms.line(page, "description")
    grants = read_grants(page)
    forms.settle(page)
    with (
        forms.blaming(page, "name", NameTaken),
        blaming_names(page, "projects"),
    ):
        page.acting.groups.create(
            name,
            description=description,
            everywhere=grants.everywhere,
            named=grants.named,
            patterns=grants.patterns,
        )
    return page.redirect("groups", name, note=page.done(f"Created the group {name}."))


def show(page: PortalPage, name: str) -> Response:
    return page.render(
        "portal/group.html",
        group=page.acting.groups.get(name),
        repositories=repository_names(page),
    )


def change(page: PortalPage, name: str) -> Response:
    description = forms.line(page, "description")
    grants = read_grants(page, page.acting.groups.get(name).grants)
    forms.settle(page)
    with blaming_names(page, "projects"):
        page.acting.groups.change(name, description=description, grants=grants)
    text = f"Saved the group {name}. It holds from the next request of each member on."
    return page.redirect("groups", name, note=page.done(text))


def add_members(page: PortalPage, name: str) -> Response:
    users = re.split(r"[\s,;]+", page.sent("users"))
    with blaming_names(page, "users"):
        page.acting.groups.add_members(name, [user for user in users if user])
    number = counted(len(page.acting.groups.get(name).members), "member")
    return page.redirect("groups", name, note=page.done(f"The group {name} has {number}."))


def remove_member(page: PortalPage, name: str, user: str) -> Response:
    page.acting.groups.remove_members(name, [user])
    note = page.done(f"{user} is no longer in the group {name}.")
    return page.redirect("groups", name, note=note)


def delete(page: PortalPage, name: str) -> Response:
    page.acting.groups.delete(name)
    note = page.done(f"Deleted the group {name}. Its members are still users.")
    return page.redirect("groups", note=note)


def set_groups(page: PortalPage, name: str) -> Response:
    """Puts a user into the groups that were ticked, and takes it out of those that were unticked.

    All others stay: the user may have come into them since the form was shown.
    """
    accounts, form = page.acting.accounts, page.request.form
    ticked, before = set(form.getlist("groups")), set(form.getlist("before"))

    def change() -> None:
        now = set(accounts.user(name).groups)
        accounts.change_user(name, groups=now - (before - ticked) | (ticked - before))

    with forms.blaming(page, "groups", UnknownGroup):
        page.registry.as_one(change)
    return page.redirect("users", name, note=page.done(f"Saved the groups of {name}."))
