"""What a first start says."""

import shlex

from pypi_repo.services.accounts.setup import FirstSteps
from pypi_repo.settings import USUAL_FOLDER


def greeting(made: FirstSteps, url: str, data: str) -> str:
    """Returns how to use what a new registry starts with, ready to paste.

    data: the folder of the registry.
    """
    elsewhere = "" if data == USUAL_FOLDER else f" --data {shlex.quote(data)}"
    scheme, _separator, place = url.partition("://")
    name, user, password = made.repository, made.user, made.user_password
    repository = f"{url}repositories/{name}/"
    index = f"{scheme}://{user}:{password}@{place}repositories/{name}/simple/"
    create = f"pypi-repo upstream create public https://INDEX/simple/{elsewhere}"
    use = f"pypi-repo repository set {name} --source upstream:public{elsewhere}"
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

To install what a public index has from here, too, run this with its host for INDEX:

{create} && {use}

To look around and to make tokens, sign in as {user} at {repository}
To manage it, sign in as {made.administrator} at {url}portal/
"""
