"""Where a registry is: database and files lie where they were said to be, whatever it is called."""

import stat
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry, Settings, XAccel, XSendfile
from pypi_repo.domain.errors import NoRegistry
from pypi_repo.settings import in_folder
from tests.conftest import populate
from tests.support.distributions import wheel
from tests.support.uploads import upload

NAMES = [
    "plain",
    "with space",
    "a#b",
    "feature%2Fx",
    "100%data",
    "what?x=1",
    "a::b",
    "c:d",
    "ü",
    "~",
    "~nobody-of-this-name",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, beside a home."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def kept(settings: Settings, folder: Path) -> set[str]:
    """The folders and files that a registry with one upload makes directly in `folder`."""
    with Registry(settings) as registry:
        populate(registry)
        upload(registry, wheel())
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("above", ["", "below/", "/"], ids=["relative", "deep", "absolute"])
def test_one_folder_holds_both(above: str, name: str, folder: Path) -> None:
    """An absolute path stands for every one that is not said from a home."""
    data = str(folder / name) if above == "/" else above + name
    inside = Path(data).expanduser() if data == "~" else Path(data)
    assert kept(in_folder(data), inside) == {"registry.db", "blobs"}


def test_a_home_is_meant_by_a_path_and_by_urls_alike(folder: Path) -> None:
    home = folder.parent / "home"
    assert kept(in_folder("~/one"), home / "one") == {"registry.db", "blobs"}
    paths = Settings(database=Path("~/two/registry.db"), blobs=Path("~/two/blobs"))
    assert kept(paths, home / "two") == {"registry.db", "blobs"}
    urls = Settings(database="sqlite:///~/three/registry.db", blobs="file://~/three/blobs")
    assert kept(urls, home / "three") == {"registry.db", "blobs"}
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", NAMES[:-2])
def test_files_lie_beside_a_database_that_is_all_that_was_said(name: str, folder: Path) -> None:
    assert kept(Settings(database=Path(name, "index.db")), folder / name) == {"index.db", "blobs"}


def test_a_backup_lies_where_it_was_said(folder: Path) -> None:
    with Registry(in_folder("data")) as registry:
        populate(registry)
        registry.backup.create("100%25?b::c")
        registry.backup.create("~/backup")
    assert (folder / "100%25?b::c" / "metadata").is_dir()
    assert (folder.parent / "home" / "backup" / "metadata").is_dir()


def test_where_it_is_can_be_told(folder: Path) -> None:
    with Registry(in_folder("da ta")) as registry:
        assert registry.database_place == f"{folder}/da ta/registry.db"
        assert registry.files_place == f"{folder}/da ta/blobs"


def test_a_password_is_not_told() -> None:
    url = "postgresql+psycopg://ada:swordfish@127.0.0.1:1/registry"
    with Registry(Settings(database=url, blobs="memory://")) as registry:
        assert "127.0.0.1" in registry.database_place
        assert "swordfish" not in registry.database_place


def test_a_library_makes_a_new_database_unless_it_wants_one_that_is_there(folder: Path) -> None:
    with pytest.raises(NoRegistry, match=r"There is no registry in .*data/registry.db"):
        Registry(in_folder("data"), make_new=False)
    assert list(folder.iterdir()) == []
    with Registry(in_folder("data")) as made:
        assert made.is_new
    with Registry(in_folder("data"), make_new=False) as registry:
        assert registry.acting_as(OPERATOR).repositories.all() == []


@pytest.mark.parametrize(
    ("sent_by", "mode"), [(None, 0o700), (XAccel(), 0o750), (XSendfile(), 0o750)]
)
def test_only_a_proxy_that_sends_files_gets_into_the_folder(
    sent_by: Any, mode: int, folder: Path
) -> None:
    settings = Settings(
        database=folder / "data" / "registry.db",
        blobs=folder / "data" / "blobs",
        files_sent_by=sent_by,
    )
    with Registry(settings) as registry:
        populate(registry)
        upload(registry, wheel())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes["data"] == mode
    assert modes["registry.db"] == 0o600
    assert (modes["blobs"], modes[wheel().filename]) == (0o750, 0o640)
