"""The documentation site: `python -m sphinx -W --keep-going docs build/docs`."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from _ext import api, commands, links  # noqa: E402

project = "inception-jax"
author = "the contributors"
project_copyright = "the contributors"
version = release = installed("inception-jax")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "myst_nb"]
exclude_patterns = ["_ext", "**.ipynb_checkpoints"]
templates_path: list[str] = []

default_role = "literal"
nitpicky = True
smartquotes = False
add_module_names = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
highlight_language = "text"
toc_object_entries_show_parents = "hide"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False

myst_enable_extensions = ["fieldlist"]
myst_heading_anchors = 4
nb_execution_mode = "off"

copybutton_exclude = ".linenos, .gp"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "inception-jax"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


def setup(app: Sphinx) -> None:
    """Enter what `_ext` adds."""
    app.connect("builder-inited", api.write)
    app.connect("builder-inited", commands.write)
    app.connect("autodoc-process-signature", api.signature)
    app.connect("autodoc-process-docstring", api.unsplit, priority=100)
    app.connect("autodoc-process-docstring", api.docstring)
    app.connect("env-check-consistency", api.inventory)
    app.connect("source-read", links.page)
    app.connect("include-read", links.included)
    app.connect("missing-reference", links.unknown)
    app.add_post_transform(links.NamesToLinks)
