"""python -m pypi_repo.serve: the registry on its own, the same as `pypi-repo serve`."""

from pypi_repo.cli.serve import serve

if __name__ == "__main__":
    serve(prog_name="python -m pypi_repo.serve")
