"""Try many rewrites, several at a time; results are appended to a file, so that a run can be resumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from grader.audit.corpus import Solution
from grader.audit.numbers.client import NumericOracle
from grader.audit.rewriting.trials import Rewrite, Rewriter, homework, read_results, sample_notebooks
from grader.audit.trial_log import append_row
from grader.audit.warm import WarmGrader
from grader.judging.run import stop_all
from grader.options import Options


def run(
    rubric: str,
    solutions: Sequence[Solution],
    options: Options,
    *,
    seeds: range,
    jobs: int,
    results: Path,
    on_rewrite: Callable[[Rewrite], None],
) -> list[Rewrite]:
    """Return the rewrites of all seeds; those in the file of results are not made again.

    Args:
        rubric: name or folder.
        solutions: those that may be rewritten, beside the rubric's sample notebooks.
        results: a line of JSON is appended for each rewrite as it is done.
        on_rewrite: called with each as it is done.
    """
    done = {each.seed: each for each in read_results(results) if each.seed in seeds}
    with WarmGrader(rubric) as grader, NumericOracle(grader.rubric.folder) as oracle:
        among = [*solutions, *sample_notebooks(grader.rubric)]
        rewriter = Rewriter(grader, oracle, among, homework(grader.rubric), options)
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(rewriter.rewrite, seed) for seed in seeds if seed not in done]
            try:
                for future in as_completed(futures):
                    made = future.result()
                    done[made.seed] = made
                    append_row(results, made.as_json())
                    on_rewrite(made)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                stop_all()
                raise
    return [done[seed] for seed in seeds]


def summary(rewrites: Sequence[Rewrite]) -> list[str]:
    """Return the results over all rewrites, one sentence each, and then the wronged ones by their cause."""
    counted = [each for each in rewrites if each.status != "other numbers"]
    wronged = [each for each in counted if each.status == "wronged"]
    used = Counter(move.name for each in counted for move in each.moves)
    lines = [
        f"Rewrites that compute the same numbers: {len(counted)} of {len(rewrites)}",
        f"Of these, judged as before: {len(counted) - len(wronged)}",
        f"Transformations applied: {sum(used.values())}, of {len(used)} kinds",
    ]
    for cause, among in sorted(_by_cause(wronged).items(), key=lambda item: -len(item[1])):
        example = among[0]
        lines.append(f"{len(among)} x {cause}: seed {example.seed}, {example.solution}: {example.remarks[0]}")
    return lines


def _by_cause(wronged: Sequence[Rewrite]) -> dict[str, list[Rewrite]]:
    """Return rewrites by the transformations that remain when they are shrunk."""
    groups: dict[str, list[Rewrite]] = {}
    for each in wronged:
        cause = " + ".join(sorted({move.name for move in each.fewest})) or "no transformation"
        groups.setdefault(cause, []).append(each)
    return groups
