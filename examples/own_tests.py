"""A throw-away registry for your own tests: no server, no disk, nothing to clean up."""

from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, Settings


def test_our_index_answers() -> None:
    registry = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).accounts.create_user("ci@example.com", "only in tests")
    client = Client(registry.wsgi_app())

    anonymous = client.get("/repositories/main/simple/")
    known = client.get("/repositories/main/simple/", auth=("ci@example.com", "only in tests"))

    assert (anonymous.status_code, known.status_code) == (401, 200)
    registry.close()
