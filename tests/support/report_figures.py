"""Sample figures for tests of the report."""

from __future__ import annotations

import base64
import math
import random

from grader.model import Curves, Figure, ImageRow, Images, Level, Levels, Series


def figures() -> list[Figure]:
    """Return figures of every kind with plausible data."""
    steps = [i / 99 for i in range(100)]
    betas = [1e-4 + s * (0.1 - 1e-4) for s in steps]
    signal, product = [], 1.0
    for beta in betas:
        product *= 1 - beta
        signal.append(product)
    fade = [math.sqrt(share) for share in signal]
    return [
        Images(
            exercise=1,
            title="Your forward diffusion",
            caption="Your digits dissolve more slowly than the reference's: at step 40 one still reads them.",
            rows=(_strip("yours", fade, 0.6), _strip("reference", fade, 1.0)),
            columns=tuple(f"t = {t}" for t in STEPS),
        ),
        Curves(
            exercise=1,
            title="Noise schedule",
            caption="Your β lies on the reference's at all 100 steps.",
            x_label="step t",
            y_label="β",
            series=(
                Series(label="yours", y=betas, role="student"),
                Series(label="reference", y=betas, role="reference"),
            ),
        ),
        Curves(
            exercise=1,
            title="How strong the noise is",
            caption="Your noise follows 1 − ᾱ where √(1 − ᾱ) was expected: the square root is missing.",
            x_label="step t",
            y_label="factor of the noise",
            series=(
                Series(label="yours", y=[1 - s for s in signal], role="student"),
                Series(label="paper: √(1 − ᾱ)", y=[math.sqrt(1 - s) for s in signal], role="reference"),
                Series(label="handout code", y=[math.sqrt(1 - f) for f in fade], role="accepted"),
                Series(label="mistake: 1 − ᾱ", y=[1 - s for s in signal], role="mistake"),
            ),
        ),
        Levels(
            exercise=2,
            title="Your network",
            caption="The skip at 28 × 28 is there; at 14 × 14 nothing joins both sides.",
            levels=(
                Level(resolution=28, channels=16, skip="found"),
                Level(resolution=14, channels=32, skip="missing"),
                Level(resolution=7, channels=64, skip="none"),
            ),
            parameters=144945,
        ),
        Curves(
            exercise=2,
            title="Loss",
            caption="Your loss falls as the reference's does, and ends a little above it.",
            x_label="batches",
            y_label="squared error of the noise",
            log_y=True,
            series=(
                Series(label="your training", y=_losses(0.085, 1), role="student"),
                Series(
                    label="your validation", y=_losses(0.09, 2)[::20], x=range(0, 300, 20), role="student"
                ),
                Series(label="reference's training", y=_losses(0.07, 3), role="reference"),
                Series(
                    label="reference's validation",
                    y=_losses(0.07, 4)[::20],
                    x=range(0, 300, 20),
                    role="reference",
                ),
            ),
        ),
        Images(
            exercise=3,
            title="Samples",
            caption="Ten samples for each seed: the strokes are there, noisier than the reference's.",
            rows=tuple(
                _samples(f"{who}, seed {seed}", rough) for seed in (96, 786, 7150) for who, rough in WHO
            ),
        ),
    ]


STEPS = (0, 10, 20, 30, 40, 60, 80, 99)
WHO = (("yours", 60), ("reference", 20))


def _losses(floor: float, seed: int) -> list[float]:
    noise = random.Random(seed)
    return [
        floor + 0.95 * math.exp(-i / 25) + noise.gauss(0, 0.06) * math.exp(-i / 60) ** 0.5 * 0.3
        for i in range(300)
    ]


def _strip(label: str, fade: list[float], speed: float) -> ImageRow:
    noise = random.Random(7)
    pixels = bytearray()
    for t in STEPS:
        keep = fade[round(t * speed)]
        spread = math.sqrt(1 - keep**2)
        pixels += bytes(_byte(keep * value + spread * 255 * noise.gauss(0, 1)) for value in digit("7"))
    return _images(label, len(STEPS), bytes(pixels))


def _samples(label: str, roughness: float) -> ImageRow:
    noise = random.Random(label)
    pixels = b"".join(bytes(_byte(v + noise.gauss(0, roughness)) for v in digit(d)) for d in "0123456789")
    return _images(label, 10, pixels)


def _images(label: str, count: int, pixels: bytes) -> ImageRow:
    return ImageRow(label=label, count=count, height=28, width=28, pixels=base64.b64encode(pixels).decode())


def digit(letter: str) -> bytes:
    """Return a character as 28 x 28 bytes, white on black."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (28, 28))
    ImageDraw.Draw(picture).text((14, 14), letter, fill=255, anchor="mm", font=ImageFont.load_default(24))
    return picture.tobytes()


def _byte(value: float) -> int:
    return min(max(round(value), 0), 255)


def hostile_figures(text: str) -> list[Figure]:
    """Return a figure of every kind with ``text`` in each of its strings."""
    pixels = ImageRow(label=text, count=1, height=1, width=1, pixels="AA==")
    labels = {"title": text, "caption": text}
    return [
        Curves(
            exercise=1,
            x_label=text,
            y_label=text,
            series=(Series(label=text, y=[1, 2], role=text),),
            **labels,
        ),
        Images(exercise=2, rows=(pixels,), columns=(text,), **labels),
        Levels(exercise=3, levels=(Level(resolution=1, channels=1, skip=text),), parameters=1, **labels),
    ]
