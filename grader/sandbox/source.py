"""The source code that a worker loads, whole or in part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grader.sandbox.code_digest import is_introspective


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSource:
    """Extracted statements for a worker to load.

    Attributes:
        statements: with their cells and lines, in the notebook's order.
        modules: statements of the local modules, by the name under which they are imported.
        needs: for each wanted definition, the indices of the statements that it depends on.
        names: the notebook's own names for wanted definitions, where they differ.
        unset: explanations by name, for names that no statement defines.
        free_variables: notebook variables that functions read: "function", "name", "cell", "line".
    """

    statements: Sequence[Mapping[str, Any]]
    modules: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    needs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    unset: Mapping[str, str] = field(default_factory=dict)
    free_variables: Sequence[Mapping[str, Any]] = ()

    def mentions(self, package: str) -> bool:
        """Return whether the name of a package occurs anywhere; importing it may take seconds."""
        everything = (self.statements, *self.modules.values())
        return any(package in statement["source"] for part in everything for statement in part)

    def only(self, names: Iterable[str]) -> WorkerSource:
        """Return only the statements that these definitions depend on.

        Introspective code gets everything, as it may reach more than it names.
        """
        if any(map(is_introspective, (self.statements, *self.modules.values()))):
            return self
        wanted = {index for name in names for index in self.needs.get(name, ())}
        kept = [statement for index, statement in enumerate(self.statements) if index in wanted]
        return replace(self, statements=kept, needs={})


# Packages that many notebooks import and that take long to: imported once, in the zygote.
PRELOADABLE = ("torchvision", "matplotlib.pyplot", "einops")
