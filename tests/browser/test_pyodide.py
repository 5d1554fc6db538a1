"""X96: Python in a browser installs from a public repository, on the page of another site.

The page is at localhost and the registry at 127.0.0.1, which are two sites to a browser.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.browser.conftest import OpenPortal
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.pyodide import NotebookSite, fetch_pyodide
from tests.support.uploads import upload

INSTALL = """async ([indexes, requirement, module]) => {
    const { loadPyodide } = await import("/pyodide.mjs");
    const pyodide = await loadPyodide({ indexURL: "/" });
    const micropip = await (await fetch("/micropip.zip")).arrayBuffer();
    pyodide.unpackArchive(micropip, "wheel");
    pyodide.globals.set("indexes", pyodide.toPy(indexes));
    pyodide.globals.set("requirement", requirement);
    pyodide.globals.set("module", module);
    return await pyodide.runPythonAsync(`
        import importlib, importlib.metadata
        import micropip

        await micropip.install(requirement, index_urls=indexes)
        importlib.import_module(module)
        importlib.metadata.version(requirement)
    `);
}"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a page of another site."""
    pyodide = fetch_pyodide(tmp_path_factory.mktemp("pyodide"))
    if pyodide is None:
        pytest.skip("Pyodide comes with npm, which is not on the PATH or reaches no registry")
    with LiveServer(NotebookSite(pyodide)) as server:
        yield f"http://localhost:{server.port}/"


def test_micropip_installs_a_project_and_what_it_needs(
    notebook: str, open_portal: OpenPortal, server: LiveServer, registry: Registry, tmp_path: Path
) -> None:
    registry.acting_as(OPERATOR).repositories.create("open", public=True)
    registry.acting_as(OPERATOR).repositories.create("more", public=True)
    upload(registry, wheel("Demo.App", "1.0", requires_dist=["other-thing"]), repository="more")
    upload(registry, wheel("Demo.App", "0.9"), repository="more")
    upload(registry, wheel("other-thing", "2.0"), repository="more")
    page = open_portal().page
    page.goto(notebook)
    page.set_default_timeout(120_000)
    indexes = [
        f"{server.url}/repositories/{name}/pypi/{{package_name}}/json" for name in ("open", "more")
    ]
    assert page.evaluate(INSTALL, [indexes, "demo-app", "other_thing"]) == "1.0"
