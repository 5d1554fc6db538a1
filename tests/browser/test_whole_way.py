"""From an empty registry to an installed package, by what the portal shows."""

import shlex
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.browser.conftest import OpenPortal, Portal, Shell
from tests.support.clients import Clients
from tests.support.distributions import Distribution, sdist, wheel

USER = "release@example.com"


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_everything_an_administrator_does(
    has_script: bool,
    open_portal: OpenPortal,
    registry: Registry,
    clients: Clients,
    tmp_path: Path,
) -> None:
    portal = open_portal(has_script=has_script)
    page = portal.page
    shell = Shell(clients, tmp_path)
    portal.sign_in()

    # A repository and a user.
    portal.follow("Repositories")
    portal.follow("Create a repository")
    page.get_by_label("Name", exact=True).fill("team-a")
    page.get_by_label("Description").fill("Of team A")
    portal.press("Create the repository")
    portal.follow("Users")
    portal.follow("Create a user")
    page.get_by_label("Name", exact=True).fill(USER)
    page.get_by_label("Read and write: install and upload").check()
    portal.press("Create the user")
    password = portal.copied(f"The password of {USER}")
    assert len(password) >= 20

    # What is shown, used as it is.
    portal.open(f"repositories/team-a/connect?user={USER}")
    pypirc = portal.copied("twine: ~/.pypirc").replace("YOUR-PASSWORD", password)
    (clients.home / ".pypirc").write_text(pypirc + "\n", encoding="utf-8")
    upload = portal.copied("twine: Terminal")
    portal.follow("pip")
    install = portal.copied("pip: Terminal").replace("YOUR-PASSWORD", password)
    shell.build(wheel("demo", "1.0"), sdist("demo", "1.0"))
    shell.run(upload)
    shell.run(install.replace("PROJECT", "demo"))
    assert (shell.folder / "installed/demo/__init__.py").exists()
    pip_conf = portal.copied("pip: pip.conf").replace("YOUR-PASSWORD", password)
    (clients.home / "pip.conf").write_text(pip_conf + "\n", encoding="utf-8")
    with_conf = f"PIP_CONFIG_FILE={shlex.quote(str(clients.home / 'pip.conf'))} "
    shell.run(f"{with_conf} pip download --no-deps demo")
    assert (shell.folder / "demo-1.0-py3-none-any.whl").exists()

    # Protection refuses an overwrite; without it, the same upload is taken.
    other = wheel("demo", "1.0", padding=100)
    shell.build(other)
    refused = shell.run(upload, check=False)
    assert refused.returncode != 0
    assert "already exists" in refused.text
    portal.open("repositories/team-a/upload")
    portal.upload(other)
    sentence = portal.result_of(other)
    assert "Refused" in sentence
    assert "already exists" in sentence
    _set_protection(portal, wanted=False)
    shell.run(upload)
    assert _stored(registry, "demo")[other.filename] == other.sha256
    _set_protection(portal, wanted=True)

    # Several files from the browser, each with its own result.
    portal.open("repositories/team-a/upload")
    good, broken = wheel("other", "2.0"), sdist("other", "2.0")
    broken = Distribution(**{**vars(broken), "content": broken.content[:100]})
    portal.upload(good, broken)
    assert "Uploaded" in portal.result_of(good)
    assert "Refused" in portal.result_of(broken)
    assert _stored(registry, "other") == {good.filename: good.sha256}
    shell.run(install.replace("PROJECT", "other"))

    # Yank, then delete what was yanked.
    portal.open("repositories/team-a/projects/demo/releases")
    _choose(portal, "Choose release 1.0", "yank")
    page.get_by_label("Reason").fill("wrong numbers")
    portal.press("Yank")
    assert page.get_by_text("wrong numbers").count() == 1
    _choose(portal, "Choose release 1.0", "delete")
    assert "release demo 1.0" in page.locator("main").inner_text()
    portal.press("Delete")
    assert "No file is left" in page.locator("main").inner_text()

    # And all of it is in the journal.
    portal.follow("Activity")
    told = page.locator("main").inner_text()
    for action in ("create repository", "create user", "upload", "yank", "delete"):
        assert action in told.lower()
    portal.press("Sign out", page.locator("header"))
    portal.open("repositories")
    assert page.url.startswith(f"{portal.url}sign-in")


def _set_protection(portal: Portal, *, wanted: bool) -> None:
    portal.open("repositories/team-a/settings")
    portal.page.get_by_label("Overwrite protection").set_checked(wanted)
    portal.press("Save the settings")
    assert "Saved the settings" in portal.page.get_by_role("status").inner_text()


def _choose(portal: Portal, box: str, what: str) -> None:
    portal.page.get_by_label(box).check()
    portal.page.get_by_label("With the chosen ones").select_option(what)
    portal.press("Continue")


def _stored(registry: Registry, project: str) -> dict[str, str]:
    _project, files = registry.acting_as(OPERATOR).projects.get("team-a", project)
    return {file.filename: file.digests.sha256 for file in files}
