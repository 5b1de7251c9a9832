"""Isolation level of this machine, found by a self-test rather than assumed."""

from __future__ import annotations

import json
import platform
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from grader.errors import UsageError
from grader.sandbox import worker_process
from grader.sandbox.worker.walls import ALL_LAYERS, LAYERS

_SECONDS = 60.0


class IsolationLevel(StrEnum):
    """The worst that a student's code could do."""

    STRONG = "strong"  # use up its own time and memory
    MEDIUM = "medium"  # do some forbidden things, listed in ``Isolation.breaches``
    NONE = "none"  # do whatever the user may do


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The sandbox layers that workers will have.

    Attributes:
        layers: the layers that work here, out of ``walls.ALL_LAYERS``.
        missing: the other layers, each with the reason why it is missing.
        breaches: forbidden actions in which a probe with these layers succeeded.
        landlock_abi: ABI version of the kernel's Landlock; 0 without Landlock.
    """

    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    breaches: tuple[str, ...] = ()
    landlock_abi: int = 0

    @property
    def level(self) -> IsolationLevel:
        """Strong only if every layer of ``LAYERS`` works and the probe found no breach."""
        if set(self.layers) >= set(LAYERS) and not self.breaches:
            return IsolationLevel.STRONG
        if "limits" in self.layers and {"landlock", "seccomp"} & set(self.layers):
            return IsolationLevel.MEDIUM
        return IsolationLevel.NONE

    def as_environment(self) -> dict[str, Any]:
        """Return the fields for the ``environment`` of every result."""
        return {
            "isolation": ["process", *self.layers],
            "isolation_level": str(self.level),
            "landlock_abi": self.landlock_abi,
            "kernel": f"{platform.system()} {platform.release()}",
        }


def measure(layers: Sequence[str] = ALL_LAYERS) -> Isolation:
    """Run the self-test: a sandboxed probe tries what is forbidden. Takes a tenth of a second.

    Args:
        layers: the layers to test.
    """
    if not worker_process.can_fork():
        why = f"the grader has no sandbox layers for {system_name()}"
        return Isolation(missing=dict.fromkeys(ALL_LAYERS, why))
    try:
        found = _self_test(layers)
    except (OSError, subprocess.SubprocessError, ValueError):
        try:
            found = _self_test(layers)  # it may have been killed by accident
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            why = f"the self-test did not finish ({type(error).__name__})"
            return Isolation(missing=dict.fromkeys(ALL_LAYERS, why))
    return Isolation(
        layers=tuple(found["layers"]),
        missing={**_left_out(layers), **found["missing"]},
        breaches=tuple(found["breaches"]),
        landlock_abi=found["landlock_abi"],
    )


def _self_test(layers: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="grade-probe-", ignore_cleanup_errors=True) as folder:
        ran = subprocess.run(
            [*worker_process.worker_command(folder), "--self-test", *layers],
            env=worker_process.worker_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        found: dict[str, Any] = json.loads(ran.stdout)
        return found


def system_name() -> str:
    """Return the name of this operating system."""
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())


def required_isolation(*, several: bool, unsafe: bool) -> Isolation:
    """Return the isolation to grade with; refuse several notebooks unless it is strong.

    Args:
        several: whether more than one notebook is graded.
        unsafe: leave out all layers, for a notebook that the user trusts.

    Raises:
        UsageError: this isolation is not sufficient for several notebooks.
    """
    if several and unsafe:
        raise UsageError("--unsafe-no-sandbox is for one notebook of your own, never for several; remove it")
    if unsafe:
        return Isolation(missing=dict.fromkeys(ALL_LAYERS, "disabled by --unsafe-no-sandbox"))
    isolation = measure()
    if several and isolation.level is not IsolationLevel.STRONG:
        raise UsageError(
            f"grading several notebooks needs strong isolation, and this machine's level is "
            f"{isolation.level}; run `grade doctor` to see what is missing and how to fix it"
        )
    return isolation


def _left_out(layers: Sequence[str]) -> dict[str, str]:
    return {layer: "not requested" for layer in ALL_LAYERS if layer not in layers}
