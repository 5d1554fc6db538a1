"""A Flask site with a whole registry under /pypi, next to Flask's own routes."""

from flask import Flask

from pypi_repo import Registry, Settings, mount


def make_application(folder: str) -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def home() -> str:
        return "Hello from Flask"

    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    application = mount({"/pypi": registry.wsgi_app()}, otherwise=app.wsgi_app)
    app.wsgi_app = application  # type: ignore[assignment, method-assign]
    return app
