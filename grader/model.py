"""The values that pass between the stages of a grade: frozen, plain, and written to JSON as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Verdict(StrEnum):
    """What became of one criterion. Only FAIL is the student's doing."""

    PASS = "pass"
    FAIL = "fail"
    BLOCKED = "blocked"  # could not be asked: something it is built on is missing
    ERROR = "error"  # the grader broke: a TA must look, and the grade is provisional


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One line of the rubric: what can be earned, and for what."""

    id: str
    exercise: int
    title: str
    points: float
    hint: str = ""
    visibility: str = "public"  # or "hidden": title and verdict only, in the student's edition
    needs_training: bool = False  # left out by --quick
    code: str = ""  # the wanted definition that it asks about, or a method of it, such as "UNet.forward"
    lines_with: Sequence[str] = ()  # names: the lines there that the report marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconception:
    """A mistake that people make, as the rubric knows it.

    Attributes:
        criteria: where it is charged.
        title: its name in lists.
        says: the sentence that names it, after the measured fact; empty where that fact is name enough.
        hint: a concept and a question, never the corrected line; empty for the criterion's own.
        reread: the part of the handout to go back to.
        credit: share of the points that is earned all the same, 0 to 1.
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
    """What one criterion earned, and the words that defend it."""

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
    reading: str | None = None  # the accepted reading it was judged by, where there are several
    misconception: str | None = None
    mistake: str | None = None  # the misconception's title
    visibility: str = "public"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve. ``role`` fixes how it is drawn: student, reference, accepted, mistake."""

    label: str
    y: Sequence[float]
    role: str
    x: Sequence[float] | None = None  # 0, 1, 2, … when absent
    band: Sequence[tuple[float, float]] | None = None  # least and most at each x, drawn as an area


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Curves over one axis, such as a noise schedule or a loss."""

    exercise: int
    title: str
    caption: str  # the finding in words; also the text alternative
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_y: bool = False
    kind: str = "curves"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """A row of grayscale pictures, uint8, ``count`` x ``height`` x ``width``, base64 of the raw bytes."""

    label: str
    count: int
    height: int
    width: int
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Rows of pictures under common column labels, such as a diffusion strip or a grid of samples."""

    exercise: int
    title: str
    caption: str
    rows: Sequence[ImageRow]
    columns: Sequence[str] = ()
    kind: str = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One resolution of an encoder-decoder: its size, and what joins both sides there."""

    resolution: int
    channels: int
    skip: str  # "found", "missing", or "none" where no skip is expected (the bottom)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """An encoder-decoder drawn as a U, from the full resolution down to the bottom."""

    exercise: int
    title: str
    caption: str
    levels: Sequence[Level]
    parameters: int
    kind: str = "levels"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePassage:
    """The student's lines that a criterion asks about.

    Attributes:
        criterion: its id.
        name: of the definition, as the notebook has it.
        cell: number of the code cell, or the name of the file beside the notebook.
        first, last: lines in the cell, from 1.
        marked: lines with the names that matter to the criterion; not necessarily wrong ones.
    """

    criterion: str
    name: str
    cell: int | str
    first: int
    last: int
    marked: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The student's code: the text of each cell by its number, and what the criteria ask about in it."""

    cells: Sequence[tuple[int | str, str]]
    passages: Sequence[CodePassage]
    left_out: int = 0  # cells that were too many or too long
    prose: Sequence[tuple[int, str]] = ()  # markdown, each with the number of the code cell before it
    kind: str = "listing"


Figure = Curves | Images | Levels | Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The result of one submission: the JSON file, field for field."""

    submission: Mapping[str, str]  # name, path, sha256
    rubric: Mapping[str, str]  # id, digest
    criteria: tuple[CriterionResult, ...]
    provisional: bool
    notes: tuple[str, ...] = ()
    extraction: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def earned(self) -> float:
        """Points earned over all criteria that were asked."""
        return round(sum(result.earned for result in self.criteria), 2)

    @property
    def possible(self) -> float:
        """Points that could be earned over all criteria that were asked."""
        return round(sum(result.possible for result in self.criteria), 2)

    def exercise(self, number: int) -> tuple[CriterionResult, ...]:
        """The results of one exercise, in the rubric's order."""
        return tuple(result for result in self.criteria if result.exercise == number)

    def as_json(self) -> dict[str, Any]:
        """The result as plain data, in the documented order of fields."""
        return {
            "schema": self.schema,
            "submission": dict(self.submission),
            "rubric": dict(self.rubric),
            "earned": self.earned,
            "possible": self.possible,
            "provisional": self.provisional,
            "criteria": [{**asdict(result), "verdict": result.verdict.value} for result in self.criteria],
            "notes": list(self.notes),
            "extraction": dict(self.extraction),
            "environment": dict(self.environment),
            "seconds": dict(self.seconds),
        }


def grade_from_json(data: Mapping[str, Any]) -> Grade:
    """The grade that ``as_json`` wrote."""
    rows = ({**row, "verdict": Verdict(row["verdict"])} for row in data["criteria"])
    rest = {
        key: value for key, value in data.items() if key not in ("criteria", "notes", "earned", "possible")
    }
    criteria = tuple(CriterionResult(**row) for row in rows)
    return Grade(**rest, criteria=criteria, notes=tuple(data["notes"]))


def figure_from_json(data: Mapping[str, Any]) -> Figure:
    """The figure that ``asdict`` wrote.

    Raises:
        ValueError: no figure is of that kind.
    """
    values = dict(data)
    match values.pop("kind", None):
        case "curves":
            return Curves(**{**values, "series": _each(Series, values["series"])})
        case "images":
            return Images(**{**values, "rows": _each(ImageRow, values["rows"])})
        case "levels":
            return Levels(**{**values, "levels": _each(Level, values["levels"])})
        case "listing":
            return Listing(**{**values, "passages": _each(CodePassage, values["passages"])})
        case kind:
            raise ValueError(f"no figure is of kind {kind!r}")


def _each(part: type, rows: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(part(**row) for row in rows)


def for_students(grade: Grade) -> Grade:
    """The grade as its student may see it: of a hidden criterion the title and the verdict, and no more."""
    said = "What this asks is not shown; the title and the verdict are."
    untold: dict[str, Any] = dict.fromkeys(
        ("expected", "actual", "hint", "reading", "misconception", "mistake")
    )
    criteria = (
        replace(result, message=said, **untold) if result.visibility == "hidden" else result
        for result in grade.criteria
    )
    return replace(grade, criteria=tuple(criteria))
