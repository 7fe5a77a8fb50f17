"""Sphinx extension: formulas become MathML while the pages are built, so that they need no script and no network."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError


def setup(app):
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True}


def inline(writer, node):
    """A formula in a line of text."""
    writer.body.append(formula(node, display="inline"))
    raise nodes.SkipNode


def block(writer, node):
    """A formula of its own."""
    writer.body.append(
        f'<div class="math" style="overflow: auto hidden">{formula(node, display="block")}</div>'
    )
    raise nodes.SkipNode


def formula(node, *, display):
    """The MathML of a node. Raises ExtensionError, with the formula, for LaTeX that cannot be read."""
    text = node.astext()
    try:
        return convert(text, display=display)
    except Exception as error:
        raise ExtensionError(f"the formula {text!r} cannot be converted to MathML: {error!r}") from error
