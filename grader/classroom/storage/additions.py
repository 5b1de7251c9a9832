"""Criteria that a rubric has gained since a notebook was judged: it is asked about these alone."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from grader.classroom.storage.editions import results_with_settings
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.model import UNDECIDED, Grade, Listing
from grader.notebook.parsing import parse
from grader.pipeline import JudgedNotebook
from grader.rubric import Rubric
from grader.rubric_digest import ORDER

_CRITERION = "criterion "  # how the name of a criterion's part begins
_CHECKS = re.compile(r"check_\w+\.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A result that counts on, and the ids of the criteria that it lacks."""

    result: int
    missing: tuple[str, ...]


def find_addition(book: Gradebook, inputs: ResultInputs, rubric: Rubric) -> Addition | None:
    """Return the newest result that all checks of the rubric but new ones have decided, if there is one.

    New checks have to stand in new files, and only new criteria may be theirs: a changed file may decide
    anything anew.
    """
    editions = book.setting("editions") or {}
    for stored in results_with_settings(book, inputs):
        then = editions.get(stored.inputs.rubric)
        if not (then and stored.is_reusable and stored.inputs.grader == inputs.grader):
            continue
        added = _added_criteria(then, rubric)
        judged = book.judged_criteria(stored.id)
        kept = [each.id for each in rubric.criteria if each.id in judged]
        if added and judged == kept and book.is_readable(inputs.notebook):
            return Addition(result=stored.id, missing=added)
    return None


def with_addition(book: Gradebook, addition: Addition, new: JudgedNotebook, rubric: Rubric) -> JudgedNotebook:
    """Return a kept result together with that of the criteria it lacked."""
    old = book.grade(addition.result)
    own = {result.id: result for result in (*old.criteria, *new.grade.criteria)}
    criteria = tuple(own[each.id] for each in rubric.criteria if each.id in own)
    review = old.review or new.grade.review
    grade: Grade = replace(
        new.grade,
        criteria=criteria,
        provisional=bool(review) or any(each.verdict in UNDECIDED for each in criteria),
        review=review,
        notes=tuple(dict.fromkeys((*old.notes, *new.grade.notes))),
        environment=old.environment,
        seconds={**new.grade.seconds, **old.seconds},
    )
    drawn = (each for each in (*book.figures(addition.result), *new.figures) if not isinstance(each, Listing))
    code = (each for each in new.figures if isinstance(each, Listing))
    return replace(new, grade=grade, figures=(*code, *drawn))


def _added_criteria(then: dict[str, str], rubric: Rubric) -> tuple[str, ...]:
    """Return the ids of the criteria that are all that a rubric has gained; () if more has changed."""
    now = rubric.deciding
    changed = {name for name in {*then, *now} if then.get(name) != now.get(name)} - {ORDER}
    added = {name.removeprefix(_CRITERION) for name in changed if name.startswith(_CRITERION)}
    files = {name for name in changed if not name.startswith(_CRITERION)}
    is_more = not changed.isdisjoint(then) or not all(map(_CHECKS.fullmatch, files))
    if is_more or not added or any(not _decides_only(rubric, name, added) for name in files):
        return ()
    return tuple(each.id for each in rubric.criteria if each.id in added)


def _decides_only(rubric: Rubric, file: str, criteria: set[str]) -> bool:
    """Return whether all checks in a file are for these criteria, as far as its text tells."""
    found: set[object] = set()
    try:
        tree = parse((rubric.folder / file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # the judge says what is wrong with it
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "criterion":
            found |= {each.value if isinstance(each, ast.Constant) else None for each in node.args}
    return bool(found) and found <= criteria
