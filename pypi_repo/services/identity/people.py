"""Makes of what a provider says of a person an account here, with its groups or areas."""

from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area
from pypi_repo.domain.accounts.accounts import Administrator
from pypi_repo.domain.identity.claims import Claims, assigned_names, name_in, require_conditions
from pypi_repo.domain.identity.errors import SignInRefused
from pypi_repo.domain.identity.provider import IdentityProvider
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.services.accounts.administrators import require_another
from pypi_repo.services.accounts.known import known_user
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.providers import Identities, Membership
from pypi_repo.storage.journal import Journal


def admit(database: Database, provider: IdentityProvider, claims: Claims) -> str:
    """Returns the name of the account as which a person signs in.

    The account is made if it is the first time and the provider's rule allows it. Its groups or
    areas become those that the provider says, as far as the mapping is about them.

    Raises SignInRefused, and LastAdministrator if nobody else could manage administrators.
    """
    require_conditions(provider, claims)
    assigned = assigned_names(provider, claims)
    person = _Users(provider, claims) if provider.accounts == "users" else None
    with database.begin() as connection:
        if person is not None:
            return person.admitted(connection, assigned)
        name, areas = _Administrators(provider, claims).admitted(connection, assigned)
    if not areas:  # after the commit: what is gone there is gone here, also in other browsers
        raise _without_areas(provider)
    return name


class _People:
    """The people of one kind of accounts.

    noun: what such an account is called.
    """

    noun: str
    kind: ActorKind

    def __init__(self, provider: IdentityProvider, claims: Claims) -> None:
        self._provider = provider
        self._claims = claims
        self._subject: str = claims["sub"]
        self._now = datetime.now(UTC)

    def _linked(self, connection: Executor) -> str | None:
        """The name of the account to which the subject is linked."""
        identities = Identities(connection, self._provider)
        identity = identities.identity(self._subject)
        if identity is None:
            return None
        identities.note_sign_in(self._subject, self._now)
        return identity.account

    def _new_name(self) -> str:
        if not self._provider.creates:
            raise SignInRefused(
                f"Nobody here is linked to your account at {self._provider.title}; ask an "
                "administrator to link it.",
                detail=f"the subject {self._subject!r} can be linked to an account",
            )
        return name_in(self._provider, self._claims)

    def _taken(self, name: str) -> SignInRefused:
        return SignInRefused(
            f"There is {self.noun} {name!r} here already, and it is not linked to your account at "
            f"{self._provider.title}; ask an administrator to link it.",
            detail=f"the subject {self._subject!r} can be linked to it",
        )

    def _link(self, connection: Executor, name: str, account_id: int) -> None:
        identities = Identities(connection, self._provider)
        if not identities.link(self._subject, account_id, self._now):
            raise self._taken(name)
        identities.note_sign_in(self._subject, self._now)

    def _record(self, connection: Executor, action: str, name: str, **more: str) -> None:
        """As done by the person: nobody else was there."""
        detail = {"account": name, "identity_provider": self._provider.name, **more}
        actor = Actor(name, kind=self.kind)
        Journal(connection).record(JournalEntry.by(actor, action, detail=detail))


class _Users(_People):
    noun = "a repository user"
    kind = ActorKind.USER

    def admitted(self, connection: Executor, assigned: frozenset[str]) -> str:
        name = self._linked(connection) or self._made(connection)
        user = known_user(Users(connection), name)
        joined, left = Membership(connection).synchronize(
            user.id, assigned, self._provider.assignable
        )
        if joined or left:
            changes = {"joined": " ".join(joined), "left": " ".join(left)}
            self._record(connection, "change groups of user", name, **changes)
        return name

    def _made(self, connection: Executor) -> str:
        name = self._new_name()
        user_id = Users(connection).add_user(name, "", self._now)
        if user_id is None:
            raise self._taken(name)
        self._link(connection, name, user_id)
        self._record(connection, "create user", name)
        return name


class _Administrators(_People):
    noun = "an administrator"
    kind = ActorKind.ADMINISTRATOR

    def admitted(
        self, connection: Executor, assigned: frozenset[str]
    ) -> tuple[str, frozenset[Area]]:
        areas = frozenset(map(Area, assigned))
        administration = Administration(connection)
        administrators = administration.lock_administrators()
        name = self._linked(connection)
        if name is None:
            return self._made(connection, areas), areas
        administrator = _found(administration, name)
        kept = administrator.areas - self._provider.areas
        if areas | kept != administrator.areas:
            if Area.SETTINGS not in areas | kept:
                require_another(administrators, administrator)
            administration.set_areas(administrator, areas | kept)
            self._record(
                connection,
                "change permissions of administrator",
                name,
                areas=" ".join(area.value for area in Area if area in areas | kept),
            )
        return name, areas | kept

    def _made(self, connection: Executor, areas: frozenset[Area]) -> str:
        name = self._new_name()
        if not areas:
            raise _without_areas(self._provider)
        administration = Administration(connection)
        if not administration.add_administrator(name, "", areas, self._now):
            raise self._taken(name)
        self._link(connection, name, _found(administration, name).id)
        self._record(connection, "create administrator", name)
        return name


def _found(administration: Administration, name: str) -> Administrator:
    found = administration.administrator(name)
    assert found is not None  # noqa: S101 - it is linked, or was just added, in this transaction
    return found


def _without_areas(provider: IdentityProvider) -> SignInRefused:
    return SignInRefused(
        f"{provider.title} says nothing that lets you manage anything here; ask an administrator.",
        detail="no value of the claim of groups is mapped to an area",
    )
