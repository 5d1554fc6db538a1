"""A FastAPI site with a whole registry under /pypi, through a bridge from ASGI to WSGI."""

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI

from pypi_repo import Registry, Settings


def make_application(folder: str) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def home() -> str:
        return "Hello from FastAPI"

    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db"))
    bridge = WSGIMiddleware(registry.wsgi_app(), workers=16)  # type: ignore[arg-type]
    app.mount("/pypi", bridge)  # type: ignore[arg-type]
    return app
