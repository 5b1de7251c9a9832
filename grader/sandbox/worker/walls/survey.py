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

from . import Policy, landlock, namespaces, put_up
from .probe import Bait, holes
from .system import WallError

_SECONDS = 10.0


def survey(folder: Path, layers: Sequence[str], readable: Sequence[str]) -> dict[str, Any]:
    """Put the walls up around a forked process, which then tries what must fail.

    A layer that this machine refuses is left out, and the others are tried again.

    Args:
        folder: a folder of its own, to be removed afterwards.

    Returns:
        ``layers`` that are up, ``missing`` ones with the reasons, ``holes``, and ``landlock_abi``.
    """
    scratch, bait = folder / "scratch", folder / "bait"
    scratch.mkdir(mode=0o700)
    bait.write_text("nobody is to read this")
    policy = Policy(scratch=str(scratch), layers=list(layers), readable=readable)
    missing: dict[str, str] = {}
    while failed := (outcome := _try_out(policy, bait)).get("failed"):
        missing[failed] = outcome["why"]
        policy = replace(policy, layers=[layer for layer in policy.layers if layer != failed])
    found = {"layers": list(policy.layers), "missing": missing, "holes": outcome["holes"]}
    return {**found, "landlock_abi": landlock.abi()}


def _try_out(policy: Policy, bait: Path) -> dict[str, Any]:
    incoming, outgoing = os.pipe()
    foreign = os.open(bait, os.O_RDONLY)  # what a walled process must not inherit
    child = os.fork()
    if child == 0:
        try:
            answer = json.dumps(_behind_walls(policy, bait, outgoing)).encode()
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


def _behind_walls(policy: Policy, bait: Path, outgoing: int) -> dict[str, Any]:
    parent, left = os.getppid(), frozenset[str]()
    if "namespaces" in policy.layers:
        left = namespaces.names()
    os.chdir(policy.scratch)
    try:
        put_up(policy, keep=(outgoing,))
    except WallError as error:
        return {"failed": error.layer, "why": str(error)}
    return {"holes": holes(Bait(file=str(bait), parent=parent, keep=(outgoing,), namespaces=left))}


def _answer(incoming: int) -> dict[str, Any]:
    ready, _, _ = select.select([incoming], [], [], _SECONDS)
    text = os.read(incoming, 65536) if ready else b""
    return dict(json.loads(text)) if text else {"holes": ["end the probe before its time"]}
