"""A grade in words, for the terminal; the page takes its words from here too, so that both say the same."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from grader.model import CriterionResult, Grade, Verdict
from grader.text import ESCAPES, clean, line


class Status(StrEnum):
    """How a criterion stands, in the word that people read."""

    EARNED = "Earned"
    PARTIAL = "Partly earned"
    LOST = "Lost"
    BLOCKED = "Blocked"
    ERROR = "Error"


_MEANING = {
    Status.BLOCKED: "(It could not be asked.)",
    Status.ERROR: "(The grader broke, not you: a TA must look.)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The one thing that pays most to do now."""

    sentence: str
    results: tuple[CriterionResult, ...] = ()  # what it would mend, the first first


def summary(grade: Grade, exercises: Mapping[int, str], *, width: int = 100, colour: bool) -> str:
    """The result of one submission as terminal text: scores, and the reason for every point that is missing.

    Nothing that came from the student can move the cursor or set a colour: escape sequences are taken out.
    """
    page = _Terminal(width=max(width, 40), colour=colour)
    lines = [page.ends(name(grade), score(grade.earned, grade.possible))]
    if grade.provisional:
        lines += page.wrap(provisional_reason(grade), first=page.paint("PROVISIONAL  ", "35;1"))
    if warning := exposure(grade):
        lines += page.wrap(warning, first=page.paint("NO SOUND WALLS  ", "31;1"))
    step = next_step(grade)
    lines += page.wrap(step.sentence, first="Next: ")
    for number in exercise_numbers(grade, exercises):
        lines += ["", *_exercise(page, grade.exercise(number), heading(number, exercises))]
    if grade.notes:
        lines += ["", page.bold("Notes")]
        lines += [text for note in grade.notes for text in page.wrap(note, first="  - ")]
    return "\n".join(lines) + "\n"


def status_of(result: CriterionResult) -> Status:
    """The word for a result; full credit is told from partial by the points, not by the verdict."""
    if result.verdict is Verdict.ERROR:
        return Status.ERROR
    if result.verdict is Verdict.BLOCKED:
        return Status.BLOCKED
    if result.verdict is Verdict.PASS and lost(result) == 0:
        return Status.EARNED
    return Status.PARTIAL if result.earned > 0 else Status.LOST


def lost(result: CriterionResult) -> float:
    """The points that are missing from a criterion, whatever the reason."""
    return round(max(result.possible - result.earned, 0.0), 2)


def alike(results: Iterable[CriterionResult]) -> Iterator[tuple[CriterionResult, ...]]:
    """The results in runs that the same words defend, so that nobody has to read them twenty times."""
    for _, run in groupby(results, key=lambda each: (status_of(each), *_words(each))):
        yield tuple(run)


def _words(result: CriterionResult) -> tuple[str | None, ...]:
    said = (result.message, result.expected, result.actual, result.hint, result.reading, result.misconception)
    return said if result.message.strip() else (result.id,)


def undecided(results: Iterable[CriterionResult]) -> float:
    """The points that a TA may still give, since it was the grader that broke."""
    return round(sum(lost(result) for result in results if result.verdict is Verdict.ERROR), 2)


def next_step(grade: Grade) -> NextStep:
    """What to do next: the gate that stops everything, else the costliest cause."""
    failed = [result for result in grade.criteria if status_of(result) in (Status.LOST, Status.PARTIAL)]
    blocked = [result for result in grade.criteria if result.verdict is Verdict.BLOCKED]
    gates = [result for result in failed if result.possible == 0]
    if candidates := gates or failed + blocked:  # what blocks the most is what to mend first
        causes: dict[str, list[CriterionResult]] = {}
        for result in candidates:  # one cause may cost several criteria: then their costs add up
            causes.setdefault(result.message.strip() or result.title, []).append(result)
        sentence = max(causes, key=lambda cause: sum(map(lost, causes[cause])))  # the first of equals
        return NextStep(sentence=sentence, results=tuple(causes[sentence]))
    if any(result.verdict is Verdict.ERROR for result in grade.criteria):
        return NextStep(sentence="Nothing for you to do: a TA will look at what the grader could not decide.")
    if not grade.criteria:
        return NextStep(sentence="Nothing was asked of this notebook, so there is nothing to do yet.")
    return NextStep(sentence="Nothing is left to mend: every point was earned.")


def exposure(grade: Grade) -> str:
    """What a reader must know of a grade whose notebook was not walled in; "" where it was."""
    level = grade.environment.get("isolation_level", "strong")
    if level == "strong":
        return ""
    return (
        f"The notebook's code ran at isolation level “{level}”, with rights that it should not have had; "
        "so this counts only for a notebook of your own. `grade doctor` says what to do."
    )


def provisional_reason(grade: Grade) -> str:
    """Why a grade does not count yet."""
    if not any(result.verdict is Verdict.ERROR for result in grade.criteria):
        return "A TA must look at this grade before it counts; the notes say why."
    points_open = undecided(grade.criteria)
    still = (
        f" {count_points(points_open)} {'is' if points_open == 1 else 'are'} undecided."
        if points_open
        else ""
    )
    return f"A TA must look before this counts: the grader broke, which is not your doing.{still}"


def name(grade: Grade) -> str:
    """Whose submission it is."""
    known = (line(clean(grade.submission.get(key, ""), limit=120)) for key in ("name", "path"))
    return next(filter(None, known), "No name")


def heading(number: int, exercises: Mapping[int, str]) -> str:
    """What an exercise is called; what is asked before the first one is about the notebook."""
    title = exercises.get(number, "The notebook" if number == 0 else "")
    return ": ".join(part for part in (f"Exercise {number}" if number else "", title) if part)


def exercise_numbers(grade: Grade, exercises: Mapping[int, str]) -> list[int]:
    """The exercises in order, with those that only the results know."""
    return sorted({*exercises, *(result.exercise for result in grade.criteria)})


def points(value: float) -> str:
    """A number of points without needless decimals."""
    return f"{round(value, 2) + 0.0:g}"  # + 0.0: no minus before a zero


def count_points(value: float) -> str:
    """A number of points, with the noun."""
    return f"{points(value)} point" if value == 1 else f"{points(value)} points"


def score(earned: float, possible: float) -> str:
    """Points earned of those possible."""
    return f"{points(earned)} / {points(possible)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terminal:
    """How wide the terminal is, and whether it shows colours."""

    width: int
    colour: bool

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def bold(self, text: str) -> str:
        return self.paint(text, "1")

    def ends(self, left: str, right: str) -> str:
        """A headline with its points at the right margin; one that is too long for both is cut."""
        room = self.width - len(right) - 1
        headline = left if len(left) <= room else left[: room - 1] + "…"
        return (
            self.bold(headline) + " " * (self.width - len(headline) - len(right)) + self.bold(right)
        ).rstrip()

    def wrap(self, text: str, *, first: str = "", indent: int | None = None) -> list[str]:
        """Lines that fit, the first one after ``first``, the others below its text."""
        margin = _seen(first) if indent is None else indent
        lines = textwrap.wrap(line(text), max(self.width - margin, 20), break_on_hyphens=False) or [""]
        return [first + lines[0], *(" " * margin + rest for rest in lines[1:])]


def _exercise(page: _Terminal, results: Sequence[CriterionResult], title: str) -> Iterator[str]:
    possible = sum(result.possible for result in results)
    total = score(sum(result.earned for result in results), possible) if possible else ""
    yield page.ends(line(title), total if results else "not asked")
    missing = [result for result in results if status_of(result) is not Status.EARNED]
    for run in alike(missing):
        yield from _missing(page, run)
    if results and not missing:
        yield page.paint("  all earned" if possible else "  in order", "32")
    for reading, titles in _readings(results).items():
        yield from page.wrap(f"read as “{reading}”: {'; '.join(titles)}", first="  = ")


_INKS = {Status.LOST: "31", Status.PARTIAL: "33", Status.BLOCKED: "36", Status.ERROR: "35;1"}


def _missing(page: _Terminal, run: Sequence[CriterionResult]) -> Iterator[str]:
    """Criteria that the same words defend: each with its cost, then the words."""
    state = status_of(run[0])
    for result in run:
        cost = f"-{points(lost(result))}" if lost(result) else "0"
        mark = "" if state is Status.LOST else f"{state.upper()}: "
        yield from page.wrap(mark + result.title, first=page.paint(f"  {cost:<6}", _INKS[state]))
    meaning = _MEANING.get(state, "")
    if said := " ".join(part for part in (run[0].message.strip(), meaning) if part):
        yield from page.wrap(said, first=" " * 8)


def _readings(results: Iterable[CriterionResult]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for result in results:
        if result.reading:
            named.setdefault(line(result.reading), []).append(line(result.title))
    return named


def _seen(text: str) -> int:
    return len(ESCAPES.sub("", text))
