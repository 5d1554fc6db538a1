"""B1, G4: what the pages ask of the database, which does not grow with what is there."""

import pytest
from werkzeug.test import Client

from pypi_repo import Registry
from tests.conftest import PASSWORD, USER
from tests.support.distributions import wheel
from tests.support.sql import count_statements
from tests.support.uploads import upload
from tests.unit.web.browse.conftest import HTML

MAIN = "/repositories/main/"
COSTS = {
    "": 9,
    "?q=demo": 7,
    "?q=none": 5,
    "+connect": 4,
    "+static/pages.css": 0,
    "project/demo/": 5,
    "project/demo/?version=1.0": 5,
    "project/demo/readme": 3,
    "project/demo/releases": 3,
    "project/demo/files": 3,
    "project/none/": 2,
}


def _costs(registry: Registry) -> dict[str, int]:
    client = Client(registry.wsgi_app())
    client.post("/account/sign-in", data={"name": USER, "password": PASSWORD})
    found = {}
    for path in COSTS:
        client.get(f"{MAIN}{path}", headers=HTML)
        with count_statements(registry._database) as statements:
            client.get(f"{MAIN}{path}", headers=HTML)
        found[path] = len(statements)
    return found


@pytest.mark.parametrize(("projects", "releases"), [(1, 1), (8, 5)], ids=["few", "more"])
def test_statements_of_each_page(projects: int, releases: int, registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    for number in range(projects):
        upload(registry, wheel(f"other-{number}", "1.0"))
    for number in range(releases):
        upload(registry, wheel("demo", f"2.{number}"))
    assert _costs(registry) == COSTS
