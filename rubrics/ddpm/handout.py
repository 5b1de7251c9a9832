"""Calls a student's functions with the handout's arguments, as far as their own signatures have them."""

from __future__ import annotations

from typing import Any

from grader.sandbox.student import Student


def call(student: Student, name: str, arguments: dict[str, Any], **options: Any) -> Any:
    """What ``name`` returns for the handout's ``arguments``, given in the handout's order; see ``reply``."""
    return reply(student, name, arguments, **options)["value"]


def reply(
    student: Student,
    name: str,
    arguments: dict[str, Any],
    *,
    seed: int | None = None,
    within: float = 30.0,
    keep: bool = False,
) -> dict[str, Any]:
    """Call a function or class of the student's, and return the whole reply.

    Arguments go by name where the signature knows the handout's names: all of them and optional ones of its
    own, or fewer. Otherwise they go in the handout's order.
    """
    names = student.ask("describe", name)["arguments"]
    if names and set(names) <= set(arguments):
        by_name = {key: value for key, value in arguments.items() if key in names}
    else:
        by_name = arguments if set(arguments) <= set(names) else {}
    return student.reply(
        {"verb": "call", "method": None, "seed": seed, "grad": True, "keep": keep},
        target=name,
        args=() if by_name else tuple(arguments.values()),
        kwargs=by_name,
        within=within,
    )
