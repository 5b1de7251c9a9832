"""Grade many notebooks at once, each in a judge forked from a process with the imports done.

Each running task is a thread that waits for its judge, a process, so threads suffice: all computing
happens in the judges and their workers.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Protocol, Self

from grader.errors import GraderError
from grader.judging import score
from grader.judging.prefork import judge_starter
from grader.judging.process import StartJudge
from grader.judging.run import stop_all
from grader.notebook.submission import file_digest
from grader.options import Options, ProgressEvent
from grader.pipeline import JudgedNotebook, judge_notebook
from grader.rubric import Rubric
from grader.seeds import Seeds

# Bytes that one judge needs with its workers, training included. With a GPU, CUDA's libraries and buffers add
# to the main memory of each of three workers; both figures for GPUs are estimates.
_MEMORY = 1.5e9
_MEMORY_BESIDE_GPU = 5e9
_GPU_MEMORY = 3e9
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Task:
    """A notebook to grade.

    Attributes:
        digest: SHA-256 of everything that is read for it.
        name: shown while it is graded.
        only: the criteria to grade; those of the options where it is empty.
        seeds: those to grade with; by default, those that this machine's key gives.
    """

    digest: str
    path: Path
    name: str
    only: tuple[str, ...] = ()
    seeds: Seeds | None = None


class ProgressListener(Protocol):
    """Callbacks for the progress of tasks, called from any thread; ``name`` is the task's."""

    def on_start(self, name: str) -> None: ...
    def on_event(self, name: str, event: ProgressEvent) -> None: ...
    def on_finish(self, name: str) -> None: ...
    def on_interrupt(self, running: int) -> None: ...


def run_tasks(
    tasks: Sequence[Task], rubric: Rubric, options: Options, jobs: int, listener: ProgressListener
) -> Generator[tuple[Task, JudgedNotebook]]:
    """Grade the tasks, ``jobs`` at once, and yield each with its result as soon as it is done.

    After Ctrl-C, no task is started and the running ones are finished; a second Ctrl-C ends this process.
    An exception in the grader itself makes the grade of that task provisional and affects no other.

    Raises:
        UsageError: no notebook can be graded with these options.
        KeyboardInterrupt: Ctrl-C was pressed; all finished tasks have been yielded.
    """
    options = replace(options, gpu_share=1 / jobs)
    waiting = list(reversed(tasks))
    running: dict[Future[JudgedNotebook], Task] = {}
    with ExitStack() as stack:
        start = stack.enter_context(judge_starter(options.layers))
        interrupt = stack.enter_context(_InterruptHandler(lambda: listener.on_interrupt(len(running))))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))

        def start_more() -> None:
            while waiting and not interrupt.received and len(running) < jobs:
                task = waiting.pop()
                running[pool.submit(_judge, task, rubric, options, listener, start)] = task

        try:
            start_more()
            while running:
                # With a timeout, since on Windows a signal does not interrupt waiting.
                done, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    start_more()  # before the caller stores this result, so that no core is idle meanwhile
                    yield task, future.result()
        except BaseException:
            stop_all()  # or leaving the pool would wait for the judges to finish
            raise
    if interrupt.received:
        raise KeyboardInterrupt


class _InterruptHandler:
    """Turns the first Ctrl-C into a flag, and ends the process at the second.

    Python's own handler raises KeyboardInterrupt between any two bytecodes: inside a transaction, or while
    a report is written. Judges run in sessions of their own, so the terminal sends Ctrl-C to this process
    alone and running judges can finish.
    """

    def __init__(self, on_interrupt: Callable[[], None]) -> None:
        self.received, self._on_interrupt = False, on_interrupt

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            exit_now()
        self.received = True
        self._on_interrupt()


def exit_now() -> None:
    """End this process without cleaning up, with the exit code for Ctrl-C.

    ``sys.exit`` would wait for the pool's threads. Judges that ``stop_all`` misses end by themselves when
    their standard input closes: see ``grader.judging.orphan_guard``.
    """
    stop_all()
    os._exit(130)  # 128 + SIGINT, as shells report it


def _judge(
    task: Task, rubric: Rubric, options: Options, listener: ProgressListener, start: StartJudge
) -> JudgedNotebook:
    listener.on_start(task.name)
    options = replace(options, only=task.only or options.only)
    try:
        return judge_notebook(
            task.path,
            task.name,
            rubric,
            options,
            lambda event: listener.on_event(task.name, event),
            start,
            task.seeds,
        )
    except GraderError:
        raise
    except Exception as error:  # a bug of ours must not cost the other students their grades
        reason = f"the grader itself failed ({type(error).__name__}: {error}); a TA must review this"
        digest = file_digest(task.path)
        grade = score.unreadable(str(task.path), task.name, digest, rubric, reason, options)
        return JudgedNotebook(grade=grade, figures=(), readable=True)
    finally:
        listener.on_finish(task.name)


def default_jobs(device: str) -> int:
    """Return how many notebooks to grade at once: limited by cores, free memory and the GPU's memory."""
    free = _free_memory()
    if device != "cpu" and (gpu := _free_gpu_memory()):
        fit = min(free / _MEMORY_BESIDE_GPU, gpu / _GPU_MEMORY)
    else:
        fit = free / _MEMORY
    return max(1, min(_cores(), int(fit)))


def _cores() -> int:
    """Return the cores that this process may use, by its CPU affinity and its control group's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        # cgroup v2, in a container: microseconds of processor time per period, or "max".
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            return max(1, min(cores, int(int(quota) / int(period))))
    return cores


def _free_memory() -> float:
    """Return the bytes of free memory, by the kernel and the control group; 64 GiB if neither tells."""
    free = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * float(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        free.append(float(limit) - float(used))  # float("max") is a ValueError: there is no limit
    return min(free, default=float(64 << 30))


def _free_gpu_memory() -> float:
    """Return the bytes of free memory on the first GPU; 0 without one."""
    if not (tool := shutil.which("nvidia-smi")):
        return 0.0
    query = [tool, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return float(output.split()[0]) * (1 << 20)  # reported in MiB
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0.0
