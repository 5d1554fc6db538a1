"""pypi-repo attestations ... (T9)"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine, Index
from tests.support.journal import journal_of
from tests.support.sigstore_instance import SigstoreInstance


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trusted_root.json"
    path.write_text(json.dumps(SigstoreInstance().trusted_root()))
    return path


def test_the_installed_trust_root_is_shown(cli: CommandLine, index: Index) -> None:
    shown = cli.json("attestations", "show")
    assert (shown["loaded_at"], shown["loaded_by"]) == (None, None)
    kinds = {each["kind"] for each in shown["trusted"]}
    assert kinds == {"certificate authority", "certificate log", "signature log"}
    assert "https://rekor.sigstore.dev" in {each["url"] for each in shown["trusted"]}
    assert "https://rekor.sigstore.dev" in cli.ok("attestations", "show")


def test_the_trust_root_is_replaced_and_reset(cli: CommandLine, index: Index, file: Path) -> None:
    printed = cli.ok("attestations", "update-trust-root", str(file))
    assert "https://fulcio.test, https://ctfe.test, https://rekor.test" in printed
    shown = cli.json("attestations", "show")
    assert shown["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert shown["loaded_by"] == "operator"
    assert datetime.fromisoformat(shown["loaded_at"]) <= datetime.now(UTC)
    assert [each["url"] for each in shown["trusted"]] == [
        "https://fulcio.test",
        "https://ctfe.test",
        "https://rekor.test",
    ]
    assert shown["trusted"][0]["valid_until"] is None
    assert "https://rekor.test" in cli.ok("attestations", "show")
    assert "installed" in cli.ok("attestations", "reset")
    assert cli.json("attestations", "show")["loaded_at"] is None
    assert cli.run("attestations", "reset").exit_code == 0
    actions = [(each.action, each.detail) for each in journal_of(index.registry)[-2:]]
    assert actions == [
        ("replace trust root", {"trust_root": "sigstore", "sha256": shown["sha256"]}),
        ("reset trust root", {"trust_root": "sigstore"}),
    ]


_BROKEN = {
    "empty": b"",
    "no text": b"\xff",
    "no JSON": b"trust me",
    "deep": b"[" * 10_000,
    "no root": b"{}",
    "another kind": b'{"mediaType": "application/json"}',
    "large": b" " * 2_000_000,
}


@pytest.mark.parametrize("what", _BROKEN)
def test_what_is_no_trust_root_replaces_nothing(
    cli: CommandLine, index: Index, tmp_path: Path, what: str
) -> None:
    (tmp_path / "broken").write_bytes(_BROKEN[what])
    cli.refused("attestations", "update-trust-root", str(tmp_path / "broken"))
    assert cli.json("attestations", "show")["loaded_at"] is None


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
@pytest.mark.parametrize("change", ["none", "garbled"])
def test_each_part_of_a_trust_root_is_needed(
    cli: CommandLine, index: Index, file: Path, part: str, change: str
) -> None:
    """T9: before it replaces one with which something can be verified."""
    root = json.loads(file.read_text())
    if change == "none":
        root[part] = []
    else:
        certificates = root[part][0].get("certChain", {}).get("certificates")
        key = certificates[0] if certificates else root[part][0]["publicKey"]
        key["rawBytes"] = key["rawBytes"][:40]
    file.write_text(json.dumps(root))
    cli.refused("attestations", "update-trust-root", str(file))
    assert cli.json("attestations", "show")["loaded_at"] is None
