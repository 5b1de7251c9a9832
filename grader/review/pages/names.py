"""What a student is called on the pages: by name, or by a number while names are hidden.

Sentences by others, such as of contradictions about people or a student's own words, then lose every name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from grader.classroom.storage.entries import GradebookEntry
from grader.review.actions import STUDENT
from grader.review.app import Call
from grader.review.index import digest
from grader.text import line

_HIDDEN = "[name hidden]"
_WORD = re.compile(r"\w+")
_SHORTEST, _SHORTEST_NUMBER = 3, 5  # characters of a name, and digits of an id: points are numbers, too
_Names = Mapping[str, Sequence[tuple[str, ...]]]  # each as its words, by the first of them


def naming(call: Call) -> Callable[[GradebookEntry], str]:
    """Return the function that names students for this TA."""
    if call.book.preference(call.ta.name, "hide names"):
        return lambda entry: (
            f"Student {int(digest('hidden', call.ta.name, entry.person.record), 16) % 10_000:04d}"
        )
    return lambda entry: line(entry.person.name)


def wording(call: Call) -> Callable[[str], str]:
    """Return the function that names the students in the sentence of an action for this TA."""
    name, entries = naming(call), call.book.index.entries

    def named(found: re.Match[str]) -> str:
        entry = entries.get(int(found[1]))
        return "a student who left the class" if entry is None else name(entry)

    return lambda sentence: STUDENT.sub(named, sentence)


def without_names(call: Call) -> Callable[[str, GradebookEntry], str]:
    """Return the function that takes names out of a sentence about a student while names are hidden.

    These are the names, keys and identifiers of everybody, and each part of the student's own name.
    """
    if not call.book.preference(call.ta.name, "hide names"):
        return lambda sentence, entry: sentence
    index = call.book.index
    everybody = index.cached("names") or index.cache("names", _names_of(index.entries.values()))

    def cleaned(sentence: str, entry: GradebookEntry) -> str:
        own = _by_first_word(_WORD.findall(" ".join(entry.person.aliases)))
        return _cleaned(_cleaned(sentence, everybody), own)

    return cleaned


def _names_of(entries: Iterable[GradebookEntry]) -> _Names:
    return _by_first_word(
        name
        for entry in entries
        for person in (entry.person,)
        for name in (
            *(person.name, person.key, *person.aliases),
            *(identifier.value for identifier in person.identifiers),
        )
    )


def _by_first_word(names: Iterable[str]) -> _Names:
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name in names:
        if len(name) >= (_SHORTEST_NUMBER if name.isdecimal() else _SHORTEST):
            words = tuple(_WORD.findall(name.casefold()))
            if words and words not in found[words[0]]:
                found[words[0]].append(words)
    return dict(found)


def _cleaned(sentence: str, names: _Names) -> str:
    words = list(_WORD.finditer(sentence))
    parts, end, at = list[str](), 0, 0
    while at < len(words):
        candidates = names.get(words[at][0].casefold(), ())
        lengths = [
            len(name)
            for name in candidates
            if name == tuple(word[0].casefold() for word in words[at : at + len(name)])
        ]
        if lengths:
            parts += [sentence[end : words[at].start()], _HIDDEN]
            at += max(lengths)
            end = words[at - 1].end()
        else:
            at += 1
    return "".join([*parts, sentence[end:]])
