"""Likeness of file and folder names to people's names, to tell students' folders from others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import takewhile
from statistics import fmean

from grader.classroom.people.identity import Claim
from grader.classroom.people.students import normalize_name

_WORD = re.compile(r"[A-Z]?[a-z]+|[^\W\d_]+|\d+")
# A matriculation number or a login with digits, such as 20231234, s1234567 and ab1234.
_ID = re.compile(
    r"(?!(?:19|20)\d\d$)[a-z]{0,4}\d{4,10}|[a-z]{2,8}\d{1,3}|[^@\s]+@[^@\s]+\.\w+", re.IGNORECASE
)
_MIN_INSIDE = 5  # letters of a word that counts inside another one, as in "MyHomework"
# Words of homework, teaching and computers, which no person is called.
_WORDS = """
hw homework ps pset lab labs assignment assignments asgn project projects proj exercise exercises ex
exam quiz final finale old new copy draft untitled notebook notebooks nb solution solutions sol
submission submissions submitted test tests main template handout starter script scripts code src
data dataset plot plots figure figures output outputs result results work files part task problem
question report model models train training section sections sec group
groups team teams tutorial tutorium class classes course session week day monday tuesday wednesday
thursday friday saturday sunday mon tue wed thu fri montag dienstag mittwoch donnerstag freitag
lundi mardi mercredi jeudi vendredi abgabe abgaben aufgabe blatt uebung übung loesung lösung tp td
devoir exercice tarea entrega compito esercizio 作业 实验 课题 課題 宿題 期末 과제 v version attempt
try download downloads export exports late my is was done fixed working backup temp tmp misc utils
util helper helpers
"""
_NOT_PEOPLE = frozenset(_WORDS.split())
# Words for folders beside those of students: material of the course, or of its tools.
_MATERIAL = """
asset assets build config configs data dataset datasets dist doc docs documentation env example examples
feedback figure figures handout handouts image images img imgs lecture lectures lib logs material materials
media misc notes old output outputs plot plots release rubric rubrics script scripts slides solution
solutions source src starter template templates temp test tests tmp tools util utils venv
"""
_RESOURCES = frozenset(_MATERIAL.split())


class RosterNames:
    """Everything on a roster that somebody's folder or file may be called."""

    def __init__(self, claims: Iterable[Claim] = ()) -> None:
        self._words: set[tuple[str, ...]] = set()
        self._ids: set[str] = set()
        self.logins: set[str] = set()
        for claim in claims:
            self._words.add(_words(claim.name))
            for identifier in claim.identifiers:
                value = identifier.normalized
                self._ids |= {value, value.partition("@")[0]}
                if identifier.kind in ("github", "login"):
                    self.logins.add(value)
        self._words.discard(())
        self._joined = {"".join(words) for words in self._words}
        self._ids.discard("")

    def has(self, name: str) -> bool:
        """Return whether somebody on the roster has this name, in any order of its words, or login or id.

        A word such as "test" or "final" is nobody's, though it may be somebody's login.
        """
        if name.casefold() in _NOT_PEOPLE:
            return False
        words = _words(name)
        return words in self._words or "".join(words) in self._joined or name.strip().casefold() in self._ids


def likeness(name: str) -> float:
    """Return 2 for what looks like a full name or an id, 1 for what could be a name, 0 for other words."""
    words = _WORD.findall(name)
    folded = [word.casefold() for word in words]
    if any(word in _NOT_PEOPLE for word in folded) or _has_inside(name.casefold()):
        return 0
    if _ID.fullmatch(name.strip()):
        return 2
    if not words or any(word.isdigit() for word in words):
        return 0
    written = [word for word in re.split(r"[\s_,.-]+", name) if word]
    if len(written) > 1:
        return 2 if all(len(word) > 1 for word in written[:2]) else 1
    return 1 if len(name) > 1 else 0


def holds_resources(folder: str) -> bool:
    """Return whether a folder of this name, beside those of students, is nobody's hand-in."""
    words = [word.casefold() for word in re.split(r"[\s_,.-]+", folder) if word]
    return folder.startswith(".") or all(word in _RESOURCES for word in words)


def mean_likeness(names: Collection[str]) -> float:
    """Return the mean over several names; 0 for none."""
    return fmean(map(likeness, names)) if names else 0.0


def shared_start(names: Iterable[str]) -> str:
    """Return the letters that all names begin with."""
    listed = sorted(names)
    first, last = (listed[0], listed[-1]) if listed else ("", "")  # share no more than any two others
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in pairs)


def _has_inside(name: str) -> bool:
    return any(word in name for word in _NOT_PEOPLE if len(word) >= _MIN_INSIDE and word.isascii())


def _words(name: str) -> tuple[str, ...]:
    return tuple(sorted(filter(None, map(normalize_name, re.split(r"[\s_,.-]+", name)))))
