"""``grade new-rubric NAME``: write a small rubric that grades, audits and reports at once."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED
from grader.errors import UsageError

_STARTER = Path(__file__).parent / "starter"
_EXAMPLE = "example.ipynb"


def main(argv: Sequence[str]) -> int:
    """Write the folder, and print what to try.

    Raises:
        UsageError: the name cannot be that of a rubric, or the folder exists or cannot be written.
    """
    arguments = _parser().parse_args(argv)
    folder = Path(arguments.name)
    if not folder.name.isidentifier() or keyword.iskeyword(folder.name):
        raise UsageError(
            "a rubric's name begins with a letter, goes on with letters, digits and _, and is no "
            f"Python keyword, such as homework_2; not {folder.name!r}"
        )
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another name, or remove it")
    try:
        _write(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror})") from error
    print(
        f"{folder} is written. Try it, then change one thing at a time:\n"
        f"  grade {folder / _EXAMPLE} --rubric {folder}    # a right solution, with its report\n"
        f"  grade audit --rubric {folder}    # right solutions lose nothing, each slip its own criterion"
    )
    return GRADED


def _write(folder: Path) -> None:
    import nbformat

    from grader.audit.corpus import Corpus, notebook

    for source in sorted(_STARTER.rglob("*.txt")):
        target = folder / source.relative_to(_STARTER).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8").replace("NAME", folder.name)
        target.write_text(text, encoding="utf-8")
    cells = [source for _, source in Corpus(folder).base]
    nbformat.write(notebook(cells, "Standardisation"), folder / _EXAMPLE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade new-rubric",
        description="Write a small rubric that works at once: a class and a function, three criteria, right "
        "solutions and two known mistakes, with comments on each part. The author's guide in the "
        "documentation leads from there to your own homework.",
    )
    parser.add_argument("name", help="name of the rubric, which is also its new folder")
    return parser
