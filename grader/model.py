"""Values passed between the stages of a grade: frozen dataclasses that serialise to JSON field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from grader.written_answers import ANYWHERE, Answer, AnswerPlace, ItemResult, RubricItem

SCHEMA = 1


class Verdict(StrEnum):
    """Result of one criterion. Only FAIL counts against the student's code."""

    PASS = "pass"
    FAIL = "fail"
    BLOCKED = "blocked"  # not checked: something it depends on is missing or broken
    ERROR = "error"  # the grader failed: the grade is provisional until a TA reviews it
    OPEN = "open"  # for a person to grade, who has not done so: the grade is provisional


UNDECIDED = (Verdict.ERROR, Verdict.OPEN)  # a person has yet to decide: the points are not lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One line of the rubric: a requirement and its points."""

    id: str
    exercise: int
    title: str
    points: float
    hint: str = ""
    visibility: str = "public"  # or "hidden": students see only title and verdict
    needs_training: bool = False  # skipped by --quick
    code: str = ""  # the definition it checks, or a method of it, such as "Model.forward"
    lines_with: Sequence[str] = ()  # names; the report highlights the lines that use them
    given: bool = False  # counts also where the handout's own code, unchanged, fulfils it
    judged_by: str = "check"  # or "person"
    answer: AnswerPlace = ANYWHERE  # of what a person grades
    items: Sequence[RubricItem] = ()  # what a person awards


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconception:
    """A common mistake that the rubric recognises.

    Attributes:
        criteria: ids of the criteria that it affects.
        title: short name for lists.
        says: sentence that names the mistake, shown after the measured fact; empty if the fact says enough.
        hint: a concept and a question, never the corrected line; empty to use the criterion's hint.
        reread: section of the handout to reread.
        credit: share of the points still earned, 0 to 1.
    """

    id: str
    criteria: Sequence[str]
    title: str
    says: str = ""
    hint: str = ""
    reread: str = ""
    credit: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """Points for one criterion, with the reasons."""

    id: str
    exercise: int
    title: str
    possible: float
    earned: float
    verdict: Verdict
    credit: float  # share of the points, 0 to 1
    message: str  # one sentence for the student
    expected: str | None = None
    actual: str | None = None
    hint: str | None = None
    reading: str | None = None  # the accepted formulation it was judged by, where there are several
    misconception: str | None = None
    mistake: str | None = None  # the misconception's title
    visibility: str = "public"
    seconds: float = 0.0
    fact: str | None = None  # the check's own sentence: the message without the words about a known mistake
    measured: Mapping[str, Any] = field(default_factory=dict, hash=False)  # numbers behind the verdict
    judged_by: str = "check"  # or "person"
    answer: str | None = None  # digest of the answer that a person grades
    items: Sequence[ItemResult] = ()  # rubric items, once a person has awarded them


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve. ``role`` selects its style: student, reference, accepted or mistake."""

    label: str
    y: Sequence[float]
    role: str
    x: Sequence[float] | None = None  # 0, 1, 2, ... if absent
    band: Sequence[tuple[float, float]] | None = None  # minimum and maximum at each x, drawn as an area


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """A line plot, such as a schedule or a loss."""

    exercise: int
    title: str
    caption: str  # the finding in words; also the alternative text
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_y: bool = False
    criteria: Sequence[str] = ()  # ids of those that it explains
    kind: str = "curves"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """A row of grayscale images: uint8, ``count`` x ``height`` x ``width``, as base64 of the raw bytes."""

    label: str
    count: int
    height: int
    width: int
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Rows of images under common column labels."""

    exercise: int
    title: str
    caption: str
    rows: Sequence[ImageRow]
    columns: Sequence[str] = ()
    criteria: Sequence[str] = ()  # ids of those that it explains
    kind: str = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One resolution of an encoder-decoder network, and the skip connection between its two sides."""

    resolution: int
    channels: int
    skip: str  # "found", "missing", or "none" where none is expected (the lowest resolution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """A diagram of an encoder-decoder network, from the full to the lowest resolution."""

    exercise: int
    title: str
    caption: str
    levels: Sequence[Level]
    parameters: int
    criteria: Sequence[str] = ()  # ids of those that it explains
    kind: str = "levels"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePassage:
    """The lines of a student's code that a criterion is about.

    Attributes:
        criterion: its id.
        name: name of the definition in the notebook.
        cell: number of the code cell, or the file name of a local module.
        first, last: line numbers in the cell, from 1.
        marked: lines that use the names the criterion lists; they need not be wrong.
    """

    criterion: str
    name: str
    cell: int | str
    first: int
    last: int
    marked: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The student's code: the text of each cell by number, and the passages that criteria are about."""

    cells: Sequence[tuple[int | str, str]]
    passages: Sequence[CodePassage]
    left_out: int = 0  # cells beyond the limits on number and length
    prose: Sequence[tuple[int, str]] = ()  # markdown cells, each with the number of the code cell before it
    remarks: Sequence[tuple[str, int, str]] = ()  # of staff: cell or file, line, and words
    kind: str = "listing"


Figure = Curves | Images | Levels | Listing | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The result of one submission; its fields are those of the JSON file."""

    submission: Mapping[str, str]  # name, path, sha256
    rubric: Mapping[str, str]  # id, digest; also "named" where the name given to --rubric is not the id
    criteria: tuple[CriterionResult, ...]
    provisional: bool
    review: str = ""  # why a person must review it although the grader did not fail
    self_check_of: float | None = None  # points of the whole homework, if this is a self-check of a part
    notes: tuple[str, ...] = ()
    extraction: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def earned(self) -> float:
        """Points earned over all judged criteria."""
        return round(sum(result.earned for result in self.criteria), 2)

    @property
    def possible(self) -> float:
        """Points available over all judged criteria."""
        return round(sum(result.possible for result in self.criteria), 2)

    def exercise(self, number: int) -> tuple[CriterionResult, ...]:
        """Return the results of one exercise, in the rubric's order."""
        return tuple(result for result in self.criteria if result.exercise == number)

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain data, in the documented order of fields."""
        return {
            "schema": self.schema,
            "submission": dict(self.submission),
            "rubric": dict(self.rubric),
            "earned": self.earned,
            "possible": self.possible,
            "provisional": self.provisional,
            **{name: value for name in ("review", "self_check_of") if (value := getattr(self, name))},
            "criteria": [{**asdict(result), "verdict": result.verdict.value} for result in self.criteria],
            "notes": list(self.notes),
            "extraction": dict(self.extraction),
            "environment": dict(self.environment),
            "seconds": dict(self.seconds),
        }


def grade_from_json(data: Mapping[str, Any]) -> Grade:
    """Rebuild a grade from the output of ``Grade.as_json``."""
    rows = (
        {**row, "verdict": Verdict(row["verdict"]), "items": _each(ItemResult, row.get("items", ()))}
        for row in data["criteria"]
    )
    apart = ("criteria", "notes", "earned", "possible", "final", "run")
    rest = {key: value for key, value in data.items() if key not in apart}
    return Grade(**rest, criteria=tuple(CriterionResult(**row) for row in rows), notes=tuple(data["notes"]))


def figure_from_json(data: Mapping[str, Any]) -> Figure:
    """Rebuild a figure from the output of ``dataclasses.asdict``.

    Raises:
        ValueError: the kind is unknown.
    """
    values = dict(data)
    match values.pop("kind", None):
        case "curves":
            return Curves(**{**values, "series": _each(Series, values["series"])})
        case "images":
            return Images(**{**values, "rows": _each(ImageRow, values["rows"])})
        case "levels":
            return Levels(**{**values, "levels": _each(Level, values["levels"])})
        case "answer":
            return Answer.from_json(values)
        case "listing":
            return Listing(**{**values, "passages": _each(CodePassage, values["passages"])})
        case kind:
            raise ValueError(f"unknown kind of figure: {kind!r}")


def _each(part: type, rows: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(part(**row) for row in rows)


def for_students(grade: Grade) -> Grade:
    """Return the student's edition of a grade: title and verdict only for hidden criteria."""
    message = "The details of this criterion are hidden; only its title and verdict are shown."
    hidden: dict[str, Any] = dict.fromkeys(
        ("expected", "actual", "hint", "reading", "misconception", "mistake", "fact")
    )
    criteria = (
        replace(result, message=message, measured={}, items=(), **hidden)
        if result.visibility == "hidden"
        else result
        for result in grade.criteria
    )
    return replace(grade, criteria=tuple(criteria))
