"""``grade doctor``: what this machine gives to grade with, and what to do about what is missing."""

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
_SECONDS = 120.0
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of what was found; ``advice`` says what to do where that is not good."""

    name: str
    found: str
    advice: str = ""


def main(argv: Sequence[str]) -> int:
    """Print what was found.

    Returns:
        0 where several notebooks can be graded, behind strong walls; 1 elsewhere.
    """
    parser = argparse.ArgumentParser(
        prog="grade doctor", description="Says what this machine gives to grade with."
    )
    parser.add_argument(
        "--rubric",
        default=DEFAULT_RUBRIC,
        metavar="NAME|DIR",
        help=f"whose data to look for ({DEFAULT_RUBRIC})",
    )
    rubric = Rubric.load(parser.parse_args(argv).rubric)
    isolation = measure()
    advice = []
    for finding in _findings(isolation, rubric):
        print("\n".join(_wrapped(f"{finding.name:<16}", finding.found)))
        if finding.advice and finding.advice not in advice:
            advice.append(finding.advice)
    if advice:
        print("\nWhat to do")
        for sentence in advice:
            print("\n".join(_wrapped("  - ", sentence)))
    return GRADED if isolation.level is IsolationLevel.STRONG else NOT_GRADED


def _findings(isolation: Isolation, rubric: Rubric) -> Iterator[Diagnosis]:
    yield Diagnosis("grader", f"{__version__}, Python {platform.python_version()} ({sys.executable})")
    yield Diagnosis("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    yield Diagnosis("machine", f"{platform.machine()}, {os.cpu_count()} processors")
    if platform.system() == "Linux":
        yield from _linux(isolation)
    else:
        yield _without_walls()
    yield _cuda(isolation)
    yield from _data(rubric)


def _linux(isolation: Isolation) -> Iterator[Diagnosis]:
    landlock = f"Landlock ABI {isolation.landlock_abi}" if isolation.landlock_abi else "no Landlock"
    yield Diagnosis("kernel", f"Linux {platform.release()}, {landlock}")
    yield _walls(isolation)
    for layer in ALL_LAYERS:
        if not (why := isolation.missing.get(layer)):
            yield Diagnosis(f"  {layer}", "up")
        elif layer in LAYERS:
            yield Diagnosis(f"  {layer}", f"missing: {why}", _advice(layer))
        else:
            yield Diagnosis(f"  {layer}", f"not here, and not needed: {why}")


def _without_walls() -> Diagnosis:
    return Diagnosis(
        "walls",
        f"{IsolationLevel.NONE}: on {system_name()} nothing keeps a notebook's code from your files, the "
        "network and other processes, or limits its memory; every question has a deadline, and that is all",
        "Grade only notebooks that you would also run yourself, one at a time. For walls use WSL 2 on "
        "Windows, and a Linux container or virtual machine on macOS; a class is graded nowhere else.",
    )


def _walls(isolation: Isolation) -> Diagnosis:
    level, what = isolation.level, "a probe tried what is forbidden, and failed at all of it"
    if isolation.breaches:
        what = f"code could still {', '.join(isolation.breaches)}"
    elif level is IsolationLevel.NONE:
        what = "code from a notebook has all the rights that you have"
    advice = {
        IsolationLevel.STRONG: "",
        IsolationLevel.MEDIUM: "Grade one notebook of your own at most: several need strong walls.",
        IsolationLevel.NONE: "Grade only notebooks that you would also run yourself, one at a time.",
    }
    return Diagnosis("walls", f"{level}: {what}", advice[level])


def _advice(layer: str) -> str:
    if layer == "landlock":
        return (
            "Use a kernel from 6.2 on that has Landlock among its security modules (`cat "
            "/sys/kernel/security/lsm` names them); in a container, a seccomp profile that allows "
            "landlock_create_ruleset, landlock_add_rule and landlock_restrict_self."
        )
    if layer == "seccomp":
        return "Use a kernel with CONFIG_SECCOMP_FILTER on x86-64 or 64-bit ARM."
    return f"Find out why the layer “{layer}” failed, which every Linux should have; the reason stands above."


def _cuda(isolation: Isolation) -> Diagnosis:
    answer = _asked(["-m", "grader.sandbox.gpu_trial", *isolation.layers])
    match answer:
        case {"name": None}:
            return Diagnosis("CUDA", "none; everything runs on the processor")
        case {"name": str(name), "why": None}:
            return Diagnosis("CUDA", f"{name}, works, and behind the walls")
        case {"name": str(name), "why": str(why)}:
            return Diagnosis(
                "CUDA",
                f"{name}, which workers cannot use: {why}",
                "Grade on the processor (`--device cpu`; `--device auto` does so by itself then), and where "
                "the reason is not the driver's age, report it: these walls have not met your driver.",
            )
    return Diagnosis("CUDA", "torch did not answer", "Try `python -c 'import torch'`, and reinstall torch.")


def _data(rubric: Rubric) -> Iterator[Diagnosis]:
    if not rubric.data.availability:
        return
    # A process of its own: the script may import torch, which this command otherwise does without.
    rows = _asked(["-P", str(rubric.folder / rubric.data.availability)])
    if not isinstance(rows, list):
        yield Diagnosis("data", "the rubric did not answer", "Install the grader anew: its data are missing.")
        return
    for name, found in rows:
        yield Diagnosis(f"  {name}" if name != rows[0][0] else "data", found)


def _asked(arguments: list[str]) -> Any:
    """What a Python process of its own printed as JSON; None where it failed."""
    try:
        ran = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
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
