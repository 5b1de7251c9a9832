"""What the page's figures are drawn from: curves as SVG, pictures as PNG, the places of the blocks of a U."""

from __future__ import annotations

import base64
import importlib
import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from markupsafe import Markup

from grader.model import Curves, ImageRow, Images, Level, Levels
from grader.report.plots import Plot, plot

ROWS, PER_ROW, PER_LINE, SIDE = (
    12,
    40,
    10,
    64,
)  # what a figure of pictures may hold, and how large each is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Pictures side by side as one PNG."""

    src: Markup  # base64, so there is nothing to escape, and nothing to shorten
    width: int
    height: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRow:
    """A row of pictures, broken into strips where it is long."""

    label: str
    strips: tuple[Strip, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Rows of pictures under common labels, drawn."""

    rows: tuple[PictureRow, ...]
    axis: str  # what all columns' labels begin with, such as "t ="
    columns: tuple[str, ...]
    per_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One box of the U."""

    x: float
    y: float
    size: str
    channels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The place where both sides of the U should be joined."""

    x1: float
    x2: float
    y: float
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """An arrow between two blocks, with the place and the direction of its head."""

    path: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UDiagram:
    """An encoder-decoder, with every coordinate that its drawing needs."""

    width: float
    height: float
    block: tuple[float, float]
    blocks: tuple[Block, ...]
    skips: tuple[Skip, ...]
    bends: tuple[Arrow, ...]
    parameters: str


Drawable = Curves | Images | Levels
Drawing = Plot | Gallery | UDiagram


def preload() -> None:
    """Import what drawing needs, which takes half a second, beside whatever is done meanwhile."""
    needed = ("matplotlib.style", "matplotlib.figure", "matplotlib.backends.backend_svg", "PIL.Image")
    threading.Thread(target=lambda: [*map(importlib.import_module, needed)], daemon=True).start()


def draw(figure: Drawable, *, prefix: str) -> Drawing:
    """The figure, ready for its template.

    Args:
        prefix: starts every id inside the drawing; a page gives each figure its own.
    Raises:
        ValueError: the figure holds nothing that could be drawn.
    """
    if isinstance(figure, Curves):
        return plot(figure, prefix=prefix)
    if isinstance(figure, Images):
        return _gallery(figure)
    return _u(figure)


def _gallery(figure: Images) -> Gallery:
    if not figure.rows:
        raise ValueError("there is no row of pictures")
    axis, columns = _columns(figure.columns[:PER_ROW])
    per_line = len(columns) or min(max(row.count for row in figure.rows), PER_LINE)
    rows = tuple(_row(row, per_line) for row in figure.rows[:ROWS])
    return Gallery(rows=rows, axis=axis, columns=columns, per_line=per_line)


def _columns(labels: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What the labels have in common, and the rest of each: eight times "t = " is too wide for a phone."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*labels, strict=False))
    common = "".join(letters[0] for letters in same).rstrip("0123456789.-")
    if len(labels) < 2 or not common.endswith((" ", "=")):
        return "", tuple(labels)
    return common.strip(), tuple(label.removeprefix(common) for label in labels)


def _row(row: ImageRow, per_line: int) -> PictureRow:
    pixels, area = base64.b64decode(row.pixels, validate=True), row.height * row.width
    if row.count < 1 or area < 1 or len(pixels) != row.count * area:
        raise ValueError(f"{len(pixels)} bytes are not {row.count} pictures of {row.height} x {row.width}")
    pictures = [pixels[i * area : (i + 1) * area] for i in range(min(row.count, PER_ROW))]
    size = (row.width, row.height)
    strips = tuple(_strip(pictures[i : i + per_line], size) for i in range(0, len(pictures), per_line))
    return PictureRow(label=row.label, strips=strips, left_out=row.count - len(pictures))


def _strip(pictures: Sequence[bytes], size: tuple[int, int]) -> Strip:
    from PIL import Image  # here: the command line must start without it

    scale = min(1.0, SIDE / max(size))
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    gap = max(1, round(width / 28))
    strip = Image.new("LA", ((width + gap) * len(pictures) - gap, height))  # transparent between the pictures
    for place, pixels in enumerate(pictures):
        picture = Image.frombytes("L", size, pixels).resize((width, height)).convert("LA")
        strip.paste(picture, (place * (width + gap), 0))
    png = io.BytesIO()
    strip.save(png, format="PNG")
    src = Markup("data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii"))
    return Strip(src=src, width=strip.width, height=strip.height, count=len(pictures))


# The U

WIDTH, WIDE, HIGH, STEP = 440.0, 96.0, 50.0, 82.0  # the drawing; a block; from one level down to the next


def _u(figure: Levels) -> UDiagram:
    if not figure.levels:
        raise ValueError("there is no level")
    levels = figure.levels[:12]
    bottom = levels[-1] if levels[-1].skip == "none" else None
    sides = levels[:-1] if bottom else levels
    indent = min(46.0, 58.0 / max(len(sides) - 1, 1))  # the lowest skip still has room for its label
    lefts = [(2 + i * indent, 22 + i * STEP) for i in range(len(sides))]
    blocks, skips = [], []
    for (x, y), level in zip(lefts, sides, strict=True):
        blocks += [_block(level, x, y), _block(level, WIDTH - WIDE - x, y)]
        if level.skip != "none":
            middle = y + HIGH / 2
            skips.append(Skip(x1=x + WIDE, x2=WIDTH - WIDE - x, y=middle, found=level.skip == "found"))
    if bottom:
        blocks.append(_block(bottom, (WIDTH - WIDE) / 2, 22 + len(sides) * STEP))
    return UDiagram(
        width=WIDTH,
        height=22 + (len(levels) - 1) * STEP + HIGH + 2,
        block=(WIDE, HIGH),
        blocks=tuple(blocks),
        skips=tuple(skips),
        bends=tuple(_bends(lefts, indent, has_bottom=bottom is not None)),
        parameters=f"{figure.parameters:,}",
    )


def _block(level: Level, x: float, y: float) -> Block:
    size = f"{level.resolution} × {level.resolution}"
    return Block(
        x=x, y=y, size=size, channels=f"{level.channels} channel{'' if level.channels == 1 else 's'}"
    )


def _bends(lefts: Sequence[tuple[float, float]], indent: float, *, has_bottom: bool) -> Iterator[Arrow]:
    """Down on the left, through the bottom, and up on the right."""
    for x, y in lefts[:-1]:
        down, under, above = x + (WIDE + indent) / 2, y + HIGH, y + STEP
        yield Arrow(path=f"M{down:g} {under:g}V{above - 5:g}", head=_head(down, above, "down"))
        yield Arrow(path=f"M{WIDTH - down:g} {above:g}V{under + 5:g}", head=_head(WIDTH - down, under, "up"))
    if lefts and has_bottom:
        (x, y), edge = lefts[-1], (WIDTH - WIDE) / 2
        turn, under, level = x + WIDE / 3, y + HIGH, y + STEP + HIGH / 2
        into, out = f"M{turn:g} {under:g}V{level - 8:g}q0 8 8 8H{edge - 5:g}", WIDTH - turn
        yield Arrow(path=into, head=_head(edge, level, "right"))
        path = f"M{WIDTH - edge:g} {level:g}H{out - 8:g}q8 0 8 -8V{under + 5:g}"
        yield Arrow(path=path, head=_head(out, under, "up"))


def _head(x: float, y: float, towards: str) -> str:
    arms = {"down": "l-4.5 -8h9z", "up": "l-4.5 8h9z", "right": "l-8 -4.5v9z"}
    return f"M{x:g} {y:g}{arms[towards]}"
