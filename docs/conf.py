"""Sphinx configuration. Tables of the schema, the glossary and the API are made from the code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from conventions import FITS, INTERNAL

import muvistats

project = "muvistats"
author = "The muvistats developers"
copyright = "2026, the muvistats developers"
release = version = muvistats.__version__

extensions = [
    "folded_columns",
    "generated_tables",
    "lessons",
    "linked_names",
    "recipes",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "**/*.ipynb"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autosummary_generate = True
autosummary_context = {"internal": INTERNAL, "fits": FITS}
templates_path = ["_templates"]
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
default_role = "autolink"  # in help, `kruskal` is a link, and a name that is no function is not
toc_object_entries_show_parents = "hide"
html_theme = "pydata_sphinx_theme"
html_title = "muvistats"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {
    "header_links_before_dropdown": 3,
    "navigation_with_keys": False,
    # Not on the gallery: its code and tables are wide.
    "secondary_sidebar_items": {
        f"{pages}*": ["page-toc"] for pages in ("", "api/*", "guide/", "lessons/")
    },
    "show_prev_next": False,
}
html_show_sourcelink = False
# Pages have none below them; functions are found by their questions, or by See Also.
html_sidebars = {"*": [], "guide/*": [], "lessons/*": [], "api/**": []}


def figures(_block: object, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """Figures that a block of a script made; they do not go through pyplot."""
    paths = []
    for value in variables["example_globals"].values():
        if isinstance(value, Figure) and value.get_label() != "in the gallery":
            paths.append(next(variables["image_path_iterator"]))
            value.savefig(paths[-1])
            value.set_label("in the gallery")
    return figure_rst(paths, settings["src_dir"])


sphinx_gallery_conf = {
    "examples_dirs": "../analyses",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/(\d\d_|reanalysis)",
    "remove_config_comments": True,
    "download_all_examples": False,
    "image_scrapers": (figures,),
    "show_memory": False,
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
}
# sphinx-gallery puts its objects into the configuration, which cannot be pickled.
suppress_warnings = ["config.cache"]
