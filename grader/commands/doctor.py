"""``grade doctor``: check this machine's setup and suggest fixes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from grader import DEFAULT_RUBRIC, __version__
from grader.commands import GRADED, NOT_GRADED
from grader.rubric import Rubric
from grader.sandbox.isolation import Isolation, IsolationLevel, measure, system_name
from grader.sandbox.worker.walls import ALL_LAYERS, LAYERS

_PACKAGES = ("torch", "torchvision", "numpy", "pytest", "nbformat")
_TIMEOUT = 120.0  # seconds; the first import of torch on a cold disk takes long
_WIDTH = 100  # columns


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the output, and advice if something is wrong."""

    name: str
    found: str
    advice: str = ""


def main(argv: Sequence[str]) -> int:
    """Print the setup of this machine and suggested fixes.

    Returns:
        0 if the sandbox is strong enough to grade several notebooks, else 1.
    """
    parser = argparse.ArgumentParser(
        prog="grade doctor", description="Check this machine's setup and suggest fixes."
    )
    parser.add_argument(
        "--rubric",
        default=DEFAULT_RUBRIC,
        metavar="NAME|DIR",
        help=f"rubric whose data to look for ({DEFAULT_RUBRIC})",
    )
    rubric = Rubric.load(parser.parse_args(argv).rubric)
    isolation = measure()
    advice = []
    for diagnosis in _diagnoses(isolation, rubric):
        print("\n".join(_wrapped(f"{diagnosis.name:<16}", diagnosis.found)))
        if diagnosis.advice and diagnosis.advice not in advice:
            advice.append(diagnosis.advice)
    if advice:
        print("\nSuggested fixes")
        for sentence in advice:
            print("\n".join(_wrapped("  - ", sentence)))
    return GRADED if isolation.level is IsolationLevel.STRONG else NOT_GRADED


def _diagnoses(isolation: Isolation, rubric: Rubric) -> Iterator[Diagnosis]:
    yield Diagnosis("grader", f"{__version__}, Python {platform.python_version()} ({sys.executable})")
    yield Diagnosis("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    yield Diagnosis("machine", f"{platform.machine()}, {os.cpu_count()} CPUs")
    if platform.system() == "Linux":
        yield from _linux(isolation)
    else:
        yield _no_sandbox()
    yield _cuda(isolation)
    yield from _data(rubric)


def _linux(isolation: Isolation) -> Iterator[Diagnosis]:
    landlock = f"Landlock ABI {isolation.landlock_abi}" if isolation.landlock_abi else "no Landlock"
    yield Diagnosis("kernel", f"Linux {platform.release()}, {landlock}")
    yield _sandbox(isolation)
    for layer in ALL_LAYERS:
        if not (why := isolation.missing.get(layer)):
            yield Diagnosis(f"  {layer}", "active")
        elif layer in LAYERS:
            yield Diagnosis(f"  {layer}", f"missing: {why}", _layer_advice(layer))
        else:
            yield Diagnosis(f"  {layer}", f"not available, and not required: {why}")


def _no_sandbox() -> Diagnosis:
    return Diagnosis(
        "sandbox",
        f"{IsolationLevel.NONE}: on {system_name()} nothing keeps a notebook's code from your files, the "
        "network and other processes, or limits its memory; only the deadline of each call is enforced",
        "Grade only notebooks that you would also run yourself, one at a time. For a sandbox, use WSL 2 on "
        "Windows, or a Linux container or virtual machine on macOS; a class can only be graded in there.",
    )


def _sandbox(isolation: Isolation) -> Diagnosis:
    level, result = isolation.level, "a probe tried everything that is forbidden, and nothing succeeded"
    if isolation.breaches:
        result = f"code could still {', '.join(isolation.breaches)}"
    elif level is IsolationLevel.NONE:
        result = "code in a notebook can do whatever you can"
    advice = {
        IsolationLevel.STRONG: "",
        IsolationLevel.MEDIUM: "Grade only single notebooks of your own: a class needs a strong sandbox.",
        IsolationLevel.NONE: "Grade only notebooks that you would also run yourself, one at a time.",
    }
    return Diagnosis("sandbox", f"{level}: {result}", advice[level])


def _layer_advice(layer: str) -> str:
    if layer == "landlock":
        return (
            "Use Linux 6.2 or later with Landlock among its security modules (`cat "
            "/sys/kernel/security/lsm` lists them). In a container, also use a seccomp profile that allows "
            "landlock_create_ruleset, landlock_add_rule and landlock_restrict_self."
        )
    if layer == "seccomp":
        return "Use a kernel built with CONFIG_SECCOMP_FILTER, on x86-64 or 64-bit ARM."
    return f"Every Linux should have the layer “{layer}”: find out why it failed; the reason is given above."


def _cuda(isolation: Isolation) -> Diagnosis:
    answer = _run_json(["-m", "grader.sandbox.gpu_trial", *isolation.layers])
    match answer:
        case {"name": None}:
            return Diagnosis("CUDA", "none; everything runs on the CPU")
        case {"name": str(name), "why": None}:
            return Diagnosis("CUDA", f"{name}, which works inside the sandbox")
        case {"name": str(name), "why": str(why)}:
            return Diagnosis(
                "CUDA",
                f"{name}, which workers cannot use: {why}",
                "Grade on the CPU (`--device cpu`; `--device auto` then does so by itself). Unless the "
                "reason is an outdated driver, please report it: the sandbox was not tested with yours.",
            )
    return Diagnosis(
        "CUDA", "torch failed", "Run `python -c 'import torch'` to see why, and reinstall torch."
    )


def _data(rubric: Rubric) -> Iterator[Diagnosis]:
    if not rubric.data.availability:
        return
    # A process of its own: the script may import torch, which this command otherwise does without.
    rows = _run_json(["-P", str(rubric.folder / rubric.data.availability)])
    if not isinstance(rows, list):
        yield Diagnosis("data", "the rubric's data cannot be read", "Reinstall the grader.")
        return
    for name, found in rows:
        yield Diagnosis(f"  {name}" if name != rows[0][0] else "data", found)


def _run_json(arguments: list[str]) -> Any:
    """Run Python with these arguments, and return the JSON on its last line of output; None if it failed.

    A process of its own, so that the command line stays free of torch and survives a crash of it.
    """
    try:
        ran = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
        return json.loads(ran.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _wrapped(first: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )
