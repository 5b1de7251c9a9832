"""Points that only the handout's own code would earn: they are for what a student had to write."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from grader.extraction.handout import Handout, syntax_keys
from grader.extraction.statements import DEFINITION_NODES, Statement
from grader.extraction.student_source import StudentSource
from grader.model import Criterion, CriterionResult, Verdict


def without_given_points(
    results: Iterable[CriterionResult],
    criteria: Iterable[Criterion],
    source: StudentSource,
    handout: Handout,
) -> tuple[CriterionResult, ...]:
    """Return the results, with those blocked that only definitions of the handout, unchanged, have earned.

    Where a rubric says ``given = true``, the course gives these points away on purpose.
    """
    about = {each.id: each.code.partition(".")[0] for each in criteria if not each.given}
    untouched = {name for name in {*about.values()} - {""} if is_untouched(name, source, handout)}
    return tuple(
        _not_begun(result, about[result.id])
        if result.earned and about.get(result.id, "") in untouched
        else result
        for result in results
    )


def is_untouched(name: str, source: StudentSource, handout: Handout) -> bool:
    """Return whether a definition and all that it depends on are the handout's; imports do not count."""
    needed = [source.statements[index] for index in source.needs.get(name, ())]
    definitions = [each for each in needed if isinstance(each.node, DEFINITION_NODES)]
    own = [each for each in needed if not _is_import(each) and each.cell != "the grader"]
    return bool(definitions) and syntax_keys(own) <= handout.statements


def _is_import(statement: Statement) -> bool:
    return isinstance(statement.node, ast.Import | ast.ImportFrom)


def _not_begun(result: CriterionResult, name: str) -> CriterionResult:
    sentence = f"Not begun: your {name} is still as it was handed out."
    return replace(
        result,
        verdict=Verdict.BLOCKED,
        credit=0.0,
        earned=0.0,
        message=sentence,
        fact=sentence,
        expected=None,
        actual=None,
        reading=None,
        misconception=None,
    )
