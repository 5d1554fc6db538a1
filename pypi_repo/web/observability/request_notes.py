"""What becomes known about a request while it is answered, for the log and the metrics.

An observation belongs to the context of a request. Code that answers the request adds what it
knows, and log lines contain the id of the request. Without an observed site, nothing is recorded.
"""

import re
import secrets
from contextvars import ContextVar

from pypi_repo.domain.accounts.access import Actor

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Observation:
    """What is known about one request.

    id: the X-Request-ID of the request, if it is harmless in a log, or a new id.
    actor: the name of the actor, when its credentials were found right.
    error: the code of the error with which the request was refused.
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
    """Records the actor of the current request."""
    observation = current.get()
    if observation is not None:
        observation.actor = actor.name


def note_error(code: str) -> None:
    """Records the code of the error with which the current request is refused."""
    observation = current.get()
    if observation is not None:
        observation.error = code


def note_upload(size: int) -> None:
    """Records that a file was accepted.

    size: in bytes.
    """
    observation = current.get()
    if observation is not None:
        observation.uploads += 1
        observation.uploaded_bytes += size
