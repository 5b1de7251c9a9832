"""Try the same attacks in the same wrong solution on otter-grader, nbgrader and this grader.

Usage: ``python tests/benchmarks/bench_cheating.py [FOLDER]``, where FOLDER keeps the other graders'
environment. Each grader runs as on one's own machine (``otter run``, ``nbgrader autograde``, ``grade``).
The table shows the points, and whether there was a result, a file outside was written, the secret in the
tests got out, and markup from the notebook is markup in a page. Attacks that kill other processes are left
out, since they would end the benchmark too.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import homework
import peers

SCRIPT = "<script>owned()</script>"

# Bodies of ``square``; each then returns a wrong number.
ATTACKS = {
    "none (an honest mistake)": "pass",
    "a result that equals everything": """
        class Sly(int):
            def __eq__(self, other): return True
            __hash__ = int.__hash__
        return Sly()
    """,
    "tests patched": """
        import builtins, doctest, sys
        doctest.DocTestRunner.run = lambda *a, **k: doctest.TestResults(0, 1)
        for name, module in list(sys.modules.items()):
            if name.startswith(("otter.test_files", "grader", "worker")):
                for thing in list(vars(module).values()):
                    if isinstance(thing, type) and hasattr(thing, "run"): thing.run = lambda *a, **k: None
        get_ipython().run_cell = get_ipython().run_cell_async = lambda *a, **k: None
    """,
    "results forged by a pickle": """
        import otter.test_files, pickle
        dump, kind = pickle.dump, otter.test_files.GradingResults
        class Forged:
            def __reduce__(self):
                case = {"name": "q1", "score": 999, "max_score": 2, "output": "", "visibility": "visible"}
                code = "[setattr(kind, 'to_gradescope_dict', lambda self, config: {'tests': [case]}),"
                code += " open(TARGET, 'w').write('x'), kind.without_results(ValueError())][2]"
                return eval, (code, {"kind": kind, "case": case})
        pickle.dump = lambda value, file, *a, **k: dump(Forged(), file)
    """,
    "scores printed and left in files": """
        import json, os
        text = json.dumps({"score": 999, "earned": 999, "tests": [{"name": "q1", "score": 999}]})
        os.write(1, text.encode()); print(text)
        for name in ("results.json", "outcome.json", "score.json"): open(name, "w").write(text)
    """,
    "os._exit(0)": "import os; os._exit(0)",
    "sys.exit(0)": "import sys; sys.exit(0)",
    "endless loop": "while True: pass",
    "reads tests and reference": """
        import glob, re, sys
        main = sys.modules.get("__main__")
        texts = [str(getattr(main, "In", "")), str(getattr(main, "__dict__", ""))]
        frame = sys._getframe()
        while frame:
            texts.append(str(frame.f_locals)); frame = frame.f_back
        for root in TESTS:
            for name in glob.glob(root + "/**", recursive=True):
                try: texts.append(open(name).read())
                except (OSError, UnicodeDecodeError): pass
        found = re.search("hidden-[0-9a-f]{8}", " ".join(texts))
        if found: raise ValueError("I read " + found[0][::-1])
    """,
    "writes outside its folder": "open(TARGET, 'w').write('x')",
    "markup in an output": """
        try:
            from IPython.display import HTML, display
            display(HTML(SCRIPT))
        except ImportError: pass
        raise ValueError(SCRIPT)
    """,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of one attack on one grader; points are None if there is no result."""

    points: float | None
    host_touched: bool
    tests_read: bool
    markup_raw: bool

    def __str__(self) -> str:
        marks = {
            "host touched": self.host_touched,
            "tests read": self.tests_read,
            "markup raw": self.markup_raw,
        }
        points = "no result" if self.points is None else f"{self.points:g} of 2"
        return ", ".join([points, *(name for name, holds in marks.items() if holds)])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        graders = peers.graders(
            homework.SQUARE, scratch, Path(sys.argv[1]) if sys.argv[1:] else scratch / "peers"
        )
        tests = [*(str(grader.folder / "tests") for grader in graders.values()), "tests"]
        tests.append(str(scratch / "nbgrader" / "source"))
        for row in _table(graders, scratch / "touched", tests):
            print("| " + " | ".join(row) + " |", flush=True)


def _table(graders: dict[str, peers.Grader], target: Path, tests: list[str]) -> Iterator[list[str]]:
    yield ["attack", *graders]
    yield ["---"] * (1 + len(graders))
    for number, (attack, body) in enumerate(ATTACKS.items()):
        body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        for name, value in {"TARGET": str(target), "TESTS": tests, "SCRIPT": SCRIPT}.items():
            body = body.replace(name, repr(value))
        solution = f"def square(x):\n{body}\n    return x + x\n"
        row = [attack]
        for grader in graders.values():
            target.unlink(missing_ok=True)
            points, printed, files = grader.grade(f"student{number}", solution)
            texts = [file.read_text() for file in files]
            pages = [text for file, text in zip(files, texts, strict=True) if file.suffix == ".html"]
            outcome = Outcome(
                points=points,
                host_touched=target.exists(),
                tests_read=any(homework.SECRET[::-1] in text for text in [printed, *texts]),
                markup_raw=any(SCRIPT in page for page in pages),
            )
            row.append(str(outcome))
        yield row


if __name__ == "__main__":
    main()
