"""Matplotlib's SVG made fit to embed in a page: the page's colours and fonts, unique ids, nothing active.

Matplotlib plots with placeholder colours, and here each of them becomes a variable of the page's style sheet.
So a plot follows the colour scheme of the page, in dark mode and in print, without being plotted again.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from markupsafe import Markup

from grader.text import clean

_VARIABLES = ("ink", "soft", "line", "reference", "student", "accepted", "mistake")
_VARIABLE_OF = {f"#0000{number:02x}": name for number, name in enumerate(_VARIABLES, start=1)}
PLACEHOLDERS = {name: colour for colour, name in _VARIABLE_OF.items()}
"""Placeholder colour to plot with, by the name of the style sheet's variable."""

# Allowlists: whatever else Matplotlib writes, now or in another version, does not reach the page.
_ELEMENTS = {"svg", "g", "defs", "path", "clipPath", "rect", "use", "text", "tspan"}
_ATTRIBUTES = {"id", "d", "style", "transform", "x", "y", "width", "height", "clip-path", "href", "viewBox"}


def inline_svg(svg: bytes, *, prefix: str, alt: str) -> Markup:
    """Return an SVG document as an element of the page.

    Args:
        prefix: prepended to every id, since ids must be unique on the page.
        alt: the text alternative.
    """
    root = ET.fromstring(svg)
    _sanitize(root, prefix)
    for attribute in ("width", "height", "id"):
        root.attrib.pop(attribute, None)
    root.attrib.update({"class": "plot", "role": "img", "aria-label": clean(alt)})
    return Markup(ET.tostring(root, encoding="unicode"))


def _sanitize(element: ET.Element, prefix: str) -> None:
    """Remove namespaces, white space, and all elements and attributes that are not allowed."""
    element.tag = _local_name(element.tag)
    element.attrib = {
        name: _rewrite(name, value, prefix)
        for key, value in sorted(element.attrib.items(), key=lambda item: _local_name(item[0]))
        if (name := _local_name(key)) in _ATTRIBUTES
    }
    for child in list(element):
        if _local_name(child.tag) in _ELEMENTS:
            _sanitize(child, prefix)
        else:  # metadata, and a style element that would apply to the whole page
            element.remove(child)
    if element.tag not in ("text", "tspan"):
        element.text = None
    element.tail = None


def _local_name(name: str) -> str:
    """Return a name without its namespace, which ElementTree writes as "{uri}name"."""
    return name.rpartition("}")[2]


def _rewrite(name: str, value: str, prefix: str) -> str:
    """Return an attribute's value with prefixed ids and references, and with the page's colours and font."""
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return f"#{prefix}-{value.removeprefix('#')}"
    value = value.replace("url(#", f"url(#{prefix}-")
    if name == "style":
        value = re.sub(r"#0000[0-9a-f]{2}", lambda found: f"var(--{_VARIABLE_OF[found[0]]})", value)
        value = re.sub(r"font: [^;]*?([\d.]+px)[^;]*", r"font-size: \1", value)  # the family is inherited
    return value
