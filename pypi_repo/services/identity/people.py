"""Makes of what a provider says of a person an account here, with its groups or areas."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area
from pypi_repo.domain.accounts.accounts import Administrator
from pypi_repo.domain.identity.claims import Claims, assigned_names, name_in, require_conditions
from pypi_repo.domain.identity.errors import SignInRefused
from pypi_repo.domain.identity.provider import IdentityProvider
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.services.accounts.administrators import require_another
from pypi_repo.services.accounts.groups import set_groups_among
from pypi_repo.services.accounts.known import locked_user
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.accounts.groups import GroupRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.providers import Identities
from pypi_repo.storage.journal import Journal


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who signs in.

    account: the name of the account.
    refusal: why the person may not sign in all the same, after what was changed here is committed.
    """

    account: str
    refusal: SignInRefused | None = None


def admit(transaction: Executor, provider: IdentityProvider, claims: Claims) -> Admitted:
    """Finds the account as which a person signs in.

    The account is made if it is the first time and the provider's rule allows it. Its groups or
    areas become those that the provider says, as far as the mapping is about them.

    provider: the provider, which is locked in the transaction: two tabs in which somebody signs in
        for the first time must not make two accounts.

    Raises SignInRefused, and LastAdministrator if nobody else could manage administrators.
    """
    require_conditions(provider, claims)
    assigned = assigned_names(provider, claims)
    if provider.accounts == "users":
        return Admitted(_Users(provider, claims).admitted(transaction, assigned))
    name, areas = _Administrators(provider, claims).admitted(transaction, assigned)
    # What is gone there is gone here, also in other browsers.
    return Admitted(name, None if areas else _without_areas(provider))


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
        identity = Identities(connection, self._provider).identity(self._subject)
        return None if identity is None else identity.account

    def _note(self, connection: Executor) -> None:
        """After the account is locked, as who deletes it locks it first, too."""
        Identities(connection, self._provider).note_sign_in(self._subject, self._now)

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
        linked = Identities(connection, self._provider).link(self._subject, account_id, self._now)
        assert linked  # noqa: S101 - the account is new, and the subject was looked for

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
        user = locked_user(Users(connection), name)
        self._note(connection)
        joined, left = set_groups_among(
            GroupRows(connection), user.id, assigned, self._provider.assignable
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
            name = self._made(connection, areas)
            self._note(connection)
            return name, areas
        administrator = _found(administration, name)
        self._note(connection)
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
