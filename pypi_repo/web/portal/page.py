"""What every view of the portal works with."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urljoin

from pypi_repo.domain.accounts.access import ActorKind, Area, Permission
from pypi_repo.domain.accounts.invitations import invitation_link
from pypi_repo.services.acting import Acting
from pypi_repo.web.app import root_url
from pypi_repo.web.pages.page import HtmlPage

if TYPE_CHECKING:
    from pypi_repo.registry import Registry


@dataclass(kw_only=True)
class PortalPage(HtmlPage):
    """One request to the portal.

    repositories_url: where the repositories are, relative to the portal's root.
    account_url: where users have their accounts, relative to the portal's root; None if the host
        has its own accounts.
    """

    LAYOUT: ClassVar[str] = "portal/base.html"
    HOME: ClassVar[str] = "Go to the overview"

    registry: "Registry"
    repositories_url: str
    account_url: str | None
    _managed: frozenset[str] | None = None

    @property
    def is_signed_in(self) -> bool:
        return self.actor.kind is ActorKind.ADMINISTRATOR

    @cached_property
    def acting(self) -> Acting:
        """What whoever asks may see and change."""
        return self.registry.acting_as(self.actor)

    def may(self, area: str) -> bool:
        """Tells whether whoever asks may administer an area."""
        return Area(area) in self.actor.areas

    def manages(self, repository: str) -> bool:
        """Tells whether whoever asks may open the pages of a repository, and so to link to them.

        Also false for one that is gone.
        """
        if self._managed is None:
            managed = self.acting.repositories.all(Permission.MANAGE)
            self._managed = frozenset(found.name for found in managed)
        return repository in self._managed

    @property
    def own_areas(self) -> list[Area]:
        """What the administrator can give to others."""
        return [area for area in Area if area in self.actor.areas]

    def invitation_url(self, secret: str) -> str:
        """Returns the absolute link of an invitation, as the browser reached this deployment."""
        return invitation_link(secret, urljoin(root_url(self.request), f"{self.account_url}../"))

    def repository_url(self, name: str) -> str:
        """Returns the absolute URL of a repository, as the browser reached this deployment."""
        return urljoin(root_url(self.request), f"{self.repositories_url}{name}/")
