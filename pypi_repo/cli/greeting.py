"""What a first start says."""

from pypi_repo.services.accounts.setup import FirstSteps


def greeting(made: FirstSteps, url: str) -> str:
    """How to use what a new registry starts with, ready to paste."""
    scheme, _separator, place = url.partition("://")
    name, user, password = made.repository, made.user, made.user_password
    repository = f"{url}repositories/{name}/"
    index = f"{scheme}://{user}:{password}@{place}repositories/{name}/simple/"
    return f"""\
This is a new registry. These were made for you; the passwords are shown only now:

  repository       {name}   (private, protected against overwriting)
  repository user  {user}   {password}
  administrator    {made.administrator}  {made.administrator_password}

To publish, put this into ~/.pypirc:

[distutils]
index-servers = {name}

[{name}]
repository = {repository}
username = {user}
password = {password}

and then run one of

twine upload --repository {name} dist/*
uv publish --publish-url {repository} --username {user} --password {password} dist/*

To install, run one of

pip install --index-url {index} PROJECT
uv pip install --index-url {index} PROJECT

To manage it, sign in as {made.administrator} at {url}portal/
"""
