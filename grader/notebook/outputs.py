"""Stored outputs of a cell as text and images; whatever a browser would execute or load is left out."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator, Mapping
from typing import Any

from grader.text import ESCAPES
from grader.written_answers import AnswerOutput

MAX_TEXT = 8_000  # characters of one output
MAX_PIXELS = 30_000_000  # of an image; larger ones could stop a browser
_IMAGES = ("image/png", "image/jpeg")


def outputs_of(cell: Mapping[str, Any]) -> tuple[tuple[AnswerOutput, ...], int]:
    """Return the outputs of a code cell, and the number of those that cannot be shown."""
    shown, hidden = list[AnswerOutput](), 0
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        found = _output(output) if isinstance(output, dict) else None
        if found is None:
            hidden += 1
        elif shown and found.media == shown[-1].media == "text/plain":  # lines of one stream
            shown[-1] = _text(f"{shown[-1].content.rstrip()}\n{found.content}")
        else:
            shown.append(found)
    return tuple(shown), hidden


def attachments_of(cell: Mapping[str, Any]) -> Iterator[tuple[str, AnswerOutput]]:
    """Yield name and content of the images attached to a markdown cell, such as photos of a derivation."""
    attachments = cell.get("attachments")
    for name, data in (attachments if isinstance(attachments, dict) else {}).items():
        if isinstance(data, dict) and (image := _image(data)):
            yield name, image


def _output(output: Mapping[str, Any]) -> AnswerOutput | None:
    match output.get("output_type"):
        case "stream":
            return _text(_joined(output.get("text")))
        case "error" | "pyerr":
            trace = output.get("traceback")
            lines = trace if isinstance(trace, list) else [output.get("ename"), output.get("evalue")]
            return _text("\n".join(map(str, lines)))
    data = output.get("data")
    data = data if isinstance(data, dict) else _old_data(output)
    if image := _image(data):
        return image
    return _text(_joined(data["text/plain"])) if "text/plain" in data else None


def _old_data(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output of nbformat 3, whose keys are no media types."""
    names = {"png": "image/png", "jpeg": "image/jpeg", "text": "text/plain"}
    return {media: output[key] for key, media in names.items() if key in output}


def _image(data: Mapping[str, Any]) -> AnswerOutput | None:
    """Return the first image that is what its media type says and of a size that a browser can show."""
    for media in _IMAGES:
        try:
            content = base64.b64decode("".join(_joined(data.get(media)).split()), validate=True)
            if content and _pixels(content, media) <= MAX_PIXELS:
                return AnswerOutput(media=media, content=base64.b64encode(content).decode())
        except (ValueError, binascii.Error, OSError, SyntaxError):  # Pillow raises these for damaged files
            continue
    return None


def _pixels(content: bytes, media: str) -> int:
    """Return width times height from an image's header; nothing is decoded.

    Raises:
        SyntaxError: it is not of this format.
    """
    from PIL.JpegImagePlugin import JpegImageFile  # late: few notebooks are read for their images
    from PIL.PngImagePlugin import PngImageFile

    kind = PngImageFile if media == "image/png" else JpegImageFile
    with kind(io.BytesIO(content)) as image:
        return int(image.width * image.height)


def _text(text: str) -> AnswerOutput:
    plain = ESCAPES.sub("", text)
    shown = plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"
    return AnswerOutput(media="text/plain", content=shown)


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else text if isinstance(text, str) else ""
