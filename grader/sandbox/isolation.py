"""How well this machine can wall student code in: tried out, not assumed."""

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
    """What a student's code could do at worst."""

    STRONG = "strong"  # use up its own time and memory
    MEDIUM = "medium"  # some of what is forbidden; what, ``Isolation.breaches`` says
    NONE = "none"  # whatever the user can


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The walls that workers will be behind.

    Attributes:
        layers: those that are up, of ``walls.ALL_LAYERS``.
        missing: those that are not, and why.
        breaches: what a probe behind these very walls succeeded in, though it should not have.
        landlock_abi: the version that the kernel speaks; 0 where there is none.
    """

    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    breaches: tuple[str, ...] = ()
    landlock_abi: int = 0

    @property
    def level(self) -> IsolationLevel:
        """Strong only where every layer that it takes is up, and nothing came through."""
        if set(self.layers) >= set(LAYERS) and not self.breaches:
            return IsolationLevel.STRONG
        if "limits" in self.layers and {"landlock", "seccomp"} & set(self.layers):
            return IsolationLevel.MEDIUM
        return IsolationLevel.NONE

    def as_environment(self) -> dict[str, Any]:
        """What goes into every result."""
        return {
            "isolation": ["process", *self.layers],
            "isolation_level": str(self.level),
            "landlock_abi": self.landlock_abi,
            "kernel": f"{platform.system()} {platform.release()}",
        }


def measure(layers: Sequence[str] = ALL_LAYERS) -> Isolation:
    """Put walls up around a probe that tries what is forbidden; takes a tenth of a second.

    Args:
        layers: the walls to try.
    """
    if not worker_process.can_fork():
        why = f"the grader has no walls for {system_name()}"
        return Isolation(missing=dict.fromkeys(ALL_LAYERS, why))
    with tempfile.TemporaryDirectory(prefix="grade-probe-", ignore_cleanup_errors=True) as folder:
        try:
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
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            why = f"the probe did not come to its end ({type(error).__name__})"
            return Isolation(missing=dict.fromkeys(ALL_LAYERS, why))
    return Isolation(
        layers=tuple(found["layers"]),
        missing={**_left_out(layers), **found["missing"]},
        breaches=tuple(found["breaches"]),
        landlock_abi=found["landlock_abi"],
    )


def system_name() -> str:
    """This operating system as its users call it."""
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())


def required_isolation(*, several: bool, unsafe: bool) -> Isolation:
    """The walls to grade behind: of several notebooks none is graded unless they are strong.

    Args:
        unsafe: whether to leave the walls out, as somebody may who trusts the notebook.

    Raises:
        UsageError: these walls do not do for several notebooks.
    """
    if several and unsafe:
        raise UsageError(
            "--unsafe-no-sandbox is for one notebook of your own, never for several; leave it out"
        )
    if unsafe:
        return Isolation(missing=dict.fromkeys(ALL_LAYERS, "left out by --unsafe-no-sandbox"))
    isolation = measure()
    if several and isolation.level is not IsolationLevel.STRONG:
        raise UsageError(
            f"several notebooks are only graded behind strong walls, and this machine's are "
            f"{isolation.level}; `grade doctor` says what is missing and what to do"
        )
    return isolation


def _left_out(layers: Sequence[str]) -> dict[str, str]:
    return {layer: "it was not asked for" for layer in ALL_LAYERS if layer not in layers}
