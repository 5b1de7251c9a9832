"""Test doubles that are played by the judge: each call is sent there, and the caller gets its answer.

A student's function runs on doubles of its network, helper objects, loaders, optimizer and criterion. The
judge records what the function does with them, in order, and decides what they answer. The kinds are
``module``, ``object``, ``loader``, ``dataset``, ``optimizer`` and ``criterion``.

A module double is differentiable. Its answer enters the caller's autograd graph through ``_Answer``, whose
backward pass sends the gradient to the judge. There, a real network can be trained with it that never
leaves the judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import judge
from .network import Module
from .objects import Object
from .training import Exhausted, criterion, dataset, loader, optimizer

__all__ = ["Exhausted", "judge", "make"]


def make(description: dict[str, Any], decode: Callable[[Any], Any]) -> object:
    """Build the double that a request describes.

    Args:
        description: its "kind", its number as "double", and what the kind needs. ``passes_for`` lists names
            of definitions in the notebook; ``isinstance`` takes a module or object for an instance of the
            first that is a class.
        decode: turns the protocol's values into Python values.

    Raises:
        ValueError: there is no double of that kind.
    """
    number = description["double"]
    attributes = {name: decode(value) for name, value in description.get("attributes", {}).items()}
    passes_for = tuple(description.get("passes_for", ()))
    match description["kind"]:
        case "module":
            module = Module(number, passes_for, attributes, description.get("loss"))
            return module.to(decode({"device": True}))
        case "object":
            fallback = decode(description.get("fallback"))
            return Object(number, attributes, description["methods"], fallback, passes_for)
        case "loader":
            return loader(number, attributes, decode(description.get("held_out")))
        case "dataset":
            return dataset(number, attributes, decode(description.get("held_out")))
        case "optimizer":
            return optimizer(number, decode(description["of"]), attributes["lr"])
        case "criterion":
            return criterion(number, description.get("name", "mse"))
        case kind:
            raise ValueError(f"there is no test double of kind {kind!r}")
