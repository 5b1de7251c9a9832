"""A node's probe: its walls, versions and arithmetic, compared with the machine that made the plan."""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from grader.errors import UsageError
from grader.options import Options
from grader.sandbox.environment import COMPUTE_ENVIRONMENT
from grader.sandbox.isolation import Isolation, IsolationLevel, measure

# Of the results of ``grader.sandbox.arithmetic``, relative. Instruction sets from SSE to AVX-512 differ by
# 2e-6 with one version of PyTorch.
_TOLERANCE = 1e-5
_SECONDS = 300.0  # for the probe; the first import of torch from a network's disk takes long
_COMPARED = {"python": "Python", "torch": "PyTorch", "instructions": "instruction set", "gpu": "GPU"}


def strong_isolation() -> Isolation:
    """Measure this node's isolation.

    Raises:
        UsageError: it is below strong; the sentence names the node.
    """
    isolation = measure()
    if isolation.level is not IsolationLevel.STRONG:
        missing = ", ".join(f"{layer}: {why}" for layer, why in isolation.missing.items())
        raise UsageError(
            f"{platform.node()} grades nothing: its isolation is {isolation.level}, and notebooks of a "
            f"class need strong ({missing or 'forbidden actions succeeded'}); run `grade doctor` there"
        )
    return isolation


def node_facts(options: Options) -> dict[str, Any]:
    """Return this machine's name, versions, instruction set, GPU if one is used, and test of arithmetic.

    Raises:
        UsageError: PyTorch does not work here.
    """
    facts = {"host": platform.node(), "python": platform.python_version(), **_arithmetic()}
    return facts if options.device != "cpu" else {**facts, "gpu": None}


def differences(planned: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Return in words how a node differs from the machine that made the plan, gravest first."""
    found = []
    if (ratio := _farthest(planned["results"], own["results"])) > _TOLERANCE:
        found.append(
            f"its arithmetic differs by up to {ratio:.1g} (rounding explains {_TOLERANCE:g}): other random "
            "numbers or other kernels, so verdicts near a bound may differ"
        )
    for name, words in _COMPARED.items():
        if planned.get(name) != own.get(name):
            found.append(f"{words} {own.get(name) or 'none'} instead of {planned.get(name) or 'none'}")
    return found


def _farthest(planned: list[float], own: list[float]) -> float:
    """Return the largest relative difference; infinity if there are more or fewer numbers."""
    if len(planned) != len(own):
        return float("inf")
    return max(abs(a - b) / max(abs(a), abs(b), 1e-30) for a, b in zip(planned, own, strict=True))


@functools.cache
def _arithmetic() -> Mapping[str, Any]:
    try:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "grader.sandbox.arithmetic"],
            env={**os.environ, **COMPUTE_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        facts: dict[str, Any] = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(
            f"{platform.node()} grades nothing: PyTorch does not work there ({type(error).__name__}); "
            "`python -c 'import torch'` on that node shows why"
        ) from error
    return facts
