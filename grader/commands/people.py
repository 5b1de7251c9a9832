"""``grade people``: list identities in a class, and merge, split, move, remove or undo."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.storage.gradebook import Gradebook

_EPILOG = """examples:
  grade people                                    # everybody, with identifiers, merges and conflicts
  grade people --json
  grade people merge alderann aa11 --because "the same student, by her card"
  grade people split aa11 --because "two students of one name"
  grade people split max-11 max-12 --because "they are two people"   # and stay two, whatever a roster says
  grade people move login:aa11 ben --because "the roster had it wrong"  # an identifier, to its person
  grade people remove test --because "a test of ours"
  grade people undo --because "the wrong one"

A merge keeps the key of the older record. Nothing is moved: grades, adjustments and history stay with the
record that they were made with, and split gives each person back what was theirs.

exit status: 0; 1 while claims about people contradict each other; 2 on wrong usage"""


def main(argv: Sequence[str]) -> int:
    """List the people of a class, or carry out a decision, and bring reports and class page up to date.

    Returns:
        0, or 1 while claims about people contradict each other.

    Raises:
        UsageError: nobody or several people are meant, or there is nothing to split or undo.
    """
    from grader.classroom.people import decisions
    from grader.classroom.storage.gradebook import Gradebook, current_user

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        if arguments.action is None:
            _list(book, as_json=arguments.json)
        else:
            if not (arguments.because or "").strip():
                raise UsageError('a decision about people needs a reason: --because "…"')
            who = arguments.author or current_user()
            decide = {
                "merge": decisions.merge,
                "split": decisions.split,
                "move": decisions.move,
                "remove": decisions.remove,
                "undo": decisions.undo,
            }[arguments.action]
            for sentence in decide(book, arguments.people, arguments.because, who):
                print(sentence)
            decisions.refresh(book, arguments.out)
        return NOT_GRADED if book.directory().open_conflicts() else GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade people",
        description="Show the people of a class with their identifiers, and decide who is who.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=("merge", "split", "move", "remove", "undo"))
    parser.add_argument(
        "people",
        nargs="*",
        metavar="PERSON",
        help="a key, name, login, e-mail address or id; of move, first the identifier",
    )
    parser.add_argument("--because", metavar="WHY", help="the reason, for the history")
    parser.add_argument("--as", dest="author", metavar="NAME", help="who decides (default: you)")
    parser.add_argument("--json", action="store_true", help="list everybody as JSON")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser


def _list(book: Gradebook, *, as_json: bool) -> None:
    from grader.classroom.people.decisions import listing
    from grader.text import line

    listed = listing(book)
    if as_json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for person in listed["people"]:
        words = [*person["state"], *([f"matched by {person['matched_by']}"] if person["matched_by"] else [])]
        remarks = f"  ({', '.join(words)})" if words else ""
        print(f"{person['student']:<24} {line(person['name'])}{remarks}")
        for record in person["records"]:
            ids = [f"{each['called']} {line(each['value'])}" for each in record["identifiers"]]
            merged = f", merged by {record['merged_by']}" if record["merged_by"] else ""
            if len(person["records"]) > 1:
                print(f"    {record['key']} ({line(record['name'])}{merged})")
            for text in ids:
                print(f"    {'  ' if len(person['records']) > 1 else ''}{text}")
    for removal in book.removals():
        print(f"\n{removal.sentence}")
    for sentence in listed["conflicts"]:
        print(f"\nTo settle: {line(sentence)}")
