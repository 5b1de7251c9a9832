"""Match the names that a rubric wants to a notebook's definitions: by name, structure and use."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from grader.extraction import hints
from grader.extraction.candidates import Candidate
from grader.extraction.patterns import (
    DefinitionPattern,
    fits,
    has_base,
    names_in,
    normalized,
    only_method,
    uses_any,
)
from grader.extraction.statements import Statement
from grader.extraction.usage import Usage


@dataclass(frozen=True, slots=True)
class Match:
    """The candidate that counts as a wanted definition.

    Attributes:
        candidate: None if nothing was found, or more than one that is equally likely.
        how: how it was recognised; None if it has the wanted name itself.
        hint: a sentence for the student if nothing was found.
        rejected: later definitions of the same name that do not fit the pattern.
    """

    candidate: Candidate | None = None
    how: str | None = None
    hint: str = ""
    rejected: tuple[Statement, ...] = ()


def match_all(
    wanted: Sequence[str],
    patterns: Mapping[str, DefinitionPattern],
    found: Sequence[Statement],
    candidates: Sequence[Candidate],
    mapped: Mapping[str, str],
    usage: Usage,
) -> dict[str, Match]:
    """Return the match of each wanted name.

    Names count first, for all that is wanted: what has the usual name of one is not recognised as another by
    its structure. Functions are recognised before classes, which are told apart by the functions that get
    their instances, and a class with known bases before one without.

    Args:
        wanted: the names in the rubric.
        patterns: what the definitions look like under other names; without one only the name counts.
        found: all statements, for a hint at top-level code that does the work of a missing definition.
        candidates: all definitions.
        mapped: the notebook's own names for some of them, from ``--map``.
        usage: what the statements do with the definitions.
    """
    search = _Search(found=found, candidates=candidates, usage=usage)
    pattern_of = {name: patterns.get(name, DefinitionPattern(kind="")) for name in wanted}
    matches: dict[str, Match] = {}
    functions = [name for name in wanted if pattern_of[name].kind == "function"]
    in_turn = sorted(wanted, key=lambda name: (name not in functions, not pattern_of[name].bases))
    for name in in_turn:
        own_functions = _qualnames(matches, functions)
        if match := search.by_name(name, pattern_of[name], mapped.get(name), own_functions):
            matches[name] = match
    for name in in_turn:
        if name not in matches:
            taken = {*wanted, *_qualnames(matches, wanted)}
            own_functions = _qualnames(matches, functions)
            matches[name] = search.by_structure(name, pattern_of[name], taken, own_functions)
    return {name: matches[name] for name in wanted}


def _qualnames(matches: Mapping[str, Match], names: Sequence[str]) -> set[str]:
    """Return the notebook's own dotted names of those that were found."""
    found = (matches[name].candidate for name in names if name in matches)
    return {candidate.qualname for candidate in found if candidate}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The definitions of a notebook, and what it does with them."""

    found: Sequence[Statement]
    candidates: Sequence[Candidate]
    usage: Usage

    def by_name(
        self, name: str, pattern: DefinitionPattern, mapped: str | None, functions: AbstractSet[str]
    ) -> Match | None:
        """Return the definition that ``--map`` names, else the last one of this name, else a similar one.

        None if there is neither.
        """
        candidates = self.candidates
        if mapped:
            named = [each for each in candidates if each.qualname == mapped]
            if named:
                return Match(named[-1], how=None if mapped == name else "chosen with --map")
            return Match(hint=f"There is no {mapped} either, which --map gives as its name.")
        same_name = [each for each in candidates if each.qualname == name]
        fitting = [each for each in same_name if fits(each, pattern, candidates)]
        fitting = fitting or [
            each for each in same_name if fits(each, replace(pattern, marks=()), candidates)
        ]
        similar = self._similar(name, pattern, functions)
        # A definition that does not fit itself still counts if it calls one that does, as a wrapper would.
        wraps = same_name and any(each.qualname in same_name[-1].statement.reads for each in similar)
        if fitting or (same_name and (wraps or not similar)):
            matched = (fitting or same_name)[-1]
            later = (each.statement for each in same_name[same_name.index(matched) + 1 :])
            rejected = (each for each in later if name not in each.reads)  # one that reads the name wraps it
            return Match(matched, rejected=tuple(rejected))
        return Match(similar[-1], how=_how(pattern, similar[-1])) if similar else None

    def by_structure(
        self, name: str, pattern: DefinitionPattern, taken: AbstractSet[str], functions: AbstractSet[str]
    ) -> Match:
        """Return the only definition with the structure of the pattern, else a hint.

        Args:
            taken: dotted names of definitions that are matched already.
            functions: names of the functions that may work on an instance of the class that is meant.
        """
        free = [each for each in self.candidates if each.qualname not in taken and not each.renames]
        alike = self._whole(pattern, free) if pattern.kind else []
        alike = self.usage.narrowed(alike, functions)
        names = list(dict.fromkeys(each.qualname for each in alike))
        if len(names) == 1:
            return Match(alike[-1], how="recognised by its structure")
        if names:
            listed = ", ".join(names[:-1]) + f" or {names[-1]}"
            return Match(hint=f"It could be {listed}: choose one with --map {name}={names[-1]}.")
        return Match(hint=hints.missing_hint(name, pattern, self.found, free))

    def _similar(self, name: str, pattern: DefinitionPattern, functions: AbstractSet[str]) -> list[Candidate]:
        """Return the fitting definitions with the best alias or a similar name; methods if no other."""
        candidates = self.candidates
        ranks = {normalized(alias): rank for rank, alias in enumerate((name, *pattern.aliases))}
        fitting = [each for each in candidates if each.qualname != name and fits(each, pattern, candidates)]
        aliased = [each for each in fitting if normalized(each.name) in ranks]
        own_names = [normalized(each.name) for each in self._not_blocks(fitting)]
        close = difflib.get_close_matches(normalized(name), own_names, n=1, cutoff=0.8)
        similar = aliased or [each for each in fitting if close and normalized(each.name) == close[0]]
        outside = [each for each in similar if not each.in_class]
        if pattern.kind == "" or not similar:
            return outside
        similar = self.usage.narrowed(outside or similar, functions)
        similar = [each for each in similar if uses_any(each.node, pattern.work, candidates)] or similar
        best = min(ranks.get(normalized(each.name), len(ranks)) for each in similar)
        return [each for each in similar if ranks.get(normalized(each.name), len(ranks)) == best]

    def _whole(self, pattern: DefinitionPattern, free: Sequence[Candidate]) -> list[Candidate]:
        """Return the top-level definitions that do the whole work of the pattern."""
        candidates = self.candidates
        fitting = [each for each in free if not each.in_class and fits(each, pattern, candidates)]
        if pattern.kind == "function":  # a function that does the whole work has a loop
            fitting = [
                each for each in fitting if _loops(each) and uses_any(each.node, pattern.work, candidates)
            ]
        else:
            fitting = [each for each in fitting if has_base(each, pattern, candidates)]
            fitting = fitting or [each for each in free if self._works_alike(each, pattern)]
        return self._not_blocks(fitting)

    def _works_alike(self, candidate: Candidate, pattern: DefinitionPattern) -> bool:
        """Return whether a class has a single method that may do the work of the pattern's main method."""
        node = candidate.node
        if not isinstance(node, ast.ClassDef) or only_method(node, pattern) is None:
            return False
        return names_in(node).isdisjoint(pattern.without) and uses_any(node, pattern.marks, self.candidates)

    def _not_blocks(self, alike: Sequence[Candidate]) -> list[Candidate]:
        """Return those that no other one uses: a block inside a network is not the network."""
        used = {name for each in alike for name in names_in(each.node) if name != each.name}
        return [each for each in alike if each.name not in used]


def _loops(candidate: Candidate) -> bool:
    return any(isinstance(part, ast.For | ast.While) for part in ast.walk(candidate.node))


def _how(pattern: DefinitionPattern, candidate: Candidate) -> str:
    if candidate.in_class:
        return "a method of a class"
    is_alias = normalized(candidate.name) in map(normalized, pattern.aliases)
    return "a common name for it" if is_alias else "the most similar name"
