"""Sphinx configuration. Tables of the schema, the glossary and the API are made from the code."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import muvistats

project = "muvistats"
author = "The muvistats developers"
copyright = "2026, the muvistats developers"
release = version = muvistats.__version__

extensions = [
    "generated_tables",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*.ipynb"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
html_theme = "pydata_sphinx_theme"
html_title = "muvistats"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "../analyses",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/(\d\d_|reanalysis)",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
}
# sphinx-gallery puts its objects into the configuration, which cannot be pickled.
suppress_warnings = ["config.cache"]
