"""Sentences for students on definitions that were not found: what comes nearest, and why it does not do."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Sequence

from grader.extraction.candidates import FUNCTIONS, Candidate
from grader.extraction.patterns import DefinitionPattern, accepts, names_in, normalized
from grader.extraction.statements import Statement
from grader.notebook.submission import Submission
from grader.notebook.syntax import Problem, cell_magic
from grader.text import place


def missing_hint(
    name: str, pattern: DefinitionPattern, found: Sequence[Statement], candidates: Sequence[Candidate]
) -> str:
    """Return a hint at what comes nearest to a missing definition; "" if nothing does."""
    return (
        _loose_method_hint(pattern, candidates)
        or _arguments_hint(name, pattern, candidates)
        or _top_level_hint(pattern, found)
    )


def place_hint(name: str, submission: Submission, problems: Sequence[Problem]) -> str:
    """Return a hint if the text of a definition stands where it is not run as Python; "" if not."""
    definition = re.compile(rf"^\s*(?:def|class)\s+{re.escape(name)}\b", re.MULTILINE)
    for cell in reversed(submission.cells):
        if not definition.search(cell.source):
            continue
        if magic := cell_magic(cell.source):
            what = "so it is not run in this notebook: remove that line"
            return f"Cell {cell.number} defines it below %%{magic}, {what}."
        for problem in problems:
            if problem.cell == cell.number:
                why = problem.message.partition(";")[0]
                return f"Cell {cell.number} defines it, but cannot be read: {why} in line {problem.line}."
    for kind, cells in (("markdown", submission.markdown), ("raw", submission.raw)):
        for number, text in reversed(cells):
            if definition.search(text):
                return f"It stands in a {kind} cell below code cell {number}: turn that into a code cell."
    return ""


def _loose_method_hint(pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> str:
    """Return a hint if the main method of a missing class exists as a function."""
    for each in candidates if pattern.kind == "class" else ():
        if isinstance(each.node, FUNCTIONS) and not each.in_class and each.name in pattern.methods:
            where = place(each.statement.cell, each.line)
            return f"There is a function {each.name} in {where}: make it a method of that class."
    return ""


def _arguments_hint(name: str, pattern: DefinitionPattern, candidates: Sequence[Candidate]) -> str:
    """Return a hint if a function of a similar name takes too few arguments to be used by others."""
    usual = {normalized(each) for each in (name, *pattern.aliases)}
    for each in candidates if pattern.kind == "function" else ():
        if not isinstance(each.node, FUNCTIONS) or accepts(each.node, pattern.arguments):
            continue
        own = normalized(each.name)
        if own in usual or difflib.get_close_matches(normalized(name), [own], cutoff=0.8):
            where = place(each.statement.cell, each.line)
            return (
                f"{each.name} in {where} comes nearest, but it takes {_count(each.node)}: "
                f"let it get what it works with as arguments, as in the handout."
            )
    return ""


def _count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return f"only {' and '.join(names)}" if names else "no arguments"


def _top_level_hint(pattern: DefinitionPattern, found: Sequence[Statement]) -> str:
    """Return a hint if a top-level loop seems to do the work of a missing function."""
    for statement in found:
        if not isinstance(statement.node, ast.For | ast.While | ast.With):
            continue
        names = names_in(statement.node)
        if not names.isdisjoint(pattern.inline) and names.isdisjoint(pattern.without):
            where = place(statement.cell, statement.first_line)
            return f"Code at top level in {where} may do its work: put it into a function."
    return ""
