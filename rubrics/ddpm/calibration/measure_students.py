"""Measure the two statistical bounds on correct solutions and on mutants, over many seeds.

Run ``python -m rubrics.ddpm.calibration.measure_students``; a training takes half a minute, and rows that
exist already are not measured again. It writes ``audit/calibration_students.json``: for each criterion,
solution and seed the measured value, the bound, the training steps and the verdict. Correct solutions train
the whole promised budget before they are evaluated, while a grade ends as soon as the error is within the
bound: this shows their distance to the bound, and their verdict is the stricter one. Mutants are judged as in
a grade.

It prints, for docs/calibration.md, the values as fractions of their bound, and how often a correct solution
failed or a mutant passed, with the upper limit of the 95 % confidence interval (Clopper and Pearson 1934).
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import statistics
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from grader.audit.corpus import Corpus, Solution
from grader.audit.warm import WarmGrader
from grader.model import CriterionResult
from grader.options import Options

RUBRIC = Path(__file__).parents[1]
FILE = RUBRIC / "audit" / "calibration_students.json"
_HEADER = "| solution | runs | fraction of the bound: min, mean, max | verdicts |"
CRITERIA = ("train.learns", "sample.quality")
# Measured with every seed, like all mutants: one solution for each formulation, and the slowest learner.
MANY = ("base", "handout_code", "handout_text", "attention")
SAMPLERS = ("base", "posterior_variance", "clipped_x0_symmetric", "unclipped_x0")


def main() -> None:
    """Measure what is missing, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=int, default=20, help=f"seeds for mutants and for {', '.join(MANY)} (default: 20)"
    )
    parser.add_argument("--few", type=int, default=2, help="seeds for all other solutions (default: 2)")
    parser.add_argument("--only", choices=CRITERIA, help="measure one of the two bounds")
    arguments = parser.parse_args()
    corpus = Corpus(RUBRIC)
    rows = _measured()
    known = {(row["criterion"], row["solution"], row["seed"]) for row in rows}
    with (
        tempfile.TemporaryDirectory() as folder,
        WarmGrader() as as_graded,
        WarmGrader(str(_rubric_without_early_end(Path(folder)))) as full_budget,
    ):
        for criterion, solution, seed in _plan(corpus, arguments.seeds, arguments.few):
            if (criterion, solution.name, seed) in known or arguments.only not in (None, criterion):
                continue
            grader = as_graded if solution.kind == "mutant" else full_budget
            grade = grader.grade(solution.notebook(), Options(seed=seed, only=(criterion,)))
            row = _row(solution, seed, grade.criteria[0])
            print(row, flush=True)
            rows = [*_measured(), row]  # read again: another run may measure the other bound
            FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print("\n".join(summary(rows)))


def _rubric_without_early_end(folder: Path) -> Path:
    """Return a copy of the rubric that trains the promised budget in one call before it evaluates."""
    copy = shutil.copytree(RUBRIC, folder / "ddpm")
    path = copy / "rubric.toml"
    text = path.read_text()
    epochs = tomllib.loads(text)["settings"]["training"]["epochs"]
    changed = f"epochs = {[sum(epochs[:-1]), epochs[-1]]}"
    path.write_text(re.sub(r"^epochs = \[.*?\]", changed, text, flags=re.MULTILINE))
    return copy


def _measured() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
    return rows


def _plan(corpus: Corpus, many: int, few: int) -> Iterable[tuple[str, Solution, int]]:
    """Yield what to measure: each seed for all solutions before the next seed; samplers last."""
    solutions = corpus.solutions()
    networks = [one for one in solutions if _trains_differently(corpus, one)]
    samplers = [one for one in solutions if one.name in SAMPLERS]
    for seed in range(max(many, few)):
        for solution in networks:
            often = solution.name in MANY or solution.kind == "mutant"
            if seed < (many if often else few):
                yield "train.learns", solution, seed
    # One seed is enough: the samples come from the handout's seeds and the reference's network.
    yield from (("sample.quality", solution, 0) for solution in samplers)


def _trains_differently(corpus: Corpus, solution: Solution) -> bool:
    """Return whether the short training of this solution differs from the base solution's."""
    if solution.kind == "mutant":
        return "train.learns" in solution.loses
    parts = corpus.own_parts(solution.name)
    return solution.name in MANY or bool({"unet", "train"} & parts)


def _row(solution: Solution, seed: int, result: CriterionResult) -> dict[str, Any]:
    return {
        "criterion": result.id,
        "solution": solution.name,
        "right": solution.kind == "right",
        "seed": seed,
        "value": _number(result.actual),
        "bound": _number(result.expected),
        "steps": _number((result.actual or "").partition("after")[2]),
        "verdict": result.verdict.value,
    }


def _number(text: str | None) -> float | None:
    found = re.search(r"-?\d+(\.\d+)?", text or "")
    return float(found[0]) if found else None


def summary(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of the tables in docs/calibration.md."""
    lines = []
    for criterion in CRITERIA:
        own = [row for row in rows if row["criterion"] == criterion]
        lines += [
            "",
            f"`{criterion}`",
            "",
            _HEADER,
            "|---|---|---|---|",
        ]
        for name in dict.fromkeys(row["solution"] for row in own):
            lines.append(_line(name, [row for row in own if row["solution"] == name]))
        for right, wrong_verdict, words in ((True, "fail", "false fails"), (False, "pass", "false passes")):
            group = [row for row in own if row["right"] is right]
            wrong = sum(row["verdict"] == wrong_verdict for row in group)
            if group:
                most = upper_bound(wrong, len(group))
                lines.append(f"\n{words}: {wrong} of {len(group)}, at most {most:.1%} with 95 % confidence")
    return lines


def _line(name: str, rows: Sequence[dict[str, Any]]) -> str:
    shares = [row["value"] / row["bound"] for row in rows if row["value"] is not None and row["bound"]]
    verdicts = ", ".join(
        f"{count} {verdict}" for verdict, count in Counter(r["verdict"] for r in rows).items()
    )
    spread = f"{min(shares):.2f}, {statistics.fmean(shares):.2f}, {max(shares):.2f}" if shares else "none"
    return f"| {name} | {len(rows)} | {spread} | {verdicts} |"


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """Return the upper limit of the one-sided Clopper-Pearson interval of a rate.

    It is the rate at which this number of events or fewer has probability 1 − ``confidence``, by bisection.
    """
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        likely = sum(
            math.comb(trials, n) * middle**n * (1 - middle) ** (trials - n) for n in range(events + 1)
        )
        low, high = (middle, high) if likely > 1 - confidence else (low, middle)
    return high


if __name__ == "__main__":
    main()
