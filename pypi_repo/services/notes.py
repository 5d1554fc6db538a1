"""Messages that a page shows once after a redirect: what was done, and perhaps a new secret."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pypi_repo.storage.database.database import Database
from pypi_repo.storage.notes import NoteRows

NOTE_LIFE = timedelta(minutes=2)
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A message that is shown once.

    text: a sentence, or the description of the secret.
    secret: a new secret, which is not stored anywhere else; `hint` says how to use it.
    link: the title of a page with details.
    path: the path of this page, relative to the portal.
    button: the title of a button that sends a form.
    action: where the form is sent, relative to the portal.
    fields: the names and values that are sent.
    warnings: what is probably a mistake, as sentences.
    """

    text: str
    secret: str = field(default="", repr=False)
    hint: str = ""
    link: str = ""
    path: str = ""
    button: str = ""
    action: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def with_button(self, title: str, action: str, fields: Sequence[tuple[str, str]]) -> "Note":
        """Returns the same message with a button."""
        return replace(self, button=title, action=action, fields=tuple(fields))


class Notes:
    """Messages that are shown once, to the holder for whom they were left, by any process.

    The database stores each message encrypted with a key that only the redirect contains. After the
    message was taken, the key is useless.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def leave(self, holder: str, note: Note) -> str:
        """Stores a message for two minutes.

        holder: who may take it.

        Returns the key with which the message can be taken.
        """
        key = secrets.token_urlsafe(32)
        text = _sealed(key, json.dumps(asdict(note)).encode()).hex()
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            stored = NoteRows(connection)
            stored.clear(now, leaving=_MOST - 1)
            stored.add(_place(holder, key), text, now + NOTE_LIFE)
        return key

    def take(self, holder: str, key: str) -> Note | None:
        """Returns and deletes a message; None if there is none with this key for this holder."""
        with self._database.begin() as connection:
            sealed = NoteRows(connection).take(_place(holder, key), datetime.now(UTC))
        if sealed is None:
            return None
        said = json.loads(_sealed(key, bytes.fromhex(sealed)))
        fields = tuple((name, value) for name, value in said.pop("fields"))
        warnings = tuple(said.pop("warnings"))
        return Note(**said, fields=fields, warnings=warnings)


def _place(holder: str, key: str) -> str:
    return hashlib.sha256(f"place {key} {holder}".encode("utf-8", "replace")).hexdigest()


def _sealed(key: str, content: bytes) -> bytes:
    """Encrypts or decrypts a content. Each key must be used for one content only."""
    stream = hashlib.shake_256(f"seal {key}".encode("utf-8", "replace")).digest(len(content))
    return bytes(one ^ other for one, other in zip(content, stream, strict=True))
