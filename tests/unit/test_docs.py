"""The documentation cannot lie."""

import re
from pathlib import Path

import pytest

from pypi_repo.domain import errors
from tests.support import command_line_docs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_command_line_page_is_what_the_commands_say() -> None:
    """If it is not: python -m tests.support.command_line_docs"""
    assert command_line_docs.PAGE.read_text(encoding="utf-8") == command_line_docs.page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_error_code_that_clients_see_is_documented() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    not_for_clients = {"conflict", "too-many-requests", "configuration", "invalid-backup"}
    undocumented = {kind.code for kind in _all_errors()} - set(re.findall(r"`([a-z-]+)`", text))
    assert undocumented == not_for_clients


def _all_errors(
    root: type[errors.RegistryError] = errors.RegistryError,
) -> set[type[errors.RegistryError]]:
    return {root}.union(*map(_all_errors, root.__subclasses__()))


def test_every_rule_that_is_done_is_named_by_a_test() -> None:
    table = (ROOT / "docs/reference/conformance.md").read_text(encoding="utf-8")
    done = re.findall(r"^\| ([UX]\d\d) \|.*\| done", table, re.MULTILINE)
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    cited = {rule.upper() for rule in re.findall(r"[UXux]\d\d", tests)}
    assert [rule for rule in done if rule not in cited] == []
