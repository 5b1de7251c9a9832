"""Repair a slip that stops code, such as a misspelt name, so that what lies behind it can be judged.

An error in one line hides everything that depends on it. A repair is one small edit of one statement; the
caller tries the candidates in order and keeps the first with which the code runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grader.checks import Blocked, Unmet
from grader.notebook.parsing import parse
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

MOST_CANDIDATES = 12  # each takes a call of the code
_NAME = re.compile(r"name '(\w+)' is not defined")
_ATTRIBUTE = re.compile(r"'(\w+)' object has no attribute '(\w+)'")
_ESSENTIAL = ("backward", "step", "zero_grad")  # calls without which nothing is trained
_USUAL = (*_ESSENTIAL, "item", "detach", "append")  # names of calls that code may never spell right
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# PyTorch's messages about two sizes that should be equal.
_SIZES = (
    re.compile(r"to have (\d+) channels, but got (\d+) channels"),
    re.compile(r"tensor a \((\d+)\) must match the size of tensor b \((\d+)\)"),
    re.compile(r"cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)"),
)


@dataclass(frozen=True, slots=True)
class Repair:
    """An edit of one statement.

    Attributes:
        index: the statement's, in the source.
        text: its source after the edit.
        what: the edit, as a clause: "two was used in place of tow".
        misconception: of the slip; None if it has no name.
    """

    index: int
    text: str
    what: str
    misconception: str | None = None

    def apply(self, student: Student) -> None:
        """Run the edited statement in the student's worker, and in all workers that are started later."""
        source = student.source
        statement = {**source.statements[self.index], "source": self.text}
        before, after = source.statements[: self.index], source.statements[self.index + 1 :]
        student.source = replace(source, statements=[*before, statement, *after])
        header = {"verb": "load", "statements": [statement], "modules": {}, "threads": student.threads}
        student.reply(
            {**header, "device": student.device, "gpu_share": student.gpu_share, "seed": student.seed}
        )


def find_repair(
    student: Student, part: str, error: Exception, works: Callable[[Student], bool]
) -> Repair | None:
    """Return the first repair with which a part runs, tried in a worker of its own; None if there is none.

    Args:
        part: the wanted definition that fails.
        error: what it failed with: an error of the code, or a sentence about a result of None.
        works: asks the part; may raise what the part raises.
    """
    candidates = list(_candidates(student, part, error))[:MOST_CANDIDATES]
    if not candidates:
        return None
    with student.fresh(notices={}) as other:
        original = other.source
        for candidate in candidates:
            other.source = original
            try:
                candidate.apply(other)
                if works(other):
                    return candidate
            except StudentError as failure:
                if failure.lost:
                    return None
            except (Blocked, Unmet):  # an expectation that the repaired part does not meet either
                continue
    return None


def failing_line(source: WorkerSource, error: Exception) -> str:
    """Return the text of the line in which an error was raised; "" if it is not known."""
    if not isinstance(error, StudentError) or error.line is None:
        return ""
    for statement in source.statements:
        if _holds(statement, error.cell, error.line):
            return str(statement["source"]).split("\n")[error.line - int(statement["line"])]
    return ""


def _candidates(student: Student, part: str, error: Exception) -> Iterator[Repair]:
    needed = sorted(set(student.source.needs.get(part, ())))
    statements = {index: student.source.statements[index] for index in needed}
    message = str(error)
    if "None" in message:  # a result of None, or one that was used as something else
        yield from _missing_returns(statements)
    if not isinstance(error, StudentError) or error.line is None:
        return
    at = next((index for index, each in statements.items() if _holds(each, error.cell, error.line)), None)
    if at is None:
        return
    bound = {name for each in statements.values() for name in each.get("binds", ())}
    if (match := _NAME.search(message)) and match[1] not in bound:
        yield from _other_names(at, statements, match[1], rf"(?<![\w.]){match[1]}\b")
    if match := _ATTRIBUTE.search(message):
        if match[1] in ("list", "tuple"):
            yield from _unpacked(at, statements[at])
        yield from _other_names(at, statements, match[2], rf"(?<=\.){match[2]}\b")
    if error.type == "IndexError":
        yield from _other_indices(at, statements[at], error.line)
    for pattern in _SIZES:
        if match := pattern.search(message):
            yield from _other_numbers(at, statements[at], match[1], match[2])
    if "does not require grad" in message:
        yield from _with_gradients(statements)
    yield from _left_out(at, statements[at], error.line)


def _holds(statement: Mapping[str, Any], cell: int | str | None, line: int) -> bool:
    first = int(statement["line"])
    return bool(statement["cell"] == cell and first <= line <= first + statement["source"].count("\n"))


def _other_names(
    at: int, statements: Mapping[int, Mapping[str, Any]], wrong: str, pattern: str
) -> Iterator[Repair]:
    """Yield repairs of a name that nothing defines: the names of the code that are a slip away from it."""
    known = {name for each in statements.values() for name in re.findall(r"\b[A-Za-z_]\w*", each["source"])}
    known.update(_USUAL)
    most = max(1, len(wrong) // 4)
    alike = [name for name in known if name != wrong and abs(len(name) - len(wrong)) <= most]
    for edits, name in sorted((_edits(wrong, name), name) for name in alike):
        if edits <= most:
            text = re.sub(pattern, name, statements[at]["source"])
            yield Repair(at, text, f"{name} was used in place of {wrong}")


def _edits(first: str, second: str) -> int:
    """Return the number of letters to insert, delete, replace or swap with their neighbour."""
    rows = [list(range(len(second) + 1))]
    for i, a in enumerate(first, 1):
        row = [i]
        for j, b in enumerate(second, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def _missing_returns(statements: Mapping[int, Mapping[str, Any]]) -> Iterator[Repair]:
    """Yield repairs of functions that return nothing and end with a value."""
    for at, statement in statements.items():
        for function in _functions(statement["source"]):
            last, name = function.body[-1], function.name
            returns = any(isinstance(part, ast.Return | ast.Yield) for part in ast.walk(function))
            if returns or name == "__init__":
                continue
            match last:
                case ast.Assign(
                    targets=[ast.Name(id=result)], end_lineno=int(row), end_col_offset=int(column)
                ):
                    text = _spliced(statement["source"], (row, column), (row, column), f"; return {result}")
                    yield Repair(at, text, f"{name} was taken to return {result}")
                case ast.Expr(value=ast.Call()):
                    start = (last.lineno, last.col_offset)
                    text = _spliced(statement["source"], start, start, "return ")
                    yield Repair(at, text, f"{name} was taken to return its last line")


def _other_indices(at: int, statement: Mapping[str, Any], line: int) -> Iterator[Repair]:
    """Yield repairs of an index beyond the end: without what is added to it, or in an earlier range."""
    source, row = statement["source"], line - int(statement["line"]) + 1
    tree = _parsed(source)
    for part in ast.walk(tree):
        match part:
            case ast.Subscript(slice=ast.BinOp(left=left, op=ast.Add(), right=ast.Constant()) as index):
                if part.lineno <= row <= (part.end_lineno or part.lineno):
                    shown = ast.unparse(left)
                    what = f"[{shown}] was used in place of [{ast.unparse(index)}]"
                    yield Repair(at, _replaced(source, index, shown), what)
    for part in ast.walk(tree):
        match part:
            case ast.Call(func=ast.Name(id="range"), args=[ast.Name() as first, last, ast.UnaryOp() as step]):
                for end in ("",) if ast.unparse(last) == "-1" else (" - 1", ""):
                    new = f"range({first.id} - 1, {ast.unparse(last)}{end}, {ast.unparse(step)})"
                    what = f"{new} was used in place of {ast.unparse(part)}"
                    yield Repair(at, _replaced(source, part, new), what)


def _other_numbers(at: int, statement: Mapping[str, Any], first: str, second: str) -> Iterator[Repair]:
    """Yield repairs of one number in the code, where one size should equal another."""
    source = statement["source"]
    for wrong, right in ((first, second), (second, first)):
        for part in ast.walk(_parsed(source)):
            if isinstance(part, ast.Constant) and str(part.value) == wrong:
                what = (
                    f"{right} was used in place of {wrong} in line {part.lineno + int(statement['line']) - 1}"
                )
                yield Repair(at, _replaced(source, part, right), what)


def _unpacked(at: int, statement: Mapping[str, Any]) -> Iterator[Repair]:
    """Yield repairs of loops over batches that take the whole batch for its first part."""
    for part in ast.walk(_parsed(statement["source"])):
        match part:
            case ast.For(target=ast.Name(id=name) as target):
                text = _replaced(statement["source"], target, f"{name}, _")
                yield Repair(at, text, f"{name} was taken to be the first part of a batch")


def _with_gradients(statements: Mapping[int, Mapping[str, Any]]) -> Iterator[Repair]:
    """Yield repairs of code without gradients: each place that turns them off or detaches, undone."""
    for at, statement in statements.items():
        source = statement["source"]
        for part in ast.walk(_parsed(source)):
            match part:
                case ast.Attribute(value=holder, attr="no_grad"):
                    new = f"{ast.unparse(holder)}.enable_grad"
                case ast.Call(
                    func=ast.Attribute(attr="set_grad_enabled") as switch, args=[ast.UnaryOp(ast.Not(), on)]
                ):
                    new = f"{ast.unparse(switch)}({ast.unparse(on)})"
                case ast.Call(func=ast.Attribute(value=holder, attr="detach"), args=[]):
                    new = ast.unparse(holder)
                case ast.Attribute(value=holder, attr="data", ctx=ast.Load()):
                    new = ast.unparse(holder)
                case _:
                    continue
            what = f"{new} was used in place of {ast.unparse(part)}"
            yield Repair(at, _replaced(source, part, new), what, "prediction-detached")


def _left_out(at: int, statement: Mapping[str, Any], line: int) -> Iterator[Repair]:
    """Yield the repair that leaves out a failing call whose result nothing uses, and no training needs."""
    row = line - int(statement["line"]) + 1
    for part in ast.walk(_parsed(statement["source"])):
        match part:
            case ast.Expr(value=ast.Call(func=called) as call) if (
                part.lineno <= row <= (part.end_lineno or 0)
            ):
                name = ast.unparse(called)
                if name.rpartition(".")[2] not in _ESSENTIAL:
                    what = f"{name}(…) in line {line} was left out"
                    yield Repair(at, _replaced(statement["source"], call, "pass"), what)


def _functions(source: str) -> Sequence[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [part for part in ast.walk(_parsed(source)) if isinstance(part, _FUNCTIONS)]


def _parsed(source: str) -> ast.AST:
    try:
        return parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _replaced(source: str, node: ast.expr, text: str) -> str:
    """Return the source with other text in place of an expression, as many lines long as before."""
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return _spliced(source, (node.lineno, node.col_offset), end, text)


def _spliced(source: str, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    """Return the source with other text between two places: lines from 1, columns in bytes, as in ``ast``."""
    rows = [row.encode() for row in source.split("\n")]
    before = b"\n".join([*rows[: start[0] - 1], rows[start[0] - 1][: start[1]]])
    after = b"\n".join([rows[end[0] - 1][end[1] :], *[b""] * (end[0] - start[0]), *rows[end[0] :]])
    return (before + text.encode() + after).decode()
