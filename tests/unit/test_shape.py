"""The shape of the package that docs/explanation/design.md promises."""

import ast
from collections import Counter
from pathlib import Path

import pypi_repo
from pypi_repo.domain.validation.profiles import PROFILES

_ROOT = Path(pypi_repo.__file__).parent
_MODULES = [path for path in _ROOT.rglob("*.py") if path.name != "__init__.py"]

_LONGEST = 350  # lines
_MOST = 15  # modules in a folder

_LONGER = {
    "server/http/connection.py": 490,  # one state machine
}


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


def test_modules_are_no_longer_than_can_be_read_at_once() -> None:
    lines = {_name(path): len(path.read_text().splitlines()) for path in _MODULES}
    assert {name for name, number in lines.items() if number > _LONGER.get(name, _LONGEST)} == set()
    assert {name for name in _LONGER if lines[name] <= _LONGEST} == set()  # not needed any more


def test_folders_are_no_fuller_than_can_be_taken_in_at_once() -> None:
    modules = Counter(_name(path.parent) for path in _MODULES)
    assert {name for name, number in modules.items() if number > _MOST} == set()


def test_only_the_profiles_themselves_know_which_profile_is_which() -> None:
    """All else asks the rules of a profile."""
    compared = {
        _name(path)
        for path in _MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Constant) and side.value in PROFILES
    }
    assert compared == set()


def test_only_one_module_knows_the_dialects_of_the_engines() -> None:
    """All else asks it for what differs between them."""
    knows = {
        _name(path)
        for path in _MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sqlalchemy.dialects")
    }
    assert knows == {"storage/database/engines/both.py"}
