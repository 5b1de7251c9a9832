"""An object played by the judge, with an object of the student's to fall back on."""

from __future__ import annotations

import contextlib
import math
import types
from typing import Any

import torch
from torch import Tensor, nn

from .base import Impersonator, defined_class, judge


class Object(Impersonator):
    """An object with given attributes, and methods that are answered by the judge.

    ``fallback``, an object of the student's, supplies attributes that the double lacks; each such access is
    reported to the judge. Given tensors take the form that the fallback's attribute of the same name has.
    """

    def __init__(
        self,
        number: int,
        attributes: dict[str, Any],
        methods: list[str],
        fallback: object,
        passes_for: tuple[str, ...],
    ) -> None:
        for name, value in attributes.items():
            own = None
            with contextlib.suppress(Exception):  # a property may raise anything
                own = getattr(fallback, name, None)
            self.__dict__[name] = _in_form_of(own, value)
        self.__dict__["_double"] = (number, fallback, passes_for)
        for name in methods:
            self.__dict__[name] = _Method(number, name)

    def _impersonated(self) -> type:
        # A copy has no attributes yet when __class__ is first read.
        _, fallback, passes_for = self.__dict__.get("_double", (None, None, ()))
        if fallback is not None:
            return type(fallback)
        found = defined_class(passes_for)
        # Taken for an nn.Module, it would be searched for parameters that it does not have.
        return Object if found is None or issubclass(found, nn.Module) else found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return judge.callback(self.__dict__["_double"][0], "call", args, kwargs, {})

    def __getattr__(self, name: str) -> Any:
        number, fallback, passes_for = self.__dict__.get("_double", (None, None, ()))
        if number is None or name.startswith("__"):
            raise AttributeError(name)
        if fallback is None or not hasattr(fallback, name):
            kind = type(fallback).__name__ if fallback is not None else next(iter(passes_for), "object")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        judge.callback(number, "missing", (name,), {}, {})
        return getattr(fallback, name)


def _in_form_of(own: Any, value: Any) -> Any:
    """Return a tensor in the container, type and shape of the student's own attribute.

    A method is returned as it is. Anything else, such as a tensor of integers, leaves the value unchanged.
    """
    if not isinstance(value, Tensor):
        return value
    if isinstance(own, types.MethodType):
        return own
    if type(own) in (list, tuple) and own:
        items = value.unbind() if isinstance(own[0], Tensor) else value.tolist()
        return type(own)(items)
    dtype = getattr(own, "dtype", None)
    if isinstance(own, Tensor) and own.is_floating_point():
        value = value.to(own)
    elif type(own).__module__ == "numpy" and getattr(dtype, "kind", "") == "f":
        value = value.cpu().numpy().astype(dtype)
    else:
        return value
    return value.reshape(own.shape) if math.prod(own.shape) == len(value) else value


class _Method:
    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return judge.callback(self._number, self._name, args, kwargs, {"grad": torch.is_grad_enabled()})
