"""Drawings of a report's figures: curves as SVG, images as PNG strips, an encoder-decoder as a U."""

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

# Limits of a gallery; the last is the longer side of an image in pixels.
MAX_ROWS, MAX_PER_ROW, MAX_PER_LINE, MAX_SIDE = 12, 40, 10, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Images side by side as one PNG; width and height in pixels."""

    src: Markup  # base64, so there is nothing to escape; as a str it would be cut at the limit for text
    width: int
    height: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryRow:
    """A row of images, broken into several strips if it is long."""

    label: str
    strips: tuple[Strip, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Rows of images under common column labels.

    Attributes:
        axis: the common beginning of all column labels, such as "t =", or "".
        columns: the rest of each label.
        per_line: images on one line, so the number of columns of the layout.
    """

    rows: tuple[GalleryRow, ...]
    axis: str
    columns: tuple[str, ...]
    per_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of a U diagram: its top left corner and its two lines of text."""

    x: float
    y: float
    size: str
    channels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipConnection:
    """A skip connection of a U diagram, from x1 to x2 at height y, found or missing."""

    x1: float
    x2: float
    y: float
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """An arrow between two blocks, as SVG path data of its line and of its head."""

    line: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UDiagram:
    """An encoder-decoder as a U, with all coordinates in the units of its view box."""

    width: float
    height: float
    block_size: tuple[float, float]
    blocks: tuple[Block, ...]
    skips: tuple[SkipConnection, ...]
    arrows: tuple[Arrow, ...]
    parameters: str


Drawable = Curves | Images | Levels
Drawing = Plot | Gallery | UDiagram


def preload() -> None:
    """Import Matplotlib and Pillow in a thread: that takes half a second, which the judge's work hides."""
    needed = ("matplotlib.style", "matplotlib.figure", "matplotlib.backends.backend_svg", "PIL.Image")
    threading.Thread(target=lambda: [*map(importlib.import_module, needed)], daemon=True).start()


def draw(figure: Drawable, *, prefix: str) -> Drawing:
    """Return the drawing of a figure for its template.

    Args:
        prefix: prepended to every id in the drawing; it must differ between the figures of a page.
    Raises:
        ValueError: the figure holds no data.
    """
    if isinstance(figure, Curves):
        return plot(figure, prefix=prefix)
    if isinstance(figure, Images):
        return _gallery(figure)
    return _u_diagram(figure)


def _gallery(figure: Images) -> Gallery:
    if not figure.rows:
        raise ValueError("there are no images")
    axis, columns = _split_labels(figure.columns[:MAX_PER_ROW])
    per_line = len(columns) or min(max(row.count for row in figure.rows), MAX_PER_LINE)
    rows = tuple(_gallery_row(row, per_line) for row in figure.rows[:MAX_ROWS])
    return Gallery(rows=rows, axis=axis, columns=columns, per_line=per_line)


def _split_labels(labels: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Split labels into their common beginning and the rest: "t = " before every number is too wide."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*labels, strict=False))
    common = "".join(letters[0] for letters in same).rstrip("0123456789.-")
    if len(labels) < 2 or not common.endswith((" ", "=")):
        return "", tuple(labels)
    return common.strip(), tuple(label.removeprefix(common) for label in labels)


def _gallery_row(row: ImageRow, per_line: int) -> GalleryRow:
    pixels, area = base64.b64decode(row.pixels, validate=True), row.height * row.width
    if row.count < 1 or area < 1 or len(pixels) != row.count * area:
        raise ValueError(f"{len(pixels)} bytes are not {row.count} images of {row.height} x {row.width}")
    images = [pixels[i * area : (i + 1) * area] for i in range(min(row.count, MAX_PER_ROW))]
    size = (row.width, row.height)
    strips = tuple(_strip(images[i : i + per_line], size) for i in range(0, len(images), per_line))
    return GalleryRow(label=row.label, strips=strips, left_out=row.count - len(images))


def _strip(images: Sequence[bytes], size: tuple[int, int]) -> Strip:
    from PIL import Image  # imported late: the command line must start without it

    scale = min(1.0, MAX_SIDE / max(size))
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    gap = max(1, round(width / 28))
    strip = Image.new("LA", ((width + gap) * len(images) - gap, height))  # transparent between the images
    for place, pixels in enumerate(images):
        image = Image.frombytes("L", size, pixels).resize((width, height)).convert("LA")
        strip.paste(image, (place * (width + gap), 0))
    png = io.BytesIO()
    strip.save(png, format="PNG")
    src = Markup("data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii"))
    return Strip(src=src, width=strip.width, height=strip.height, count=len(images))


# U diagram: width of the whole, size of a block, and the distance from one level down to the next.
WIDTH, BLOCK_WIDTH, BLOCK_HEIGHT, LEVEL_STEP = 440.0, 96.0, 50.0, 82.0
TOP = 22.0  # room for "in" and "out" above the blocks


def _u_diagram(figure: Levels) -> UDiagram:
    """Lay out the encoder down the left side, the decoder up the right, and the bottom between them."""
    if not figure.levels:
        raise ValueError("there are no levels")
    levels = figure.levels[:12]
    bottom = levels[-1] if levels[-1].skip == "none" else None
    sides = levels[:-1] if bottom else levels
    indent = min(46.0, 58.0 / max(len(sides) - 1, 1))  # leaves the lowest skip room for its label
    corners = [(2 + i * indent, TOP + i * LEVEL_STEP) for i in range(len(sides))]  # of the encoder's blocks
    blocks, skips = [], []
    for (x, y), level in zip(corners, sides, strict=True):
        mirrored = WIDTH - BLOCK_WIDTH - x
        blocks += [_block(level, x, y), _block(level, mirrored, y)]
        if level.skip != "none":
            middle, found = y + BLOCK_HEIGHT / 2, level.skip == "found"
            skips.append(SkipConnection(x1=x + BLOCK_WIDTH, x2=mirrored, y=middle, found=found))
    if bottom:
        blocks.append(_block(bottom, (WIDTH - BLOCK_WIDTH) / 2, TOP + len(sides) * LEVEL_STEP))
    return UDiagram(
        width=WIDTH,
        height=TOP + (len(levels) - 1) * LEVEL_STEP + BLOCK_HEIGHT + 2,
        block_size=(BLOCK_WIDTH, BLOCK_HEIGHT),
        blocks=tuple(blocks),
        skips=tuple(skips),
        arrows=tuple(_arrows(corners, indent, has_bottom=bottom is not None)),
        parameters=f"{figure.parameters:,}",
    )


def _block(level: Level, x: float, y: float) -> Block:
    size = f"{level.resolution} × {level.resolution}"
    return Block(
        x=x, y=y, size=size, channels=f"{level.channels} channel{'' if level.channels == 1 else 's'}"
    )


def _arrows(corners: Sequence[tuple[float, float]], indent: float, *, has_bottom: bool) -> Iterator[Arrow]:
    """Yield the arrows down the encoder and up the decoder, then those into and out of the bottom.

    A line stops 5 units before the tip of its head; the arrows at the bottom have corners of radius 8.
    """
    for x, y in corners[:-1]:
        down, upper, lower = x + (BLOCK_WIDTH + indent) / 2, y + BLOCK_HEIGHT, y + LEVEL_STEP
        up = WIDTH - down
        yield Arrow(line=f"M{down:g} {upper:g}V{lower - 5:g}", head=_arrowhead(down, lower, "down"))
        yield Arrow(line=f"M{up:g} {lower:g}V{upper + 5:g}", head=_arrowhead(up, upper, "up"))
    if corners and has_bottom:
        (x, y), edge = corners[-1], (WIDTH - BLOCK_WIDTH) / 2
        down, upper, middle = x + BLOCK_WIDTH / 3, y + BLOCK_HEIGHT, y + LEVEL_STEP + BLOCK_HEIGHT / 2
        up = WIDTH - down
        line = f"M{down:g} {upper:g}V{middle - 8:g}q0 8 8 8H{edge - 5:g}"
        yield Arrow(line=line, head=_arrowhead(edge, middle, "right"))
        line = f"M{WIDTH - edge:g} {middle:g}H{up - 8:g}q8 0 8 -8V{upper + 5:g}"
        yield Arrow(line=line, head=_arrowhead(up, upper, "up"))


def _arrowhead(x: float, y: float, direction: str) -> str:
    """Return the path of a triangle with its tip at (x, y)."""
    sides = {"down": "l-4.5 -8h9z", "up": "l-4.5 8h9z", "right": "l-8 -4.5v9z"}
    return f"M{x:g} {y:g}{sides[direction]}"
