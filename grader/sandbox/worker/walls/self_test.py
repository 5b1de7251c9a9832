"""Finds out which walls this machine can put up, and whether anything gets through them."""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import Policy, apply_layers, landlock, namespaces
from .probe import Targets, run_trials
from .system import LayerError

_SECONDS = 10.0


def run_self_test(folder: Path, layers: Sequence[str], readable: Sequence[str]) -> dict[str, Any]:
    """Put the walls up around a forked process, which then tries what must fail.

    A layer that this machine refuses is left out, and the others are tried again.

    Args:
        folder: a folder of its own, to be removed afterwards.

    Returns:
        ``layers`` that are up, ``missing`` ones with the reasons, ``holes``, and ``landlock_abi``.
    """
    scratch, outside = folder / "scratch", folder / "outside"
    scratch.mkdir(mode=0o700)
    outside.write_text("nobody is to read this")
    policy = Policy(scratch=str(scratch), layers=list(layers), readable=readable)
    missing: dict[str, str] = {}
    while failed := (outcome := _try_out(policy, outside)).get("failed"):
        missing[failed] = outcome["why"]
        policy = replace(policy, layers=[layer for layer in policy.layers if layer != failed])
    found = {"layers": list(policy.layers), "missing": missing, "breaches": outcome["breaches"]}
    return {**found, "landlock_abi": landlock.abi_version()}


def _try_out(policy: Policy, outside: Path) -> dict[str, Any]:
    incoming, outgoing = os.pipe()
    foreign = os.open(outside, os.O_RDONLY)  # what a walled process must not inherit
    child = os.fork()
    if child == 0:
        try:
            answer = json.dumps(_probe(policy, outside, outgoing)).encode()
            os.write(outgoing, answer)
        finally:
            os._exit(0)
    os.close(outgoing)
    os.close(foreign)
    try:
        return _answer(incoming)
    finally:
        os.close(incoming)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _probe(policy: Policy, outside: Path, outgoing: int) -> dict[str, Any]:
    parent, left = os.getppid(), frozenset[str]()
    if "namespaces" in policy.layers:
        left = namespaces.current()
    os.chdir(policy.scratch)
    try:
        apply_layers(policy, keep=(outgoing,))
    except LayerError as error:
        return {"failed": error.layer, "why": str(error)}
    return {
        "breaches": run_trials(Targets(file=str(outside), parent=parent, keep=(outgoing,), namespaces=left))
    }


def _answer(incoming: int) -> dict[str, Any]:
    ready, _, _ = select.select([incoming], [], [], _SECONDS)
    text = os.read(incoming, 65536) if ready else b""
    return dict(json.loads(text)) if text else {"breaches": ["end the probe before its time"]}
