"""Checks published files by the rules of another repository."""

from dataclasses import dataclass

from pypi_repo.domain.archives.inspection import inspect
from pypi_repo.domain.errors import TooLarge, UnknownFile
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.domain.validation.profiles import RULES
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

    def check(self, file: DistributionFile, source: Repository, target: Repository) -> Rechecked:
        """Returns a file of the source, checked by the rules of the target.

        Raises a RegistryError that names the file if the target does not allow it, and UnknownFile
        if it is missing from the file store.
        """
        rules = RULES[target.profile]
        filename = DistributionFilename.parse(file.filename, file.project)
        with naming(file.filename):
            limit = file_limit(target, self._limits)
            if file.size > limit:
                raise TooLarge(
                    f"{file.filename} is larger than the {format_size(limit)} that repository "
                    f"{target.name!r} allows; ask an administrator for a higher limit."
                )
            check_filename(filename, rules)
            document, warnings = self._document(file, filename, source, target)
            metadata = checked_metadata(document, filename, rules, self._readmes)
        return Rechecked(filename, metadata.name, metadata.summary, warnings + metadata.warnings)

    def _document(
        self,
        file: DistributionFile,
        filename: DistributionFilename,
        source: Repository,
        target: Repository,
    ) -> tuple[Document, tuple[str, ...]]:
        rules = RULES[target.profile]
        if not (
            file.metadata_sha256 is None
            or file.exemption is not None
            or rules.ask_more_of_archives(RULES[source.profile])
        ):
            return Document(self._documents.content(file)), ()
        try:
            with self._blobs.open(file.path) as content:
                inspection = inspect(content, filename, rules, self._limits, is_known=True)
        except FileNotFoundError as error:
            raise UnknownFile(
                f"The content of {file.filename} is missing from the file store; tell the operator."
            ) from error
        return inspection.document, inspection.warnings
