"""Who may what, as people meet it: in the output of their clients."""

from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Access, Registry
from tests.conftest import ADMINISTRATOR, PASSWORD, READER
from tests.support.addresses import Addresses, with_credentials
from tests.support.clients import Clients, Completed
from tests.support.distributions import Distribution, wheel
from tests.support.journal import journal_of

# pip says no more than this of a 401 where it has nobody to ask for a password.
REFUSED = {"pip": "No matching distribution found", "uv": "401 Unauthorized"}

each_installer = pytest.mark.parametrize("installer", ["pip", "uv"])


def install(
    installer: str,
    clients: Clients,
    python: Path,
    index: str,
    *options: str,
    package: str = "demo",
    check: bool = True,
) -> Completed:
    arguments = ["--index-url", index, *options, package]
    if installer == "pip":
        return clients.pip(python, "install", "--no-cache-dir", *arguments, check=check)
    return clients.uv("pip", "install", "--python", python, *arguments, check=check)


def note(clients: Clients, python: Path) -> str:
    """What the installed package was given by `noted`."""
    return clients.run(python, "-c", "import demo; print(demo.NOTE)").stdout.strip()


def noted(text: str) -> Distribution:
    """demo 1.0 with other content for each text."""
    return wheel("demo", files={"demo/__init__.py": f"NOTE = {text!r}\n".encode()})


@each_installer
def test_read_only_user_installs(
    installer: str, clients: Clients, site: Addresses, python: Path, tmp_path: Path
) -> None:
    clients.publish_with_twine(*site.target(), noted("first").save(tmp_path))
    install(installer, clients, python, site.index(user=READER))

    assert note(clients, python) == "first"


@each_installer
def test_overwriting_is_refused_and_nothing_changes(
    installer: str, clients: Clients, site: Addresses, python: Path, tmp_path: Path
) -> None:
    clients.publish_with_twine(*site.target(), noted("first").save(tmp_path))
    second = noted("second").save(tmp_path)
    for publish in (clients.publish_with_twine, clients.publish_with_uv):
        refused = publish(*site.target(), second, check=False)
        assert refused.returncode != 0
        assert "already exists" in refused.text
    install(installer, clients, python, site.index())

    assert note(clients, python) == "first"


@each_installer
def test_overwriting_where_it_is_allowed(
    installer: str,
    registry: Registry,
    clients: Clients,
    site: Addresses,
    python: Path,
    tmp_path: Path,
) -> None:
    """The new content is what the same client, with its caches, installs from then on."""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    for text in ("first", "second"):
        clients.publish_with_twine(*site.target(), noted(text).save(tmp_path))
        again = ["--force-reinstall"] if installer == "pip" else ["--reinstall", "--refresh"]
        install(installer, clients, python, site.index(), *again)
        assert note(clients, python) == text

    actions = [entry.action for entry in journal_of(registry, "main")]
    assert actions[-2:] == ["upload file", "overwrite file"]


@each_installer
def test_anonymous_in_a_private_repository(
    installer: str, clients: Clients, site: Addresses, python: Path, tmp_path: Path
) -> None:
    """The same answer for what is there and what is not."""
    clients.publish_with_twine(*site.target(), noted("first").save(tmp_path))
    outputs = []
    for package in ("demo", "nothing"):
        refused = install(
            installer, clients, python, site.anonymous_index(), package=package, check=False
        )
        assert refused.returncode != 0
        assert REFUSED[installer] in refused.text
        outputs.append(refused.text.replace(package, "PACKAGE"))

    assert outputs[0] == outputs[1]


@each_installer
def test_anonymous_in_a_public_repository(
    installer: str,
    registry: Registry,
    clients: Clients,
    site: Addresses,
    python: Path,
    tmp_path: Path,
) -> None:
    registry.acting_as(OPERATOR).repositories.create("open", public=True)
    clients.publish_with_twine(*site.target("open"), noted("first").save(tmp_path))
    install(installer, clients, python, site.anonymous_index("open"))

    assert note(clients, python) == "first"


def test_nobody_publishes_without_credentials(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    registry.acting_as(OPERATOR).repositories.create("open", public=True)
    file = noted("first").save(tmp_path)
    for repository in ("open", "main"):
        target = ["--publish-url", site.upload(repository), "--trusted-publishing", "never"]
        refused = clients.uv("publish", *target, file, check=False)
        assert refused.returncode != 0
        assert "Missing credentials" in refused.text  # how uv puts a 401 with nothing to try
        assert registry.acting_as(OPERATOR).projects.all(repository) == []


def test_user_of_one_repository(
    registry: Registry, clients: Clients, site: Addresses, python: Path, tmp_path: Path
) -> None:
    registry.acting_as(OPERATOR).repositories.create("tools")
    registry.acting_as(OPERATOR).accounts.create_user(
        "guest", PASSWORD, everywhere=Access.NONE, named={"tools": Access.WRITE}
    )
    file = noted("first").save(tmp_path)
    refused = clients.publish_with_twine(*site.target("main", user="guest"), file, check=False)
    clients.publish_with_twine(*site.target("tools", user="guest"), file)
    install("pip", clients, python, site.index("tools", user="guest"))
    barred = install("uv", clients, python, site.index("main", user="guest"), package="other",
                     check=False)  # fmt: skip

    assert refused.returncode != 0
    assert "'guest' may not upload to repository 'main'" in refused.text
    assert note(clients, python) == "first"
    assert barred.returncode != 0
    assert "403" in barred.text


@each_installer
def test_a_token_for_projects(
    installer: str,
    registry: Registry,
    clients: Clients,
    site: Addresses,
    python: Path,
    tmp_path: Path,
) -> None:
    """G3: it publishes and installs its projects; others are refused, whether they exist or not."""
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(
        site.user, projects=["demo*"]
    )
    clients.publish_with_twine(*site.target(), wheel("secret").save(tmp_path))
    own, other = noted("first").save(tmp_path), wheel("secret", "2.0").save(tmp_path)
    target = (site.upload(), "__token__", secret)
    clients.publish_with_twine(*target, own)
    for publish in (clients.publish_with_twine, clients.publish_with_uv):
        refused = publish(*target, other, check=False)
        assert refused.returncode != 0
        assert "may not upload to project 'secret' of repository 'main'" in refused.text
    index = with_credentials(site.anonymous_index(), "__token__", secret)
    install(installer, clients, python, index)
    outputs = []
    for package in ("secret", "nothing"):
        barred = install(installer, clients, python, index, package=package, check=False)
        assert barred.returncode != 0
        outputs.append(barred.text.replace(package, "PACKAGE"))

    assert note(clients, python) == "first"
    assert outputs[0] == outputs[1]
    assert {"pip": REFUSED["pip"], "uv": "403 Forbidden"}[installer] in outputs[0]


def test_an_administrators_password_opens_no_repository(
    clients: Clients, site: Addresses, python: Path, tmp_path: Path
) -> None:
    target = site.target(user=ADMINISTRATOR)
    refused = clients.publish_with_twine(*target, noted("first").save(tmp_path), check=False)
    barred = install("pip", clients, python, site.index(user=ADMINISTRATOR), check=False)

    assert refused.returncode != 0
    assert "administrator" in refused.text
    assert "repository user" in refused.text
    assert barred.returncode != 0


def test_a_revoked_token_is_refused_at_once(
    registry: Registry, clients: Clients, site: Addresses, python: Path, tmp_path: Path
) -> None:
    clients.publish_with_twine(*site.target(), noted("first").save(tmp_path))
    token, secret = registry.acting_as(OPERATOR).accounts.create_token(site.user, read_only=True)
    index = with_credentials(site.anonymous_index(), "__token__", secret)
    install("pip", clients, python, index)
    refused = clients.publish_with_twine(
        site.upload(), "__token__", secret, noted("second").save(tmp_path), check=False
    )
    registry.acting_as(OPERATOR).accounts.revoke_token(token.id)
    barred = install("pip", clients, python, index, "--force-reinstall", check=False)

    assert "403" in refused.text
    assert refused.returncode != 0
    assert barred.returncode != 0
    assert secret not in refused.text


@pytest.mark.parametrize(
    "password", ["with space", "c:o:l:o:n", "at@home/%41#?", "naïve-pässwörd", "汉字密码汉字密码"]
)
def test_any_password_in_every_place_where_it_is_written(
    password: str,
    registry: Registry,
    clients: Clients,
    site: Addresses,
    python: Path,
    tmp_path: Path,
) -> None:
    registry.acting_as(OPERATOR).accounts.set_password(site.user, password)
    target = (site.upload(), site.user, password)
    clients.write_pypirc({"team": target})
    if password.isascii() or password == "naïve-pässwörd":
        clients.twine("upload", "--repository", "team", noted("first").save(tmp_path))
    else:
        clients.publish_with_uv(*target, noted("first").save(tmp_path))
    index = with_credentials(site.anonymous_index(), site.user, password)
    install("uv", clients, python, index)

    assert note(clients, python) == "first"
