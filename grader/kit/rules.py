"""The rubric of a kit: the criteria that it asks, their words, and nothing of the others."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from grader.errors import UsageError
from grader.notebook.parsing import parse
from grader.rubric import Rubric, is_selected
from grader.written_answers import PERSON

_ABSENT = ("kit", "total", "extends")  # keys of rubric.toml that mean nothing in a kit
_ABSENT_SETTINGS = ("solutions", "late", "boundaries", "timezone", "calibrated")  # those for staff


def asked_criteria(rubric: Rubric) -> tuple[str, ...]:
    """Return the ids of the criteria that a kit of this rubric asks, with all gates, in the rubric's order.

    Raises:
        UsageError: the rubric does not say which, or it names none that students may see.
    """
    if rubric.kit is None:
        raise UsageError(
            f"the rubric {rubric.id} does not say what a kit may ask: name criteria or groups in its "
            'rubric.toml, such as\n  [kit]\n  asked = ["schedule", "forward.batched_t"]'
        )
    chosen = rubric.kit.asked
    asked = tuple(
        each.id
        for each in rubric.criteria
        if each.visibility == "public"
        and each.judged_by != PERSON
        and (each.points == 0 or any(is_selected(each.id, id) for id in chosen))
    )
    if not any(each.points for each in rubric.criteria if each.id in asked):
        raise UsageError(
            f"a kit of the rubric {rubric.id} would ask nothing: [kit] names no criterion that is public and "
            "that a check decides"
        )
    return asked


def rules_of_kit(rules: Mapping[str, Any], asked: Collection[str]) -> dict[str, Any]:
    """Return the content of a kit's rubric.toml.

    Args:
        rules: the content of the rubric's own, with what it extends.
        asked: ids of the criteria to keep.
    """
    criteria = [block for block in rules["criterion"] if block["id"] in asked]
    exercises = {str(block["exercise"]) for block in criteria}
    settings = {key: value for key, value in rules.get("settings", {}).items() if key not in _ABSENT_SETTINGS}
    if "inspect" in settings:
        chosen = settings["inspect"]
        settings["inspect"] = [each for each in chosen if any(is_selected(id, each) for id in asked)]
    kept = {key: value for key, value in rules.items() if key not in _ABSENT}
    kept |= {
        "self_check_of": sum(block["points"] for block in rules["criterion"]),
        "exercises": {number: title for number, title in rules["exercises"].items() if number in exercises},
        "settings": settings,
        "criterion": criteria,
    }
    if default := rules.get("data", {}).get("default"):
        kept["data"] = {"default": default, "choices": [default]}
    return kept


def misconceptions_of_kit(known: Mapping[str, Any], asked: Collection[str]) -> dict[str, Any]:
    """Return the content of a kit's misconceptions.toml: the words for mistakes in what it asks."""
    blocks = {
        name: {**block, "criteria": [id for id in block["criteria"] if id in asked]}
        for name, block in known.items()
    }
    return {name: block for name, block in blocks.items() if block["criteria"]}


def without_other_checks(source: str, asked: Collection[str]) -> str:
    """Return the text of a ``check_*.py`` without the checks of other criteria; "" if none is left."""
    functions = [node for node in parse(source).body if isinstance(node, ast.FunctionDef)]
    checks = [(node, id) for node in functions for id in _criteria(node)]
    others = [node for node, id in checks if id not in asked]
    if checks and len(others) == len(checks):
        return ""
    lines = source.splitlines(keepends=True)
    for node in reversed(others):
        first = min(decorator.lineno for decorator in node.decorator_list)
        del lines[first - 1 : node.end_lineno]
    return "".join(lines)


def _criteria(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the criterion that a function is marked with, if it is a check."""
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id="criterion"), args=[ast.Constant(value=str(id))]):
                yield id
