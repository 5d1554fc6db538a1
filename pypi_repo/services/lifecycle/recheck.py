"""Checks published files by the rules of another repository."""

from collections.abc import Iterable
from dataclasses import dataclass

from pypi_repo.domain.archives.inspection import Inspection, inspect
from pypi_repo.domain.errors import TooLarge, UnknownFile
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.services.packages.candidates import check_filename, checked_metadata
from pypi_repo.services.packages.documents import Documents
from pypi_repo.services.packages.placing import naming
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.services.packages.upload_rules import file_limit
from pypi_repo.settings import Limits, format_size
from pypi_repo.storage.blobs.store import BlobStore


@dataclass(frozen=True, slots=True)
class Rechecked:
    """A file that the rules of another repository allow.

    display_name: the name of the project in the metadata of the file.
    summary: the summary in the metadata of the file.
    warnings: sentences about what is unusual in the file.
    """

    filename: DistributionFilename
    display_name: str
    summary: str
    warnings: tuple[str, ...]


class Rechecks:
    """Checks files of one repository by the rules of another one.

    Core metadata are always checked. Archives were read before, and are only read again if the
    profile of the other repository asks more of them than they were checked for.
    """

    def __init__(
        self, blobs: BlobStore, documents: Documents, readmes: Readmes, limits: Limits
    ) -> None:
        self._blobs = blobs
        self._documents = documents
        self._readmes = readmes
        self._limits = limits

    def check(
        self, files: Iterable[DistributionFile], source: Repository, target: Repository
    ) -> list[Rechecked]:
        """Returns files of the source, checked by the rules of the target.

        Core metadata that are the same for files that follow each other, as they are for the wheels
        of most releases, are read once.

        Raises a RegistryError that names the file if the target does not allow one, and UnknownFile
        if one is missing from the file store.
        """
        rules = RULES[target.profile]
        reads_archives = rules.ask_more_of_archives(RULES[source.profile])
        checked, last = [], ("", Document(b""))
        for file in files:
            filename = DistributionFilename.parse(file.filename, file.project)
            warnings: tuple[str, ...] = ()
            with naming(file.filename):
                self._check_size(file, target)
                check_filename(filename, rules)
                digest = file.metadata_sha256
                if digest is None or reads_archives or file.exemption is not None:
                    inspection = self._inspect(file, filename, rules)
                    document, warnings = inspection.document, inspection.warnings
                else:
                    if digest != last[0]:
                        last = digest, Document(self._documents.content(file))
                    document = last[1]
                metadata = checked_metadata(document, filename, rules, self._readmes)
            warnings += metadata.warnings
            checked.append(Rechecked(filename, metadata.name, metadata.summary, warnings))
        return checked

    def _check_size(self, file: DistributionFile, target: Repository) -> None:
        limit = file_limit(target, self._limits)
        if file.size > limit:
            raise TooLarge(
                f"{file.filename} is larger than the {format_size(limit)} that repository "
                f"{target.name!r} allows; ask an administrator for a higher limit."
            )

    def _inspect(
        self, file: DistributionFile, filename: DistributionFilename, rules: Rules
    ) -> Inspection:
        try:
            with self._blobs.open(file.path) as content:
                return inspect(content, filename, rules, self._limits, is_known=True)
        except FileNotFoundError as error:
            raise UnknownFile(
                f"The content of {file.filename} is missing from the file store; tell the operator."
            ) from error
