"""Sessions of users who have proved elsewhere who they are."""

from datetime import timedelta

from pypi_repo import Registry
from pypi_repo.services.accounts.sessions import SESSION_LIFE, Session


def begun_session(
    registry: Registry, name: str, address: str, life: timedelta = SESSION_LIFE
) -> Session:
    """A session of a user, in a transaction of its own."""
    with registry._database.begin() as connection:
        return registry.user_sessions.begin(connection, name, address, life=life)
