"""An index that wraps the index of a repository, and shows approved projects only."""

from dataclasses import dataclass, replace

from packaging.utils import NormalizedName as Name

from pypi_repo import Actor, Index, ProjectList, ProjectPage, UnknownProject, Versioned


@dataclass(frozen=True)
class AllowList(Index):
    index: Index
    approved: frozenset[str]

    def check_access(self, actor: Actor) -> None:
        self.index.check_access(actor)

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        page = self.index.project_list(actor)
        all_ = page.load()
        shown = tuple(p for p in all_.projects if p.normalized_name in self.approved)
        return replace(page, key=(page.key, shown), load=lambda: replace(all_, projects=shown))

    def project_page(self, actor: Actor, project: Name) -> Versioned[ProjectPage]:
        self.check_access(actor)
        if project not in self.approved:
            raise UnknownProject(f"{project} is not approved; ask the platform team.")
        return self.index.project_page(actor, project)
