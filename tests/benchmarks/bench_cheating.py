"""The same wrong solution, with the same attacks, under otter-grader, nbgrader and this grader:
``python tests/benchmarks/bench_cheating.py [FOLDER]``. FOLDER keeps the other graders' environment.

Each runs as it does on one's own machine (``otter run``, ``nbgrader autograde``, ``grade``). What is printed
is what was found afterwards: points, whether there was a result, whether a file outside was written, whether
the secret in the tests came out, and whether markup from the notebook stands in a page as markup. An attack
that kills other processes would take whoever measures along, and is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import homework
import nbformat
import peers
import psutil

SECONDS = 60  # after which a grader that has not ended has no result
SCRIPT = "<script>owned()</script>"

# The body of ``square``, before it returns a wrong number.
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
    """What one attack came to under one grader; points are None where there is no result."""

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


class Grader:
    """One grader with the homework set up in a folder of its own."""

    def __init__(self, folder: Path, commands: Path) -> None:
        self.folder, self.commands = folder, commands
        folder.mkdir()

    def run(self, *command: str | Path, where: Path | None = None) -> str:
        """What a command of the grader's prints; whatever it does, it ends."""
        name, *arguments = map(str, command)
        environment = os.environ | {"PATH": f"{self.commands}:{os.environ['PATH']}", "NO_COLOR": "1"}
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            process = psutil.Popen(
                [str(self.commands / name), *arguments],
                cwd=where or self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            try:
                process.wait(SECONDS)
            except psutil.TimeoutExpired:
                for one in [*process.children(recursive=True), process]:
                    one.kill()
                process.wait()
            said.seek(0)
            return said.read()

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        """Points, what was printed, and the files that a student is shown."""
        raise NotImplementedError


class Otter(Grader):
    """``otter run``, with the tests in an archive that ``otter generate`` makes."""

    def __init__(self, folder: Path, commands: Path) -> None:
        super().__init__(folder, commands)
        homework.otter_tests(folder / "tests")
        self.run("otter", "generate", "-t", "tests", "-o", "tests.zip", "--no-environment")

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        out = self.folder / name
        out.mkdir()
        nbformat.write(homework.notebook(solution), out / "homework.ipynb")
        archive = self.folder / "tests.zip"
        said = self.run("otter", "run", "-a", archive, "-o", out, out / "homework.ipynb", where=out)
        results = out / "results.json"
        if not results.exists():
            return None, said, []
        scores = [test.get("score") for test in json.loads(results.read_text()).get("tests", [])]
        return sum(score for score in scores if score is not None), said, [results]


class Nbgrader(Grader):
    """``nbgrader autograde`` and ``generate_feedback``, on a course of one assignment."""

    def __init__(self, folder: Path, commands: Path) -> None:
        super().__init__(folder, commands)
        source = folder / "source" / "hw"
        source.mkdir(parents=True)
        nbformat.write(homework.nbgrader_source(), source / "homework.ipynb")
        self.run("nbgrader", "generate_assignment", "hw")

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        handed_in = self.folder / "submitted" / name / "hw"
        handed_in.mkdir(parents=True)
        released = self.folder / "release" / "hw" / "homework.ipynb"
        nbformat.write(homework.nbgrader_submission(released, solution), handed_in / "homework.ipynb")
        said = self.run("nbgrader", "autograde", "hw", "--student", name)
        said += self.run("nbgrader", "generate_feedback", "hw", "--student", name)
        pages = list((self.folder / "feedback" / name).rglob("*.html"))
        score = f"Gradebook('sqlite:///gradebook.db').find_submission('hw', '{name}').score"
        asked = self.run("python", "-c", f"from nbgrader.api import Gradebook; print({score})")
        graded = (self.folder / "autograded" / name / "hw" / "homework.ipynb").exists()
        return (float(asked) if graded else None), said, pages


class Ours(Grader):
    """``grade`` with a rubric of the one question."""

    def __init__(self, folder: Path, commands: Path) -> None:
        super().__init__(folder, commands)
        homework.rubric(folder / "tests")

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        path, out = self.folder / f"{name}.ipynb", self.folder / "reports"
        nbformat.write(homework.notebook(solution), path)
        said = self.run("grade", path, "--rubric", self.folder / "tests", "--out", out)
        results = out / f"{name}.json"
        if not results.exists():
            return None, said, []
        return json.loads(results.read_text())["earned"], said, [results, out / f"{name}.html"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        commands = peers.installed(Path(sys.argv[1]) if sys.argv[1:] else scratch / "peers")
        own = Path(sys.executable).parent
        otter, nbgrader = (f"{name} {version}" for name, version in peers.VERSIONS.items())
        graders: dict[str, Grader] = {
            otter: Otter(scratch / "otter", commands),
            nbgrader: Nbgrader(scratch / "nbgrader", commands),
            "this grader": Ours(scratch / "ours", own),
        }
        tests = [*(str(grader.folder / "tests") for grader in graders.values()), "tests"]
        tests.append(str(scratch / "nbgrader" / "source"))
        for row in _table(graders, scratch / "touched", tests):
            print("| " + " | ".join(row) + " |", flush=True)


def _table(graders: dict[str, Grader], target: Path, tests: list[str]) -> Iterator[list[str]]:
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
            points, said, files = grader.grade(f"student{number}", solution)
            texts = [file.read_text() for file in files]
            pages = [text for file, text in zip(files, texts, strict=True) if file.suffix == ".html"]
            outcome = Outcome(
                points=points,
                host_touched=target.exists(),
                tests_read=any(homework.SECRET[::-1] in text for text in [said, *texts]),
                markup_raw=any(SCRIPT in page for page in pages),
            )
            row.append(str(outcome))
        yield row


if __name__ == "__main__":
    main()
