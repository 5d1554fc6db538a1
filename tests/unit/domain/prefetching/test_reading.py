"""What lists of requirements and lock files want (O1)."""

import pytest

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.prefetching.environments import ALL_ENVIRONMENTS, Environments
from pypi_repo.domain.prefetching.lock_files import read_lock
from pypi_repo.domain.prefetching.requirement_lists import read_list
from pypi_repo.domain.prefetching.wanted import Requirements

LIST = """\
# made by pip-compile
--index-url https://index.example/simple/
Demo==1.0 \\
    --hash=sha256:AB12 \\
    --hash=sha256:cd34
    # via something
other[extra] >= 2 ; python_version < "3.9"  # a comment
-r more/deeper.txt
-c constraints.txt
-e ./here
./wheels/local-1.0-py3-none-any.whl
named @ https://files.example/named-1.0.zip
"""
DEEPER = "deep~=1.4\n--requirement=beside.txt\n"
FILES = {
    "project/requirements.txt": LIST,
    "project/more/deeper.txt": DEEPER,
    "project/more/beside.txt": "beside # no version",
    "project/constraints.txt": "deep<1.9\nunused==1\n",
}


def read(environments: Environments = ALL_ENVIRONMENTS) -> Requirements:
    return read_list("project/requirements.txt", FILES.__getitem__, environments)


def test_a_list_of_requirements() -> None:
    found = read()
    assert [(each.project, str(each.specifier)) for each in found.wanted] == [
        ("demo", "==1.0"),
        ("other", ">=2"),
        ("deep", "<1.9,~=1.4"),
        ("beside", ""),
    ]
    assert found.wanted[0].hashes == {"sha256:ab12", "sha256:cd34"}
    assert found.left_out == (
        "-e ./here",
        "./wheels/local-1.0-py3-none-any.whl",
        "named @ https://files.example/named-1.0.zip",
    )


def test_markers_of_other_environments() -> None:
    assert "other" not in [each.project for each in read(Environments(("3.12",))).wanted]


def test_lists_that_contain_each_other() -> None:
    with pytest.raises(InvalidSetting, match="in itself"):
        read_list("a.txt", {"a.txt": "-r b.txt", "b.txt": "-r a.txt"}.__getitem__, ALL_ENVIRONMENTS)


UV = """\
version = 1
requires-python = ">=3.9"

[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }

[[package]]
name = "Demo"
version = "1.0"
source = { registry = "https://index.example/simple" }
sdist = { url = "https://files.example/ab/demo-1.0.tar.gz", hash = "sha256:ab", size = 1 }
wheels = [
    { url = "https://files.example/cd/demo-1.0%2Bcpu-py3-none-any.whl", hash = "sha256:cd" },
]

[[package]]
name = "from-git"
version = "2.0"
source = { git = "https://git.example/x?rev=1#1" }
"""
POETRY = """\
[[package]]
name = "demo"
version = "1.0"
files = [
    {file = "demo-1.0-py3-none-any.whl", hash = "sha256:cd"},
    {file = "demo-1.0.tar.gz", hash = "sha256:ab"},
]

[[package]]
name = "ours"
version = "1.0"
files = [{file = "ours-1.0.tar.gz", hash = "sha256:ab"}]

[package.source]
type = "legacy"
url = "https://packages.example/simple"

[[package]]
name = "from-git"
version = "2.0"
files = []

[package.source]
type = "git"
url = "https://git.example/x"

[metadata]
lock-version = "2.1"
"""
OLD_POETRY = """\
[[package]]
name = "demo"
version = "1.0"

[metadata]
lock-version = "1.1"

[metadata.files]
demo = [{file = "demo-1.0.tar.gz", hash = "sha256:ab"}]
"""
PYLOCK = """\
lock-version = "1.0"
created-by = "somebody"

[[packages]]
name = "demo"
version = "1.0"
index = "https://index.example/simple"
sdist = { url = "https://files.example/demo-1.0.tar.gz", hashes = { sha256 = "ab" } }
wheels = [{ name = "demo-1.0-py3-none-any.whl", url = "https://x.example/y", hashes = {} }]

[[packages]]
name = "from-git"
vcs = { type = "git", url = "https://git.example/x", commit-id = "1" }

[[packages]]
name = "archived"
archive = { url = "https://files.example/archived.zip", hashes = {} }
"""


@pytest.mark.parametrize(
    ("text", "wanted", "left_out"),
    [
        (
            UV,
            {"demo": {"demo-1.0.tar.gz", "demo-1.0+cpu-py3-none-any.whl"}},
            ("app 0.1", "from-git 2.0"),
        ),
        (
            POETRY,
            {
                "demo": {"demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"},
                "ours": {"ours-1.0.tar.gz"},
            },
            ("from-git 2.0",),
        ),
        (OLD_POETRY, {"demo": {"demo-1.0.tar.gz"}}, ()),
        (
            PYLOCK,
            {"demo": {"demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"}},
            ("from-git", "archived"),
        ),
    ],
    ids=["uv", "poetry", "old poetry", "pylock"],
)
def test_lock_files(text: str, wanted: dict[str, set[str]], left_out: tuple[str, ...]) -> None:
    found = read_lock(text)
    assert {each.project: each.filenames for each in found.wanted} == wanted
    assert found.left_out == left_out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "demo==1.0",
        "package = 1",
        "package = [1]",
        "[project]\nname = 'x'",
        "a = " + "[" * 5000,
    ],
    ids=["empty", "broken", "list", "number", "numbers", "pyproject", "deep"],
)
def test_what_is_no_lock_file(text: str) -> None:
    with pytest.raises(InvalidSetting, match="lock file"):
        read_lock(text)


@pytest.mark.parametrize(
    "text",
    [
        "[[package]]\nname = 'demo'\nfiles = 7",
        "[[package]]\nname = 'demo'\nwheels = [7]\nsdist = 'x'",
        "[[package]]\nversion = '1'",
        "metadata = 7\n[[package]]\nname = 'demo'",
        "metadata = {files = 7}\n[[package]]\nname = 'demo'",
        "[[package]]\nname = 'demo'\nsource = 'x'\nfiles = [{file = 7}, {}]",
    ],
)
def test_odd_values_are_no_files(text: str) -> None:
    assert read_lock(text).wanted == ()
