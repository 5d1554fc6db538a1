"""What an administrator may see and change of the grants of users and groups."""

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.patterns import name_pattern, require_few
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.storage.accounts.grants import GrantRow, to_rows
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.executor import Executor


class GrantEditor:
    """Shows and changes grants on behalf of an actor.

    Access to repositories that the policy hides from the actor (`Permission.AUDIT`) is neither
    shown nor changed.
    """

    def __init__(self, actor: Actor, gate: Gate) -> None:
        self._actor = actor
        self._gate = gate

    def audit(self, executor: Executor) -> Audit:
        """Returns what decides which names the actor may see."""
        return Audit(self._gate, self._actor, Catalog(executor))

    def rows(self, transaction: Executor, grants: Grants, before: Grants) -> list[GrantRow]:
        """Returns the rows that replace grants, except on repositories that the actor may not see.

        grants: what is given from now on.
        before: what was given until now.

        Raises UnknownRepository, PermissionDenied or InvalidSetting.
        """
        catalog = Catalog(transaction)
        names = _names(grants)
        for name in sorted(names | _names(before)):
            catalog.lock(name)  # or somebody could delete it meanwhile
        known = {
            name: self._gate.repository(self._actor, Permission.AUDIT, catalog, name)
            for name in names
        }
        hidden = {
            found.name: found
            for found in catalog.repositories()
            if not self._gate.allows(self._actor, Permission.AUDIT, found)
        }
        kept = before.among(hidden.__contains__)
        require_few(grants.patterns)
        patterns = {
            (name, name_pattern(pattern)): _given(access)
            for (name, pattern), access in grants.patterns.items()
        }
        return to_rows(Grants(named=grants.named, patterns=patterns), known) + to_rows(kept, hidden)


def _names(grants: Grants) -> set[str]:
    return {*grants.named, *(name for name, _pattern in grants.patterns)}


def _given(access: Access) -> Access:
    if access is Access.NONE:
        raise InvalidSetting(
            "A pattern for projects can only add access; write read or write for it."
        )
    return access
