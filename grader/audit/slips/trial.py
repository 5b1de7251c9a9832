"""Try one slip: does the notebook still run, does it compute something else, which criteria are lost?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from grader.audit.corpus import notebook
from grader.audit.numbers.client import NumericOracle, differences
from grader.audit.slips.drawing import Slip
from grader.audit.warm import WarmGrader
from grader.model import CodePassage, Grade, Listing, Verdict
from grader.options import Options
from grader.pipeline import JudgedNotebook
from grader.rubric import Rubric

FAILS, SAME, CAUGHT, ELSEWHERE, BLOCKED, PROVISIONAL, SURVIVED = (
    *("fails", "same", "caught", "elsewhere", "blocked", "provisional", "survived"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipTrial:
    """The result of one slip.

    Attributes:
        state: "fails" (a part raises an error), "same" (nothing differs), "caught" (its part lost a
            criterion), "elsewhere" (only another part did), "blocked" (its part could not be checked),
            "provisional" (a person has to look), or "survived".
        differs: which facts differ, and how.
        named: whether a lost criterion recognises the mistake, or quotes what it measured and marks the line.
        losses: criterion, verdict, misconception and message of each criterion that lost points.
    """

    id: str
    solution: str
    part: str
    operator: str
    diff: str
    state: str
    differs: dict[str, str]
    named: bool = False
    trained: bool = False
    losses: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the list of results."""
        return asdict(self)


class SlipTrier:
    """Tries slips, from any thread; survivors also with training, unless the options say ``quick``."""

    def __init__(self, oracle: NumericOracle, grader: WarmGrader, options: Options) -> None:
        self._oracle, self._grader, self._options = oracle, grader, options

    def is_usable(self, slip: Slip) -> bool:
        """Return whether every fact of the correct solution can be computed."""
        return not self._oracle.ask_once(slip.before()).errors

    def try_slip(self, slip: Slip) -> SlipTrial:
        """Return what becomes of a slip; it is only graded if it runs and computes something else."""
        before = self._oracle.ask_once(slip.before())
        after = self._oracle.ask(slip.after())
        own = {
            name: how for name, how in differences(before, after).items() if name.startswith(f"{slip.part}:")
        }
        trial = SlipTrial(
            id=slip.id,
            solution=slip.solution,
            part=slip.part,
            operator=slip.edit.operator,
            diff=slip.edit.diff,
            state=FAILS if after.errors else SAME,
            differs=own,
        )
        if after.errors or not own:
            return trial
        return self._graded(slip, trial)

    def _graded(self, slip: Slip, trial: SlipTrial) -> SlipTrial:
        content = notebook(slip.after())
        quick = [
            each.id for each in criteria_of(self._grader.rubric, slip.definition) if not each.needs_training
        ]
        options = replace(self._options, quick=True, only=tuple(quick))
        judged = self._grader.judge(content, options)
        trial = _with_losses(trial, judged, slip)
        if trial.state != SURVIVED:
            return trial
        everywhere = self._grader.judge(content, replace(self._options, quick=True))
        if any(each.verdict is Verdict.FAIL for each in everywhere.grade.criteria):
            return replace(_with_losses(trial, everywhere, slip), state=ELSEWHERE)
        if self._options.quick:
            return trial
        every = tuple(each.id for each in criteria_of(self._grader.rubric, slip.definition))
        judged = self._grader.judge(content, replace(self._options, quick=False, only=every))
        return replace(_with_losses(trial, judged, slip), trained=True)


def criteria_of(rubric: Rubric, definition: str) -> list[Any]:
    """Return the criteria about a definition, and those of the same exercise that need a training."""
    own = [each for each in rubric.criteria if (each.code or "").partition(".")[0] == definition]
    exercises = {each.exercise for each in own}
    return [
        each
        for each in rubric.criteria
        if each in own or (each.needs_training and each.exercise in exercises)
    ]


def _with_losses(trial: SlipTrial, judged: JudgedNotebook, slip: Slip) -> SlipTrial:
    lost = [each for each in judged.grade.criteria if each.verdict not in (Verdict.PASS, Verdict.OPEN)]
    verdicts = {each.verdict for each in lost}
    state = next((state for verdict, state in _STATES if verdict in verdicts), SURVIVED)
    rows = tuple(
        {
            "criterion": each.id,
            "verdict": each.verdict.value,
            "misconception": each.misconception,
            "message": each.message,
            "expected": each.expected,
            "actual": each.actual,
        }
        for each in lost
    )
    return replace(trial, state=state, losses=rows, named=_is_named(judged, judged.grade, slip))


_STATES = ((Verdict.FAIL, CAUGHT), (Verdict.ERROR, PROVISIONAL), (Verdict.BLOCKED, BLOCKED))


def _is_named(judged: JudgedNotebook, grade: Grade, slip: Slip) -> bool:
    """Return whether any failed criterion names its mistake, or has measured it and marks the edited line."""
    passages = {
        passage.criterion: passage
        for figure in judged.figures
        if isinstance(figure, Listing)
        for passage in figure.passages
    }
    for result in grade.criteria:
        if result.verdict is not Verdict.FAIL:
            continue
        if result.misconception or (result.actual and _marks(passages.get(result.id), slip)):
            return True
    return False


def _marks(passage: CodePassage | None, slip: Slip) -> bool:
    return passage is not None and bool(set(passage.marked) & set(slip.edit.lines))
