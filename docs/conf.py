"""Sphinx configuration. The API pages are made by listing the package, so a new file needs no edit here."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

project = "isthmus"
author = "The isthmus developers"
project_copyright = "The isthmus developers, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "house", "mathml"]
html_math_renderer = "mathml"
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

html_theme = "furo"
html_title = "isthmus"
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "show-inheritance": False}
suppress_warnings = ["autodoc.mocked_object"]
