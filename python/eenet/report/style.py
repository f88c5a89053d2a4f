"""How pictures look: colours for a light and a dark page, one set of policies, exits and answers throughout."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eenet.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.2  # inches: on a phone 10 points are then still some 10 pixels
_DPI = 160


@dataclass(frozen=True)
class Scheme:
    """Colours of a page. Right and wrong answers are blue and orange, which colour-blind readers tell apart.

    Attributes:
        name: ``light`` or ``dark``.
        paper: behind everything.
        ink: text and axes.
        faint: grids and what matters less.
        right, wrong: answers.
        bad: what is worse than it should be, on the page; no picture has it.
        policies: colour of each policy, which has a line and a marker of its own as well.
    """

    name: str
    paper: str
    ink: str
    faint: str
    right: str
    wrong: str
    bad: str
    policies: dict[str, str]

    def policy(self, name: str) -> str:
        """Colour of a policy; one for all that have none of their own."""
        return self.policies.get(name, self.policies["other"])


LIGHT = Scheme(
    "light", "#ffffff", "#1d2430", "#c9ced8", "#0072b2", "#d55e00", "#b3161e",
    {"eenet": "#8e3b8f", "eenet-fixed-scores": "#c26fb3", "eenet-fixed-shares": "#5b4fc0", "maximum": "#6b7280",
     "correction": "#6b7280",
     "learned-stopping": "#00805c", "oracle": "#1d2430", "other": "#8a6d00"},
)  # fmt: skip
DARK = Scheme(
    "dark", "#171b22", "#e6e9ef", "#414856", "#56b4e9", "#f28e2b", "#ff8080",
    {"eenet": "#dd8fdd", "eenet-fixed-scores": "#a869a8", "eenet-fixed-shares": "#9c93f5", "maximum": "#a3adbd",
     "correction": "#a3adbd",
     "learned-stopping": "#3cc79b", "oracle": "#e6e9ef", "other": "#e0c04a"},
)  # fmt: skip

# Line and marker of each policy: colour alone must not carry a meaning.
LINES = {
    "eenet": ("-", "o"),
    "eenet-fixed-scores": ("--", "s"),
    "eenet-fixed-shares": (":", "^"),
    "maximum": ("-", "D"),
    "correction": ("-", "D"),
    "learned-stopping": ("-", "v"),
    "oracle": ("-.", ""),
}

_POLICY_NAMES = {
    "eenet": "EENet",
    "eenet-fixed-scores": "EENet, scores not learned",
    "eenet-fixed-shares": "EENet, shares not learned",
    "learned-stopping": "learned stopping",
    "maximum": "maximum score",
    "correction": "smallest correction",
    "correction-share": "smallest correction by share",
}


def policy_name(policy: str) -> str:
    """A policy in words."""
    return _POLICY_NAMES.get(policy) or short_name(policy, 22) or "no name"


def policy_line(scheme: Scheme, name: str) -> dict[str, Any]:
    """Colour, line and marker of a policy, as arguments of ``Axes.plot``."""
    line, marker = LINES.get(name, ("-", "x"))
    return {"color": scheme.policy(name), "linestyle": line, "marker": marker}


def require_libraries() -> None:
    """Pictures and page need libraries of the extra ``report``.

    Raises:
        UserError: one of them is not installed.
    """
    require("report", "jinja2", "matplotlib")


@contextmanager
def _drawing(scheme: Scheme) -> Iterator[None]:
    import matplotlib

    settings: dict[Any, Any] = {
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.facecolor": scheme.paper,
        "legend.edgecolor": "none",
        "legend.framealpha": 1,
        "figure.facecolor": scheme.paper,
        "axes.facecolor": scheme.paper,
        "savefig.facecolor": scheme.paper,
        "text.color": scheme.ink,
        "axes.labelcolor": scheme.ink,
        "axes.titlecolor": scheme.ink,
        "xtick.color": scheme.ink,
        "ytick.color": scheme.ink,
        "axes.edgecolor": scheme.faint,
        "grid.color": scheme.faint,
        "grid.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "text.parse_math": False,  # names of classes and policies are not formulas
    }
    with matplotlib.rc_context(settings):
        yield


def render(draw: Callable[[Scheme], Figure], scheme: Scheme) -> bytes:
    """A picture in a scheme, as PNG."""
    with _drawing(scheme):
        buffer = io.BytesIO()
        draw(scheme).savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()


def new_figure(height: float) -> Figure:
    """An empty figure, as wide as all of them.

    Args:
        height: in inches.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(wspace=0.07, hspace=0.03))


def light_grid(axes: Axes, axis: str) -> None:
    """Grid lines along one axis (``x`` or ``y``), without ticks beside them."""
    axes.grid(visible=True, axis="x" if axis == "x" else "y")
    axes.tick_params(length=0)


def spread(axes: Axes, y: float, values: NDArray[np.floating], color: str, marker: str) -> None:
    """Values in a row: a thin line from 5 to 95 %, a thick one between the quartiles, a mark at the median."""
    if len(values) == 0:
        return
    low, first, median, third, high = np.percentile(values, [5, 25, 50, 75, 95])
    axes.plot([low, high], [y, y], color=color, linewidth=1)
    axes.plot([first, third], [y, y], color=color, linewidth=3.5, solid_capstyle="butt")
    axes.plot(median, y, marker, color=color, markersize=5)


def exit_colors(scheme: Scheme, exits: int) -> list[tuple[float, float, float]]:
    """A colour for each exit, from the first to the last."""
    from matplotlib.colors import to_rgb

    first, last = np.array(to_rgb(scheme.right)), np.array(to_rgb(scheme.wrong))
    steps = np.linspace(0, 1, exits)[:, None]
    return [tuple(color) for color in ((1 - steps) * first + steps * last).tolist()]


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def short_name(name: str, length: int = 16) -> str:
    """A class name as a picture can show it: one line, no longer than ``length``, glyphs that its font has."""
    shown = "".join(c if c.isprintable() and ord(c) in _glyphs() else "?" for c in name)
    return shown if len(shown) <= length else shown[: length - 1] + "…"
