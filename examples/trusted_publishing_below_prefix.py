"""A registry below /pypi whose CI jobs need no passwords: they ask at the root of the host."""

from wsgiref.types import WSGIApplication

from pypi_repo import Registry, Settings, TrustedPublishingApp, mount


def add_packages(site: WSGIApplication, folder: str) -> WSGIApplication:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    trusted_publishing = TrustedPublishingApp(registry)
    return mount(
        {
            "/pypi": registry.wsgi_app(),
            "/_/oidc": trusted_publishing,
            "/.well-known/pytp": trusted_publishing,
        },
        otherwise=site,
    )
