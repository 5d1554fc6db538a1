"""The checks of the public index, which the profile `pypi` makes.

A private repository needs none of them. They help teams that will publish the package on the public
index later.
"""

import re
import sys
from collections.abc import Callable, Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from pypi_repo.domain.errors import (
    ConfigurationError,
    InvalidFilename,
    InvalidMetadata,
    InvalidName,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.contacts import odd_contacts
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.names import NormalizedName, normalize

_PORTABLE_PLATFORMS = re.compile(
    r"""
    any
    | win32 | win_(amd64|arm64|ia64)
    | manylinux(1|2010)_(x86_64|i686)
    | manylinux2014_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)
    | manylinux_\d+_\d+_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64)
    | musllinux_\d+_\d+_(x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64)
    | macosx_(10_\d+|(11|12|13|14|15|26)_0)
      _(ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2)
    | ios_\d+_\d+_(arm64|x86_64)_(iphoneos|iphonesimulator)
    | android_\d+_(armeabi_v7a|arm64_v8a|x86|x86_64)
    | pyemscripten_\d+_\d+_wasm32
    | linux_(armv6l|armv7l)
    """,
    re.VERBOSE | re.ASCII,
)
# Of other versions of Python than the one that runs.
_OTHER_STANDARD_MODULES = """
    aifc annotationlib anydbm asynchat asyncore audiodev audioop BaseHTTPServer Bastion
    binhex bsddb cgi CGIHTTPServer cgitb chunk commands compiler compression ConfigParser
    Cookie cookielib copy_reg cPickle crypt cStringIO dbhash dircache distutils
    DocXMLRPCServer dumbdbm dummy_thread dummy_threading exceptions formatter fpformat
    future_builtins hotshot htmlentitydefs htmllib HTMLParser httplib ihooks imghdr imp
    imputil lib2to3 linuxaudiodev macpath macurl2path mailcap markupbase md5 mhlib mimetools
    MimeWriter mimify msilib multifile mutex new nis nntplib os2emxpath ossaudiodev parser
    pipes popen2 posixfile Queue repr rexec rfc822 robotparser sets sgmllib sha
    SimpleHTTPServer SimpleXMLRPCServer smtpd sndhdr SocketServer spwd sre statvfs StringIO
    stringold strop sunau sunaudio symbol telnetlib thread tkinter toaiff turtle urllib2
    urlparse user UserDict UserList UserString uu whichdb xdrlib xmllib xmlrpclib
"""
_NEWEST_METADATA_VERSION = Version("2.5")
_LOOKALIKES = str.maketrans({"l": "1", "i": "1", "o": "0", ".": None, "_": None, "-": None})


def check_installed() -> None:
    """Raises ConfigurationError if the extra `pypi` is not installed."""
    _known_classifiers()


def check_filename(filename: DistributionFilename) -> None:
    """Raises InvalidFilename for local versions, and for platforms that only one machine has."""
    if filename.version.local is not None:
        raise InvalidFilename(f"The version {filename.version} has a local part.")
    for tag in filename.tags:
        if not _PORTABLE_PLATFORMS.fullmatch(tag.platform):
            raise InvalidFilename(f"The platform tag {tag.platform[:80]!r} is not portable.")


def check_metadata(metadata: CoreMetadata) -> None:
    """Raises InvalidMetadata for metadata that has no meaning outside one organization."""
    version = Version(metadata.fields["metadata_version"])
    if version > _NEWEST_METADATA_VERSION:
        raise InvalidMetadata(f"The public index does not know Metadata-Version {version} yet.")
    if metadata.fields.get("license_expression") and version < Version("2.4"):
        raise InvalidMetadata("License-Expression needs Metadata-Version 2.4.")
    for text in metadata.fields.get("requires_dist", []):
        try:
            direct = Requirement(text).url is not None
        except InvalidRequirement as error:
            raise InvalidMetadata(f"{text[:80]!r} is not a valid requirement.") from error
        if direct:
            raise InvalidMetadata(f"{text[:80]!r} is a direct reference, which is not allowed.")
    for complaint in odd_contacts(metadata.fields):
        raise InvalidMetadata(complaint)
    known, replacements = _known_classifiers()
    for classifier in metadata.fields.get("classifiers", []):
        if classifier in replacements:
            instead = ", ".join(replacements[classifier]) or "nothing"
            raise InvalidMetadata(f"The classifier {classifier!r} is deprecated; use {instead}.")
        if classifier not in known:
            raise InvalidMetadata(f"{classifier[:80]!r} is not a known classifier.")


def check_new_name(name: str, existing: Iterable[str], may_name: Callable[[str], bool]) -> None:
    """Raises InvalidName if the name of a new project could be mistaken for another.

    existing: the names of the projects that exist.
    may_name: whether the error message may contain the name of an existing project.
    """
    normalized = normalize(name)
    if normalized in _standard_library():
        raise InvalidName(f"{name!r} is a module of the standard library.")
    for other in existing:
        if normalize(other) != normalized and _looks_like(other) == _looks_like(name):
            which = f"the existing project {other!r}" if may_name(other) else "another project"
            raise InvalidName(f"{name!r} is too similar to {which}; choose another name.")


def _looks_like(name: str) -> str:
    return name.lower().translate(_LOOKALIKES)


def _standard_library() -> set[NormalizedName]:
    return {
        normalize(module) for module in (*sys.stdlib_module_names, *_OTHER_STANDARD_MODULES.split())
    }


def _known_classifiers() -> tuple[set[str], dict[str, list[str]]]:
    try:
        from trove_classifiers import classifiers, deprecated_classifiers
    except ImportError as error:
        raise ConfigurationError(
            "The profile 'pypi' needs what only it needs; install pypi-repo[pypi]."
        ) from error
    return classifiers, deprecated_classifiers
