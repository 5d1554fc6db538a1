"""Sphinx configuration: `sphinx-build -n -W docs docs/_build`."""

project = "pypi_repo"
copyright = "2026, the pypi_repo developers"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "pypi_repo"
exclude_patterns = ["_build"]
