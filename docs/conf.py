"""Sphinx configuration of the documentation site: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

from importlib import metadata

project = "ddpm-grader"
author = "the ddpm-grader developers"
release = metadata.version("ddpm-grader")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "furo"
html_title = f"ddpm-grader {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
