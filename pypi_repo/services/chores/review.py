"""Shows administrators how the chores go."""

from pypi_repo.domain.accounts.access import Actor, Area, require_area
from pypi_repo.services.chores.chores import Chores
from pypi_repo.services.chores.reports import ChoreReport


class ChoreReview:
    """Shows how the chores of a registry go, to administrators with the area `repositories`."""

    def __init__(self, actor: Actor, chores: Chores) -> None:
        self._actor = actor
        self._chores = chores

    def all(self) -> list[ChoreReport]:
        """Returns all chores, and how their last runs went.

        Raises PermissionDenied.
        """
        require_area(self._actor, Area.REPOSITORIES)
        return self._chores.reports()
