"""What the layers below the faces say is for everybody: it names no command and no option."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pypi_repo

_ROOT = Path(pypi_repo.__file__).parent
_OF_THE_COMMAND_LINE = re.compile(r"pypi-repo [a-z]|(?<![\w-])--[a-z]")

# Whose only reader is the operator.
_FOR_OPERATORS = {
    "storage/database/schema.py": "run `pypi-repo db upgrade`",  # see SchemaOutdated
    "services/sources/stored_file.py": "run `pypi-repo upkeep verify`",  # in the log
}

_OF_CLIENTS = {
    _ROOT / "domain/identity/ci_lines.py",  # pasted into CI files
    _ROOT / "web/pages/connection_settings.py",  # pasted into the programs of clients
    *_ROOT.glob("web/pages/connecting/*.py"),
    _ROOT / "domain/prefetching/requirement_lists.py",  # reads what pip reads
}


def _sentences(file: Path) -> Iterator[str]:
    """Its texts, without docstrings."""
    tree = ast.parse(file.read_text())
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in told:
            assert isinstance(node, ast.Constant)
            yield str(node.value)


def test_sentences_name_no_commands() -> None:
    found = {
        (str(file.relative_to(_ROOT)), sentence)
        for file in _ROOT.rglob("*.py")
        if file not in _OF_CLIENTS and "cli" not in file.relative_to(_ROOT).parts
        for sentence in _sentences(file)
        if _OF_THE_COMMAND_LINE.search(sentence)
    }
    others = {
        (file, sentence)
        for file, sentence in found
        if _FOR_OPERATORS.get(file, "nowhere") not in sentence
    }
    assert others == set()
    assert {file for file, _sentence in found} == set(_FOR_OPERATORS)


def test_what_does_not_exist_is_told_in_one_place() -> None:
    beginnings = ("There is no project ", "There is no file ", " has no release ")
    files = {
        str(file.relative_to(_ROOT))
        for layer in ("domain", "storage", "services", "web")
        for file in (_ROOT / layer).rglob("*.py")
        for sentence in _sentences(file)
        if sentence.startswith(beginnings)
    }
    assert files == {"domain/errors.py"}
