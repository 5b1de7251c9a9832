"""Grades many notebooks at once: each by a judge that is forked from a warm process, as many together as the
machine carries.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Protocol, Self

from grader.errors import GraderError
from grader.judging import score
from grader.judging.prefork import judges
from grader.judging.process import Start
from grader.judging.run import stop_all
from grader.notebook.submission import file_digest
from grader.options import Options, ProgressEvent
from grader.pipeline import JudgedNotebook, judge_notebook
from grader.rubric import Rubric

_MEMORY = 1.5e9  # bytes of a judge with its workers, training included
_MEMORY_BESIDE_GPU = 5e9  # CUDA's libraries and buffers in each of three workers; not measured
_GPU_MEMORY = 3e9  # neither
_TICK = 0.25  # seconds between looks at the clock


@dataclass(frozen=True, slots=True)
class Task:
    """One notebook to grade: the digest of all that is read for it, where it is, and its name on the way."""

    digest: str
    path: Path
    name: str


class ProgressListener(Protocol):
    """What is told of the tasks' progress, from any thread."""

    def begin(self, name: str) -> None: ...
    def step(self, name: str, event: ProgressEvent) -> None: ...
    def end(self, name: str) -> None: ...
    def stopping(self, running: int) -> None: ...


def run(
    tasks: Sequence[Task], rubric: Rubric, options: Options, jobs: int, show: ProgressListener
) -> Generator[tuple[Task, JudgedNotebook]]:
    """Every task with what became of it, as each is done.

    Ctrl-C lets those that are running come to their end and starts no more; a second one ends this process.
    A failure of ours in one task makes that task provisional, and no other.

    Raises:
        UsageError: no notebook can be graded with these options.
        KeyboardInterrupt: stopped, after what was running had been given out.
    """
    options = replace(options, gpu_share=1 / jobs)
    waiting = list(reversed(tasks))
    running: dict[Future[JudgedNotebook], Task] = {}
    with ExitStack() as stack:
        start = stack.enter_context(judges(options.layers))
        interrupts = stack.enter_context(_Interrupts(lambda: show.stopping(len(running))))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))

        def start_more() -> None:
            while waiting and not interrupts.came and len(running) < jobs:
                task = waiting.pop()
                running[pool.submit(_judge, task, rubric, options, show, start)] = task

        try:
            start_more()
            while running:
                done, _ = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    start_more()  # before this one is written down, so that no core waits for that
                    yield task, future.result()
        except BaseException:
            stop_all()
            raise
    if interrupts.came:
        raise KeyboardInterrupt


class _Interrupts:
    """Notes the first Ctrl-C instead of raising in the middle of whatever is done; the second ends it all."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.came, self._tell = False, tell

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._heed)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        if self.came:
            at_once()
        self.came = True
        self._tell()


def at_once() -> None:
    """End this process; the judges notice that nobody listens any more."""
    stop_all()
    os._exit(130)


def _judge(
    task: Task, rubric: Rubric, options: Options, show: ProgressListener, start: Start
) -> JudgedNotebook:
    show.begin(task.name)
    try:
        return judge_notebook(
            task.path, task.name, rubric, options, lambda event: show.step(task.name, event), start
        )
    except GraderError:
        raise
    except Exception as error:  # a mistake of ours must not cost the others their grades
        why = f"the grader itself failed ({type(error).__name__}: {error}); a person has to look"
        digest = file_digest(task.path)
        grade = score.unreadable(str(task.path), task.name, digest, rubric, why, options)
        return JudgedNotebook(grade=grade, figures=(), readable=True)
    finally:
        show.end(task.name)


def default_jobs(device: str) -> int:
    """As many as cores, free memory and, where there is one, the GPU's memory carry; at least one."""
    free = _free_memory()
    if device != "cpu" and (gpu := _free_gpu_memory()):
        carried = min(free / _MEMORY_BESIDE_GPU, gpu / _GPU_MEMORY)
    else:
        carried = free / _MEMORY
    return max(1, min(_cores(), int(carried)))


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # a container may be given less
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            return max(1, min(cores, int(int(quota) / int(period))))
    return cores


def _free_memory() -> float:
    """Bytes that can be had; plenty where the system does not say."""
    free = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * float(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        free.append(float(limit) - float(used))
    return min(free, default=float(64 << 30))


def _free_gpu_memory() -> float:
    """Bytes that are free on the first GPU; 0 where there is none."""
    if not (tool := shutil.which("nvidia-smi")):
        return 0.0
    query = [tool, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return float(said.split()[0]) * (1 << 20)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0.0


def steps(event: Mapping[str, object]) -> str:
    """What an event of a judge's says, in few words."""
    return str(event.get("check") or f"{event.get('progress')} {event.get('done')}/{event.get('total')}")
