"""The base of all doubles: their connection to the judge, and passing for another class."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

# Takes the double's number, the event, args, kwargs and state; returns the judge's answer.
Callback = Callable[[int, str, tuple[Any, ...], dict[str, Any], dict[str, Any]], Any]


class _Judge:
    """Connection to the judge, and lookup of the notebook's definitions.

    Both are kept here rather than in the doubles, so that doubles can be deep-copied and pickled.
    """

    callback: Callback
    definition: Callable[[str], object]


judge = _Judge()


class Impersonator:
    """Base of doubles that ``isinstance`` takes for another class.

    ``isinstance(x, C)`` accepts an object whose ``__class__`` is C even if its type is not. The type itself
    stays ours, so none of C's code runs.
    """

    def _impersonated(self) -> type:
        raise NotImplementedError

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._impersonated()

    def __reduce__(self) -> Any:  # the default refuses objects whose __class__ is not their type
        return _bare, (type(self),), self.__dict__


def _bare(kind: Any) -> Any:
    return kind.__new__(kind)


def defined_class(names: Sequence[str], base: type = object) -> type | None:
    """Return the first of these definitions that is a class derived from ``base``."""
    for name in names:
        with contextlib.suppress(Exception):  # it is not defined, or a student's __getattr__ failed
            found = judge.definition(name)
            if isinstance(found, type) and issubclass(found, base):
                return found
    return None
