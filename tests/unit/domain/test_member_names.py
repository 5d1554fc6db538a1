"""The names of an archive's members, which are kept until all of it was read."""

from __future__ import annotations

import tarfile
from typing import Literal

import pytest

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.settings import MIB, Limits
from tests.support.hostile_archives import TOP, Entry, Member, build_sdist, build_wheel
from tests.support.inspecting import NO_RULES, SDIST_NAME, bounded, inspected


@pytest.mark.parametrize("pax", [True, False])
def test_no_member_of_an_sdist_has_an_endless_name(pax: bool) -> None:
    """U79, U113: they are kept in memory until the end; 55 MB of them took 2.3 GB."""
    kind = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    long = "x" * 60_000
    members = [Entry(name=f"{TOP}/{number}{long}", format=kind) for number in range(900)]
    content = build_sdist(*members)
    with bounded(memory=4 * MIB, seconds=5), pytest.raises(InvalidArchive, match="1024 bytes"):
        inspected(content, SDIST_NAME, rules=NO_RULES)


def test_extended_headers_of_an_sdist_are_bounded_together() -> None:
    """U79, U113: small ones are counted with the members."""
    large = [Entry(name=f"{TOP}/{number}", pax={"comment": "x" * 60_000}) for number in range(40)]
    small = [Entry(name=f"{TOP}/{number}", pax={"comment": "x" * 900}) for number in range(400)]
    limits = Limits(archive_names=1 * MIB)
    inspected(build_sdist(*small), SDIST_NAME, limits=limits)
    inspected(build_sdist(*large[:16]), SDIST_NAME, limits=limits)
    with pytest.raises(InvalidArchive, match="extended headers"):
        inspected(build_sdist(*large), SDIST_NAME, limits=limits)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_no_link_in_an_sdist_leads_to_an_endless_name(kind: bytes) -> None:
    """U79, U113"""
    link = Entry(name=f"{TOP}/link", target=f"{TOP}/{'x' * 2000}", kind=kind)
    with pytest.raises(InvalidArchive, match="1024 bytes"):
        inspected(build_sdist(link), SDIST_NAME)


def test_names_of_an_sdist_are_bounded_together() -> None:
    """U79, U113"""
    members = [Entry(name=f"{TOP}/{number:x>900}") for number in range(4_000)]
    content, limits = build_sdist(*members), Limits(archive_names=1 * MIB)
    with bounded(memory=3 * MIB, seconds=60), pytest.raises(InvalidArchive, match="names in the"):
        inspected(content, SDIST_NAME, limits=limits, rules=NO_RULES)


def test_long_names_are_taken_as_long_as_they_are_few() -> None:
    """U79"""
    folders = "/".join(["x" * 90] * 11)
    assert len(f"{TOP}/{folders}/" + "y" * 14) == 1024
    content = build_sdist(Entry(name=f"{TOP}/{folders}/" + "y" * 14))
    assert inspected(content, SDIST_NAME).warnings == ()


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_names_in_an_sdist_are_utf_8(kind: Literal[0, 1]) -> None:
    """U79: others cannot be shown, and no two machines unpack them to the same name."""
    for entry in (
        Entry(name=f"{TOP}/caf\udce9\n.py", format=kind),
        Entry(name=f"{TOP}/link", target="caf\udce9\n.py", kind=tarfile.SYMTYPE, format=kind),
        Entry(name="caf\udce9\n/module.py", format=kind),
    ):
        with pytest.raises(InvalidArchive, match="not UTF-8"):
            inspected(build_sdist(entry), SDIST_NAME, rules=NO_RULES)


@pytest.mark.parametrize("name", ["caf\xe9.py", "\u65e5\u672c.py", "\U0001f40d.py"])
def test_any_utf_8_will_do(name: str) -> None:
    """U79"""
    assert inspected(build_sdist(Entry(name=f"{TOP}/{name}")), SDIST_NAME).warnings == ()


def test_names_of_a_wheel_are_bounded() -> None:
    """U66, U113: each of them, and all together."""
    padding = [Member(name=f"demo/{number}.py") for number in range(20)]
    endless = Member(name="demo/" + "x" * 1020)
    with pytest.raises(InvalidArchive, match="1024 bytes"):
        inspected(build_wheel(*padding, endless), rules=NO_RULES)
    limits = Limits(archive_names=2000)
    many = [Member(name=f"demo/{number:0>200}.py") for number in range(40)]
    with pytest.raises(InvalidArchive, match="names in the archive"):
        inspected(build_wheel(*many), limits=limits, rules=NO_RULES)
