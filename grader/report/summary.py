"""The terminal summary of a grade, and the wording that it shares with the report page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grader.model import UNDECIDED, CriterionResult, Grade, Verdict
from grader.report.final_mark import FinalMarkView, with_final_points
from grader.report.last_run import Run
from grader.report.notices import is_self_check, sandbox_warning, self_check_note, self_check_suffix
from grader.report.terminal import Terminal
from grader.text import clean, line
from grader.written_answers import PERSON


class Status(StrEnum):
    """Outcome of one criterion; the value is the label that people read."""

    EARNED = "Earned"
    PARTIAL = "Partial credit"
    LOST = "Lost"
    BLOCKED = "Not checked"
    ERROR = "Error"
    OPEN = "Not graded yet"


# In the terminal the status and the message stand right before these, so they do not repeat them.
_EXPLANATIONS = {
    Status.BLOCKED: "(Fix that first.)",
    Status.ERROR: "(This is not your fault.)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What to do next: the first cause of missing points, in the order of the work."""

    sentence: str
    results: tuple[CriterionResult, ...] = ()  # the criteria that it would fix, in the rubric's order


def summary(
    grade: Grade,
    exercises: Mapping[int, str],
    final_mark: FinalMarkView | None = None,
    *,
    run: Run | None = None,
    width: int = 100,
    colour: bool,
) -> str:
    """Return one submission's result as terminal text: scores, and a reason for every missing point.

    Escape sequences are removed from all text, so a student's words cannot move the cursor or set colours.

    Args:
        exercises: number and title of each exercise.
        final_mark: the mark after adjustments and lateness, if there are any.
        run: this run and what moved since the one before, for a single notebook.
        width: columns of the terminal; 40 if it has fewer.
        colour: whether to use ANSI colours.
    """
    terminal = Terminal(width=max(width, 40), colour=colour)
    judged = {result.id: result for result in grade.criteria}
    lines = [terminal.heading(display_name(grade) + self_check_suffix(grade), final_score(grade, final_mark))]
    if note := self_check_note(grade):
        lines += terminal.wrap(note)
    if final_mark:
        grade = with_final_points(grade, final_mark.criteria)
    if grade.provisional:
        lines += terminal.wrap(provisional_reason(grade), first=terminal.paint("PROVISIONAL  ", "35;1"))
    if warning := sandbox_warning(grade):
        lines += terminal.wrap(warning, first=terminal.paint("NOT FULLY SANDBOXED  ", "31;1"))
    if run and run.since:
        lines += terminal.wrap(run.sentence)
    lines += terminal.wrap(next_step(grade).sentence, first="Next: ")
    earned = "nothing lost" if is_self_check(grade) else "all points earned"
    for number in exercise_numbers(grade, exercises):
        title, results = exercise_heading(number, exercises), grade.exercise(number)
        lines += ["", *_exercise(terminal, results, judged, title, earned)]
    if grade.notes:
        lines += ["", terminal.bold("Notes")]
        lines += [text for note in grade.notes for text in terminal.wrap(note, first="  - ")]
    return "\n".join(lines) + "\n"


def final_score(grade: Grade, final_mark: FinalMarkView | None) -> str:
    """Return the points that count, and the judge's where they differ, such as "98 / 100 (judged 96)"."""
    judged = score(grade.earned, grade.possible)
    if is_self_check(grade):
        return f"{judged} of what was asked"
    if final_mark is None or not final_mark.differs:
        return judged
    if final_mark.is_excused:
        return f"{final_mark.final} (judged {judged})"
    return f"{final_mark.final} / {points(grade.possible)} (judged {points(grade.earned)})"


def status_of(result: CriterionResult) -> Status:
    """Return the status of a result. A verdict of PASS may still have lost points: that is partial credit."""
    if result.verdict is Verdict.ERROR:
        return Status.ERROR
    if result.verdict is Verdict.OPEN:
        return Status.OPEN
    if result.verdict is Verdict.BLOCKED:
        return Status.BLOCKED
    if result.verdict is Verdict.PASS and lost_points(result) == 0:
        return Status.EARNED
    return Status.PARTIAL if result.earned > 0 else Status.LOST


def lost_points(result: CriterionResult) -> float:
    """Return the points missing from a criterion, whatever the reason."""
    return round(max(result.possible - result.earned, 0.0), 2)


def group_by_reason(results: Iterable[CriterionResult]) -> Iterator[tuple[CriterionResult, ...]]:
    """Group results with the same explanation: consecutive ones, and all that are blocked."""
    groups: list[list[CriterionResult]] = []
    for result in results:
        known = groups if result.verdict is Verdict.BLOCKED else groups[-1:]
        group = next((each for each in known if _reason(each[0]) == _reason(result)), None)
        if group is None:
            groups.append(group := [])
        group.append(result)
    return map(tuple, groups)


def _reason(result: CriterionResult) -> tuple[str | None, ...]:
    """Return the status and its explanation; without a message the id, which no other result shares."""
    status = status_of(result)
    if not result.message.strip():
        return (status, result.id)
    if status is Status.BLOCKED:  # the cause lies elsewhere, so the criterion's own hint is no reason
        return (status, result.message)
    facts = (result.expected, result.actual, result.hint, result.reading, result.misconception)
    return (status, result.message, *facts)


def undecided_points(results: Iterable[CriterionResult]) -> float:
    """Return the points that a person may still award: the grader failed, or they are a person's to grade."""
    return round(sum(lost_points(result) for result in results if result.verdict in UNDECIDED), 2)


def next_step(grade: Grade) -> NextStep:
    """Return the next step: a failed gate if there is one, else the first cause of missing points.

    A gate is a criterion without points of its own that everything else depends on. Results with the same
    message have one cause. The rubric lists criteria in the order in which students write the code, so what
    stands first often breaks what follows.
    """
    causes = (Status.LOST, Status.PARTIAL, Status.BLOCKED)
    missing = [result for result in grade.criteria if status_of(result) in causes]
    gates = [result for result in missing if result.possible == 0 and result.verdict is Verdict.FAIL]
    if candidates := gates or missing:
        cause = _cause(candidates[0])
        return NextStep(sentence=cause, results=tuple(each for each in candidates if _cause(each) == cause))
    if is_self_check(grade) and grade.criteria:
        return NextStep(sentence="Nothing to fix in what was asked here.")
    if any(result.verdict is Verdict.ERROR for result in grade.criteria):
        return NextStep(sentence="Nothing for you to do: a TA will review what the grader could not decide.")
    if any(result.verdict is Verdict.OPEN for result in grade.criteria):
        return NextStep(sentence="Nothing for you to do: a person will grade the rest.")
    if not grade.criteria:
        return NextStep(sentence="No criterion was checked, so there is nothing to do yet.")
    return NextStep(sentence="All points earned; nothing to fix.")


def _cause(result: CriterionResult) -> str:
    words = result.message.strip() or result.title
    # A person's comment need not say what it is about.
    return f"{result.title}: {words}" if result.judged_by == PERSON else words


def provisional_reason(grade: Grade) -> str:
    """Return why a provisional grade does not count yet."""
    failed = [result for result in grade.criteria if result.verdict is Verdict.ERROR]
    if is_self_check(grade):
        undecided = _amount(failed, "undecided here")
        return f"{grade.review or 'A part of this notebook could not be checked.'}{undecided}"
    to_grade = [result for result in grade.criteria if result.verdict is Verdict.OPEN]
    reasons = []
    if grade.review:
        reasons.append(f"{grade.review} A TA will review this grade before it counts.")
    elif failed:
        reasons.append(
            "The grader failed on part of this notebook. This is not your fault; a TA will review it before "
            f"the grade counts.{_amount(failed, 'undecided')}"
        )
    if to_grade:
        reasons.append(f"A person grades part of this homework.{_amount(to_grade, 'not graded yet')}")
    return " ".join(reasons) or "A TA will review this grade before it counts; the notes say why."


def _amount(results: Sequence[CriterionResult], state: str) -> str:
    """Return a sentence about the points of results, after a space; "" if there are none."""
    amount = undecided_points(results)
    return f" {count_points(amount)} {'is' if amount == 1 else 'are'} {state}." if amount else ""


def display_name(grade: Grade) -> str:
    """Return the name of a submission, or else its path."""
    known = (line(clean(grade.submission.get(key, ""), limit=120)) for key in ("name", "path"))
    return next(filter(None, known), "No name")


def exercise_heading(number: int, exercises: Mapping[int, str]) -> str:
    """Return the heading of an exercise; number 0 holds the criteria about the notebook as a whole."""
    title = exercises.get(number, "The notebook" if number == 0 else "")
    return ": ".join(part for part in (f"Exercise {number}" if number else "", title) if part)


def exercise_numbers(grade: Grade, exercises: Mapping[int, str]) -> list[int]:
    """Return the numbers of all exercises in order, including any that only occur in the results."""
    return sorted({*exercises, *(result.exercise for result in grade.criteria)})


def points(value: float) -> str:
    """Format a number of points without needless decimals."""
    return f"{round(value, 2) + 0.0:g}"  # adding 0.0 turns -0.0 into 0.0


def count_points(value: float) -> str:
    """Format a number of points with the noun, such as "1 point"."""
    return f"{points(value)} point" if value == 1 else f"{points(value)} points"


def score(earned: float, possible: float) -> str:
    """Format points earned out of those possible, such as "2.5 / 5"."""
    return f"{points(earned)} / {points(possible)}"


def _exercise(
    terminal: Terminal,
    results: Sequence[CriterionResult],
    judged: Mapping[str, CriterionResult],
    title: str,
    earned: str,
) -> Iterator[str]:
    possible = sum(result.possible for result in results)
    total = score(sum(result.earned for result in results), possible) if possible else ""
    adjusted = [result for result in results if result.earned != judged[result.id].earned]
    if adjusted:
        total += f" (judged {points(sum(judged[result.id].earned for result in results))})"
    yield terminal.heading(line(title), total if results else "not graded")
    incomplete = [result for result in results if status_of(result) is not Status.EARNED]
    for group in group_by_reason(incomplete):
        yield from _incomplete(terminal, group, judged)
    for result in adjusted:
        if result not in incomplete:
            text = f"{result.title}{_judged_note(result, judged)}"
            yield from terminal.wrap(text, first=terminal.paint("  +     ", "32"))
    if results and not incomplete:
        yield terminal.paint(f"  {earned}" if possible else "  passed", "32")
    for formulation, titles in _formulations(results).items():
        yield from terminal.wrap(f"formulation “{formulation}”: {'; '.join(titles)}", first="  = ")


_COLOURS = {
    Status.LOST: "31",
    Status.PARTIAL: "33",
    Status.BLOCKED: "36",
    Status.ERROR: "35;1",
    Status.OPEN: "35",
}


def _incomplete(
    terminal: Terminal, group: Sequence[CriterionResult], judged: Mapping[str, CriterionResult]
) -> Iterator[str]:
    """Yield the lines of criteria that share a reason: each with its cost, then the reason once."""
    status = status_of(group[0])
    for result in group:
        lost = points(lost_points(result))
        cost = f"({lost})" if status is Status.OPEN else f"-{lost}" if lost_points(result) else "0"
        label = "" if status is Status.LOST else f"{status.upper()}: "
        title = f"{label}{result.title}{_judged_note(result, judged)} [{result.id}]"
        yield from terminal.wrap(title, first=terminal.paint(f"  {cost:<6}", _COLOURS[status]))
    explanation = _EXPLANATIONS.get(status, "")
    if reason := " ".join(part for part in (group[0].message.strip(), explanation) if part):
        yield from terminal.wrap(reason, first=" " * 8)


def _judged_note(result: CriterionResult, judged: Mapping[str, CriterionResult]) -> str:
    """Return the points and the judge's if an adjustment changed them, else ""."""
    before = judged[result.id]
    if before.earned == result.earned:
        return ""
    return f" (adjusted to {score(result.earned, result.possible)}; judged {points(before.earned)})"


def _formulations(results: Iterable[CriterionResult]) -> dict[str, list[str]]:
    """Return the titles of the criteria that were judged by each accepted formulation."""
    titles: dict[str, list[str]] = {}
    for result in results:
        if result.reading:
            titles.setdefault(line(result.reading), []).append(line(result.title))
    return titles
