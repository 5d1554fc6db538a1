"""Manages administrators, what each may manage, and their tokens for the management API."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import (
    EVERY_AREA,
    Actor,
    ActorKind,
    Area,
    require_area,
)
from pypi_repo.domain.accounts.accounts import (
    ADMINISTRATOR_TOKEN_PREFIX,
    Administrator,
    AdministratorToken,
    shown_of,
    token_digest,
)
from pypi_repo.domain.accounts.errors import LastAdministrator, UnknownAccount, UnknownToken
from pypi_repo.domain.errors import InvalidSetting, NameTaken, PermissionDenied
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import account_name
from pypi_repo.domain.text import require_line
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.journal import Journal

LONGEST_LIFE = timedelta(days=366)


class Administrators:
    """Manages administrators and their tokens.

    The operator may do everything. Administrators with the area `settings` manage other
    administrators, and every administrator manages its own password and tokens. No administrator
    can give away areas that it does not have, or take over an administrator with more areas; such
    an administrator can only be deleted, and its tokens revoked. Methods that would do otherwise
    raise PermissionDenied.
    """

    def __init__(self, actor: Actor, database: Database, passwords: Passwords) -> None:
        self._actor = actor
        self._database = database
        self._passwords = passwords

    def all(self) -> list[Administrator]:
        """Returns all administrators, sorted by name."""
        require_area(self._actor, Area.SETTINGS)
        return Administration(self._database).administrators()

    def get(self, name: str) -> Administrator:
        """Returns an administrator.

        Raises UnknownAccount.
        """
        return _own_or_managed(Administration(self._database), name, self._actor)

    def create(
        self,
        name: str,
        password: str,
        *,
        areas: Iterable[Area] = EVERY_AREA,
    ) -> None:
        """Creates an administrator.

        areas: what the administrator may manage.

        Raises InvalidName, InvalidPassword or NameTaken.
        """
        require_area(self._actor, Area.SETTINGS)
        granted = frozenset(areas)
        _require_own(self._actor, granted)
        name = account_name(name)
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            if not Administration(connection).add_administrator(
                name, password_hash, granted, datetime.now(UTC)
            ):
                raise NameTaken(f"There is an administrator {name!r} already; choose another name.")
            _record(Journal(connection), self._actor, "create administrator", name)

    def change(
        self,
        name: str,
        *,
        areas: Iterable[Area] | None = None,
        password: str | None = None,
    ) -> None:
        """Changes an administrator, from its next request on. Either all changes are made or none.

        An argument that is None changes nothing.

        areas: what the administrator may manage.
        password: the new password, which signs the administrator out everywhere; the password that
            the administrator already has changes nothing.

        Raises UnknownAccount, InvalidPassword or LastAdministrator.
        """
        granted = None if areas is None else frozenset(areas)
        password_hash = None if password is None else self._new_hash(name, password)
        with self._database.begin() as connection:
            administration = Administration(connection)
            administrators = administration.lock_administrators()
            administrator = _own_or_managed(administration, name, self._actor)
            if granted is not None and granted != administrator.areas:
                require_area(self._actor, Area.SETTINGS)
                _require_own(self._actor, granted | administrator.areas)
                if Area.SETTINGS not in granted:
                    require_another(administrators, administrator)
                administration.set_areas(administrator, granted)
                _record(
                    Journal(connection),
                    self._actor,
                    "change permissions of administrator",
                    administrator.name,
                    areas=" ".join(area.value for area in Area if area in granted),
                )
            if password_hash is not None:
                _require_own(self._actor, administrator.areas)
                administration.set_administrator_password(administrator, password_hash)
                administration.delete_sessions(administrator)
                _record(
                    Journal(connection),
                    self._actor,
                    "set password of administrator",
                    administrator.name,
                )

    def _new_hash(self, name: str, password: str) -> str | None:
        """None for the password that the administrator has already."""
        administrator = self.get(name)
        _require_own(self._actor, administrator.areas)  # or it could try passwords here
        is_known = self._passwords.verify(password, administrator.password_hash)
        return None if is_known else self._passwords.hash(password)

    def set_areas(self, name: str, areas: Iterable[Area]) -> None:
        """Sets what an administrator may manage, from its next request on.

        Raises UnknownAccount or LastAdministrator.
        """
        require_area(self._actor, Area.SETTINGS)
        self.change(name, areas=areas)

    def set_password(self, name: str, password: str) -> None:
        """Sets the password of an administrator.

        A new password signs the administrator out everywhere.

        Raises UnknownAccount or InvalidPassword.
        """
        self.change(name, password=password)

    def delete(self, name: str) -> None:
        """Deletes an administrator and its tokens, and ends its sessions.

        Raises UnknownAccount or LastAdministrator.
        """
        require_area(self._actor, Area.SETTINGS)
        with self._database.begin() as connection:
            administration = Administration(connection)
            administrators = administration.lock_administrators()
            administrator = _known(administration, name)
            require_another(administrators, administrator)
            administration.delete_administrator(administrator)
            _record(Journal(connection), self._actor, "delete administrator", administrator.name)

    # Tokens for the management API

    def create_token(
        self,
        administrator: str,
        *,
        name: str = "",
        areas: Iterable[Area] = EVERY_AREA,
        read_only: bool = False,
        expires_in: timedelta = timedelta(days=90),
    ) -> tuple[AdministratorToken, str]:
        """Creates a token of an administrator, for the management API.

        name: a name that tells people what the token is for; by default, the date.
        areas: what the token may manage, as long as its administrator may manage it too.
        read_only: whether the token can only be used for reading.
        expires_in: how long the token is valid; at most a year.

        Returns the token and its secret. The secret is not stored, so it cannot be read again.

        Raises UnknownAccount or InvalidSetting.
        """
        if not timedelta() < expires_in <= LONGEST_LIFE:
            raise InvalidSetting("A token of an administrator must expire within a year.")
        granted = frozenset(areas)
        _require_own(self._actor, granted)
        require_line(name)
        secret = ADMINISTRATOR_TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            administration = Administration(connection)
            administration.lock_administrators()
            holder = _own_or_managed(administration, administrator, self._actor)
            _require_own(self._actor, holder.areas)
            token_id = administration.add_token(
                holder,
                granted,
                name=name or f"token of {now:%Y-%m-%d}",
                prefix=shown_of(secret),
                secret_sha256=token_digest(secret),
                read_only=read_only,
                created_at=now,
                expires_at=now + expires_in,
            )
            _record(Journal(connection), self._actor, "create token of administrator", holder.name)
            token = administration.token(token_id)
        assert token is not None  # noqa: S101 - it was added in this very transaction
        return token, secret

    def tokens(self, administrator: str) -> list[AdministratorToken]:
        """Returns the tokens of an administrator.

        Raises UnknownAccount.
        """
        administration = Administration(self._database)
        return administration.tokens(_own_or_managed(administration, administrator, self._actor))

    def token(self, token_id: int) -> AdministratorToken:
        """Returns the token with a number.

        Raises UnknownToken.
        """
        return _known_token(Administration(self._database), token_id, self._actor)

    def revoke_token(self, token_id: int) -> AdministratorToken:
        """Deletes a token, which is refused from the next request on.

        Returns the deleted token.

        Raises UnknownToken.
        """
        with self._database.begin() as connection:
            administration = Administration(connection)
            token = _known_token(administration, token_id, self._actor)
            administration.delete_token(token_id)
            _record(
                Journal(connection),
                self._actor,
                "revoke token of administrator",
                token.administrator,
            )
        return token


def _own_or_managed(administration: Administration, name: str, actor: Actor) -> Administrator:
    """The administrator of the name, for itself or for whoever may manage settings.

    What acts with less than its administrator may is a token: not enough for the account itself,
    because a new password or token would give it the rest.

    Raises PermissionDenied or UnknownAccount.
    """
    administrator = administration.administrator(name.lower())
    is_itself = (
        administrator is not None
        and actor.kind is ActorKind.ADMINISTRATOR
        and actor.name == administrator.name
        and actor.areas >= administrator.areas
    )
    if not is_itself:
        require_area(actor, Area.SETTINGS)
    return _known(administration, name)


def _require_own(actor: Actor, areas: frozenset[Area]) -> None:
    """Raises PermissionDenied for areas that the actor does not manage itself."""
    lacking = areas - actor.areas
    if lacking and actor.kind is not ActorKind.OPERATOR:
        names = ", ".join(area.title for area in Area if area in lacking)
        raise PermissionDenied(
            f"{actor.name!r} does not manage {names}, so it can neither give that nor change "
            "what belongs to who does; ask an administrator who does."
        )


def _known(administration: Administration, name: str) -> Administrator:
    administrator = administration.administrator(name.lower())
    if administrator is None:
        raise UnknownAccount(f"There is no administrator {name!r}; check the name.")
    return administrator


def _known_token(administration: Administration, token_id: int, actor: Actor) -> AdministratorToken:
    """For its administrator or for whoever may manage settings."""
    token = administration.token(token_id) if 0 < token_id <= LARGEST_ID else None
    if token is None:
        raise UnknownToken(f"There is no token {token_id} of an administrator; check its number.")
    _own_or_managed(administration, token.administrator, actor)
    return token


def require_another(administrators: Iterable[Administrator], leaving: Administrator) -> None:
    """Raises LastAdministrator if nobody is left who can manage administrators.

    Only administrators with a password count: whoever depends on an identity provider cannot sign
    in while it is not there.
    """
    if Area.SETTINGS in leaving.areas and not any(
        Area.SETTINGS in other.areas and other.password_hash
        for other in administrators
        if other.id != leaving.id
    ):
        raise LastAdministrator(
            f"{leaving.name!r} is the last one who manages administrators; "
            "create another one first."
        )


def _record(journal: Journal, actor: Actor, action: str, administrator: str, **detail: str) -> None:
    journal.record(JournalEntry.by(actor, action, detail={"account": administrator, **detail}))
