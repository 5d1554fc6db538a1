"""Where a registry is: database and files lie where they were said to be, whatever it is called."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pypi_repo import OPERATOR, Registry, Settings, XAccel, XSendfile
from pypi_repo.cli.main import main
from pypi_repo.domain.errors import ConfigurationError, NoRegistry
from pypi_repo.settings import in_folder
from pypi_repo.storage.blobs.part_file import PartFile
from pypi_repo.storage.folders import network_file_system
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


# Of accounts

_SERVICE = 65534  # an account that owns nothing here

only_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as other accounts"
)


@pytest.fixture
def of_a_service() -> Iterator[Path]:
    """A folder that the account of a service owns and can reach."""
    above = Path(tempfile.mkdtemp())
    above.chmod(0o755)
    (above / "state").mkdir(mode=0o700)
    os.chown(above / "state", _SERVICE, _SERVICE)
    yield above / "state"
    shutil.rmtree(above)


def owners(folder: Path) -> set[tuple[int, int]]:
    found = [path.stat() for path in folder.rglob("*")]
    return {(status.st_uid, status.st_gid) for status in found}


@contextmanager
def as_the_service() -> Iterator[None]:
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(_SERVICE)
    os.seteuid(_SERVICE)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@only_root
def test_what_root_stores_belongs_to_the_owner_of_the_folder(
    of_a_service: Path, folder: Path
) -> None:
    data = of_a_service / "data"
    large = wheel("large", padding=400_000)  # it waits on the disk
    with Registry(in_folder(str(data))) as registry:
        populate(registry)
        for dist in (wheel(), large):
            upload(registry, dist)
        assert (data / "registry.db-wal").exists()
        assert owners(of_a_service) == {(_SERVICE, _SERVICE)}
        registry.backup.create(str(of_a_service / "backup"))
    part = PartFile(str(data / "part"))
    part.close()
    assert (data / "part").stat().st_uid == _SERVICE

    with as_the_service(), Registry(in_folder(str(data)), make_new=False) as registry:
        upload(registry, wheel("another", padding=400_000))
    # A backup is as secret as the database, and is of whoever makes it.
    assert owners(of_a_service / "backup") == {(0, 0)}


@only_root
def test_root_gives_away_nothing_that_others_put_there(of_a_service: Path, folder: Path) -> None:
    (folder / "secret").touch(mode=0o600)
    (of_a_service / "part").symlink_to(folder / "secret")
    PartFile(str(of_a_service / "part")).close()
    assert (folder / "secret").stat().st_uid == 0


@only_root
@pytest.mark.parametrize("command", ["repository list", "db upgrade"])
def test_a_folder_that_may_not_be_entered_is_no_missing_registry(
    command: str, of_a_service: Path
) -> None:
    data = of_a_service / "data"
    with Registry(in_folder(str(data))) as registry:
        populate(registry)
    CliRunner().invoke(main, [*command.split()[:2], "--help"])  # what is imported later
    for closed, verb in ((of_a_service, "enter"), (data / "registry.db", "read")):
        os.chown(closed, 0, 0)
        with as_the_service():
            refused = CliRunner().invoke(main, [*command.split(), "--data", str(data)])
            with pytest.raises(ConfigurationError, match=f"may not {verb}"):
                Registry(in_folder(str(data)))  # as servers do
        os.chown(closed, _SERVICE, _SERVICE)
        assert refused.exit_code == 1
        assert f"This account may not {verb} {closed}; use the account" in refused.stderr
        assert refused.stderr.rstrip().endswith("to which it belongs, root.")


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/", None),
        ("/srv", None),
        ("/mnt/packages", "nfs4"),
        ("/mnt/packages/below", "nfs4"),
        ("/mnt/packages-of-this-machine", None),
        ("/mnt/packages/disk", None),
        ("/mnt/with space", "cifs"),
        ("/mnt/sshfs/data", "fuse.sshfs"),
        ("/mnt/container", None),
    ],
)
def test_a_file_system_of_another_machine_is_noticed(
    place: str, kind: str | None, tmp_path: Path
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "nas:/packages /mnt/packages nfs4 rw 0 0\n"
        "/dev/sdb1 /mnt/packages/disk xfs rw 0 0\n"
        "//nas/x /mnt/with\\040space cifs rw 0 0\n"
        "ada@nas: /mnt/sshfs fuse.sshfs rw 0 0\n"
        "fuse-overlayfs /mnt/container fuse.fuse-overlayfs rw 0 0\n"
    )
    assert network_file_system(place, str(mounts)) == kind
    assert network_file_system(place, str(tmp_path / "none")) is None


def test_sqlite_on_a_file_system_of_another_machine_is_warned_about(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mounts = folder / "mounts"
    mounts.write_text(f"nas:/packages {folder.parent} nfs rw 0 0\n")
    monkeypatch.setattr(network_file_system, "__defaults__", (str(mounts),))
    with Registry(in_folder("data")) as registry:
        registry.upgrade()
    assert f"{folder}/data/registry.db is on a file system of another machine (nfs)" in caplog.text
