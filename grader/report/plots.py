"""Curves plotted by Matplotlib as SVG that is part of the page."""

from __future__ import annotations

import functools
import io
import math
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from grader.model import Curves, Series
from grader.report.svg import PLACEHOLDERS, inline_svg
from grader.text import line

WIDTH, HEIGHT = 440, 250  # of a plot, in points
DIGIT_WIDTH = 7.0  # points; an estimate for a tick label's characters
MAX_POINTS = 400  # per curve: more cannot be told apart at this width
MAX_SERIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStyle:
    """Line style of one role. No two roles share a dash pattern, so colour is never the only difference.

    Attributes:
        name: the style sheet's variable that holds the colour.
        width: in points.
        dashes: on and off lengths in units of ``width``; empty for a solid line.
        layer: curves on a higher layer lie on top; lower layers are wider, so they remain visible below.
        cap: "butt", or "round", which turns very short dashes into dots.
    """

    name: str
    width: float
    dashes: tuple[float, ...]
    layer: int
    cap: str = "butt"


LINE_STYLES = {
    "reference": LineStyle(name="reference", width=4.4, dashes=(), layer=1),
    "student": LineStyle(name="student", width=2.0, dashes=(), layer=2),
    "accepted": LineStyle(name="accepted", width=1.6, dashes=(5.0, 3.0), layer=3),
    "mistake": LineStyle(name="mistake", width=4.2, dashes=(0.01, 2.2), layer=4, cap="round"),
}
OTHER_LINE_STYLE = LineStyle(name="soft", width=1.4, dashes=(6.0, 2.0, 1.0, 2.0), layer=1)
MARKERS = ("", "o", "s", "^", "D")  # distinguish several curves of one role


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """One entry of a legend, in the style of its curve."""

    label: str
    line_style: LineStyle
    marker: str

    @property
    def dasharray(self) -> str:
        """The dash pattern as SVG's ``stroke-dasharray``, in points."""
        return " ".join(f"{dash * self.line_style.width:g}" for dash in self.line_style.dashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot and its legend, which the page sets as HTML so that it wraps on narrow screens."""

    svg: Markup
    legend: tuple[LegendEntry, ...]


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve ready to plot. It is hashable, since it is part of a cache key.

    Attributes:
        band: lower and upper bounds at every x, or None.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]] | None
    line_style: LineStyle
    marker: str


_RC: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be selected, searched and read aloud
    "svg.hashsalt": "grade",  # ids are hashes; without a fixed salt they would differ in every run
    "text.parse_math": False,  # a "$" in a label is a dollar sign
    "font.size": 12,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "path.simplify": True,
    "axes.formatter.limits": (-4, 5),
}


def plot(figure: Curves, *, prefix: str) -> Plot:
    """Plot curves.

    Args:
        prefix: prepended to every id in the SVG.
    Raises:
        ValueError: no curve has a finite value.
    """
    points = [(series, *_points(series)) for series in figure.series[:MAX_SERIES]]
    points = [(series, x, y) for series, x, y in points if any(map(math.isfinite, y))]
    if not points:
        raise ValueError("no curve has a finite value")
    entries = tuple(_legend(series for series, _, _ in points))
    curves = tuple(
        _Curve(x, y, _band(series, x), entry.line_style, entry.marker)
        for (series, x, y), entry in zip(points, entries, strict=True)
    )
    labels = _shorten(figure.x_label), _shorten(figure.y_label)
    svg = _svg(curves, labels, log_y=figure.log_y, prefix=prefix, alt=figure.caption or figure.title)
    return Plot(svg=svg, legend=entries)


@functools.lru_cache(maxsize=64)  # in a class most curves are the same; an entry takes about 130 kB
def _svg(
    curves: tuple[_Curve, ...], labels: tuple[str, str], *, log_y: bool, prefix: str, alt: str
) -> Markup:
    import matplotlib.style  # imported late: the command line must start without it
    from matplotlib.figure import Figure as Canvas

    with matplotlib.style.context(["default", _RC]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs missing from Matplotlib's font: the browser's font is used
        canvas = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        axes = canvas.add_subplot()
        for curve in curves:
            _draw_band(axes, curve)
            _draw_curve(axes, curve)
        _style_axes(axes, labels, log_y=log_y and any(value > 0 for curve in curves for value in curve.y))
        _set_margins(axes)
        raw = io.BytesIO()
        canvas.savefig(raw, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inline_svg(raw.getvalue(), prefix=prefix, alt=alt)


def _points(series: Series) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return x and y of a series, cut to the shorter of both and decimated."""
    y = tuple(_to_float(value) for value in series.y)
    x = range(len(y)) if series.x is None else [_to_float(value) for value in series.x]
    return _decimate(tuple(map(float, x[: len(y)])), y[: len(x)])


def _band(series: Series, x: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return lower and upper bounds; None without a band, and for a curve that was decimated."""
    if not series.band or len(series.band) != len(x):
        return None
    low, high = (tuple(_to_float(pair[end]) for pair in series.band) for end in (0, 1))
    return low, high


def _to_float(value: Any) -> float:
    """Convert to a float; a value that is no number or would overflow becomes NaN, a gap in the curve."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if abs(number) < 1e30 else math.nan


def _decimate(x: tuple[float, ...], y: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Reduce a curve to about ``MAX_POINTS`` points.

    Every interval keeps its minimum and its maximum, so that a single spike in a loss stays visible.
    """
    if len(y) <= MAX_POINTS:
        return x, y
    kept: set[int] = {0, len(y) - 1}
    interval = math.ceil(2 * len(y) / MAX_POINTS)
    for start in range(0, len(y), interval):
        finite = [i for i in range(start, min(start + interval, len(y))) if math.isfinite(y[i])]
        if finite:
            kept |= {min(finite, key=y.__getitem__), max(finite, key=y.__getitem__)}
    order = sorted(kept)
    return tuple(x[i] for i in order), tuple(y[i] for i in order)


def _legend(series: Iterable[Series]) -> Iterator[LegendEntry]:
    """Yield one entry for each series; the n-th curve of a role gets the n-th marker."""
    counts: dict[str, int] = {}
    for one in series:
        marker = MARKERS[counts.get(one.role, 0) % len(MARKERS)]
        counts[one.role] = counts.get(one.role, 0) + 1
        style = LINE_STYLES.get(one.role, OTHER_LINE_STYLE)
        yield LegendEntry(label=one.label, line_style=style, marker=marker)


def _draw_curve(axes: Any, curve: _Curve) -> None:
    style, is_short = curve.line_style, sum(map(math.isfinite, curve.y)) < 3
    axes.plot(
        curve.x,
        curve.y,
        color=PLACEHOLDERS[style.name],
        linewidth=style.width,
        linestyle=(0, style.dashes) if style.dashes else "-",
        marker=curve.marker or ("o" if is_short else None),  # a line through one point would be invisible
        markersize=4.0 + style.width / 2,
        markevery=max(1, len(curve.y) // 8),
        zorder=2 + style.layer,
        solid_capstyle="round",
        dash_capstyle=style.cap,
    )


def _draw_band(axes: Any, curve: _Curve) -> None:
    if curve.band:
        colour = PLACEHOLDERS[curve.line_style.name]
        axes.fill_between(curve.x, *curve.band, color=colour, alpha=0.3, linewidth=0, zorder=2)


def _style_axes(axes: Any, labels: tuple[str, str], *, log_y: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if log_y:
        axes.set_yscale("log", nonpositive="mask")
        low, high = axes.get_ylim()
        is_narrow = high / low < 100  # below two decades, label 1, 2 and 5, or there would be two labels
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if is_narrow else (1.0,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.02)
    axes.grid(axis="y", color=PLACEHOLDERS["line"], linewidth=0.8)
    axes.tick_params(colors=PLACEHOLDERS["soft"], length=3, labelsize=11.5, which="both")
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PLACEHOLDERS["soft"])
    axes.set_xlabel(labels[0], color=PLACEHOLDERS["soft"])
    axes.set_title(labels[1], loc="left", fontsize=12, color=PLACEHOLDERS["soft"], pad=8)
    axes.yaxis.get_offset_text().set_color(PLACEHOLDERS["soft"])


def _set_margins(axes: Any) -> None:
    """Make room for the tick labels, by an estimate.

    Matplotlib's own layout engines measure every text, which doubles the time of a plot, and measure it in
    Matplotlib's font, which is not the one that the browser uses.
    """
    low, high = sorted(axes.get_ylim())
    visible = [tick for tick in axes.yaxis.get_majorticklocs() if low <= tick <= high]
    formatter = axes.yaxis.get_major_formatter()
    widest = max(map(len, formatter.format_ticks(visible)), default=0)
    left, right, bottom = 14 + DIGIT_WIDTH * widest, 14, 40
    top = 46 if formatter.get_offset() else 30  # a common factor such as 1e-5 stands above the axis
    axes.set_position(
        (left / WIDTH, bottom / HEIGHT, (WIDTH - left - right) / WIDTH, (HEIGHT - bottom - top) / HEIGHT)
    )


def _shorten(text: str) -> str:
    return textwrap.shorten(line(text), 58, placeholder="…")
