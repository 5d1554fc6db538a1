"""Exports of devpi as older versions wrote them, and exports that are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pypi_repo.domain.errors import InvalidSetting, UnknownFile
from pypi_repo.domain.names import normalize
from pypi_repo.services.importing.sources.devpi_export import DevpiExport, find_export
from tests.support.distributions import wheel

DEMO = normalize("demo")
FILE = wheel()


def exported(folder: Path, index: dict[str, Any] | None = None, **more: Any) -> Path:
    """The folder of an export with one index, whose file has a digest as old versions wrote it."""
    described = {
        "type": "releasefile",
        "projectname": "Demo",
        "version": "1.0",
        "relpath": f"team/stage/demo/{FILE.filename}",
        "entrymapping": {"md5": FILE.md5, "last_modified": "Thu, 26 Nov 2026 14:46:52 GMT"},
    }
    index = index or {
        "indexconfig": {"type": "stage", "bases": ["root/pypi"]},
        "projects": {"Demo": {"1.0": {"name": "Demo", "yanked": "It is broken."}}},
        "files": [described],
    }
    mirror = {"indexconfig": {"type": "mirror"}}
    indexes = {"team/stage": index, "root/pypi": mirror}
    document = {"dumpversion": "1", "users": {}, "indexes": indexes, **more}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataindex.json").write_text(json.dumps(document))
    return folder


def of_files(*files: dict[str, Any]) -> dict[str, Any]:
    return {"indexconfig": {"type": "stage"}, "projects": {"demo": {}}, "files": list(files)}


def test_the_first_form_of_an_export(tmp_path: Path) -> None:
    """Its digests are MD5 alone; of the only index that is no mirror, the name is not needed."""
    FILE.save(tmp_path / "team/stage/demo")
    source = find_export(str(exported(tmp_path)))
    assert source is not None
    project = source.project(DEMO)
    assert project is not None
    (file,) = project.files
    assert str(source) == f"{tmp_path}/team/stage"
    assert source.projects() == ["demo"]
    assert file.hashes == {"md5": FILE.md5}
    assert file.uploaded_at is not None
    assert file.uploaded_at.isoformat() == "2026-11-26T14:46:52+00:00"
    assert (file.size, file.yanked) == (len(FILE.content), "It is broken.")
    assert b"".join(source.read(file)) == FILE.content


@pytest.mark.parametrize(
    "relpath", ["../outside/demo-1.0.tar.gz", "/etc/demo-1.0.tar.gz", "link/x"]
)
def test_paths_that_lead_out_are_left_out(tmp_path: Path, relpath: str) -> None:
    folder = exported(
        tmp_path / "export",
        of_files({"relpath": relpath, "projectname": "demo", "type": "releasefile"}),
    )
    (folder / "link").symlink_to("/etc")
    project = DevpiExport(str(folder)).project(DEMO)
    assert project is not None
    assert project.files == ()
    (left_out,) = project.left_out
    assert left_out.filename == relpath.rpartition("/")[2]
    assert "leads out" in left_out.reason


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    source = DevpiExport(str(exported(tmp_path)))
    project = source.project(DEMO)
    assert project is not None
    assert project.files[0].size is None
    with pytest.raises(UnknownFile):
        list(source.read(project.files[0]))


def test_documents_that_are_no_export(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as unknown_form:
        find_export(str(exported(tmp_path, dumpversion="3")))
    with pytest.raises(InvalidSetting) as unknown_index:
        DevpiExport(str(exported(tmp_path)), "team/none")
    (tmp_path / "dataindex.json").write_text("<html>")
    with pytest.raises(InvalidSetting) as no_json:
        find_export(str(tmp_path))
    assert "'3'" in unknown_form.value.message
    assert "root/pypi, team/stage" in unknown_index.value.message
    assert "cannot be read" in no_json.value.message


def test_several_indexes_need_a_name(tmp_path: Path) -> None:
    other = {"indexconfig": {"type": "stage"}}
    exported(tmp_path, indexes={"team/stage": of_files(), "team/other": other})
    with pytest.raises(InvalidSetting) as several:
        find_export(str(tmp_path))
    source = find_export(str(tmp_path / "team/other"))  # which has no folder
    assert "2 indexes" in several.value.message
    assert source is not None
    assert source.projects() == []


def test_other_folders_are_no_exports(tmp_path: Path) -> None:
    assert find_export(str(tmp_path / "team/stage")) is None
