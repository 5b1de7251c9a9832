"""The magic ``%grade``: start the judge, show its progress, and show what it found below the cell."""

from __future__ import annotations

import contextlib
import html
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from grader.magic.history import cells_of, notebook_of

USAGE = """%grade           everything but the short training
%grade ID        a criterion by its id, a group by what precedes the dot, or an exercise by its number
%grade --train   everything with the training, which takes minutes; so does the id of a criterion that trains
Several ids may be given, and options of the command `grade`, such as --rubric FOLDER and --map NAME=YOURS."""
_SECONDS_TO_END = 10.0  # for an interrupted judge
_FRAME = (
    '<iframe srcdoc="{page}" sandbox="allow-popups" title="What was found" '
    'style="width: 100%; height: 36em; border: 1px solid #8886; border-radius: 4px; resize: vertical">'
    "</iframe>"
)


class Shell(Protocol):
    """The parts of IPython's ``InteractiveShell`` that are used."""

    @property
    def history_manager(self) -> Any:
        """Its inputs, in ``input_hist_raw`` and ``input_hist_parsed``."""

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None:
        """Add a magic."""


def register(shell: Shell) -> None:
    """Add ``%grade`` to a shell."""

    def grade(line: str) -> None:
        run(shell, line)

    grade.__doc__ = USAGE
    shell.register_magic_function(grade, "line", "grade")


def run(shell: Shell, line: str) -> None:
    """Judge what a shell has run so far, and show it."""
    from IPython.display import display

    try:
        words = shlex.split(line)
    except ValueError as error:
        print(f"%grade: {error}")
        return
    if "--help" in words or "-h" in words:
        print(USAGE)
        return
    history = shell.history_manager
    cells = cells_of(history.input_hist_raw, history.input_hist_parsed)
    if not any(cell.strip() for cell in cells):
        print("%grade: nothing has been run yet; run the cells with your code, then this one again")
        return
    try:
        os.getcwd()
    except FileNotFoundError:
        print("%grade: the folder that this kernel works in is gone; restart the kernel")
        return
    options = options_of(words)
    shown: Any = display({"text/plain": "Checking…"}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    with _notebook(notebook_of(cells)) as path:
        result = _judge([str(path), *options], lambda event: shown.update(_running(event), raw=True))
    if "error" in result:
        shown.update({"text/plain": f"%grade: {result['error']}"}, raw=True)
        return
    page = _FRAME.format(page=html.escape(result["page"]))
    shown.update({"text/plain": result["summary"], "text/html": page}, raw=True)


def options_of(words: Sequence[str]) -> list[str]:
    """Return the options of the command for the words behind the magic."""
    options: list[str] = [] if "--train" in words else ["--quick"]
    remaining = iter(word for word in words if word != "--train")
    for word in remaining:
        if not word.startswith("-"):
            options += ["--only", word.lower()]
            continue
        options.append(word)
        if "=" not in word and word in ("--rubric", "--map", "--seed", "--data", "--device", "--only"):
            options += [next(remaining, "")]
    if _kernel_uses_gpu() and "--device" not in options:
        options += ["--device", "cpu"]
    return options


def _kernel_uses_gpu() -> bool:
    """Return whether this kernel holds memory of a GPU, which is then left to it."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


@contextlib.contextmanager
def _notebook(text: str) -> Iterator[Path]:
    """Provide a file with this text, beside the modules that the notebook imports if that is possible."""
    for folder in (os.getcwd(), tempfile.gettempdir()):
        try:
            handle, name = tempfile.mkstemp(suffix=".ipynb", prefix=".grade-", dir=folder)
        except OSError:
            continue
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
        return
    raise OSError("neither this folder nor that for temporary files can be written")


def _judge(arguments: Sequence[str], show: Callable[[Mapping[str, Any]], None]) -> Mapping[str, Any]:
    """Run the judge's process; return its last words."""
    # -P: a file of the student's named like a module of Python's is not imported in its place.
    command = [sys.executable, "-P", "-m", "grader.magic.process", *arguments]
    result: Mapping[str, Any] = {}
    with (
        tempfile.TemporaryFile() as said,  # no pipe, which would have to be read meanwhile
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # so that the kernel's interruption does not break off its cleaning up
        ) as process,
    ):
        assert process.stdin is not None
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if "page" in event or "error" in event:
                    result = event
                else:
                    show(event)
            said.seek(0)
            errors = said.read().decode(errors="replace")
        except BaseException:  # such as the kernel's interruption
            process.stdin.close()  # upon which it ends
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_END)
            process.kill()
            raise
    if not result:
        last = (errors.strip().splitlines() or ["it says nothing"])[-1]
        wrong_option = last.removeprefix("grade: error: ")
        return {
            "error": wrong_option if wrong_option != last else f"the judge ended before it was done: {last}"
        }
    return result


def _running(event: Mapping[str, Any]) -> dict[str, str]:
    """Return what is shown of an event: its words, and a bar where it says how far it is."""
    words = str(event.get("progress") or event.get("check") or "checking")
    done, total = event.get("done"), event.get("total")
    bar = f' <progress value="{done}" max="{total}"></progress>' if done is not None and total else ""
    return {"text/plain": words, "text/html": f"<p>{html.escape(words)}…{bar}</p>"}
