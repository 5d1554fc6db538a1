"""What a new registry needs before anybody can use it. Run it once, or call it at every start."""

from pypi_repo import OPERATOR, Access, Registry, Settings


def prepare(folder: str) -> None:
    with Registry(Settings(database=f"sqlite:///{folder}/index.db")) as registry:
        operator = registry.acting_as(OPERATOR)
        if operator.repositories.all():
            return
        operator.repositories.create("releases")
        operator.accounts.create_user("dev@example.com", "correct horse")
        operator.accounts.create_user("ci@example.com", "battery staple", everywhere=Access.READ)
        operator.administrators.create("admin@example.com", "paper clip 7")
