"""Reads the body of an upload while it arrives: text into memory, and the file into staging."""

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ClientDisconnected, LengthRequired, RequestEntityTooLarge
from werkzeug.wrappers import Request

from pypi_repo.domain.errors import InvalidFilename, InvalidForm, RegistryError, TooLarge
from pypi_repo.settings import Limits, format_size
from pypi_repo.storage.blobs.store import StagedFile
from pypi_repo.web.packages import multipart
from pypi_repo.web.packages.multipart import Data, Part

_LONGEST_BOUNDARY = 200

_CONTENT = "content"
_SIGNATURE = "gpg_signature"
_ATTESTATIONS = "attestations"


class UploadReader:
    """Reads one upload.

    After `read`, `fields` contains all values of each field, in their order. `filename` is that of
    the content, or None if there is no content. `signature` contains the bytes of `gpg_signature`.
    """

    def __init__(self, staged: StagedFile, file_limit: int, limits: Limits) -> None:
        self.fields: dict[str, list[str]] = {}
        self.filename: str | None = None
        self.signature: bytes | None = None
        self._signature_filename: str | None = None
        self._staged = staged
        self._file_limit = file_limit
        self._limits = limits
        self._text_size = 0
        self._part: Part | None = None
        self._text = bytearray()
        self._is_content = False

    def read(self, request: Request) -> None:
        """Reads the body of a request.

        Raises InvalidForm, InvalidFilename, TooLarge, and the errors of StagedFile.write.
        """
        if (request.content_length or 0) > self._file_limit + self._limits.form_size:
            raise TooLarge(
                f"The upload is larger than the {format_size(self._file_limit)} allowed here."
            )
        with form_errors():
            for event in multipart_events(request, self._limits):
                self._take(event)
        if self.signature is not None and self._signature_filename != f"{self.filename}.asc":
            raise InvalidForm("The signature's filename must be that of the content and '.asc'.")

    def _take(self, event: Part | Data) -> None:
        if isinstance(event, Part):
            self._begin(event)
        elif self._is_content:
            self._staged.write(event.data, self._file_limit)
        else:
            self._count(len(event.data))
            self._text += event.data
            self._bound_attestations()
            if not event.more_data:
                self._finish(bytes(self._text))

    def _finish(self, content: bytes) -> None:
        assert self._part is not None  # noqa: S101 - content follows the beginning of its part
        if self._part.filename is None:
            # Python 2 sent Latin-1, in fields of which most are never looked at.
            text = content.decode("utf-8", "replace")
            self.fields.setdefault(self._part.name, []).append(text)
        else:
            self.signature, self._signature_filename = content, self._part.filename

    def _bound_attestations(self) -> None:
        """Limits the attestations while they arrive.

        Parsing them takes many times as much memory.
        """
        limit = self._limits.attestations_size
        is_of_them = self._part is not None and self._part.name == _ATTESTATIONS
        if is_of_them and len(self._text) > limit:
            raise TooLarge(
                f"The attestations are larger than {format_size(limit)}; upload without them, or "
                "with those of this file only."
            )

    def _count(self, size: int) -> None:
        self._text_size += size
        if self._text_size > self._limits.form_size:
            raise TooLarge(
                f"The upload's text fields exceed {format_size(self._limits.form_size)}."
            )

    def _begin(self, part: Part) -> None:
        self._part = part
        self._text = bytearray()
        self._is_content = part.name == _CONTENT
        self._count(len(part.name))
        if not part.name:
            raise InvalidForm("A part of the upload form has no name.")
        if part.filename is None:
            if self._is_content:
                raise InvalidForm("The content must be sent as a file, with its filename.")
        elif self._is_content:
            self._begin_content(part)
        elif part.name != _SIGNATURE:
            raise InvalidForm(f"The field {part.name[:40]!r} must be text, not a file.")

    def _begin_content(self, part: Part) -> None:
        if self.filename is not None:
            raise InvalidForm("Only one file can be uploaded at a time.")
        if part.headers.get("content-type", "").lower().startswith("image/"):
            raise InvalidForm("An image is not a distribution file.")
        self.filename = sent_filename(part)


def sent_filename(part: Part) -> str:
    """Returns the filename of a part. Raises InvalidFilename for a path."""
    # The parser drops backslashes as escapes, so a path is looked for in what was sent.
    if "\\" in part.headers["content-disposition"]:
        raise InvalidFilename("The filename must not hold a path.")
    return part.filename or ""


@contextmanager
def form_errors() -> Iterator[None]:
    """Turns the errors of reading a form into errors of the library, within a block."""
    try:
        yield
    except ClientDisconnected:
        raise InvalidForm("The upload was cut off; send it again.") from None
    except RequestEntityTooLarge:
        raise TooLarge("The upload form has too many parts or too long a header.") from None
    except RegistryError:
        raise
    except ValueError as error:
        raise InvalidForm("The upload is not a complete multipart form.") from error


def multipart_events(request: Request, limits: Limits) -> Iterator[Part | Data]:
    """Yields the parts of a multipart body and their data while they arrive.

    Raises InvalidForm for any other body, and LengthRequired for one whose end is unknown.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise InvalidForm("An upload must be a multipart/form-data request; use twine or uv.")
    if _came_without_end(request):
        raise LengthRequired("This server takes no upload in chunks; send its Content-Length.")
    return multipart.events(
        request.stream, boundary.encode("latin-1", "replace"), limits.form_parts
    )


def _came_without_end(request: Request) -> bool:
    """Returns whether the end of the body is unknown, as on uWSGI for chunked bodies."""
    return (
        request.content_length is None
        and "HTTP_TRANSFER_ENCODING" in request.environ
        and not request.environ.get("wsgi.input_terminated")
    )
