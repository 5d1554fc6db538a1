"""What is shown once, and to nobody else."""

from datetime import timedelta

import pytest

from pypi_repo import Registry, Settings
from pypi_repo.services import notes as notes_module
from pypi_repo.services.notes import Note
from pypi_repo.storage.database.tables import notes

NOTE = Note(text="The password of a", secret="s3cr€t", hint="Use it.", link="To a", path="users/a")


def _rows(registry: Registry) -> str:
    with registry._database.snapshot() as connection:
        return repr(connection.execute(notes.select()).all())


def test_a_note_is_taken_once(registry: Registry) -> None:
    key = registry.notes.leave("me", NOTE)
    assert registry.notes.take("me", key) == NOTE
    assert registry.notes.take("me", key) is None
    assert _rows(registry) == "[]"


def test_only_the_holder_takes_it(registry: Registry) -> None:
    key = registry.notes.leave("me", NOTE)
    for holder, wrong in (("you", key), ("me", f"{key}x"), ("", key), ("me", ""), ("\udc80", "é")):
        assert registry.notes.take(holder, wrong) is None
    assert registry.notes.take("me", key) == NOTE


def test_the_database_alone_tells_nothing(registry: Registry) -> None:
    key = registry.notes.leave("me", NOTE)
    stored = _rows(registry)
    for word in (key, "password", "s3cr", NOTE.text.encode().hex(), "me'"):
        assert word not in stored
    assert registry.notes.leave("me", NOTE) != key


def test_it_does_not_wait_long(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes_module, "NOTE_LIFE", timedelta(0))
    assert registry.notes.take("me", registry.notes.leave("me", NOTE)) is None
    registry.notes.leave("me", NOTE)
    monkeypatch.undo()
    registry.notes.leave("me", NOTE)
    assert _rows(registry).count("), (") == 0, "what has expired is gone"


def test_there_are_never_many(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes_module, "_MOST", 3)
    keys = [registry.notes.leave("me", Note(text=str(number))) for number in range(5)]
    taken = [registry.notes.take("me", key) for key in keys]
    assert [note and note.text for note in taken] == [None, None, "2", "3", "4"]


def test_another_process_shows_it(database_url: str) -> None:
    settings = Settings(database=database_url, blobs="memory://", password_cost=4)
    with Registry(settings) as one:
        one.upgrade()
        key = one.notes.leave("me", NOTE)
        with Registry(settings) as other:
            assert other.notes.take("me", key) == NOTE
        assert one.notes.take("me", key) is None
