"""What devpi says, also what older versions of it say, and what is no answer of devpi."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pypi_repo.domain.importing.devpi import (
    Answer,
    Config,
    Digests,
    Logged,
    Version,
    decoded,
    in_order_of_bases,
    left_out,
    mirrors_left_out,
    uploaded,
)

WHEN = [2026, 11, 26, 14, 46, 52]
AT = datetime(2026, 11, 26, 14, 46, 52, tzinfo=UTC)
LATER = [2026, 12, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (Digests(hashes={"sha256": "AB01"}, hash_spec="sha256=ab01"), {"sha256": "ab01"}),
        (Digests(hash_spec="md5=0123"), {"md5": "0123"}),
        (Digests(md5="0123"), {"md5": "0123"}),
        (Digests(hash_spec="", hashes={}), {}),
        (Digests(hash_spec="sha256", hashes={"md5": "no digest", "": "01"}), {}),
    ],
)
def test_digests(said: Digests, known: dict[str, str]) -> None:
    assert said.known() == known


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([Logged("upload", "anna", WHEN)], (AT, "anna")),
        ([Logged("upload", "anna", WHEN), Logged("push", "team", LATER)], (AT, "anna")),
        ([Logged("overwrite", None, LATER), Logged("upload", "anna", WHEN)], (AT, "anna")),
        ([Logged("push", "team", WHEN)], (AT, "team")),
        ([Logged("upload", "<import>", WHEN)], (AT, None)),
        ([Logged("upload", None, WHEN)], (AT, None)),
        ([Logged("upload", "anna", [2026, 13, 1, 0, 0, 0])], (None, None)),
        ([Logged("upload", "anna", [2026])], (None, None)),
        ([Logged("overwrite", None, WHEN)], (None, None)),
        ([], (None, None)),
    ],
)
def test_the_upload_in_a_history(
    log: list[Logged], expected: tuple[datetime | None, str | None]
) -> None:
    """I2: a file that was pushed keeps who has uploaded it, and when."""
    assert uploaded(log) == expected


def test_what_has_no_history_was_modified() -> None:
    assert uploaded([], "Thu, 26 Nov 2026 14:46:52 GMT") == (AT, None)
    assert uploaded([], "Fri, 31 Dec 9999 23:59:59 -0100") == (None, None)
    assert uploaded([Logged("upload", "anna", WHEN)], "Tue, 01 Dec 2026 00:00:00 GMT")[0] == AT
    assert uploaded([], "yesterday") == (None, None)


def test_bases_in_the_order_in_which_devpi_asks_them() -> None:
    """Breadth first, mirrors apart; bases that do not exist, and circles, do not matter."""
    configs = {
        "team/dev": Config("stage", ["team/a", "root/pypi", "team/b", "team/gone", "../x/y"]),
        "team/a": Config("stage", ["team/base"]),
        "team/b": Config("stage", ["team/base", "team/dev"]),
        "team/base": Config("stage", ["root/pypi"]),
        "root/pypi": Config("mirror", mirror_url="https://index.example.com/simple/"),
    }
    asked: list[str] = []

    def config_of(name: str) -> Config | None:
        asked.append(name)
        return configs.get(name)

    indexes, mirrors = in_order_of_bases("team/dev", config_of)
    assert list(indexes) == ["team/dev", "team/a", "team/b", "team/base"]
    assert list(mirrors) == ["root/pypi"]
    assert "../x/y" not in asked
    assert list(in_order_of_bases("root/pypi", configs.get)[0]) == ["root/pypi"]


def test_the_password_for_a_mirror_is_not_told() -> None:
    mirror = Config("mirror", mirror_url="https://user:pass@word@index.example.com/simple/")
    (told,) = mirrors_left_out({"root/pypi": mirror})
    assert "root/pypi of https://index.example.com/simple/ is left out" in told.reason


def test_what_is_no_file_of_a_package() -> None:
    assert "Documentation" in left_out("doczip", "Demo.Pkg", "demo-1.0.doc.zip").reason
    assert "tox" in left_out("toxresult", "Demo.Pkg", "demo.json").reason
    other = left_out("recipe", "Demo.Pkg", "demo.txt")
    assert "'recipe'" in other.reason
    assert (other.project, other.filename) == ("demo-pkg", "demo.txt")


@pytest.mark.parametrize(
    ("said", "yank"), [(None, None), (False, None), (True, ""), ("It is broken.", "It is broken.")]
)
def test_yanks(said: str | bool | None, yank: str | None) -> None:
    assert Version(yanked=said).yank == yank


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"type": 1}', b"[" * 100_000, b'{"type": "\xff"}']
)
def test_what_is_no_answer(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what exactly is wrong depends on the decoder
        decoded(content, Answer)
