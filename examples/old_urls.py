"""A registry that also answers at the URLs that clients know from the server before it."""

from typing import Any
from wsgiref.types import WSGIApplication

from pypi_repo import Registry, Settings

OLD = {
    "/simple": "main/simple",  # pypiserver, whose uploads go to /
    "/files": "main/files",
    "/root/pypi": "main",  # devpi: /USER/INDEX
    "/repository/releases": "releases",  # Nexus
    "/api/pypi/releases": "releases",  # Artifactory, often with /artifactory before it
    "/api/packages/team/pypi": "releases",  # Gitea
}


def make_application(folder: str) -> WSGIApplication:
    site = Registry(Settings(database=f"sqlite:///{folder}/index.db")).wsgi_app()

    def moved(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        if path in ("", "/") and environ["REQUEST_METHOD"] == "POST":
            environ = {**environ, "PATH_INFO": "/repositories/main/"}
        for old in (old for old in OLD if f"{path}/".startswith(f"{old}/")):
            environ = {**environ, "PATH_INFO": f"/repositories/{OLD[old]}{path[len(old) :]}"}
        return site(environ, start_response)

    return moved
