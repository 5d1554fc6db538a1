"""The documentation cannot lie."""

import collections.abc
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pypi_repo
from pypi_repo import Registry
from pypi_repo.domain import errors
from pypi_repo.services.sources.source import Source
from tests.support import command_line_docs, example_docs, library_docs
from tests.support.example_docs import PAGES, ROOT
from tests.support.markdown import blocks


def test_command_line_page_is_what_the_commands_say() -> None:
    """If it is not: python -m tests.support.command_line_docs"""
    assert command_line_docs.PAGE.read_text(encoding="utf-8") == command_line_docs.page()


def test_library_page_is_what_the_source_says() -> None:
    """If it is not: python -m tests.support.library_docs"""
    assert library_docs.PAGE.read_text(encoding="utf-8") == library_docs.page()


def test_library_page_has_everything_that_is_public() -> None:
    listed = {entry.name for entries in library_docs.SECTIONS.values() for entry in entries}
    page = library_docs.PAGE.read_text(encoding="utf-8")
    named_in_the_text = {name for name in pypi_repo.__all__ if f"`{name}`" in page}
    assert set(pypi_repo.__all__) - listed - named_in_the_text == set()
    for entries in library_docs.SECTIONS.values():
        for entry in entries:
            entry.load()  # from where the page says


def test_library_page_explains_every_type_of_an_argument_or_result() -> None:
    listed = {entry.name for entries in library_docs.SECTIONS.values() for entry in entries}
    page = library_docs.PAGE.read_text(encoding="utf-8")
    code = "".join(block.text for block in blocks(library_docs.PAGE))
    used = set(re.findall(r"(?<![\w.])[A-Z]\w*[a-z]\w*", code))
    unexplained = {name for name in used - listed if not re.search(rf"`{name}\b", page)}
    of_python = {"Any", "Enum", "False", "Generic", "IntEnum", "None", "Path", "Self", "True"}
    variables = {"Content", "Result", "Row"}
    assert unexplained - of_python - variables - {*collections.abc.__all__, "Unpack"} == {
        "WSGIApplication"
    }


def test_errors_that_a_source_raises_can_be_imported_from_the_package() -> None:
    told = set(re.findall(r"\b[A-Z]\w+", inspect.getsource(Source)))
    assert told & {kind.__name__ for kind in _all_errors()} - set(pypi_repo.__all__) == set()


def test_library_page_names_every_attribute_of_a_registry(registry: Registry) -> None:
    page = library_docs.PAGE.read_text(encoding="utf-8")
    names = {name for name in dir(registry) if not name.startswith("_")}
    assert [
        name
        for name in sorted(names)
        if not re.search(rf"`(registry\.)?{name}\b|def {name}\(", page)
    ] == []


def test_library_page_leaves_out_no_method_but_what_overrides_another() -> None:
    for entry in (entry for entries in library_docs.SECTIONS.values() for entry in entries):
        kind = entry.load()
        for name, method in vars(kind).items() if isinstance(kind, type) else ():
            if inspect.isfunction(method) and not name.startswith("_") and not method.__doc__:
                assert any(hasattr(base, name) for base in kind.__mro__[1:]), f"{kind}.{name}"


def test_library_page_is_about_types_and_not_about_objects() -> None:
    page = library_docs.PAGE.read_text(encoding="utf-8")
    assert "policy: AccessPolicy | None = None" in page
    assert "Actor(name=" not in page
    assert " object at 0x" not in page


def test_library_page_says_what_arguments_mean_and_since_when() -> None:
    docstring = (
        "Adds.\n\nsha256: of the content,\n    in hexadecimal.\nsize: in bytes.\n\n"
        "Raises Invalid.\n\n.. versionadded:: 0.2"
    )
    assert library_docs.prose(docstring) == (
        "Adds.\n\n- `sha256`: of the content,\n  in hexadecimal.\n- `size`: in bytes.\n\n"
        "Raises Invalid.\n\n*Added in version 0.2.*\n"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_on_pages_are_those_that_are_run(page: Path) -> None:
    """If they are not: python -m tests.support.example_docs"""
    assert page.read_text(encoding="utf-8") == example_docs.as_it_should_be(page)


def test_every_example_is_on_a_page() -> None:
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "examples").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set().union(*map(example_docs.shown, PAGES)) == files


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_are_plain_markdown(page: Path) -> None:
    """So that they are read where the README links to them; the table of contents is Sphinx's."""
    directives = {block.language for block in blocks(page) if block.language.startswith("{")}
    assert directives <= ({"{toctree}"} if page.name == "index.md" else set())


def test_code_on_pages_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    """Each block of Python is complete, and passes mypy --strict. Examples do anyway."""
    written = []
    for page in PAGES:
        if page == library_docs.PAGE:
            continue  # signatures
        for block in blocks(page):
            if block.language == "python" and not block.before.startswith("[`examples/"):
                written.append(tmp_path / f"{page.stem.replace('-', '_')}_{block.line}.py")
                written[-1].write_text(block.text, encoding="utf-8")
    assert any(path.name.startswith("README") for path in written)
    program = [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml"]
    checked = subprocess.run(
        [*program, *written], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_files_that_exist(page: Path) -> None:
    """Those below the folders of the project, and of the package, which may be an installed one."""
    package = Path(pypi_repo.__file__).parent
    places = (ROOT, package.parent, package)
    tops = {path.name for where in (ROOT, package) for path in where.iterdir()} | {package.name}
    for named in re.findall(r"`([\w-]+/[\w./-]*)`", page.read_text(encoding="utf-8")):
        if named.partition("/")[0] in tops:
            assert any((place / named).exists() for place in places), named


def test_servers_of_teams_are_installed_with_what_ci_jobs_need() -> None:
    recipes = [*PAGES, ROOT / "examples" / "deploy" / "compose.yaml"]
    lines = [
        line
        for recipe in recipes
        for line in recipe.read_text(encoding="utf-8").splitlines()
        if "pip install" in line and ("postgres" in line or "/opt/pypi-repo/" in line)
    ]
    assert len(lines) > 5
    lacking = [line for line in lines if not ("oidc" in line and "attestations" in line)]
    assert lacking == []


def test_every_error_code_that_clients_see_is_documented() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    not_for_clients = {
        "conflict",
        "too-many-requests",
        "configuration",
        "no-registry",
        "invalid-backup",
    }
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
    cited = _cited(tests)
    assert [rule for rule in done if rule not in cited] == []


def _cited(tests: str) -> set[str]:
    """The rules that stand as words in these tests, or between the words of a test's name."""
    names = " ".join(re.findall(r"def (test_\w+)", tests))
    in_names = re.findall(r"_([ux]\d\d)(?![a-z0-9])", names)
    return {*re.findall(r"\b[UX]\d\d\b", tests), *map(str.upper, in_names)}


def test_only_a_word_cites_a_rule() -> None:
    """Escapes, architectures and hexadecimal numbers do not."""
    assert _cited('def test_x01_u02() -> None:\n    """X03, X04-U05: told."""') == {
        "X01",
        "U02",
        "X03",
        "X04",
        "U05",
    }
    assert _cited('name = "win_x86_64\\x20\\u00e9", 0x12, MAX99, "X999"') == set()
