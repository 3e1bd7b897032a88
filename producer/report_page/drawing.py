"""How charts are drawn: as SVG that takes its colours and its type from the page around it, light or dark."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH_IN, HEIGHT_IN = 4.8, 2.6
"""So that letters are of a readable size on a phone, where a chart is as wide as the screen."""
_TEXT = "#010101"
_GRID = "#020202"
SERIES = ("#030303", "#040404", "#050505")
"""Stand-ins, each replaced by a variable of the page's style sheet."""
_VARIABLES = {_TEXT: "var(--text)", _GRID: "var(--rule)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)
}
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names of fields are not formulas
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "axes.edgecolor": _GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": _GRID,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "legend.frameon": False,
    "legend.loc": "lower left",
    "legend.borderaxespad": 0.3,
}


@dataclass(slots=True)
class Drawing:
    """A chart being drawn on matplotlib's `axes`; `svg` is there once it is done."""

    axes: Any
    svg: str = ""

    def legend(self) -> None:
        """Put the names of what is drawn above it, where they hide nothing."""
        self.axes.legend(ncols=3, bbox_to_anchor=(0, 1))


@contextmanager
def drawing(name: str, told: str, height_in: float = HEIGHT_IN) -> Iterator[Drawing]:
    """Yield a drawing; `told` is the chart in a sentence, for whoever does not see it.

    Raises UsageError where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "A page needs matplotlib.", "Install it: pip install 'cheapfirst[evaluation]', or ask for --md."
        ) from None
    # The salt keeps the ids of several charts in one page apart, and every page of the same figures the same.
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        chart = Drawing(figure.add_subplot())
        yield chart
        page = io.StringIO()
        figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    chart.svg = _for_a_page(page.getvalue(), told)


def _for_a_page(svg: str, told: str) -> str:
    inner = svg[svg.index("<svg") :]
    inner = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", inner, count=1)
    inner = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", inner, count=1)
    inner = inner.replace("<svg", f'<svg role="img" aria-label="{escape(told)}"', 1)
    for colour, variable in _VARIABLES.items():
        inner = inner.replace(colour, variable)
    return inner
