"""A Flask site with an index of the site's own packages and those of an index elsewhere."""

from flask import Flask

from pypi_repo import OPERATOR, Registry, Settings, mount


def make_application(folder: str, url: str) -> Flask:
    app = Flask(__name__)
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    operator = registry.acting_as(OPERATOR)
    if registry.is_new:
        operator.repositories.create("releases")
        operator.upstreams.create("elsewhere", url=url)
        operator.upstreams.find_file_hosts("elsewhere")
    operator.sources.set_sources("releases", ["upstream:elsewhere"])
    operator.sources.reserve("releases", ["acme-*"])
    application = mount({"/pypi": registry.wsgi_app()}, otherwise=app.wsgi_app)
    app.wsgi_app = application  # type: ignore[assignment, method-assign]
    return app
