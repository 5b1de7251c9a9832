"""Editions of rubric and grader in one gradebook: which results count on, and whose are of another."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from grader.classroom.storage.gradebook import Gradebook, GradebookEntry, ResultInputs
from grader.classroom.storage.results import StoredResult
from grader.options import Options
from grader.rubric import Rubric
from grader.text import line, listed


def find_current(book: Gradebook, inputs: ResultInputs, rubric: Rubric) -> int | None:
    """Return the id of the newest result by this rubric's checks and this grader, or None."""
    found = next((each for each in _alike(book, inputs, rubric) if each.inputs.grader == inputs.grader), None)
    return found.id if found and found.is_reusable else None


def find_kept(book: Gradebook, inputs: ResultInputs, rubric: Rubric) -> int | None:
    """Return the id of the result that counts for these inputs, or None if the notebook has to be graded.

    A result by another version of the grader counts too, so that an update in the middle of a term changes
    nobody's grade unasked; likewise one by another edition of a rubric that comes with the grader. A rubric
    of the course's own is changed by the course itself, so a change that decides verdicts asks again.
    """
    alike = _alike(book, inputs, rubric)
    candidates = [each for each in alike if each.inputs.grader == inputs.grader] or alike
    if rubric.is_shipped:
        others = results_with_settings(book, inputs)
        candidates = candidates or [each for each in others if each.inputs.grader != inputs.grader]
    newest = next(iter(candidates), None)
    return newest.id if newest and newest.is_reusable else None


def mixed_editions(book: Gradebook, entries: Iterable[GradebookEntry]) -> list[str]:
    """Return a sentence for the students judged by other checks, and one for those by another grader."""
    marking, grader = book.marking(), book.setting("grader")
    if marking is None or grader is None:
        return []
    other_checks, other_grader, count = list[str](), list[str](), 0
    for entry in entries:
        if entry.inputs:
            count += 1
            if not marking.is_judged_by(entry.inputs.rubric):
                other_checks.append(entry.person.key)
            elif entry.inputs.grader != grader:
                other_grader.append(entry.person.key)
    sentences = []
    if other_checks:
        sentences.append(
            f"{len(other_checks)} of {count} graded students were judged by other checks than the rubric's "
            f"present ones: {_named(other_checks)}; to bring them up to date, grade their notebooks again "
            "with --regrade"
        )
    if other_grader:
        sentences.append(
            f"{len(other_grader)} of {count} graded students were judged by another version of the grader, "
            f"whose verdicts are kept: {_named(other_grader)}; --regrade grades them again"
        )
    return sentences


def _alike(book: Gradebook, inputs: ResultInputs, rubric: Rubric) -> list[StoredResult]:
    """Return the results by the same checks and options, newest first."""
    digests = (rubric.judging_digest, rubric.digest)  # the latter names the rubric in early gradebooks
    return [each for each in results_with_settings(book, inputs) if each.inputs.rubric in digests]


def results_with_settings(book: Gradebook, inputs: ResultInputs) -> list[StoredResult]:
    """Return the results with the same options, newest first; one that did not exist had its default."""
    defaults = {**json.loads(json.dumps(asdict(Options()))), "handout": None}
    wanted = json.loads(inputs.settings)
    return [
        each
        for each in book.results_of(inputs.notebook)
        if all({**defaults, **json.loads(each.inputs.settings)}[name] == wanted[name] for name in wanted)
    ]


def _named(keys: list[str]) -> str:
    return listed([line(key) for key in sorted(keys)])
