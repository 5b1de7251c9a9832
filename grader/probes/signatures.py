"""Call a student's functions with an interface's arguments, matched to their own signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grader.probes.argument_names import LOADED, ArgumentNames, uses_of
from grader.probes.doubles import LoaderDouble
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from grader.text import place


def call(
    student: Student, name: str, arguments: Mapping[str, Any], *, names: ArgumentNames, **options: Any
) -> Any:
    """Return the result of calling ``name``; see ``reply``."""
    return reply(student, name, arguments, names=names, **options)["value"]


def reply(
    student: Student,
    name: str,
    arguments: Mapping[str, Any],
    *,
    names: ArgumentNames,
    constructor_arguments: Mapping[str, Any] | None = None,
    if_required: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    seed: int | None = None,
    timeout: float = 30.0,
    keep: bool = False,
) -> dict[str, Any]:
    """Call a function or class of the student's, and return the worker's whole reply.

    Arguments are passed by name if every required parameter is known by its name or by its use, otherwise by
    position if the signature may be the interface's. A method is called on an object of its class, which
    is constructed in the same way.

    Args:
        student: the worker that holds the code.
        name: the interface's name of the definition.
        arguments: the interface's arguments, in its order.
        names: how the student's parameters are recognised.
        constructor_arguments: further arguments that the constructor of a method's class may have.
        if_required: arguments that are passed only to parameters without a default.
        variables: notebook variables to set first, each to the argument of that name.
        seed: seed of the call.
        timeout: time limit in seconds.
        keep: whether the worker keeps the result and returns a handle.
    """
    for variable, argument in (variables or {}).items():
        student.set_variable(variable, arguments[argument])
    own, _, method = student.source.names.get(name, name).partition("().")
    target: str | Handle = own if method else name
    if method:
        available = {**arguments, **(constructor_arguments or {})}
        target = student.call(target, **_for_constructor(student, own, available, names), keep=True)
        bound = student.get(target, method)
        about = student.ask("describe", bound)
    else:
        about = student.ask("describe", target)
    required = [names.match(own, if_required or {}) for own in about["required"]]
    arguments = {**arguments, **{known: (if_required or {})[known] for known in required if known}}
    by_name = _bound(student, f"{own}.{method}" if method else own, about, arguments, names)
    in_order = () if by_name or (method and not about["arguments"]) else tuple(arguments.values())
    return student.reply(
        {"verb": "call", "method": method or None, "seed": seed, "grad": True, "keep": keep},
        target=target,
        args=in_order,
        kwargs=by_name,
        timeout=timeout,
    )


def raise_if_not_installed(error: StudentError | None) -> None:
    """Raise an error whose cause is a missing package, which is not the student's fault."""
    if error is not None and error.type == "ModuleNotFoundError":
        raise error


def stale_variables(
    student: Student, name: str, arguments: Sequence[str], *, names: ArgumentNames
) -> dict[str, str]:
    """Return notebook variables that a function reads in place of its arguments, with these arguments."""
    read = [one["name"] for one in student.source.free_variables if one["function"] == name]
    matched = {variable: names.match(variable, dict.fromkeys(arguments)) for variable in read}
    return {variable: argument for variable, argument in matched.items() if argument}


def free_variable_places(student: Student, name: str, variables: Iterable[str] = ()) -> str:
    """Return the notebook variables that a function reads, with their places; "" if there are none."""
    wanted = set(variables)
    found = [
        f"{one['name']} ({place(one['cell'], one['line'])})"
        for one in student.source.free_variables
        if one["function"] == name and (not wanted or one["name"] in wanted)
    ]
    return " and ".join(found)


def _for_constructor(
    student: Student, target: str, arguments: dict[str, Any], names: ArgumentNames
) -> dict[str, Any]:
    about = student.ask("describe", target)
    return {
        own: arguments[known]
        for own in about["arguments"]
        if (known := names.match(own, arguments)) is not None
    }


def _bound(
    student: Student,
    name: str,
    about: Mapping[str, Any],
    arguments: Mapping[str, Any],
    known_names: ArgumentNames,
) -> dict[str, Any]:
    """Return the arguments by the student's parameter names; {} to pass them in the interface's order.

    A required parameter is found by its name, then by what the function does with it. The order counts only
    if there are as many as in the handout, and none of a known name stands elsewhere.

    Raises:
        StudentError: a required parameter cannot be matched.
    """
    names, required = about["arguments"], about["required"]
    bound = known_names.matched_names(names, arguments)
    uses = uses_of((statement["source"] for statement in student.source.statements), name)
    unknown = [own for own in required if own not in bound]
    left = [known for known in arguments if known not in bound.values()]
    if unknown:
        bound |= known_names.matched_uses(unknown, left, uses)
        unknown = [own for own in unknown if own not in bound]
    for own, known in bound.items():
        if isinstance(loader := arguments[known], LoaderDouble):
            loader.is_dataset = LOADED in uses.get(own, ())
    if not unknown:
        return {own: arguments[known] for own, known in bound.items()}
    places = list(zip(names, arguments, strict=False))
    if len(required) <= len(arguments) <= len(names) and all(
        bound.get(own, known) == known for own, known in places
    ):
        return {}
    raise StudentError(
        "TypeError",
        f"{name} requires {' and '.join(unknown)}, but it is called with the handout's arguments: "
        f"{', '.join(arguments)}",
    )
