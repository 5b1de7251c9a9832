"""Families of transformations, a module each; importing the package registers them all."""

from grader.audit.rewriting.families import (
    arguments,
    attributes,
    branches,
    cells,
    classes,
    containers,
    decoration,
    devices,
    functions,
    helpers,
    imports,
    inspection,
    loops,
    names,
    randomness,
    tensors,
)

__all__ = [
    "arguments",
    "attributes",
    "branches",
    "cells",
    "classes",
    "containers",
    "decoration",
    "devices",
    "functions",
    "helpers",
    "imports",
    "inspection",
    "loops",
    "names",
    "randomness",
    "tensors",
]
