"""Stand-ins for modules that are not installed: names can be imported, and complain when they are used."""

from __future__ import annotations

import ast
import types
from typing import Any, NoReturn


class AbsentModule(types.ModuleType):
    """A module that is not installed; whatever is asked of it is an ``AbsentName``."""

    def __getattr__(self, name: str) -> AbsentName:
        if name.startswith("__"):
            raise AttributeError(name)
        return AbsentName(self.__name__)


class AbsentName:
    """Something of a module that is not installed: it can be passed about and stand in annotations, not be
    called or derived from.
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
        raise _not_found(self._module)

    def __iter__(self) -> NoReturn:
        raise _not_found(self._module)


def _not_found(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def bind_imports(source: str, place: str, missing: str | None, namespace: dict[str, Any]) -> list[str]:
    """Carry an import statement out name by name, with stand-ins for what is not installed.

    Args:
        source: the statement.
        place: the file name that it is compiled under.
        missing: the module that it failed for.
        namespace: where to.

    Returns:
        The modules that are not installed; none where ``source`` is no import, or fails in another way.
    """
    nodes = ast.parse(source.removeprefix("if True:\n").strip()).body
    absent: list[str] = []
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return []
        for alias in node.names:
            single = type(node)(**{**dict(ast.iter_fields(node)), "names": [alias]})
            try:
                exec(compile(ast.unparse(single), place, "exec"), namespace)
            except ModuleNotFoundError as error:
                module = error.name or str(missing)
                absent.append(module)
                _bind(node, alias, module, namespace)
    return sorted(set(absent))


def _bind(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, module: str, namespace: dict[str, Any]
) -> None:
    root = AbsentModule(module)
    if isinstance(node, ast.Import):
        namespace[alias.asname or alias.name.partition(".")[0]] = root
    elif alias.name != "*":
        namespace[alias.asname or alias.name] = AbsentName(module)
