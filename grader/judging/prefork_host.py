"""The warm process that judges are forked from.

It has imported what every judge needs, holds neither a rubric nor a submission, and has a single thread: a
fork copies only the calling thread, so a lock that another thread held would stay locked in every judge.

``grader.judging.prefork`` runs it as a module with the number of a socket. Each message on the socket is a
JSON object: pytest's ``arguments``, the judge's ``folder``, the ``layers`` of its workers and the process ids
of the ``zygote``. With it come five descriptors: the judge's standard input, output and error, a pipe for its
exit code, and its connection to the zygote. The answer is the process id of the forked process, with a pidfd.
When the other side hangs up, this process ends; judges notice by themselves.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from _pytest.config import default_plugins

MAX_MESSAGE = 1 << 16
_PRELOADED = (
    *("PIL.Image", "safetensors.torch", "numpy.random", "pdb", "pytest_timeout"),
    *(f"_pytest.{plugin}" for plugin in default_plugins),
    *("grader.checks.background", "grader.checks.cache", "grader.checks.session"),
    *(
        "grader.judging.orphan_guard",
        "grader.judging.heartbeat",
        "grader.judging.plugin",
        "grader.report.figures",
    ),
    *("grader.sandbox.student", "grader.version"),
)


def main() -> None:
    """Fork a judge for every message."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _warm_up()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 5)
        _reap()
        if not message:
            os._exit(0)  # skips Python's shutdown, which takes a third of a second and has nothing to do
        child = os.fork()
        if child == 0:
            control.close()
            _judge(json.loads(message), descriptors)
        handle = os.pidfd_open(child)
        socket.send_fds(control, [str(child).encode()], [handle])
        for descriptor in (handle, *descriptors):
            os.close(descriptor)


def _warm_up() -> None:
    """Import the modules of every judge, before any fork."""
    import torch

    torch.set_num_threads(1)  # a pool of more threads would not survive the fork
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    # A garbage collection writes to every object it visits, and so would copy the shared memory pages.
    gc.freeze()


def _judge(request: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Run one judge in the forked child; never returns."""
    *standard, status, zygote = descriptors
    try:
        os.setsid()
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(request["folder"])
        code = _run_pytest(request, zygote)
        os.write(status, str(code).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _run_pytest(request: dict[str, Any], zygote: int) -> int:
    import pytest

    from grader.sandbox.zygote import Zygote

    control = socket.socket(fileno=zygote)
    with Zygote(layers=request["layers"], control=control, parents=request["zygote"]) as workers:
        code = pytest.main(request["arguments"], plugins=[workers])
    sys.stdout.flush()
    return int(code)


def _reap() -> None:
    """Reap judges that have ended.

    Only before the next fork: until it is reaped, no other process can get a judge's process id.
    """
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
