"""An answer that a person grades, as text for the terminal."""

from __future__ import annotations

from grader.classroom.answers import AnswerToGrade
from grader.report.summary import points, score
from grader.text import clean, line
from grader.written_answers import AnswerCell

MAX_CELL = 20_000  # characters


def answer_text(shown: AnswerToGrade) -> str:
    """Return the question, the rubric items with their points, and the answer."""
    criterion, result = shown.criterion, shown.result
    state = "not graded yet" if shown.is_open else score(result.earned, result.possible)
    lines = [f"{line(shown.name)} ({shown.key})", f"{criterion.id}: {line(criterion.title)}", f"  {state}"]
    if not shown.is_open:
        lines.append(f"  {line(result.message)}")
    awarded = {item.id for item in result.items if item.earned}
    for item in criterion.items:
        mark = "+" if item.id in awarded else " "
        lines.append(f"  {mark} {item.id:<16} {points(item.points):>4}  {line(item.title)}")
    if shown.answer is None:
        lines += ["", f"No answer was found {criterion.answer}: read the notebook."]
        return "\n".join(lines) + "\n"
    for cell in shown.answer.cells:
        lines += ["", *_cell(cell)]
    if shown.answer.left_out:
        lines += ["", f"{shown.answer.left_out} more cells or outputs are only in the notebook."]
    return "\n".join(lines) + "\n"


def _cell(cell: AnswerCell) -> list[str]:
    rows = [f"| {row}" for row in clean(cell.source, limit=MAX_CELL).splitlines()]
    for output in cell.outputs:
        if output.media.startswith("image/"):
            rows.append("> [image: see the report]")
        else:
            rows += [f"> {row}" for row in clean(output.content, limit=MAX_CELL).splitlines()]
    return rows
