"""What a worker is given to load, whole or in part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grader.sandbox.code_digest import is_introspective


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSource:
    """What a worker is to load: statements with their cells and lines, in the notebook's order.

    Attributes:
        modules: statements of the modules beside the notebook, by the name they are imported by.
        needs: the places among ``statements`` of what each thing asked for needs.
        names: what the notebook calls what is asked for, where it has another name for it.
        unset: sentences on names that nothing sets.
        free_variables: variables of the notebook that functions read: "function", "name", "cell", "line".
    """

    statements: Sequence[Mapping[str, Any]]
    modules: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    needs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    unset: Mapping[str, str] = field(default_factory=dict)
    free_variables: Sequence[Mapping[str, Any]] = ()

    def mentions(self, package: str) -> bool:
        """Whether a package is spoken of anywhere; its import may take seconds."""
        everything = (self.statements, *self.modules.values())
        return any(package in statement["source"] for part in everything for statement in part)

    def only(self, names: Iterable[str]) -> WorkerSource:
        """What these definitions need, and no other statement; all of it where code looks at itself."""
        if any(map(is_introspective, (self.statements, *self.modules.values()))):
            return self
        wanted = {place for name in names for place in self.needs.get(name, ())}
        kept = [statement for place, statement in enumerate(self.statements) if place in wanted]
        return replace(self, statements=kept, needs={})


PRELOADABLE = ("torchvision", "matplotlib.pyplot", "einops")
