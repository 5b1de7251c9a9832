"""Self-test of the sandbox: which layers work on this machine, and does anything get past them?"""

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
    """Apply the layers to a forked process and let it try what must fail there.

    If this machine refuses a layer, the test is repeated without it.

    Args:
        folder: an empty folder, to be removed by the caller.
        layers: the layers to test.
        readable: paths that the sandboxed process can read.

    Returns:
        ``layers`` that work, ``missing`` ones with the reason, ``breaches`` (forbidden actions that
        succeeded) and ``landlock_abi``.
    """
    scratch, outside = folder / "scratch", folder / "outside"
    scratch.mkdir(mode=0o700)
    outside.write_text("not readable from inside the sandbox")
    policy = Policy(scratch=str(scratch), layers=list(layers), readable=readable)
    missing: dict[str, str] = {}
    while failed := (outcome := _run_probe(policy, outside)).get("failed"):
        missing[failed] = outcome["why"]
        policy = replace(policy, layers=[layer for layer in policy.layers if layer != failed])
    found = {"layers": list(policy.layers), "missing": missing, "breaches": outcome["breaches"]}
    return {**found, "landlock_abi": landlock.abi_version()}


def _run_probe(policy: Policy, outside: Path) -> dict[str, Any]:
    """Fork a process that sandboxes itself and runs the trials; return what it reports."""
    incoming, outgoing = os.pipe()
    foreign = os.open(outside, os.O_RDONLY)  # a descriptor that the descriptors layer has to close
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
        return _read_answer(incoming)
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
    targets = Targets(file=str(outside), parent=parent, keep=(outgoing,), namespaces=left)
    return {"breaches": run_trials(targets)}


def _read_answer(incoming: int) -> dict[str, Any]:
    ready, _, _ = select.select([incoming], [], [], _SECONDS)
    text = os.read(incoming, 65536) if ready else b""
    # A probe that dies or hangs proves nothing, so that counts as a breach.
    return dict(json.loads(text)) if text else {"breaches": ["stop the sandbox's self-test"]}
