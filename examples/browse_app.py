"""A company's site shows its packages to whoever the site itself has signed in."""

from wsgiref.types import WSGIApplication

from pypi_repo import Access, BrowseApp, DownloadApp, Grants, Registry, Settings, mount, remote_user


def add_packages(site: WSGIApplication, folder: str) -> WSGIApplication:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    packages = registry.repository("releases")
    signed_in = remote_user(Grants(Access.READ))  # the site sets REMOTE_USER
    pages = BrowseApp(
        packages,
        authenticate=signed_in,
        files_url="files/",
        index_url="https://packages.example.com/repositories/releases/simple/",
    )
    files = DownloadApp(packages, authenticate=signed_in)
    return mount({"/packages": pages, "/packages/files": files}, otherwise=site)
