"""The source code that a worker loads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.text import NEVER_DEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSource:
    """Extracted statements for a worker to load.

    Attributes:
        statements: with their cells and lines, in the notebook's order.
        modules: statements of the local modules, by the name under which they are imported.
        files: texts of files that the notebook writes, by path.
        needs: for each wanted definition, the indices of the statements that it depends on.
        names: the notebook's own names for wanted definitions, where they differ.
        unset: explanations by name, for names that no statement defines.
        free_variables: notebook variables that functions read: "function", "name", "cell", "line".
    """

    statements: Sequence[Mapping[str, Any]]
    modules: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    unset: Mapping[str, str] = field(default_factory=dict)
    free_variables: Sequence[Mapping[str, Any]] = ()

    @property
    def never_defined(self) -> frozenset[str]:
        """Names that no statement binds, unlike those whose statement failed or was left out."""
        return frozenset(name for name, why in self.unset.items() if why.endswith(NEVER_DEFINED))

    def to_load(self) -> dict[str, Any]:
        """Return what the worker loads, as fields of its request."""
        return {
            "statements": list(self.statements),
            "modules": {name: list(inside) for name, inside in self.modules.items()},
            "files": dict(self.files),
        }

    def mentions(self, package: str) -> bool:
        """Return whether the name of a package occurs anywhere; importing it may take seconds."""
        everything = (self.statements, *self.modules.values())
        return any(package in statement["source"] for part in everything for statement in part)

    def digest(self, definitions: Iterable[str]) -> str:
        """Return a SHA-256 of the code that these definitions depend on; cells and lines do not count.

        Any definition may read the files that the notebook writes.
        """
        wanted = {index for name in definitions for index in self.needs.get(name, ())}
        code: dict[str, Any] = {
            "": [_code(statement) for index, statement in enumerate(self.statements) if index in wanted],
            **{name: [_code(statement) for statement in part] for name, part in self.modules.items()},
        }
        if self.files:
            code["files"] = sorted(self.files.items())
        return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()


def _code(statement: Mapping[str, Any]) -> list[Any]:
    return [statement["source"], statement["flags"]]


# Packages that many notebooks import and that take long to: imported once, in the zygote.
PRELOADABLE = ("torchvision", "matplotlib.pyplot", "einops")
