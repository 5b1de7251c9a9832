"""Extract the definitions that a rubric wants from a notebook, with everything they depend on.

The unit is the statement. A statement is kept if a wanted definition depends on a name that it binds or
patches, and if it is cheap to run: definitions, imports, constants, patches such as ``Model.forward = f``.
Training, downloads and plots at top level are dropped. Only syntax trees are examined; no student code runs.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from grader.extraction.candidates import Candidate, candidates_in
from grader.extraction.constructions import construction, construction_name
from grader.extraction.dependencies import DependencyGraph, Dropped
from grader.extraction.executed import with_executed
from grader.extraction.free_variables import DEVICE_NAMES, PREDEFINED, find_free_variables
from grader.extraction.hints import place_hint
from grader.extraction.local_modules import Modules, imported_candidates, local_modules, with_star_names
from grader.extraction.matching import Match, match_all
from grader.extraction.module_sources import file_texts, script_source
from grader.extraction.ordering import in_order_of_need
from grader.extraction.patterns import DefinitionPattern, main_method, only_method
from grader.extraction.statements import Statement, statements
from grader.extraction.student_source import Definition, StudentSource
from grader.extraction.usage import Usage, find_usage
from grader.notebook.parsing import parse
from grader.notebook.submission import Submission
from grader.notebook.syntax import Problem, newer_python, parse_cell
from grader.text import NEVER_DEFINED, place

MAX_CANDIDATES = 1_000  # definitions to compare with each other: more would take minutes
_DEVICE = "import torch\n{0} = torch.device('cuda' if torch.cuda.is_available() else 'cpu')"


def extract(
    submission: Submission,
    wanted: Sequence[str],
    patterns: Mapping[str, DefinitionPattern] | None = None,
    mapped: Mapping[str, str] | None = None,
) -> StudentSource:
    """Return the statements that the wanted definitions depend on, in the notebook's order.

    If a name is defined more than once, all its definitions are kept in order, so the last one counts and a
    class may derive from its own earlier version. Later definitions that do not fit the name's pattern, such
    as an unrelated class of the same name, are dropped.

    Args:
        submission: the notebook, with the local modules in its folder.
        wanted: the names of the definitions in the rubric.
        patterns: what these definitions look like under other names.
        mapped: the notebook's own names for some of them, from ``--map``.
    """
    patterns, mapped = patterns or {}, mapped or {}
    cells = [parse_cell(cell) for cell in submission.cells]
    path = Path(submission.path)
    found, problems = statements(cells)
    found, executed_problems = with_executed(found, lambda file: script_source(path, file, cells))
    modules, module_problems = local_modules(path, cells)
    files = file_texts(submission.cells)
    problems += [*executed_problems, *module_problems]
    found = [with_star_names(statement, modules) for statement in found]
    candidates = [*imported_candidates(found, modules), *candidates_in(found)]
    if len(candidates) > MAX_CANDIDATES:
        candidates = candidates[-MAX_CANDIDATES:]
        message = f"only the last {MAX_CANDIDATES:,} definitions, from here on, were searched for yours"
        problems.append(Problem(candidates[0].statement.cell, candidates[0].line, message))
    usage = find_usage(found, candidates)
    matches = match_all(wanted, patterns, found, candidates, mapped, usage)
    matched = {name: match.candidate for name, match in matches.items() if match.candidate}
    own_names = {name: matched[name].qualname if name in matched else name for name in wanted}
    roots = {name: own.partition(".")[0] for name, own in own_names.items()}
    builders = _builders(matched, patterns, usage)
    found += builders.values()
    graph = DependencyGraph.of(
        found,
        roots=list(roots.values()),
        forbidden=[*wanted, *(own.rpartition(".")[2] for own in own_names.values())],
        rejected={statement for match in matches.values() for statement in match.rejected},
        matched={candidate.statement for candidate in matched.values()},
        written=files,
    )
    starts = {
        name: [root, *builders[name].binds] if name in builders else [root] for name, root in roots.items()
    }
    whole = graph.closure([name for names in starts.values() for name in names])
    kept = whole.kept
    supplied = sorted(DEVICE_NAMES & whole.needed - {name for statement in kept for name in statement.binds})
    devices = tuple(map(_device_statement, supplied))
    run = (*devices, *in_order_of_need([statement for statement in found if statement in kept]))
    mutated = graph.mutated_by(kept)
    return StudentSource(
        statements=run,
        needs={
            name: _indices(run, {*devices, *graph.closure([*names, *mutated]).kept})
            for name, names in starts.items()
        },
        definitions=tuple(_definition(name, matched[name], matches[name]) for name in matched),
        missing=tuple(name for name in wanted if name not in matched),
        dropped=tuple(drop for drop in whole.dropped if drop.name not in supplied),
        problems=tuple(problems),
        hints={
            name: place_hint(name, submission, problems) or match.hint or _import_hint(name, graph.by_name)
            for name, match in matches.items()
            if not match.candidate
        },
        names=_own_names(matched, patterns, candidates)
        | {construction_name(name): next(iter(builder.binds)) for name, builder in builders.items()},
        modules=modules,
        files=files,
        free_variables=tuple(
            variable
            for name, candidate in matched.items()
            for variable in find_free_variables(name, candidate, _scope(candidate, graph, modules))
        ),
        undefined=_undefined(whole.needed - set(supplied) - set(graph.roots), kept, whole.dropped, found),
        supplied=tuple(supplied),
        checkpoint=submission.checkpoint,
        reading_notes=_reading_notes(submission, has_problems=bool(problems)),
    )


def _scope(
    candidate: Candidate, graph: DependencyGraph, modules: Modules
) -> Mapping[str, Sequence[Statement]]:
    """Return the statements by the names that they bind where a definition is: the notebook or a module."""
    for module in modules.values():
        if candidate.statement in module.statements:
            return {
                name: [each for each in module.statements if name in each.binds]
                for name in candidate.statement.reads | {"*"}
                if any(name in each.binds for each in module.statements)
            }
    return graph.by_name


def _builders(
    matched: Mapping[str, Candidate], patterns: Mapping[str, DefinitionPattern], usage: Usage
) -> dict[str, Statement]:
    """Return the functions that build classes as the notebook does, for those not built as in the handout."""
    made = {
        name: construction(candidate, patterns.get(name, DefinitionPattern()), usage)
        for name, candidate in matched.items()
    }
    return {name: statement for name, statement in made.items() if statement}


def _indices(run: Sequence[Statement], wanted: Container[Statement]) -> tuple[int, ...]:
    return tuple(index for index, statement in enumerate(run) if statement in wanted)


def _device_statement(name: str) -> Statement:
    """Return a statement that sets a device variable which the notebook never defines."""
    source = _DEVICE.format(name)
    return Statement(source, "the grader", 1, parse(source).body[-1], 0, binds=frozenset({name}))


def _definition(name: str, candidate: Candidate, match: Match) -> Definition:
    return Definition(name, candidate.statement.cell, candidate.line, candidate.qualname, match.how)


def _own_names(
    matched: Mapping[str, Candidate],
    patterns: Mapping[str, DefinitionPattern],
    candidates: Sequence[Candidate],
) -> dict[str, str]:
    """Return the notebook's names where they differ from the rubric's, also for a class's main method."""
    names = {}
    for name, candidate in matched.items():
        if candidate.qualname != name:
            owner, _, own = candidate.qualname.rpartition(".")
            names[name] = f"{owner}().{own}" if candidate.is_method else candidate.qualname
        pattern = patterns.get(name, DefinitionPattern())
        if isinstance(candidate.node, ast.ClassDef) and pattern.methods:
            method = main_method(candidate.node, pattern, candidates) or only_method(candidate.node, pattern)
            if method and method != pattern.methods[0]:
                names[f"{name}.{pattern.methods[0]}"] = method
    return names


def _import_hint(name: str, by_name: Mapping[str, Sequence[Statement]]) -> str:
    """Return a hint if the name is imported from a file that was not handed in."""
    for statement in by_name.get(name, ()):
        if isinstance(statement.node, ast.ImportFrom):
            where = place(statement.cell, statement.first_line)
            return f"It is imported from {statement.node.module} in {where}: hand in that file as well."
    return ""


def _undefined(
    needed: AbstractSet[str],
    kept: AbstractSet[Statement],
    dropped: Sequence[Dropped],
    found: Sequence[Statement],
) -> dict[str, str]:
    """Return an explanation for each needed name that no kept statement defines."""
    defined = {name for statement in kept for name in statement.binds} | PREDEFINED
    explanations = {drop.name: str(drop) for drop in dropped}
    anywhere = {name for statement in found for name in statement.binds}
    return {
        name: explanations.get(name, f"{name} {NEVER_DEFINED}")
        for name in sorted(needed - defined)
        if name in explanations or name not in anywhere
    }


def _reading_notes(submission: Submission, *, has_problems: bool) -> tuple[str, ...]:
    """Return the notes on the file; a newer Python matters only if some code could not be parsed."""
    newer = newer_python(submission.python_version) if has_problems else None
    return (newer, *submission.notes) if newer else submission.notes
