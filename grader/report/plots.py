"""Curves as SVG that sits in the page: its colours, its fonts, and ids of its own."""

from __future__ import annotations

import functools
import io
import math
import re
import textwrap
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from grader.model import Curves, Series
from grader.text import clean, line

WIDTH, HEIGHT = 440, 250  # of a drawing, in points
LETTER = 7.0  # points that a letter of a number is wide
POINTS_PER_CURVE = 400  # more cannot be told apart at this size, and would only weigh
SERIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStyle:
    """How curves of one role are drawn; no two share a pattern: colour is never the only sign."""

    name: str  # the style sheet's variable of that name is the colour
    width: float
    dashes: tuple[float, ...]  # lengths in units of the width; none for a solid line
    over: int  # a curve with a higher number lies on top, and lets those below be seen
    cap: str = "butt"  # "round" makes dots of short dashes


STROKES = {
    "reference": LineStyle(name="reference", width=4.4, dashes=(), over=1),
    "student": LineStyle(name="student", width=2.0, dashes=(), over=2),
    "accepted": LineStyle(name="accepted", width=1.6, dashes=(5.0, 3.0), over=3),
    "mistake": LineStyle(name="mistake", width=4.2, dashes=(0.01, 2.2), over=4, cap="round"),
}
OTHER = LineStyle(name="soft", width=1.4, dashes=(6.0, 2.0, 1.0, 2.0), over=1)
MARKERS = ("", "o", "s", "^", "D")  # tells apart the curves of one role


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """One line of a legend, drawn as its curve is."""

    label: str
    stroke: LineStyle
    marker: str

    @property
    def dasharray(self) -> str:
        """The pattern as SVG writes it."""
        return " ".join(f"{dash * self.stroke.width:g}" for dash in self.stroke.dashes)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve as it is drawn, and the least and most at each of its points, if there are any."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]] | None
    stroke: LineStyle
    marker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Curves, drawn."""

    svg: Markup
    legend: tuple[LegendEntry, ...]


_RC: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be selected, searched and read aloud
    "svg.hashsalt": "grade",  # the same grade, the same bytes
    "text.parse_math": False,  # a "$" in a label is a dollar
    "font.size": 12,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "path.simplify": True,
    "axes.formatter.limits": (-4, 5),
}
# Matplotlib draws in these, and the style sheet's variables take their places: dark mode and paper come free.
_INKS = {f"#0000{number:02x}": name for number, name in enumerate(("ink", "soft", "line", *STROKES), start=1)}
_HEX = {name: ink for ink, name in _INKS.items()}


def plot(figure: Curves, *, prefix: str) -> Plot:
    """The curves, drawn.

    Args:
        prefix: starts every id inside the drawing.
    Raises:
        ValueError: no curve has a finite value.
    """
    points = [(series, *_points(series)) for series in figure.series[:SERIES]]
    points = [(series, x, y) for series, x, y in points if any(map(math.isfinite, y))]
    if not points:
        raise ValueError("no curve has a finite value")
    entries = tuple(_legend(series for series, _, _ in points))
    curves = tuple(
        _Curve(x, y, _band(series, x), entry.stroke, entry.marker)
        for (series, x, y), entry in zip(points, entries, strict=True)
    )
    labels = _short(figure.x_label), _short(figure.y_label)
    svg = _svg(curves, labels, log_y=figure.log_y, prefix=prefix, alt=figure.caption or figure.title)
    return Plot(svg=svg, legend=entries)


@functools.lru_cache(maxsize=64)  # most of a class has the same curves; a drawing and its curves take 130 kB
def _svg(
    curves: tuple[_Curve, ...], labels: tuple[str, str], *, log_y: bool, prefix: str, alt: str
) -> Markup:
    import matplotlib.style  # here: the command line must start without it
    from matplotlib.figure import Figure as Canvas

    with matplotlib.style.context(["default", _RC]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that its font lacks: the browser's font draws the text
        canvas = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        axes = canvas.add_subplot()
        for curve in curves:
            _draw_band(axes, curve)
            _draw_curve(axes, curve)
        _dress(axes, labels, log_y=log_y and any(value > 0 for curve in curves for value in curve.y))
        _place(axes)
        raw = io.BytesIO()
        canvas.savefig(raw, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(raw.getvalue(), prefix=prefix, alt=alt)


def _points(series: Series) -> tuple[tuple[float, ...], tuple[float, ...]]:
    y = tuple(_number(value) for value in series.y)
    x = range(len(y)) if series.x is None else [_number(value) for value in series.x]
    return _thin(tuple(map(float, x[: len(y)])), y[: len(x)])


def _band(series: Series, x: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The least and the most, for curves that need no thinning."""
    if not series.band or len(series.band) != len(x):
        return None
    low, high = (tuple(_number(pair[end]) for pair in series.band) for end in (0, 1))
    return low, high


def _number(value: Any) -> float:
    """A float; what is none, or is too large for paper, is a gap in the curve."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if abs(number) < 1e30 else math.nan


def _thin(x: tuple[float, ...], y: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fewer points that look the same: each stretch keeps its lowest and highest, so no spike is lost."""
    if len(y) <= POINTS_PER_CURVE:
        return x, y
    kept: set[int] = {0, len(y) - 1}
    stretch = math.ceil(2 * len(y) / POINTS_PER_CURVE)
    for start in range(0, len(y), stretch):
        finite = [i for i in range(start, min(start + stretch, len(y))) if math.isfinite(y[i])]
        if finite:
            kept |= {min(finite, key=y.__getitem__), max(finite, key=y.__getitem__)}
    order = sorted(kept)
    return tuple(x[i] for i in order), tuple(y[i] for i in order)


def _legend(series: Iterable[Series]) -> Iterator[LegendEntry]:
    seen: dict[str, int] = {}
    for curve in series:
        marker = MARKERS[seen.get(curve.role, 0) % len(MARKERS)]
        seen[curve.role] = seen.get(curve.role, 0) + 1
        yield LegendEntry(label=curve.label, stroke=STROKES.get(curve.role, OTHER), marker=marker)


def _draw_curve(axes: Any, curve: _Curve) -> None:
    stroke, lonely = curve.stroke, sum(map(math.isfinite, curve.y)) < 3
    axes.plot(
        curve.x,
        curve.y,
        color=_HEX[stroke.name],
        linewidth=stroke.width,
        linestyle=(0, stroke.dashes) if stroke.dashes else "-",
        marker=curve.marker or ("o" if lonely else None),  # one epoch's loss is a point, and no line
        markersize=4.0 + stroke.width / 2,
        markevery=max(1, len(curve.y) // 8),
        zorder=2 + stroke.over,
        solid_capstyle="round",
        dash_capstyle=stroke.cap,
    )


def _draw_band(axes: Any, curve: _Curve) -> None:
    if curve.band:
        colour = _HEX[curve.stroke.name]
        axes.fill_between(curve.x, *curve.band, color=colour, alpha=0.3, linewidth=0, zorder=2)


def _dress(axes: Any, labels: tuple[str, str], *, log_y: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if log_y:
        axes.set_yscale("log", nonpositive="mask")
        low, high = axes.get_ylim()
        near = high / low < 100  # less than two decades: 1, 2 and 5 get a number too
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if near else (1.0,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.02)
    axes.grid(axis="y", color=_HEX["line"], linewidth=0.8)
    axes.tick_params(colors=_HEX["soft"], length=3, labelsize=11.5, which="both")
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_HEX["soft"])
    axes.set_xlabel(labels[0], color=_HEX["soft"])
    axes.set_title(labels[1], loc="left", fontsize=12, color=_HEX["soft"], pad=8)
    axes.yaxis.get_offset_text().set_color(_HEX["soft"])


def _place(axes: Any) -> None:
    """Give the axes what their labels leave of the drawing, as estimated: measuring every text would double
    the time that the drawing takes.
    """
    low, high = sorted(axes.get_ylim())
    shown = [place for place in axes.yaxis.get_majorticklocs() if low <= place <= high]
    numbers = axes.yaxis.get_major_formatter()
    widest = max(map(len, numbers.format_ticks(shown)), default=0)
    left, right, bottom = 14 + LETTER * widest, 14, 40
    top = 46 if numbers.get_offset() else 30  # a factor of all numbers, such as 1e-5, stands above them
    axes.set_position(
        (left / WIDTH, bottom / HEIGHT, (WIDTH - left - right) / WIDTH, (HEIGHT - bottom - top) / HEIGHT)
    )


def _short(text: str) -> str:
    return textwrap.shorten(line(text), 58, placeholder="…")


_ELEMENTS = {"svg", "g", "defs", "path", "clipPath", "rect", "use", "text", "tspan"}
_ATTRIBUTES = {"id", "d", "style", "transform", "x", "y", "width", "height", "clip-path", "href", "viewBox"}


def _inline(svg: bytes, *, prefix: str, alt: str) -> Markup:
    """The drawing as part of a page: its own ids, the page's colours and fonts, nothing that could act."""
    root = ET.fromstring(svg)
    _trim(root, prefix)
    for attribute in ("width", "height", "id"):
        root.attrib.pop(attribute, None)
    root.attrib.update({"class": "plot", "role": "img", "aria-label": clean(alt)})
    return Markup(ET.tostring(root, encoding="unicode"))


def _trim(element: ET.Element, prefix: str) -> None:
    element.tag = _local(element.tag)
    element.attrib = {
        name: _own(name, value, prefix)
        for key, value in sorted(element.attrib.items(), key=lambda item: _local(item[0]))
        if (name := _local(key)) in _ATTRIBUTES
    }
    for child in list(element):
        if _local(child.tag) in _ELEMENTS:
            _trim(child, prefix)
        else:  # metadata, and a style element that would reach the whole page
            element.remove(child)
    if element.tag not in ("text", "tspan"):
        element.text = None
    element.tail = None


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _own(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return f"#{prefix}-{value.removeprefix('#')}"
    value = value.replace("url(#", f"url(#{prefix}-")
    if name == "style":
        value = re.sub(r"#0000[0-9a-f]{2}", lambda found: f"var(--{_INKS[found[0]]})", value)
        value = re.sub(r"font: [^;]*?([\d.]+px)[^;]*", r"font-size: \1", value)  # the family is the page's
    return value
