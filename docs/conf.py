"""Sphinx configuration."""

project = "simkit"
copyright = "the simkit authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
exclude_patterns = ["_build"]
nitpicky = False
myst_heading_anchors = 3
autodoc_typehints = "description"
suppress_warnings = ["misc.highlighting_failure"]
html_title = "simkit"
html_static_path = ["_static"]
html_css_files = ["simkit.css"]
html_show_copyright = False
