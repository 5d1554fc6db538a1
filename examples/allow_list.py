"""An index that shows only approved projects: the repository's own one, wrapped."""

from dataclasses import dataclass, replace

from pypi_repo import Actor, Index, ProjectList, ProjectPage, UnknownProject, Versioned
from pypi_repo.domain.names import NormalizedName


@dataclass(frozen=True)
class AllowList:
    index: Index
    approved: frozenset[str]

    def check_access(self, actor: Actor) -> None:
        self.index.check_access(actor)

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        page = self.index.project_list(actor)
        return replace(page, key=(page.key, self.approved), load=lambda: self._cut(page.load()))

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        if project not in self.approved:
            self.index.check_access(actor)
            raise UnknownProject(f"{project} is not approved; ask the platform team.")
        return self.index.project_page(actor, project)

    def _cut(self, all_: ProjectList) -> ProjectList:
        shown = (each for each in all_.projects if each.normalized_name in self.approved)
        return replace(all_, projects=tuple(shown))
