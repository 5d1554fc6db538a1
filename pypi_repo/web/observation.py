"""What is learned about a request while it is answered, for the log and the numbers.

It belongs to the request's context: whoever answers notes what it knows, and whoever logs a line
meanwhile can name the request. Apps that stand outside of an observed site note it for nobody.
"""

import re
import secrets
from contextvars import ContextVar

from pypi_repo.domain.access import Actor

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Observation:
    """One request.

    id: the one that came with it, if it cannot harm a log; a new one otherwise.
    actor: the name of who asked, once the credentials were found right.
    error: the code of what it was refused with.
    """

    __slots__ = ("actor", "error", "id", "uploaded_bytes", "uploads")

    def __init__(self, given_id: str | None) -> None:
        is_acceptable = given_id is not None and _ACCEPTABLE_ID.fullmatch(given_id)
        self.id = given_id if given_id and is_acceptable else secrets.token_hex(8)
        self.actor = ""
        self.error = ""
        self.uploads = 0
        self.uploaded_bytes = 0


current: ContextVar[Observation | None] = ContextVar("pypi_repo_observation", default=None)


def note_actor(actor: Actor) -> None:
    observation = current.get()
    if observation is not None:
        observation.actor = actor.name


def note_error(code: str) -> None:
    observation = current.get()
    if observation is not None:
        observation.error = code


def note_upload(size: int) -> None:
    """That a file of `size` bytes was accepted."""
    observation = current.get()
    if observation is not None:
        observation.uploads += 1
        observation.uploaded_bytes += size
