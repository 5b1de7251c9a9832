"""Run this grader and others on one homework.

The other graders have fixed versions and an environment of their own, with this project's PyTorch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import homework
import nbformat
import psutil
from homework import POINTS, Homework

ONE_SECONDS, CLASS_SECONDS = 60, 3600  # timeouts for one notebook and for a class
VERSIONS = {"otter-grader": "7.0.0", "nbgrader": "0.9.6"}


def installed(folder: Path) -> Path:
    """Return the ``bin`` folder of an environment with all of ``VERSIONS``, created if necessary.

    Args:
        folder: the environment's folder; takes about 700 MB.
    """
    commands = folder / "bin"
    if not (commands / "nbgrader").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = [f"{name}=={version}" for name, version in VERSIONS.items()]
        subprocess.run([commands / "pip", "install", "--quiet", *wanted], check=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        ours = [entry for entry in sys.path if entry.endswith("site-packages")]
        (packages / "ours.pth").write_text("\n".join(ours))  # searched after the environment's own
    return commands


class Grader:
    """One grader, with the homework set up in a folder of its own."""

    def __init__(self, folder: Path, commands: Path, asked: Homework) -> None:
        self.folder, self.commands = folder, commands
        folder.mkdir()
        self.set_up(asked)

    def set_up(self, asked: Homework) -> None:
        """Set up the homework."""
        raise NotImplementedError

    def run(self, *command: str | Path, where: Path | None = None, within: float = ONE_SECONDS) -> str:
        """Run a command of the grader and return its output; kill it after the timeout."""
        name, *arguments = map(str, command)
        environment = os.environ | {"PATH": f"{self.commands}:{os.environ['PATH']}", "NO_COLOR": "1"}
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = psutil.Popen(
                [str(self.commands / name), *arguments],
                cwd=where or self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                process.wait(within)
            except psutil.TimeoutExpired:
                for one in [*process.children(recursive=True), process]:
                    one.kill()
                process.wait()
            output.seek(0)
            return output.read()

    def hand_in(self, name: str, solution: str) -> Path:
        """Write a student's notebook where the grader looks for it."""
        raise NotImplementedError

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        """Grade one notebook; return the points, the output, and the files that a student sees."""
        raise NotImplementedError

    def grade_all(self) -> int:
        """Grade all submissions as a TA would, and return how many earned all points."""
        raise NotImplementedError


class Otter(Grader):
    """``otter run``, with the tests in an archive that ``otter generate`` makes."""

    def set_up(self, asked: Homework) -> None:
        asked.otter_tests(self.folder / "tests")
        self.run("otter", "generate", "-t", "tests", "-o", "tests.zip", "--no-environment")

    def hand_in(self, name: str, solution: str) -> Path:
        path = self.folder / "handed in" / name / "homework.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(homework.notebook(solution), path)
        return path

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        return self._graded(self.hand_in(name, solution))

    def grade_all(self) -> int:
        handed_in = sorted((self.folder / "handed in").glob("*/homework.ipynb"))
        return sum(self._graded(path)[0] == POINTS for path in handed_in)

    def _graded(self, path: Path) -> tuple[float | None, str, list[Path]]:
        out, archive = path.parent, self.folder / "tests.zip"
        printed = self.run("otter", "run", "-a", archive, "-o", out, path, where=out)
        results = out / "results.json"
        if not results.exists():
            return None, printed, []
        scores = [test.get("score") for test in json.loads(results.read_text()).get("tests", [])]
        return sum(score for score in scores if score is not None), printed, [results]


class Nbgrader(Grader):
    """``nbgrader autograde`` and ``generate_feedback``, on a course of one assignment."""

    def set_up(self, asked: Homework) -> None:
        source = self.folder / "source" / "hw"
        source.mkdir(parents=True)
        nbformat.write(asked.nbgrader_source(), source / "homework.ipynb")
        self.run("nbgrader", "generate_assignment", "hw")

    def hand_in(self, name: str, solution: str) -> Path:
        path = self.folder / "submitted" / name / "hw" / "homework.ipynb"
        path.parent.mkdir(parents=True)
        released = self.folder / "release" / "hw" / "homework.ipynb"
        nbformat.write(homework.nbgrader_submission(released, solution), path)
        return path

    def grade_all(self) -> int:
        self.run("nbgrader", "autograde", "hw", within=CLASS_SECONDS)
        self.run("nbgrader", "generate_feedback", "hw", within=CLASS_SECONDS)
        scores = "[one.score for one in Gradebook('sqlite:///gradebook.db').assignment_submissions('hw')]"
        asked = self.run("python", "-c", f"from nbgrader.api import Gradebook; print(*{scores})")
        return [float(score) for score in asked.split()].count(POINTS)

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        self.hand_in(name, solution)
        printed = self.run("nbgrader", "autograde", "hw", "--student", name)
        printed += self.run("nbgrader", "generate_feedback", "hw", "--student", name)
        pages = list((self.folder / "feedback" / name).rglob("*.html"))
        score = f"Gradebook('sqlite:///gradebook.db').find_submission('hw', '{name}').score"
        asked = self.run("python", "-c", f"from nbgrader.api import Gradebook; print({score})")
        graded = (self.folder / "autograded" / name / "hw" / "homework.ipynb").exists()
        return (float(asked) if graded else None), printed, pages


class Ours(Grader):
    """``grade``."""

    def set_up(self, asked: Homework) -> None:
        self._options = asked.options(self.folder / "tests")

    def hand_in(self, name: str, solution: str) -> Path:
        path = self.folder / "handed in" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(homework.notebook(solution), path)
        return path

    def grade_all(self) -> int:
        out = self.folder / "reports"
        self.run("grade", self.folder / "handed in", *self._options, "--out", out, within=CLASS_SECONDS)
        results = [json.loads(path.read_text()) for path in out.glob("*.json")]
        return [result.get("earned") == result.get("possible") for result in results].count(True)

    def grade(self, name: str, solution: str) -> tuple[float | None, str, list[Path]]:
        path, out = self.hand_in(name, solution), self.folder / "reports"
        printed = self.run("grade", path, *self._options, "--out", out)
        results = out / f"{name}.json"
        if not results.exists():
            return None, printed, []
        return json.loads(results.read_text())["earned"], printed, [results, out / f"{name}.html"]


def graders(
    asked: Homework, scratch: Path, environment: Path, *, only_ours: bool = False
) -> dict[str, Grader]:
    """Return all graders by name, each with a folder of its own in ``scratch``.

    Args:
        environment: as for ``installed``.
    """
    ours: dict[str, Grader] = {"this grader": Ours(scratch / "ours", Path(sys.executable).parent, asked)}
    if only_ours:
        return ours
    commands = installed(environment)
    otter, nbgrader = (f"{name} {version}" for name, version in VERSIONS.items())
    return {
        otter: Otter(scratch / "otter", commands, asked),
        nbgrader: Nbgrader(scratch / "nbgrader", commands, asked),
        **ours,
    }
