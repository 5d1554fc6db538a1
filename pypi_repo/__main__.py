"""python -m pypi_repo: the command line."""

from pypi_repo.cli.main import main

if __name__ == "__main__":
    main(prog_name="pypi-repo")
