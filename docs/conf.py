"""Sphinx configuration: `sphinx-build -n -W docs docs/_build`."""

import re

project = "pypi_repo"
copyright = "2026, the pypi_repo developers"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "pypi_repo"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"


def setup(app):
    app.connect("autodoc-process-docstring", _name_the_parameters)


def _name_the_parameters(_app, _what, _name, _object, _options, lines):
    """Our docstrings write `name: meaning`; Sphinx wants `:param name: meaning`."""
    lines[:] = [re.sub(r"^([a-z_]+): ", r":param \1: ", line) for line in lines]
