"""What a page says once, after a redirect: what was done, and perhaps a secret that it made."""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from pypi_repo.storage.database import Database
from pypi_repo.storage.notes import NoteShelf

NOTE_LIFE = timedelta(minutes=2)
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """text: a sentence, or what the secret is.

    secret: stored nowhere but here, until it is shown; `hint` says what it is good for.
    link, path: a title, and the page that tells more, below whatever shows the note.
    """

    text: str
    secret: str = field(default="", repr=False)
    hint: str = ""
    link: str = ""
    path: str = ""


class Notes:
    """Each note is shown once, to whom it was left for, in whichever process, or never.

    The database holds it sealed by a key that only the redirect knows, and that opens nothing once
    the note was taken.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def leave(self, holder: str, note: Note) -> str:
        """The key to `take` it with, within two minutes.

        holder: who may take it.
        """
        key = secrets.token_urlsafe(32)
        text = _sealed(key, json.dumps(asdict(note)).encode()).hex()
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            shelf = NoteShelf(connection)
            shelf.clear(now, leaving=_MOST - 1)
            shelf.add(_place(holder, key), text, now + NOTE_LIFE)
        return key

    def take(self, holder: str, key: str) -> Note | None:
        """None where there is no such note for this holder, or no longer."""
        with self._database.begin() as connection:
            sealed = NoteShelf(connection).take(_place(holder, key), datetime.now(UTC))
        return None if sealed is None else Note(**json.loads(_sealed(key, bytes.fromhex(sealed))))


def _place(holder: str, key: str) -> str:
    return hashlib.sha256(f"place {key} {holder}".encode("utf-8", "replace")).hexdigest()


def _sealed(key: str, content: bytes) -> bytes:
    """Sealed, or opened again: each key is used for one content only."""
    stream = hashlib.shake_256(f"seal {key}".encode("utf-8", "replace")).digest(len(content))
    return bytes(one ^ other for one, other in zip(content, stream, strict=True))
