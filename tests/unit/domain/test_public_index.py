"""The rules of the public index: portable platforms, known classifiers, distinct names."""

import sys

import pytest

from pypi_repo.domain.errors import (
    ConfigurationError,
    InvalidFilename,
    InvalidMetadata,
    InvalidName,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.validation import public_index
from pypi_repo.domain.validation.profiles import RULES

_ALLOWED = """
any win32 win_amd64 win_arm64 win_ia64 manylinux1_x86_64 manylinux1_i686 manylinux2010_x86_64
manylinux2010_i686 manylinux2014_x86_64 manylinux2014_i686 manylinux2014_aarch64
manylinux2014_armv7l manylinux2014_ppc64 manylinux2014_ppc64le manylinux2014_s390x
manylinux_2_28_x86_64 manylinux_2_17_i686 manylinux_2_34_aarch64 manylinux_2_31_armv7l
manylinux_2_17_ppc64 manylinux_2_17_ppc64le manylinux_2_17_s390x manylinux_2_39_riscv64
musllinux_1_2_x86_64 musllinux_1_1_i686 musllinux_1_2_aarch64 musllinux_1_2_armv7l
musllinux_1_2_ppc64le musllinux_1_2_s390x musllinux_1_2_riscv64 macosx_10_6_intel
macosx_10_9_x86_64 macosx_10_9_universal2 macosx_10_16_arm64 macosx_10_4_ppc macosx_10_4_ppc64
macosx_10_4_i386 macosx_10_4_fat macosx_10_4_fat3 macosx_10_4_fat64 macosx_10_4_universal
macosx_11_0_arm64 macosx_12_0_x86_64 macosx_13_0_universal2 macosx_14_0_arm64 macosx_15_0_x86_64
macosx_26_0_arm64 macosx_11_0_intel ios_13_0_arm64_iphoneos ios_13_0_arm64_iphonesimulator
ios_12_4_x86_64_iphonesimulator android_21_armeabi_v7a android_24_arm64_v8a android_24_x86
android_24_x86_64 pyemscripten_2025_0_wasm32 linux_armv6l linux_armv7l
"""
_REFUSED = """
linux_x86_64 linux_i686 linux_aarch64 win_arm win64 manylinux3_x86_64 manylinux1_aarch64
manylinux2010_aarch64 manylinux2014_riscv64 manylinux_2_28_sparc64 manylinux_x86_64
manylinux_2_x86_64 musllinux_1_2_ppc64 musllinux_1_x86_64 macosx_10_9_sparc macosx_10_fat
macosx_10_4_fat32 macosx_11_1_arm64 macosx_16_0_arm64 macosx_9_0_ppc ios_13_0_arm64
ios_13_0_i386_iphonesimulator android_arm64_v8a android_21_mips pyodide_2024_0_wasm32
pyemscripten_2025_wasm32 anything any_x86_64 freebsd_14_0_release_amd64 openbsd_7_amd64
"""


def _wheel(platform: str, version: str = "1.0") -> DistributionFilename:
    return DistributionFilename.parse(f"demo-{version}-cp313-cp313-{platform}.whl")


@pytest.mark.parametrize("platform", _ALLOWED.split())
def test_portable_platforms_are_allowed(platform: str) -> None:
    """U50"""
    public_index.check_filename(_wheel(platform))


@pytest.mark.parametrize("platform", _REFUSED.split())
def test_other_platforms_are_refused(platform: str) -> None:
    """U50: also beside a portable one."""
    for tags in (platform, f"any.{platform}", f"{platform}.win32"):
        with pytest.raises(InvalidFilename, match=f"'{platform}' is not portable"):
            public_index.check_filename(_wheel(tags))


def test_several_portable_platforms_are_allowed() -> None:
    """U50"""
    public_index.check_filename(_wheel("manylinux_2_17_x86_64.manylinux2014_x86_64"))


@pytest.mark.parametrize("filename", ["demo-1.0+local-py3-none-any.whl", "demo-1.0+local.tar.gz"])
def test_local_versions_are_refused(filename: str) -> None:
    """U32"""
    with pytest.raises(InvalidFilename, match="local"):
        public_index.check_filename(DistributionFilename.parse(filename))


def _check(*lines: str, version: str = "2.4") -> None:
    document = "\n".join([f"Metadata-Version: {version}", "Name: demo", "Version: 1.0", *lines, ""])
    public_index.check_metadata(CoreMetadata.parse(document.encode(), RULES["lenient"]))


def test_known_classifiers_are_allowed() -> None:
    """U35"""
    _check("Classifier: Programming Language :: Python :: 3", "Classifier: Typing :: Typed")


@pytest.mark.parametrize(
    "classifier", ["Private :: Do Not Upload", "Framework :: Nonsense", "typing :: typed"]
)
def test_unknown_classifiers_are_refused(classifier: str) -> None:
    """U35"""
    with pytest.raises(InvalidMetadata, match=f"'{classifier}'"):
        _check("Classifier: Typing :: Typed", f"Classifier: {classifier}")


def test_deprecated_classifiers_are_refused_with_what_to_use() -> None:
    """U35"""
    with pytest.raises(InvalidMetadata, match=r"deprecated; use Framework :: Django CMS :: 5\.0\."):
        _check("Classifier: Framework :: Django CMS :: 4.2")
    with pytest.raises(InvalidMetadata, match=r"deprecated; use nothing\."):
        _check("Classifier: License :: OSI Approved :: X.Net License")


@pytest.mark.parametrize("requirement", ["other @ https://example.org/o.whl", "o[x]@ file:///o"])
def test_direct_references_are_refused(requirement: str) -> None:
    """U37"""
    with pytest.raises(InvalidMetadata, match="direct reference"):
        _check("Requires-Dist: fine", f"Requires-Dist: {requirement}")


def test_requirements_are_allowed() -> None:
    """U37"""
    _check("Requires-Dist: other[extra] >=1,<2 ; python_version < '3.12'")
    with pytest.raises(InvalidMetadata, match="not a valid requirement"):
        _check("Requires-Dist: other >==1")


def test_licence_expressions_need_new_metadata() -> None:
    """U40"""
    _check("License-Expression: MIT")
    with pytest.raises(InvalidMetadata, match=r"2\.4"):
        _check("License-Expression: MIT", version="2.3")


@pytest.mark.parametrize("name", ["json", "JSON", "os", "asyncio", "ZoneInfo"])
def test_modules_of_the_standard_library_are_no_names(name: str) -> None:
    """U83"""
    with pytest.raises(InvalidName, match="standard library"):
        public_index.check_new_name(name, [], lambda _name: True)


@pytest.mark.parametrize("name", ["urllib2", "StringIO", "sha", "cPickle"])
def test_modules_of_other_pythons_are_no_names(name: str) -> None:
    """U83"""
    with pytest.raises(InvalidName, match="standard library"):
        public_index.check_new_name(name, [], lambda _name: True)


@pytest.mark.parametrize("name", ["importlib-metadata", "json5", "main"])
def test_what_is_close_to_a_module_is_a_name(name: str) -> None:
    """U83"""
    public_index.check_new_name(name, [], lambda _name: True)


@pytest.mark.parametrize("name", ["toast1ng", "t0asting", "toast-ing", "TOASTLNG", "T.o_a-sting"])
def test_lookalikes_are_refused(name: str) -> None:
    """U83"""
    with pytest.raises(InvalidName, match="'toasting'"):
        public_index.check_new_name(name, ["another", "toasting"], lambda _name: True)


def test_a_project_is_no_lookalike_of_itself() -> None:
    """U83: race of two uploads that spell it differently."""
    public_index.check_new_name("Toasting", ["toasting"], lambda _name: True)


@pytest.mark.parametrize("name", ["toasting2", "roasting", "toast"])
def test_other_names_are_fine(name: str) -> None:
    """U83"""
    public_index.check_new_name(name, ["another", "toasting"], lambda _name: True)


def test_the_list_of_classifiers_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """U35: an optional package, whose absence is told before anything is uploaded."""
    public_index.check_installed()
    monkeypatch.setitem(sys.modules, "trove_classifiers", None)
    with pytest.raises(ConfigurationError, match=r"pypi-repo\[pypi\]"):
        public_index.check_installed()


@pytest.mark.parametrize("version", ["2.6", "2.999"])
def test_metadata_versions_of_the_future_are_refused(version: str) -> None:
    """U30: the public index refuses what it does not know."""
    document = f"Metadata-Version: {version}\nName: demo\nVersion: 1.0\n".encode()
    with pytest.raises(InvalidMetadata, match="Metadata-Version"):
        public_index.check_metadata(CoreMetadata.parse(document, RULES["pypi"]))
