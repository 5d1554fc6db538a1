"""Chores: how the work goes that is done beside requests."""

from werkzeug.wrappers import Response

from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage) -> Response:
    return page.render("portal/chores.html", reports=page.acting.chores.all())
