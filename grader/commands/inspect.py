"""``grade inspect NOTEBOOK``: the definitions found in a notebook, without training and without points."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader import DEFAULT_RUBRIC
from grader.commands import GRADED, NOT_GRADED
from grader.commands.judging_options import parse_mapping
from grader.errors import NotebookError, UsageError

if TYPE_CHECKING:
    from grader.extraction.statements import Statement
    from grader.extraction.student_source import StudentSource


def main(argv: Sequence[str]) -> int:
    """Print the definitions found in a notebook, and their calling conventions.

    Returns:
        0 if the notebook could be read, else 1.

    Raises:
        UsageError: the file does not exist, or an option is wrong.
    """
    arguments = _parser().parse_args(argv)
    from grader.extraction.extract import extract
    from grader.judging.run import run_judge
    from grader.notebook.submission import read_notebook
    from grader.options import Options
    from grader.rubric import Rubric
    from grader.sandbox.isolation import required_isolation

    rubric = Rubric.load(arguments.rubric)
    names = parse_mapping(arguments.map, rubric)
    path = Path(arguments.notebook)
    if not path.exists():
        raise UsageError(f"there is no file {path}; check the name and the folder you are in")
    try:
        submission = read_notebook(path, path.stem)
    except NotebookError as error:
        print(f"{path.name}: {error}.")
        return NOT_GRADED
    source = extract(submission, rubric.wanted, rubric.shapes, dict(names))
    # Calling conventions are probed by the rubric's own checks, so a judge runs the few that do it.
    only = tuple(rubric.settings.get("inspect", ()))
    isolation = required_isolation(several=False, unsafe=False)
    options = Options(quick=True, data=rubric.data.default, only=only, mapped=names, isolation=isolation)
    outcome = run_judge(rubric, source, options, lambda event: None)
    if arguments.json:
        result = source.summary() | {"conventions": outcome.conventions}
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        notes = [*source.reading_notes, *source.variable_notes(), *outcome.notes]
        print(_page(path.name, source, outcome.conventions, notes), end="")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade inspect",
        description="Show which definitions were found in a notebook, their dependencies, what was skipped "
        "and why, and how the functions are called.",
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="a notebook (.ipynb) or a script (.py)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NAME=YOURS",
        help="the notebook's own name for a definition; repeatable",
    )
    parser.add_argument(
        "--rubric",
        default=DEFAULT_RUBRIC,
        metavar="NAME|DIR",
        help=f"rubric that says what to look for ({DEFAULT_RUBRIC})",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _page(name: str, source: StudentSource, conventions: Mapping[str, str], notes: Sequence[str]) -> str:
    from grader.text import line

    missing = [f"{name}: not found. {source.hints.get(name, '')}" for name in source.missing]
    sections = {
        "Definitions": [*map(str, source.definitions), *missing],
        "Dependencies": _dependencies(source),
        "Skipped": [str(drop) for drop in source.dropped],
        "Unreadable": [str(problem) for problem in source.problems],
        "Calling conventions": [f"{name}: {convention}" for name, convention in conventions.items()],
        "Notes": notes,
    }
    lines = [name]
    for title, rows in sections.items():
        if rows:
            lines += ["", title, *(f"  {line(row)}" for row in rows)]
    return "\n".join(lines) + "\n"


def _dependencies(source: StudentSource) -> list[str]:
    """Return the statements that the definitions depend on, a row for each cell, and the local modules."""
    definitions = {(one.cell, one.line) for one in source.definitions}
    dependencies = [s for s in source.statements if (s.cell, s.first_line) not in definitions]
    rows = [_row(cell, statements) for cell, statements in _by_cell(dependencies)]
    return rows + [f"{name}: a local module" for name in sorted(source.modules)]


def _by_cell(statements: Iterable[Statement]) -> Iterator[tuple[int | str, list[Statement]]]:
    cells: dict[int | str, list[Statement]] = {}
    for statement in statements:
        cells.setdefault(statement.cell, []).append(statement)
    yield from cells.items()


def _row(cell: int | str, statements: Sequence[Statement]) -> str:
    """Return the names that a cell's statements bind, or the objects they modify, each with its line."""
    where = f"cell {cell}" if isinstance(cell, int) else cell
    effects = [
        f"{', '.join(sorted(s.binds)) or 'modifies ' + ', '.join(sorted(s.patches))} (line {s.first_line})"
        for s in statements
    ]
    return f"{where}: {', '.join(effects)}"
