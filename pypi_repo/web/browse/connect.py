"""How to connect package clients to a repository: the lines to paste, tool by tool."""

from werkzeug.wrappers import Response

from pypi_repo.web.browse.page import BrowsePage
from pypi_repo.web.pages.connection_settings import connection_settings


def show(page: BrowsePage) -> Response:
    page.source.check_access(page.actor)
    settings = connection_settings(
        page.repository.name,
        page.uploads_url,
        page.user or "YOUR-USER",
        index=page.index_url,
        publishes=page.may_publish,
    )
    tools = {tool.anchor: tool for tool in settings}
    return page.render(
        "browse/connect.html",
        tools=list(tools.values()),
        tool=tools.get(page.asked("tool"), next(iter(tools.values()))),
    )
