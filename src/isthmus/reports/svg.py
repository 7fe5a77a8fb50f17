"""Matplotlib figures as inline SVG that takes its colors and fonts from the page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from isthmus.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stand-ins that no plot would choose; the page's style sheet gives each a light and a dark value.
INK: Final = "#010203"
SOFT: Final = "#010204"
LINE: Final = "#010205"
MODEL: Final = "#010206"
PCA: Final = "#010207"
MEAN: Final = "#010208"
TAG: Final = "#010209"  # text on top of points: with a halo of the card's color

_STYLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    MODEL: "var(--model)",
    PCA: "var(--pca)",
    MEAN: "var(--mean)",
    TAG: "var(--ink); stroke: var(--card); stroke-width: 3.5px; paint-order: stroke; font-weight: 650",
}
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "isthmus", "font.size": 11.0, "axes.unicode_minus": True}


def new_figure(*, width: float = 5.4, height: float = 3.5) -> Figure:
    """An empty transparent figure, width and height in inches of 72 points; no global state is involved.

    Raises MissingExtraError when matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "the report draws with matplotlib, which is not installed: pip install 'isthmus[plot]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained", facecolor="none")


def plain_axes(figure: Figure, *, grid: str = "y") -> Axes:
    """One pair of axes without box, in the page's colors, with a quiet grid along ``grid`` ("" for none)."""
    axes = figure.add_subplot(facecolor="none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(which="both", length=0, labelcolor=SOFT, labelsize=11)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=SOFT, fontsize=11)
    if grid:
        axes.grid(axis=grid, color=LINE, linewidth=0.8)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
    return axes


def to_svg(figure: Figure, *, name: str) -> str:
    """The figure as one ``<svg>`` element whose ids begin with ``name``, colors as CSS variables."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    settings: dict[Any, Any] = _SETTINGS
    with rc_context(settings):
        figure.savefig(
            buffer, format="svg", transparent=True, dpi=160, metadata={"Date": None, "Creator": None}
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'<svg[^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', text, count=1
    )
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    for stand_in, style in _STYLES.items():
        text = text.replace(stand_in, style)
    return text.strip()
