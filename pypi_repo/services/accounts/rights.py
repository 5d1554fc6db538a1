"""Says who may do what, and why."""

from pypi_repo.domain.accounts.access import Actor, Area, Permission, require_area
from pypi_repo.domain.accounts.grants import Access
from pypi_repo.domain.accounts.rights import RightsExplanation, rights_of
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import Repository
from pypi_repo.services.accounts.known import known_user
from pypi_repo.services.gate import Gate
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database


class Rights:
    """Says what repository users may do, by their own grants and by those of their groups.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `users`, or if the policy hides the repository from the actor (`Permission.AUDIT`), whether
    it exists or not.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    def in_repository(self, repository: str) -> dict[str, Access]:
        """Returns what each repository user may do in a repository, by the name of the user.

        The access counts that a user has to any project. A disabled user may do nothing.

        Raises UnknownRepository.
        """
        found = self._repository(repository)
        return {
            account.name: Access.NONE if account.disabled else account.rights.on(found.name)
            for account in Users(self._database).accounts()
        }

    def explain(self, user: str, repository: str, project: str | None = None) -> RightsExplanation:
        """Returns what a user may do with a project, or with a repository, and why.

        project: the name of the project, which need not exist; None for the repository as a whole.

        Raises UnknownAccount or UnknownRepository.
        """
        found = self._repository(repository)
        account = known_user(Users(self._database), user)
        name = None if project is None else normalize(project)
        return RightsExplanation(
            user=account.name,
            repository=found.name,
            project=name,
            access=account.rights.on(found.name, name),
            rights=rights_of(account, found.name, name),
            is_public=found.public,
            disabled=account.disabled,
        )

    def _repository(self, name: str) -> Repository:
        require_area(self._actor, Area.USERS)
        return self._gate.repository(self._actor, Permission.AUDIT, Catalog(self._database), name)
