"""Content encoded with gzip, decoded piece by piece."""

import zlib

_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


class GzipStream:
    """Decodes one member of gzip (RFC 1952), and never holds more than what was fed and asked for.

    All methods raise zlib.error for what is no such member, or has something after it.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
        self._input = b""
        self._has_more = self._was_fed = False

    def feed(self, data: bytes) -> None:
        """Takes what arrived; only when `take` has nothing left."""
        self._input, self._was_fed = data, True

    def take(self, size: int) -> bytes:
        """Returns up to so many decoded bytes, none if more has to be fed."""
        if not (self._input or self._has_more):
            return b""
        decoded = self._member.decompress(self._input, size)
        self._input = self._member.unconsumed_tail
        # zlib may keep some of a long repetition back, although it has no more input.
        self._has_more = len(decoded) == size and not self._member.eof
        if self._member.unused_data:
            raise zlib.error("something comes after the end")
        return decoded

    def finish(self) -> None:
        """Says that nothing more is fed."""
        if self._was_fed and not self._member.eof:
            raise zlib.error("it ends too early")
