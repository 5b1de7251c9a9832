"""``grade inspect NOTEBOOK``: what was found in a notebook, without the long parts and without points."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader import DEFAULT_RUBRIC
from grader.commands import GRADED, NOT_GRADED
from grader.commands.grade import mapped
from grader.errors import NotebookError, UsageError

if TYPE_CHECKING:
    from grader.extraction.statements import Statement
    from grader.extraction.student_source import StudentSource


def main(argv: Sequence[str]) -> int:
    """Say what was found.

    Returns:
        0 when the notebook could be read, 1 when it could not.
    """
    arguments = _parser().parse_args(argv)
    from grader.extraction.extract import extract
    from grader.judging.run import run_judge
    from grader.notebook.submission import read_notebook
    from grader.options import Options
    from grader.rubric import Rubric
    from grader.sandbox.isolation import required_isolation

    rubric = Rubric.load(arguments.rubric)
    names = mapped(arguments.map, rubric)
    path = Path(arguments.notebook)
    if not path.exists():
        raise UsageError(f"there is no file {path}; check the name and the folder you are in")
    try:
        submission = read_notebook(path, path.stem)
    except NotebookError as error:
        print(f"{path.name}: {error}.")
        return NOT_GRADED
    source = extract(submission, rubric.wanted, rubric.shapes, dict(names))
    only = tuple(rubric.settings.get("inspect", ()))
    walls = required_isolation(several=False, unsafe=False)
    options = Options(quick=True, data=rubric.data.default, only=only, mapped=names, isolation=walls)
    outcome = run_judge(rubric, source, options, lambda event: None)
    if arguments.json:
        about = source.summary() | {"conventions": outcome.conventions}
        print(json.dumps(about, indent=2, ensure_ascii=False))
    else:
        notes = [*source.reading_notes, *source.variable_notes(), *outcome.notes]
        print(_page(path.name, source, outcome.conventions, notes), end="")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade inspect",
        description="Show what is found in a notebook: its parts, what they need, and how they are called.",
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="a notebook (.ipynb) or a script (.py)")
    parser.add_argument(
        "--map", action="append", default=[], metavar="NAME=YOURS", help="what it calls a part; repeatable"
    )
    parser.add_argument(
        "--rubric", default=DEFAULT_RUBRIC, metavar="NAME|DIR", help=f"what to look for ({DEFAULT_RUBRIC})"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    return parser


def _page(name: str, source: StudentSource, conventions: Mapping[str, str], notes: Sequence[str]) -> str:
    from grader.text import line

    missing = [f"{name}: not found. {source.hints.get(name, '')}" for name in source.missing]
    sections = {
        "Parts": [*map(str, source.definitions), *missing],
        "What they need": _needs(source),
        "Left behind": [str(drop) for drop in source.dropped],
        "Not readable": [str(problem) for problem in source.problems],
        "How they are called": [f"{about}: {words}" for about, words in conventions.items()],
        "Notes": notes,
    }
    lines = [name]
    for title, rows in sections.items():
        if rows:
            lines += ["", title, *(f"  {line(row)}" for row in rows)]
    return "\n".join(lines) + "\n"


def _needs(source: StudentSource) -> list[str]:
    """The statements that were taken along, a row for each cell: what they bind, and from which line."""
    parts = {(part.cell, part.line) for part in source.definitions}
    along = [s for s in source.statements if (s.cell, s.first_line) not in parts]
    rows = [_row(cell, inside) for cell, inside in _by_cell(along)]
    return rows + [f"{name}: a module beside the notebook" for name in sorted(source.modules)]


def _by_cell(found: Iterable[Statement]) -> Iterator[tuple[int | str, list[Statement]]]:
    cells: dict[int | str, list[Statement]] = {}
    for statement in found:
        cells.setdefault(statement.cell, []).append(statement)
    yield from cells.items()


def _row(cell: int | str, inside: Sequence[Statement]) -> str:
    where = f"cell {cell}" if isinstance(cell, int) else cell
    whats = [
        f"{', '.join(sorted(s.binds)) or 'changes ' + ', '.join(sorted(s.patches))} (line {s.first_line})"
        for s in inside
    ]
    return f"{where}: {', '.join(whats)}"
