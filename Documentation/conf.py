# SPDX-License-Identifier: GPL-2.0-only
#
# How "make htmldocs" makes HTML of these pages, by Sphinx.  As in the kernel's
# documentation, the path of another page becomes a link to it wherever it
# stands in a text.
import re

project = "hvisor_vnet"
author = "the authors of hvisor_vnet"
extensions = []
exclude_patterns = []
nitpicky = True
highlight_language = "none"

html_theme = "alabaster"
html_title = project
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {
    "description": "The virtio network device of hvisor's guests, in root's kernel",
    "page_width": "1160px",
    "sidebar_width": "250px",
    "font_family": "sans-serif",
    "head_font_family": "sans-serif",
}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_static_path = ["style.css"]
html_css_files = ["style.css"]

PAGE = re.compile(r"(?<![`/\w])Documentation/([\w/-]+)\.rst\b")


def link_pages(app, docname, source):
    source[0] = PAGE.sub(r":doc:`/\1`", source[0])


def setup(app):
    app.connect("source-read", link_pages)
    return {"parallel_read_safe": True}
