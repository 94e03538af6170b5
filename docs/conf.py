"""How Sphinx builds these pages: ``sphinx-build -W docs docs/_build``, after ``pip install '.[docs]'``."""

from __future__ import annotations

from importlib import metadata

project = "Gatefield"
author = "The Gatefield authors"
copyright = author
release = metadata.version("gatefield")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
default_role = "any"
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "Gatefield"
html_show_sourcelink = False
html_show_sphinx = False
