"""That a page of an upstream names a digest is no proof that the upstream has the content."""

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.distributions import Distribution, wheel
from tests.support.scripted_index import Installer, ScriptedIndex
from tests.support.scripted_server import reply
from tests.support.uploads import upload
from tests.support.upstreams import keep_metadata
from tests.support.waiting import wait_until


@pytest.fixture
def secret(on_disk: Registry, index: ScriptedIndex) -> Distribution:
    """A file of a private repository, which the upstream claims to have, with its metadata."""
    secret = wheel("secret", "1.0")
    on_disk.acting_as(OPERATOR).repositories.create("private", public=False)
    upload(on_disk, secret, "private")
    index.add(secret.filename, secret.content, beside=secret.metadata)
    return secret


def gone(_asked: object, _content: bytes) -> bytes:
    return reply(status="404 Not Found")


@pytest.mark.parametrize("how", [{}, {"Range": "bytes=0-9"}])
@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_a_private_file_that_an_upstream_only_claims_is_not_served(
    suffix: str,
    how: dict[str, str],
    secret: Distribution,
    index: ScriptedIndex,
    installer: Installer,
) -> None:
    """F1."""
    index.answers = gone
    got = installer.get(installer.place(secret.filename) + suffix, **how)
    assert got.status == 404
    assert len(index.asked) >= 1


def test_what_was_sent_beside_a_claimed_file_proves_nothing_of_the_file(
    secret: Distribution, index: ScriptedIndex, installer: Installer
) -> None:
    """F1."""
    place = installer.place(secret.filename)
    assert installer.get(f"{place}.metadata").body == secret.metadata
    index.answers = gone
    assert installer.get(place).status == 404


def test_equal_content_is_met_when_it_was_fetched(
    secret: Distribution, index: ScriptedIndex, installer: Installer, on_disk: Registry
) -> None:
    """F1, F6: and other processes and upstreams know who has sent what."""
    place = installer.place(secret.filename)
    for _time in range(2):
        assert installer.get(place).body == secret.content
    wait_until(lambda: on_disk._upstream_files._keeping._sent)
    assert len(index.asked) == 1
    on_disk._upstream_files._keeping._sent.clear()
    assert installer.get(place).body == secret.content
    assert len(index.asked) == 1
    index.answers = gone
    index.create_on(on_disk, "again")
    assert installer.get(place).status == 404


@pytest.mark.parametrize("is_kept", [False, True])
def test_metadata_that_another_upstream_has_sent_are_not_served(
    secret: Distribution,
    index: ScriptedIndex,
    installer: Installer,
    on_disk: Registry,
    is_kept: bool,
) -> None:
    """F1: neither while they wait to be kept, nor afterwards."""
    place = f"{installer.place(secret.filename)}.metadata"
    assert installer.get(place).body == secret.metadata
    if is_kept:
        keep_metadata(on_disk)
    index.answers = gone
    index.create_on(on_disk, "again")
    assert installer.get(place).status == 404


def test_provenance_that_another_upstream_has_sent_is_not_served(
    index: ScriptedIndex, installer: Installer, on_disk: Registry
) -> None:
    """F8."""
    document = b'{"version": 1, "attestation_bundles": []}'
    name = "demo-1.0-py3-none-any.whl"
    index.put("demo.provenance", document)
    index.add(name, b"content", provenance=f"{index.server.url}/files/demo.provenance")
    where = f"/integrity/demo/1.0/{name}/provenance"
    assert installer.get(where).body == document
    index.answers = gone
    index.create_on(on_disk, "again")
    assert installer.get(where).status == 404
