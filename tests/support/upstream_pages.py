"""Pages of projects in the shapes in which real indexes have them.

The names and versions are those of real projects; everything else is made up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.pages import UpstreamPage, read_page

Document = dict[str, Any]

PAGE_URL = "https://index.example/simple/{}/"
FILES_HOST = "https://files.example"


def read(form: Document | str | bytes, project: str = "demo", **more: Any) -> UpstreamPage:
    """Reads a page in JSON or HTML, with the Content-Type and the URL that such pages have."""
    text = form if isinstance(form, str | bytes) else json.dumps(form)
    body = text if isinstance(text, bytes) else text.encode()
    usual = "text/html" if body[:1] == b"<" else "application/vnd.pypi.simple.v1+json"
    return read_page(
        body,
        more.pop("content_type", usual),
        more.pop("url", PAGE_URL.format(project)),
        NormalizedName(project),
        **more,
    )


def digest(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


def listed(filename: str, **more: Any) -> Document:
    """A file in the way in which the public index describes it; None leaves a field out."""
    sha256 = digest(filename)
    is_wheel = filename.endswith(".whl")
    of_metadata = {"sha256": digest(f"{filename}.metadata")} if is_wheel else False
    file: Document = {
        "core-metadata": of_metadata,
        "data-dist-info-metadata": of_metadata,
        "filename": filename,
        "hashes": {"sha256": sha256},
        "provenance": None,
        "requires-python": None,
        "size": len(filename) * 1000,
        "upload-time": "2024-05-01T12:30:15.000042Z",
        "url": f"{FILES_HOST}/packages/{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{quote(filename)}",
        "yanked": False,
    }
    file.update({name.replace("_", "-"): value for name, value in more.items()})
    # The public index says null where it knows nothing of these two.
    kept = ("provenance", "requires-python")
    return {name: value for name, value in file.items() if value is not None or name in kept}


def page(name: str, versions: list[str], files: list[Document], **more: Any) -> Document:
    return {
        "files": files,
        "meta": {"_last-serial": 24888689, "api-version": "1.4"},
        "name": name,
        "project-status": {"status": "active"},
        "versions": versions,
        **{key.replace("_", "-"): value for key, value in more.items()},
    }


def many_wheels(number: int) -> Document:
    """A page in the shape of that of a project with binary wheels for everything."""
    platforms = (
        "macosx_10_9_x86_64",
        "macosx_11_0_arm64",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "musllinux_1_2_x86_64",
        "win32",
        "win_amd64",
    )
    pythons = ("cp39", "cp310", "cp311", "cp312", "cp313", "cp313t", "pp311")

    def names() -> Iterator[tuple[str, str]]:
        for serial in range(number):
            version = f"1.{serial // 10}.{serial % 10}"
            yield version, f"numpy-{version}.tar.gz"
            for python in pythons:
                for platform in platforms:
                    yield version, f"numpy-{version}-{python}-{python}-{platform}.whl"

    found = [pair for pair, _number in zip(names(), range(number), strict=False)]
    files = [listed(filename, requires_python=">=3.9") for _version, filename in found]
    return page("numpy", list(dict.fromkeys(version for version, _filename in found)), files)


def _requests() -> Document:
    reason = "Yanked due to conflicts with CVE-2024-35195 mitigation"
    releases: dict[str, bool | str] = {"2.31.0": False, "2.32.0": reason, "2.32.1": True}
    files = [
        listed(f"requests-{version}{rest}", yanked=yanked, requires_python=">=3.8,!=3.9.0")
        for version, yanked in releases.items()
        for rest in ("-py3-none-any.whl", ".tar.gz")
    ]
    return page("requests", [*releases], files)


def _setuptools() -> Document:
    names = {
        "0.6b1": ["setuptools-0.6b1-py2.3.egg", "setuptools-0.6b1.zip"],
        "0.6c11": [
            "setuptools-0.6c11-1.src.rpm",
            "setuptools-0.6c11-py2.7.egg",
            "setuptools-0.6c11.tar.gz",
            "setuptools-0.6c11.win32-py2.7.exe",
        ],
        "75.0.0": ["setuptools-75.0.0-py3-none-any.whl", "setuptools-75.0.0.tar.gz"],
    }
    files = [
        listed(filename, upload_time="2006-01-02T03:04:05Z")
        for filenames in names.values()
        for filename in filenames
    ]
    return page("setuptools", list(names), files)


def _pytz() -> Document:
    versions = ["2004b", "2004d", "2005a", "2013.6", "2024.1"]
    files = [
        *(listed(f"pytz-{each}.tar.bz2") for each in versions[:3]),
        listed("pytz-2013.6-py2.7.egg"),
        *(listed(f"pytz-{each}.tar.gz") for each in versions[3:]),
        listed("pytz-2024.1-py2.py3-none-any.whl"),
    ]
    return page("pytz", versions, files)


def _nose() -> Document:
    files = [
        listed("nose-1.3.7-py3-none-any.whl"),
        listed("nose-1.3.7.tar.gz"),
    ]
    status = {"status": "archived", "reason": 'Not maintained; use "pytest" <instead> & more.'}
    return page("nose", ["1.3.6", "1.3.7"], files, project_status=status)


def _torch() -> Document:
    """Local versions, elsewhere, without times and sizes; the API of before PEP 700."""
    files = []
    for version in ("2.8.0+cpu", "2.9.0+cpu", "2.9.0+cu130"):
        for python in ("cp310", "cp313t"):
            filename = f"torch-{version}-{python}-{python}-manylinux_2_28_x86_64.whl"
            files.append(
                listed(
                    filename,
                    url=f"/whl/{version.partition('+')[2]}/{quote(filename)}",
                    size=None,
                    upload_time=None,
                    requires_python=">=3.10.0",
                )
            )
    document = page("torch", [], files, meta={"api-version": "1.0"})
    del document["versions"], document["project-status"]
    return document


def _sampleproject() -> Document:
    files = [
        listed(
            filename,
            provenance=f"https://index.example/integrity/sampleproject/4.0.0/{filename}/provenance",
        )
        for filename in ("sampleproject-4.0.0-py3-none-any.whl", "sampleproject-4.0.0.tar.gz")
    ]
    return page("sampleproject", ["1.0", "4.0.0"], files, project_status={"status": "deprecated"})


def _mysql_python() -> Document:
    names = [
        "MySQL-python-1.2.4.zip",
        "MySQL-python-1.2.4.win32-py2.7.exe",
        "MySQL-python-1.2.4.win32-py2.7.msi",
        "MySQL_python-1.2.4-py2.7-linux-x86_64.egg",
        "MySQL_python-1.2.4-py2.7-macosx-10.5-intel.egg",
        "MySQL-python-1.2.4.linux-x86_64.tar.gz",
        "MySQL-python-1.2.4-1.i386.rpm",
    ]
    files = [
        listed(
            name,
            hashes={"md5": digest(name, "md5"), "sha256": digest(name)},
        )
        for name in names
    ]
    return page("MySQL-python", ["1.2.4"], files)


def _zope_interface() -> Document:
    versions = ["3.0.0b1", "5.0.0", "7.0.1"]
    algorithms_of = {
        "zope.interface-3.0.0b1.tgz": {"md5"},
        "zope.interface-5.0.0.tar.gz": {"md5", "sha256", "blake2b"},
        "zope.interface-7.0.1-cp313-cp313-win_amd64.whl": {"sha512"},
        "zope_interface-7.0.1.tar.gz": {"sha3_256", "sha1"},
    }
    files = [
        listed(
            filename,
            hashes={name: digest(filename, name) for name in sorted(algorithms)},
            gpg_sig=filename.endswith(".gz"),
            core_metadata=True if filename.endswith(".whl") else None,
        )
        for filename, algorithms in algorithms_of.items()
    ]
    return page("zope.interface", versions, files)


def _quarantined() -> Document:
    status = {"status": "quarantined", "reason": "Under review."}
    return page("fabrice", [], [], project_status=status)


PROJECTS: Mapping[str, Callable[[], Document]] = {
    "numpy": lambda: many_wheels(4000),
    "requests": _requests,
    "setuptools": _setuptools,
    "pytz": _pytz,
    "nose": _nose,
    "torch": _torch,
    "sampleproject": _sampleproject,
    "mysql-python": _mysql_python,
    "zope-interface": _zope_interface,
    "fabrice": _quarantined,
}


def as_html(document: Document) -> str:
    """The same page in HTML, in the way in which the public index writes it."""
    status = document.get("project-status", {"status": "active"})
    head = '<meta name="pypi:repository-version" content="1.4">\n'
    for name, value in zip(
        ("pypi:project-status", "pypi:project-status-reason"), status.values(), strict=False
    ):
        head += f'<meta name="{name}" content="{escape(value)}">\n'
    links = "".join(_link(file) for file in document["files"])
    title = f"Links for {escape(document['name'])}"
    return (
        f"<!DOCTYPE html>\n<html>\n<head>\n{head}<title>{title}</title>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{links}</body>\n</html>\n<!--SERIAL 24888689-->"
    )


def _link(file: Document) -> str:
    name, value = next(iter(file["hashes"].items()))
    attributes = {"href": f"{file['url']}#{name}={value}"}
    if file.get("requires-python"):
        attributes["data-requires-python"] = file["requires-python"]
    if metadata := file.get("core-metadata", file["data-dist-info-metadata"]):
        pairs = [] if metadata is True else [f"{name}={value}" for name, value in metadata.items()]
        for attribute in ("data-dist-info-metadata", "data-core-metadata"):
            attributes[attribute] = pairs[0] if pairs else "true"
    if file["yanked"]:
        attributes["data-yanked"] = "" if file["yanked"] is True else file["yanked"]
    if file.get("gpg-sig") is not None:
        attributes["data-gpg-sig"] = "true" if file["gpg-sig"] else "false"
    if file.get("provenance"):
        attributes["data-provenance"] = file["provenance"]
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {written} >{escape(file['filename'])}</a><br />\n"
