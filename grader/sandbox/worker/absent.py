"""Placeholders for packages that are not installed.

A notebook may import a package that it hardly uses. Placeholders let the import succeed, so that only code
that calls or subclasses something from the missing package fails, with Python's usual ModuleNotFoundError.
"""

from __future__ import annotations

import ast
import types
from typing import Any, NoReturn


class AbsentModule(types.ModuleType):
    """A module that is not installed; each of its attributes is an ``AbsentName``."""

    def __getattr__(self, name: str) -> AbsentName:
        if name.startswith("__"):  # else copy, pickle and inspect would find protocols here
            raise AttributeError(name)
        return AbsentName(self.__name__)


class AbsentName:
    """A name from a module that is not installed.

    It can be passed around and used in annotations (``X[int]``, ``X | None``). Calling it, subclassing it
    or iterating over it raises ModuleNotFoundError.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> AbsentName:
        if name.startswith("__"):
            raise AttributeError(name)
        return AbsentName(self._module)

    def __getitem__(self, _: Any) -> AbsentName:
        return self

    def __or__(self, _: Any) -> AbsentName:
        return self

    __ror__ = __or__

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_found(self._module)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        # Python calls this for a base that is not a class, as in ``class Mine(missing.Base)``.
        raise _not_found(self._module)

    def __iter__(self) -> NoReturn:
        raise _not_found(self._module)


def _not_found(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def bind_imports(source: str, filename: str, missing: str | None, namespace: dict[str, Any]) -> list[str]:
    """Execute an import statement name by name, binding placeholders for what is not installed.

    ``import torch, lpips`` fails as a whole although torch is there; one import per name binds all that
    exists.

    Args:
        source: the statement.
        filename: the name that it is compiled under.
        missing: the module that the whole statement failed for.
        namespace: where names are bound.

    Returns:
        The modules that are not installed; empty where ``source`` is not an import, or fails in another way.
    """
    # An indented statement is wrapped in ``if True:`` when it is lifted out of a block.
    nodes = ast.parse(source.removeprefix("if True:\n").strip()).body
    absent: list[str] = []
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return []
        for alias in node.names:
            single = type(node)(**{**dict(ast.iter_fields(node)), "names": [alias]})
            try:
                exec(compile(ast.unparse(single), filename, "exec"), namespace)
            except ModuleNotFoundError as error:
                module = error.name or str(missing)
                absent.append(module)
                _bind_placeholder(node, alias, module, namespace)
    return sorted(set(absent))


def _bind_placeholder(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, module: str, namespace: dict[str, Any]
) -> None:
    root = AbsentModule(module)
    if isinstance(node, ast.Import):
        namespace[alias.asname or alias.name.partition(".")[0]] = root
    elif alias.name != "*":
        namespace[alias.asname or alias.name] = AbsentName(module)
