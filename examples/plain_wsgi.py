"""Three apps for one repository, on any WSGI server, without the rest of the registry.

twine publishes to /legacy/, and pip installs from /simple/.
"""

from wsgiref.types import WSGIApplication

from pypi_repo import DownloadApp, Registry, Settings, SimpleIndexApp, UploadApp, mount


def make_application(folder: str) -> WSGIApplication:
    registry = Registry(
        Settings(database=f"sqlite:///{folder}/index.db", blobs=f"file://{folder}/packages")
    )
    releases = registry.repository("releases")
    return mount(
        {
            "/simple": SimpleIndexApp(releases, files_url="../files/"),
            "/files": DownloadApp(releases),
            "/legacy": UploadApp(releases),
        }
    )
