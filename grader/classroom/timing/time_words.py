"""Names of months and weekdays, and words for am and pm, in the languages of learning platforms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

_ENGLISH = ("en", "en_GB")
_OTHERS = (  # languages that learning platforms are set to
    *("en_AU", "en_CA", "ar", "bg", "bs", "ca", "cs", "cy", "da", "de", "de_AT", "el", "es", "es_MX", "et"),
    *(
        "eu",
        "fa",
        "fi",
        "fr",
        "fr_CA",
        "ga",
        "gl",
        "he",
        "hr",
        "hu",
        "id",
        "is",
        "it",
        "ja",
        "ko",
        "lt",
        "lv",
    ),
    *("ms", "nb", "nl", "nn", "pl", "pt", "pt_PT", "ro", "ru", "sk", "sl", "sr", "sr_Latn", "sv", "th", "tr"),
    *("uk", "zh"),
)
# Words between the parts of a date that say nothing themselves, and the endings of ordinal numbers.
_FILLERS = frozenset(
    {
        *("at", "on", "of", "the", "st", "nd", "rd", "th"),  # English
        *("um", "uhr", "den", "der", "om", "u", "kl", "klo", "h", "le", "er", "à", "alle", "ore", "il"),
        *("a", "la", "las", "los", "de", "del", "d", "el", "e", "o", "às", "as", "dia", "día"),
        *("г", "р", "в", "о", "об", "од", "ob", "od", "год", "ve", "και", "στις"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words of one language, each in lower case, with what they mean.

    Attributes:
        months: numbers from 1.
        weekdays: numbers from 0 for Monday; several where a word is part of several names (feira).
        before_noon, after_noon: such as am and pm.
    """

    months: Mapping[str, frozenset[int]]
    weekdays: Mapping[str, frozenset[int]]
    before_noon: frozenset[str]
    after_noon: frozenset[str]

    def knows(self, word: str) -> bool:
        """Return whether the word may stand in a date of this language."""
        return (
            word in _FILLERS
            or word in self.months
            or word in self.weekdays
            or word in self.before_noon
            or word in self.after_noon
        )


def split_words(text: str) -> list[str]:
    """Return the words of a text without digits and punctuation; ``a.m.`` is the word ``am``."""
    joined = re.sub(r"(?<![^\W\d])([^\W\d])\.\s?([^\W\d])(?:\.|(?![^\W\d]))", r"\1\2", text)
    return [word for word in re.split(r"[\s\d.,;:/()'’|·،–—-]+", joined) if word]


def vocabularies() -> Iterator[tuple[Vocabulary, ...]]:
    """Yield the vocabularies of all languages: English ones first, then all others.

    English names of months mean the same month wherever another language has them, so a text that is
    English needs no others; loading them takes a second.
    """
    yield _load(_ENGLISH)
    yield _load(_OTHERS)


@cache
def _load(names: tuple[str, ...]) -> tuple[Vocabulary, ...]:
    from babel import Locale  # tables of the Unicode consortium (CLDR)

    return tuple(_vocabulary(Locale.parse(name)) for name in names)


def _vocabulary(locale: Locale) -> Vocabulary:
    months = _numbers_by_word(_tables(locale.months))
    months |= {"sept": frozenset([9])} if locale.language == "en" else {}
    periods = [table for context in locale.day_periods.values() for table in context.values()]
    return Vocabulary(
        months=months,
        weekdays=_numbers_by_word(_tables(locale.days)),
        before_noon=_words_for("am", periods) | {"am"},
        after_noon=_words_for("pm", periods) | {"pm"},
    )


def _tables(contexts: Mapping[str, Mapping[str, Mapping[int, str]]]) -> list[Mapping[int, str]]:
    """Return the full and the abbreviated names; single letters are left out, since they mean too much."""
    return [table for widths in contexts.values() for width, table in widths.items() if width != "narrow"]


def _numbers_by_word(tables: Iterable[Mapping[int, str]]) -> dict[str, frozenset[int]]:
    numbers: dict[str, frozenset[int]] = {}
    for table in tables:
        for number, name in table.items():
            for word in () if any(map(str.isdigit, name)) else _lower_words(name):  # "3月" is no name
                if word not in _FILLERS:
                    numbers[word] = numbers.get(word, frozenset()) | {number}
    return numbers


def _words_for(period: str, tables: Iterable[Mapping[str, str]]) -> frozenset[str]:
    found = [_lower_words(table[period]) for table in tables if period in table]
    return frozenset(one[0] for one in found if len(one) == 1 and (len(one[0]) > 1 or not one[0].isascii()))


def _lower_words(name: str) -> list[str]:
    """Return the words of a name as texts are compared with it."""
    return [word.casefold() for word in split_words(unicodedata.normalize("NFKC", name))]
