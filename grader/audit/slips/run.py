"""Try slips until enough of them count, several at a time; trials are kept, so a run can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from grader.audit.corpus import Corpus
from grader.audit.numbers.client import NumericOracle
from grader.audit.slips.drawing import Drawer, Slip
from grader.audit.slips.trial import FAILS, SAME, SlipTrial, SlipTrier
from grader.audit.trial_log import append_row, read_rows
from grader.audit.warm import WarmGrader
from grader.judging.run import stop_all
from grader.options import Options

SCRIPT = "facts.py"  # in the rubric's folder audit: what makes an edit a mistake


def run(
    rubric: str,
    corpus: Corpus,
    options: Options,
    *,
    count: int,
    jobs: int,
    kept: Path,
    on_trial: Callable[[SlipTrial], None],
    names: Sequence[str] = (),
    parts: Sequence[str] = (),
) -> list[SlipTrial]:
    """Return trials until ``count`` of them ran and computed something else.

    Args:
        kept: file of earlier trials, one in a line, which are not made again; new ones are added.
        names, parts: only these solutions and parts; empty for all.
    """
    done = read(kept)
    with (
        WarmGrader(rubric) as grader,
        NumericOracle(grader.rubric.folder, script=SCRIPT) as oracle,
        ThreadPoolExecutor(jobs) as pool,
    ):
        trier = SlipTrier(oracle, grader, options)
        drawer = iter(
            Drawer(corpus, grader.rubric.wanted, names or corpus.right_names, options.seed or 0, parts)
        )
        trials: list[SlipTrial] = []
        try:
            for trial in _tried(drawer, trier, pool, jobs, done):
                trials.append(trial)
                if trial.id not in done:
                    append_row(kept, trial.as_json())
                on_trial(trial)
                if sum(each.state not in (FAILS, SAME) for each in trials) >= count:
                    pool.shutdown(wait=False, cancel_futures=True)
                    break
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise
    return trials


def read(path: Path) -> dict[str, SlipTrial]:
    """Return the trials in a file, by their ids."""
    return {row["id"]: SlipTrial(**{**row, "losses": tuple(row["losses"])}) for row in read_rows(path)}


def _tried(
    slips: Iterator[Slip], trier: SlipTrier, pool: ThreadPoolExecutor, jobs: int, done: dict[str, SlipTrial]
) -> Iterator[SlipTrial]:
    running: set[Future[SlipTrial]] = set()
    while True:
        while len(running) < jobs:
            slip = next(slips)
            if not trier.is_usable(slip):
                continue
            if slip.id in done:
                yield done[slip.id]
            else:
                running.add(pool.submit(trier.try_slip, slip))
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()
