"""What a new registry needs before anybody can use it. Run it once, or call it at every start."""

from pypi_repo import Access, Registry, Settings


def prepare(folder: str) -> None:
    with Registry(Settings(database=f"sqlite:///{folder}/index.db")) as registry:
        if registry.repositories.all():
            return
        registry.repositories.create("releases")
        registry.accounts.create_user("dev@example.com", "correct horse")
        registry.accounts.create_user("ci@example.com", "battery staple", everywhere=Access.READ)
        registry.administrators.create("admin@example.com", "paper clip 7")
